"""Random edits where there are tenants' networks: of destinations and
deliveries, and of what the inventory says of the network."""

import dataclasses

from chaos.edits import FIRST_VNI, SLOTS, Edit, Editor
from chaos.network import (DESTINATIONS, MEMBERS, MTUS, Network,
                           destinations_of)
from chaos.policy import Tunnel
from chaos.world import COLLECTORS

DELIVERIES = ["auto", "auto", "vpc", "vpc", "underlay"]
# Both ends of a conversation to one balancer, and each of the other ways.
FIRST = [("web1", "balancer"), ("db1", "balancer"), ("web1", "far4"),
         ("db1", "near6")]


class TenantEditor(Editor):
    first_network = Network()

    def __init__(self, rng):
        super().__init__(rng)
        tunnels = {SLOTS[i]: Tunnel(*ends, FIRST_VNI + i)
                   for i, ends in enumerate(FIRST)}
        self.first = dataclasses.replace(self.first, tunnels=tunnels,
                                         words="define what there is first")
        self.wishes = self.first.applied(self.wishes)
        self.wishes.next_vni += len(FIRST)

    def _destination(self, source):
        # The load balancer has more to show.
        return self._rng.choice([*COLLECTORS, *destinations_of(source),
                                 "balancer"])

    def _one(self):
        draw = self._rng.random()
        if draw < 0.25:
            return self._of_network()
        if draw < 0.32:
            return self._of_delivery()
        return super()._one()

    def _of_network(self):
        rng, network = self._rng, self.wishes.network
        what = rng.choice(["member", "member", "member", "gateway", "mtu"])
        if what == "gateway":
            # Wrong ones stop much, and are seldom.
            which = rng.choice(["none", "none", "right", "right", "wrong"])
            return Edit(f"gateway_mac = {which}", {}, {},
                        network=network.with_gateway_mac(which))
        if what == "mtu":
            place = rng.choice([*DESTINATIONS[:-1], *MEMBERS])
            mtu = rng.choice(MTUS)
            return Edit(f"MTU of {place} = {mtu}", {}, {},
                        network=network.with_mtu(place, mtu))
        name, members = rng.choice(list(MEMBERS)), dict(network.members)
        if name not in members:
            return Edit(f"{name} becomes a member", {}, {},
                        network=network.with_member(name,
                                                    rng.random() < 0.8))
        if rng.random() < 0.35 and len(members) > 2:
            return Edit(f"{name} is no member any more", {}, {},
                        network=network.with_member(name, None))
        up = not members[name]
        return Edit(f"{name} is {'up' if up else 'down'}", {}, {},
                    network=network.with_member(name, up))

    def _of_delivery(self):
        there = [n for n in SLOTS if n in self.wishes.tunnels]
        if not there:
            return super()._one()
        name, delivery = (self._rng.choice(there),
                          self._rng.choice(DELIVERIES))
        return self._put(name, dataclasses.replace(
            self.wishes.tunnels[name], delivery=delivery),
            f"{name}: delivery = {delivery}")
