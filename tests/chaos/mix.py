"""The traffic: what guests say to each other, in turn.

Each entry has a form for every pair of guests, so that a pair that is
mirrored and its unmirrored twin say the same in the same moment.
"""

from chaos.policy import Facts
from lab.frames import Talk, ethernet, mac_bytes, payload

# Protocol, source port, destination port, IP version, length.  Ports stand
# at the borders of those that the random rules name.
MIX = [
    ("tcp", 40000, 80, 4, 200), ("udp", 40000, 53, 4, 90),
    ("tcp", 80, 40000, 4, 1514), ("udp", 40001, 5000, 6, 300),
    ("icmp", 0, 0, 4, 98), ("tcp", 40000, 443, 6, 700),
    ("udp", 53, 40000, 4, 512), ("other", 0, 0, 4, 60),
    ("tcp", 40000, 444, 4, 74), ("udp", 40000, 5001, 4, 1400),
    ("icmpv6", 0, 0, 6, 118), ("tcp", 40000, 79, 4, 66),
    ("arp", 0, 0, 4, 60), ("udp", 40000, 4999, 6, 1000),
    ("tcp", 443, 40000, 6, 1514), ("udp", 40000, 54, 4, 60),
]


class Shape:
    """One entry of the mix, between two guests."""

    def __init__(self, a, b, protocol, sport, dport, version, length):
        self.a, self.b, self.length = a, b, length
        self.protocol = protocol
        self._talk = Talk(a, b, protocol, sport, dport, version)
        source, destination = ((a.ip6, b.ip6) if version == 6
                               else (a.ip, b.ip))
        kind = {"icmp": 8, "icmpv6": 128}.get(protocol, 0)
        self.facts = Facts(protocol, version, source, destination, sport,
                           dport, kind)
        self.broadcast = protocol == "arp"

    def frame(self, number):
        return (_arp(self.a, self.b, number) if self.broadcast
                else self._talk.frame(number, self.length))


def _arp(a, b, number):
    """A question to everybody; its padding is the number."""
    def four(address):
        return bytes(int(part) for part in address.split("."))
    body = (bytes.fromhex("0001080006040001") + mac_bytes(a.mac) + four(a.ip)
            + bytes(6) + four(b.ip))
    return ethernet(a.mac, "ff:ff:ff:ff:ff:ff", 0x0806,
                    body + payload(number, 18))


def shapes(a, b):
    """The mix from 'a' to 'b'."""
    return [Shape(a, b, *entry) for entry in MIX]
