"""What the inventory says of the tenants' network, as far as edits change it,
and what that makes of a tunnel's way.  tenant.py is the network itself.

web1 is in a subnet with a gateway; db1 in one without, on one segment with
its destinations: "near6", which has IPv6 only, and the members of "balancer".
"far4" is behind the router, and is reached by the underlay as well.
"""

import dataclasses

from chaos.policy import Underlay, Way

ROUTED = "web1"                 # The source that has a gateway.
MEMBERS = {f"member{n}": f"10.9.0.{10 + n}" for n in range(4)}
NICS = {"far4": "10.2.0.9", "near6": "fd00:20::9"}
DESTINATIONS = [*NICS, "balancer"]
SOURCE_IPS = {"web1": ("10.0.0.17", "fd00:10::11"),
              "db1": ("10.0.0.18", "fd00:10::12")}
PORT_MTU = 1500
MTUS = [0, 0, 1500, 1400, 600, 300]     # 0: the inventory has none.
OVERHEAD = {4: 36, 6: 56}


def is_in_vpc(tunnel):
    """Whether the tunnel's copies are to travel the tenants' network."""
    return tunnel.destination in DESTINATIONS and tunnel.delivery != "underlay"


def destinations_of(source):
    return [d for d in DESTINATIONS if d != "far4" or source == ROUTED]


@dataclasses.dataclass(frozen=True)
class Network(Underlay):
    """The inventory at some time."""

    # What it has for the gateway's MAC: "none", "right" or "wrong".
    gateway_mac: str = "right"
    # Name of a member -> whether it is up; and MTUs that are given.
    members: tuple = tuple((name, True) for name in list(MEMBERS)[:3])
    mtus: tuple = ()

    def mtu(self, place):
        return dict(self.mtus).get(place, 0)

    def way(self, tunnel):
        if not is_in_vpc(tunnel):
            return self._around(tunnel)
        to = tunnel.destination
        places = dict(self.members) if to == "balancer" else {to: True}
        receivers = frozenset(name for name, up in places.items() if up)
        trouble = ""
        if not receivers:
            trouble = "MEMBERS_DOWN"
        elif tunnel.source == ROUTED and self.gateway_mac == "wrong":
            trouble = "NEXT_HOP_DIFFERS"
        version = 6 if to == "near6" else 4
        mtu = min([PORT_MTU] + [self.mtu(p) for p in places if self.mtu(p)])
        return Way(frozenset() if trouble else receivers,
                   SOURCE_IPS[tunnel.source][version == 6],
                   mtu - OVERHEAD[version], trouble, "vpc")

    def _around(self, tunnel):
        """The way by the underlay, or to a collector."""
        to, delivery, trouble = tunnel.destination, "underlay", ""
        if to not in DESTINATIONS and tunnel.delivery == "vpc":
            delivery, trouble = "vpc", "DELIVERY_UNSUPPORTED"
        elif to == "balancer":
            trouble = "DELIVERY_UNSUPPORTED"
        elif to == "near6":
            trouble = "NO_ROUTE"
        return Way(frozenset() if trouble else frozenset([to]), "", 0,
                   trouble, delivery)

    # What can be changed.

    def with_member(self, name, up):
        """'up' None: not a member any more."""
        members = dict(self.members)
        members.pop(name, None)
        if up is not None:
            members[name] = up
        return dataclasses.replace(self,
                                   members=tuple(sorted(members.items())))

    def with_mtu(self, place, mtu):
        mtus = dict(self.mtus)
        mtus.pop(place, None)
        if mtu:
            mtus[place] = mtu
        return dataclasses.replace(self, mtus=tuple(sorted(mtus.items())))

    def with_gateway_mac(self, which):
        return dataclasses.replace(self, gateway_mac=which)

    # As documents.

    def load_balancer(self):
        return {"name": "balancer-box", "vpc": "vpc-t", "subnet": "transit",
                "members": [{"address": MEMBERS[name],
                             "network_interface": f"{name}-eth0",
                             "state": "up" if up else "down"}
                            for name, up in self.members]}

    def nic(self, guest, address, subnet):
        fields = {"name": f"{guest.name}-eth0", "iface_id": guest.iface_id,
                  "mac": guest.mac, "addresses": [address],
                  "subnet": subnet, "device": "eth0", "hypervisor": "xen"}
        if self.mtu(guest.name):
            fields["mtu"] = self.mtu(guest.name)
        return fields

    def front(self, gateway_mac):
        """The subnet that has a gateway, whose MAC is 'gateway_mac'."""
        fields = {"name": "front", "vpc": "vpc", "cidr": "10.0.0.0/24",
                  "gateway": "10.0.0.1",
                  "routes": [{"to": "10.9.0.0/24", "via": "vpc-to-t"}]}
        macs = {"right": gateway_mac, "wrong": "02:00:5e:77:77:77"}
        if self.gateway_mac in macs:
            fields["gateway_mac"] = macs[self.gateway_mac]
        return fields
