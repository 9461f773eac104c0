"""What a filter means: plain first match over a parsed packet.

Written for reading, sentence by sentence as the product has it; the flows
that a switch is given for a filter are held against this."""

import ipaddress

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132}
ICMP, ICMPV6 = PROTOCOLS["icmp"], PROTOCOLS["icmpv6"]
WITH_PORTS = (PROTOCOLS["tcp"], PROTOCOLS["udp"], PROTOCOLS["sctp"])


class Packet:
    """A frame as its sender means it.

    'version' is 4 or 6, or None of what is not IP (or is behind more VLAN
    tags than the switch looks through).  Addresses are integers.  'fragment'
    is "none", "first" or "later"."""

    def __init__(self, version=None, source=0, destination=0, protocol=0,
                 fragment="none", sport=0, dport=0, icmp_type=0, icmp_code=0):
        self.version = version
        self.source, self.destination = source, destination
        self.protocol = protocol
        self.fragment = fragment
        self.sport, self.dport = sport, dport
        self.icmp_type, self.icmp_code = icmp_type, icmp_code

    def __str__(self):
        if self.version is None:
            return "a frame that is not IP"
        kind = ipaddress.IPv6Address if self.version == 6 \
            else ipaddress.IPv4Address
        return (f"{kind(self.source)}:{self.sport} -> "
                f"{kind(self.destination)}:{self.dport} protocol "
                f"{self.protocol} fragment {self.fragment} icmp "
                f"{self.icmp_type}/{self.icmp_code}")


def network(text):
    """(version, first, last) of a CIDR; None of None."""
    if text is None:
        return None
    cidr = ipaddress.ip_network(text)
    return (cidr.version, int(cidr.network_address),
            int(cidr.broadcast_address))


def port_range(value):
    """(first, last) of "N", N or "N-M"; None of None."""
    if value is None:
        return None
    first, _, last = str(value).partition("-")
    return int(first), int(last or first)


def protocol_number(value):
    """None of "any" or nothing."""
    if value in (None, "any"):
        return None
    return PROTOCOLS[value] if value in PROTOCOLS else int(value)


class Rule:
    """A rule of the document's form, read."""

    def __init__(self, rule):
        self.number = rule["number"]
        self.accept = rule["action"] == "accept"
        self.protocol = protocol_number(rule.get("protocol"))
        self.source = network(rule.get("source"))
        self.destination = network(rule.get("destination"))
        self.source_port = port_range(rule.get("source_port"))
        self.destination_port = port_range(rule.get("destination_port"))
        self.icmp_type = rule.get("icmp_type")
        self.icmp_code = rule.get("icmp_code")
        self.tests_layer_4 = any(test is not None for test in (
            self.source_port, self.destination_port, self.icmp_type,
            self.icmp_code))

    def matches(self, packet):
        return (self._addresses_match(packet)
                and self._protocol_matches(packet)
                and self._layer_4_matches(packet))

    def _addresses_match(self, packet):
        for cidr, address in ((self.source, packet.source),
                              (self.destination, packet.destination)):
            if cidr is not None:
                version, first, last = cidr
                if version != packet.version or not first <= address <= last:
                    return False
        return True

    def _protocol_matches(self, packet):
        if self.protocol is None:
            return True
        if self.protocol == (ICMPV6 if packet.version == 4 else ICMP):
            return False  # Each is of one family only.
        if packet.version == 6 and packet.fragment == "later":
            # The switch cannot see it: the copy errs towards being made.
            return self.accept
        return self.protocol == packet.protocol

    def _layer_4_matches(self, packet):
        if not self.tests_layer_4:
            return True
        if packet.fragment == "later":
            return self.accept
        for wanted, port in ((self.source_port, packet.sport),
                             (self.destination_port, packet.dport)):
            if wanted is not None and not wanted[0] <= port <= wanted[1]:
                return False
        return (self.icmp_type in (None, packet.icmp_type)
                and self.icmp_code in (None, packet.icmp_code))


class Filter:
    """A filter of the document's form, read."""

    def __init__(self, document):
        self.non_ip = document.get("non_ip") == "mirror"
        self.rules = {
            direction: sorted(map(Rule, document.get(direction, [])),
                              key=lambda rule: rule.number)
            for direction in ("inbound", "outbound")}

    def decide(self, direction, packet):
        """(number of the rule that decides or 0, whether it is copied)."""
        if packet.version is None:
            return 0, self.non_ip
        for rule in self.rules[direction]:
            if rule.matches(packet):
                return rule.number, rule.accept
        return 0, False
