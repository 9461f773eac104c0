"""Faults of tenants' networks, and of what is ours there."""

from chaos.book import GONE
from chaos.fault import Fault
from chaos.faults_by_hand import (DELIVERY, EVERYTHING, OURS, ByHand,
                                  ofctl)
from chaos.network import DESTINATIONS, MEMBERS

VPC = set(DESTINATIONS)
NEXT_HOPS = ["router", "near6", *MEMBERS]
SILENCE = """
table netdev silence {
    chain input {
        type filter hook ingress device "%s" priority 0;
        ether type arp drop
        icmpv6 type nd-neighbor-solicit drop
    }
}
"""


class _OfNextHop(Fault):
    longest = 3

    def __init__(self, rng):
        self.hop = rng.choice(NEXT_HOPS)
        self.takes = (f"next hop {self.hop}",)

    @property
    def words(self):
        return f"{self.hop}: {super().words}"

    def of(self, world):
        """Its namespace, its device there, and its port and tag."""
        if self.hop == "router":
            return world.router.namespace, "leg-a", "rt-leg-a"
        return world.places[self.hop].guest.namespace, "eth0", self.hop

    def on(self, book, act):
        """Calls act(), which takes the next hop away or gives it back."""
        whom = (VPC if self.hop == "router" else
                {"balancer" if self.hop in MEMBERS else self.hop})
        self.around(book, act, None, whom, [(GONE, EVERYTHING)])


class NextHopSilent(_OfNextHop):
    """a next hop answers neither ARP nor ND, and does again."""

    def begin(self, world, book):
        namespace, device, _ = self.of(world)
        self.on(book, lambda: namespace.run(
            ["nft", "-f", "-"], text_in=SILENCE % device))

    def end(self, world, book):
        namespace, _, _ = self.of(world)
        self.on(book, lambda: namespace.run(
            ["nft", "delete", "table", "netdev", "silence"]))


class NextHopUnplugged(_OfNextHop):
    """a next hop's port is removed from br-int, and added again."""

    def begin(self, world, book):
        _, _, port = self.of(world)
        self.on(book, lambda: world.switch.vsctl("del-port", port))

    def end(self, world, book):
        _, _, port = self.of(world)
        self.on(book, lambda: world.switch.vsctl(
            "add-port", "br-int", port, "tag=0"))


class NextHopLinkDown(_OfNextHop):
    """a next hop's link is down, and up again."""

    def begin(self, world, book):
        self._link(world, book, "down")

    def end(self, world, book):
        self._link(world, book, "up")

    def _link(self, world, book, how):
        # The switch's end: what a VM's own link loses is its addresses.
        _, _, port = self.of(world)
        self.on(book, lambda: world.switch.namespace.ip(
            "link", "set", port, how))


class DeliveryBridgeDeleted(ByHand):
    """our delivery bridge is deleted."""

    def act(self, world):
        world.switch.vsctl("--if-exists", "del-br", DELIVERY)


class DeliveryPortDeleted(ByHand):
    """a port by which copies enter a tenant's network is deleted."""

    def __init__(self, rng):
        self._which = rng.randrange(8)

    def act(self, world):
        ports = sorted(p["name"] for p in world.switch.rows("Port", "name")
                       if p["name"].startswith(("mdlv-", "mvpc-", "mbal-")))
        if ports:
            world.switch.vsctl("--if-exists", "del-port",
                               ports[self._which % len(ports)])


class DeliveryFlowsDeleted(ByHand):
    """the flows of our delivery bridge are deleted."""

    def __init__(self, rng):
        self._which = rng.choice([[], ["udp"], ["udp6"], ["arp"]])

    def act(self, world):
        ofctl(world, "del-flows", DELIVERY, *self._which)


class DeliveryFlowsModified(ByHand):
    """the flows of our delivery bridge are made to drop."""

    def act(self, world):
        ofctl(world, "mod-flows", DELIVERY, "udp,actions=drop")


class GroupsDeleted(ByHand):
    """the groups of our bridge are deleted, and flows with them."""

    def act(self, world):
        ofctl(world, "del-groups", OURS)


class GroupEmptied(ByHand):
    """a group of our bridge is left without buckets, or with one."""

    def __init__(self, rng):
        self._which = rng.randrange(8)
        self._buckets = rng.choice(["", ",bucket=actions=drop"])

    def act(self, world):
        if OURS not in world.switch.vsctl("list-br").split():
            return
        groups = sorted(line.split("group_id=")[1].split(",")[0]
                        for line in world.switch.ofctl(
                            "dump-groups", OURS).splitlines()
                        if "group_id=" in line)
        if groups:
            ofctl(world, "mod-group", OURS,
                  f"group_id={groups[self._which % len(groups)]},type=select"
                  + self._buckets)


class PrivateLegSpoiled(ByHand):
    """an address or route of our private range is removed by hand."""

    def __init__(self, rng):
        self._words = rng.choice([
            ["-4", "address", "del", "169.254.192.1/30", "dev", DELIVERY],
            ["-4", "route", "del", "169.254.192.0/18"],
            ["-6", "address", "del", "fd6d:7200::1/126", "dev", DELIVERY],
            ["-6", "route", "del", "fd6d:7200::/64"],
            ["link", "set", DELIVERY, "down"]])

    @property
    def words(self):
        return f"{super().words}: {' '.join(self._words)}"

    def act(self, world):
        # There need not be any.
        world.switch.namespace.ip(*self._words, check=False)


ALL = [NextHopSilent, NextHopUnplugged, NextHopLinkDown,
       DeliveryBridgeDeleted, DeliveryPortDeleted, DeliveryFlowsDeleted,
       DeliveryFlowsModified, GroupsDeleted, GroupEmptied, PrivateLegSpoiled]
