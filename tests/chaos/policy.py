"""What a tunnel is to copy, and to whom: filters, tunnels and ways as values,
judged in plain Python and without a look at the product's own code."""

import dataclasses
import ipaddress

IN, OUT = "inbound", "outbound"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What rules can see of a frame."""

    protocol: str       # tcp, udp, icmp, icmpv6; arp, other: not IP.
    version: int = 4
    source: str = ""
    destination: str = ""
    sport: int = 0
    dport: int = 0
    icmp_type: int = 0

    @property
    def is_ip(self):
        return self.protocol not in ("arp", "other")


@dataclasses.dataclass(frozen=True)
class Rule:
    action: str
    protocol: str = "any"
    source: str = ""
    destination: str = ""
    source_port: str = ""
    destination_port: str = ""
    icmp_type: int = -1

    def matches(self, facts):
        if not facts.is_ip or self.protocol not in ("any", facts.protocol):
            return False
        for cidr, address in ((self.source, facts.source),
                              (self.destination, facts.destination)):
            if cidr and not _within(address, cidr):
                return False
        for ports, port in ((self.source_port, facts.sport),
                            (self.destination_port, facts.dport)):
            if ports and not _between(port, ports):
                return False
        return self.icmp_type < 0 or self.icmp_type == facts.icmp_type

    def document(self, number):
        fields = {k: v for k, v in dataclasses.asdict(self).items()
                  if v not in ("", -1)}
        return {"number": number, **fields}


def _within(address, cidr):
    network = ipaddress.ip_network(cidr)
    parsed = ipaddress.ip_address(address)
    return parsed.version == network.version and parsed in network


def _between(port, ports):
    first, _, last = ports.partition("-")
    return int(first) <= port <= int(last or first)


@dataclasses.dataclass(frozen=True)
class Filter:
    inbound: tuple = ()
    outbound: tuple = ()
    non_ip: str = "drop"

    def admits(self, facts, direction):
        if not facts.is_ip:
            # A direction without rules copies nothing but, if the filter
            # says so, what is not IP.
            return self.non_ip == "mirror"
        for rule in getattr(self, direction):
            if rule.matches(facts):
                return rule.action == "accept"
        return False

    def document(self, name):
        return {"name": name, "account": "default", "non_ip": self.non_ip,
                **{d: [rule.document(100 * (i + 1))
                       for i, rule in enumerate(getattr(self, d))]
                   for d in (IN, OUT)}}


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """A tunnel as a customer wishes it; its name is the slot's."""

    source: str             # A guest.
    destination: str        # A collector, or a place of tenant.py.
    vni: int
    filter: str = ""        # A name; none: everything.
    length: int = 0         # 0: whole frames.
    enabled: bool = True
    delivery: str = "auto"

    def document(self, name):
        fields = {"name": name, "account": "default",
                  "source": f"{self.source}-src",
                  "destination": self.destination, "vni": self.vni,
                  "enabled": self.enabled, "delivery": self.delivery}
        if self.filter:
            fields["filter"] = self.filter
        if self.length:
            fields["packet_length"] = self.length
        return fields

    def cut(self, frame):
        return frame[:self.length] if self.length else frame


@dataclasses.dataclass(frozen=True)
class Way:
    """Where a tunnel's copies go, as far as the inventory says it."""

    receivers: frozenset        # Places; each copy goes to one of them.
    source: str = ""            # Outer, where it is the tenant's own.
    room: int = 0               # Bytes of a frame that fit; 0: all.
    trouble: str = ""           # The code of what stands in the way.
    delivery: str = "underlay"

    def cut(self, frame):
        return frame[:self.room] if self.room else frame


class Underlay:
    """A network in which there is nothing but collectors."""

    def way(self, tunnel):
        return Way(frozenset([tunnel.destination]))
