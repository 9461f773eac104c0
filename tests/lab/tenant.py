"""Tenants' networks in the lab (root): subnets that are VLANs of br-int, VMs
with kernels of their own, routers between the subnets."""

import ipaddress

from lab.netns import veth
from lab.vxlan import decode


class Receiver:
    """A VM that gets copies on its ordinary NIC, as tests see it."""

    def __init__(self, guest, name=None):
        self.guest, self.name = guest, name or guest.name
        self.address = guest.ip

    def wire(self):
        return self.guest.received()

    def copies(self):
        decoded = (decode(frame) for frame in self.wire())
        return [c for c in decoded
                if c and c.destination in (self.guest.ip, self.guest.ip6)]

    def numbered(self, vni=None):
        return [c for c in self.copies() if (vni is None or c.vni == vni)
                and c.number is not None and c.number < 0xf0000000]

    def numbers(self, vni=None):
        return sorted(c.number for c in self.numbered(vni))


def add_vm(lab, name, tag, address, gateway, address6=None, gateway6=None,
           **more):
    """A guest in the subnet that is VLAN 'tag', with routes through its
    gateway.  'address' has a prefix length."""
    guest = lab.add_guest(name, f"tag={tag}", **more)
    guest.ip = address.split("/")[0]
    guest.ip6 = (address6 or "::").split("/")[0]
    ns = guest.namespace
    ns.ip("address", "add", address, "dev", "eth0")
    if gateway:
        ns.ip("route", "add", "default", "via", gateway)
    if address6:
        ns.enable_ipv6("eth0")
        ns.ip("address", "add", address6, "dev", "eth0", "nodad")
        if gateway6:
            ns.ip("-6", "route", "add", "default", "via", gateway6)
    drop(ns, "meta l4proto { tcp, udp }")
    return guest


def drop(namespace, what):
    """Has a kernel drop what it has no listener for, which it would else
    answer by an ICMP error."""
    namespace.run(["nft", "-f", "-"], text_in=f"""
table inet lab {{
    chain input {{
        type filter hook input priority filter;
        {what} drop
    }}
}}
""")


def undrop(namespace):
    """Has it answer again."""
    namespace.run(["nft", "delete", "table", "inet", "lab"])


class Router:
    """Joins subnets of br-int: legs are name -> (tag, [ADDRESS/PREFIX...])."""

    def __init__(self, lab, name, legs, hypervisor=None, mtu=1500):
        self.namespace = lab.namespace(name)
        switch = hypervisor or lab.switch
        self.macs = {}
        self.namespace.sysctl("net.ipv4.ip_forward", 1)
        for leg, (tag, addresses) in legs.items():
            port = f"{name}-{leg}"
            veth(switch.namespace, port, self.namespace, leg, mtu)
            switch.vsctl("add-port", "br-int", port, f"tag={tag}")
            self.macs[leg] = self.namespace.mac(leg)
            for address in addresses:
                if ipaddress.ip_interface(address).version == 6:
                    self.namespace.enable_ipv6(leg)
                    self.namespace.ip("address", "add", address, "dev", leg,
                                      "nodad")
                else:
                    self.namespace.ip("address", "add", address, "dev", leg)
        self.namespace.sysctl("net.ipv6.conf.all.forwarding", 1)


class Among(frozenset):
    """Equal to each of several addresses."""

    def __eq__(self, other):
        return other in self

    def __ne__(self, other):
        return other not in self

    __hash__ = frozenset.__hash__


class Places:
    """One or more VMs that get copies, taken together, as a collector of
    the lab: see CollectorBase."""

    def __init__(self, lab, name, *guests):
        self.name, self._guests = name, guests
        self.address = Among(g.ip for g in guests)
        self._wire, self._taken = [], {}
        for guest in guests:
            # No part of the conversation that the lab judges.
            del lab.guests[guest.name]
        lab.collectors[name] = self

    def wire(self):
        for guest in self._guests:
            got = guest.received()
            new = got[self._taken.get(guest, 0):]
            # What is flooded to it is not its own.
            self._wire += [f for f in new if (decode(f) is None
                                              or decode(f).destination
                                              == guest.ip)]
            self._taken[guest] = len(got)
        return self._wire

    def copies(self):
        decoded = (decode(frame) for frame in self.wire())
        return [c for c in decoded if c and c.destination in self.address]

    def clear(self):
        for guest in self._guests:
            guest.clear()
        self._wire, self._taken = [], {}

    def check_complete(self):
        for guest in self._guests:
            guest.check_complete()
