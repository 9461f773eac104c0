"""Frames with known bytes: built whole, told apart by number."""

import hashlib
import ipaddress
import struct

MAGIC = b"\xabPMLAB"
EXPERIMENTAL = 0x88b5  # Ethertype set aside for local experiments.


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def payload(number, length):
    """'length' bytes that name 'number' and differ from every other's."""
    head = MAGIC + struct.pack(">I", number)
    noise = hashlib.shake_128(head).digest(max(0, length - len(head)))
    return (head + noise)[:length]


def number_of(frame):
    """The number that payload() put into a frame; None if there is none."""
    at = frame.find(MAGIC)
    if at < 0 or at + len(MAGIC) + 4 > len(frame):
        return None
    return struct.unpack_from(">I", frame, at + len(MAGIC))[0]


def ethernet(source, destination, ethertype, body, tags=()):
    """'tags' are outermost first: VLAN ids or (TPID, TCI) pairs."""
    head = mac_bytes(destination) + mac_bytes(source)
    for tag in tags:
        head += struct.pack(">HH", *(tag if isinstance(tag, tuple)
                                     else (0x8100, tag)))
    return head + struct.pack(">H", ethertype) + body


def ip_packet(source, destination, protocol, body, ttl=64, ident=0,
              fragment=0, tos=0):
    """An IPv4 or IPv6 packet; 'fragment' is IPv4's flags and offset."""
    s, d = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if s.version == 6:
        return (struct.pack(">IHBB", 6 << 28 | tos << 20, len(body),
                            protocol, ttl)
                + s.packed + d.packed + body)
    head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(body), ident, fragment,
                       ttl, protocol, 0) + s.packed + d.packed
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def _pseudo(source, destination, protocol, length):
    s, d = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if s.version == 6:
        return s.packed + d.packed + struct.pack(">II", length, protocol)
    return s.packed + d.packed + struct.pack(">HH", protocol, length)


def transport_checksum(source, destination, protocol, body):
    """Checksum over a UDP, TCP or ICMPv6 body and its pseudo-header; zero
    for a body whose own checksum is right."""
    return checksum(_pseudo(source, destination, protocol, len(body)) + body)


def _filled(source, destination, protocol, body, at):
    value = transport_checksum(source, destination, protocol, body)
    if protocol == 17 and value == 0:
        value = 0xffff
    return body[:at] + struct.pack(">H", value) + body[at + 2:]


def udp(source, destination, sport, dport, data):
    body = struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data
    return _filled(source, destination, 17, body, 6)


def tcp(source, destination, sport, dport, data, flags=0x18, seq=1):
    body = struct.pack(">HHIIBBHHH", sport, dport, seq, 1, 5 << 4, flags,
                       65535, 0, 0) + data
    return _filled(source, destination, 6, body, 16)


def icmp(data, kind=8, code=0, ident=1, sequence=1):
    body = struct.pack(">BBHHH", kind, code, 0, ident, sequence) + data
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def icmpv6(source, destination, data, kind=128, code=0):
    body = struct.pack(">BBHHH", kind, code, 0, 1, 1) + data
    return _filled(source, destination, 58, body, 2)


class Talk:
    """One conversation's frames, in one direction, from 'a' to 'b'.

    'a' and 'b' have 'mac' and 'ip' (and 'ip6').  'length' of a frame counts
    from its Ethernet header on and is met exactly.
    """

    def __init__(self, a, b, protocol="udp", sport=40000, dport=5000,
                 version=4, tags=(), tos=0):
        self.a, self.b, self.protocol = a, b, protocol
        self.sport, self.dport = sport, dport
        self.version, self.tags, self.tos = version, tags, tos

    def back(self):
        return Talk(self.b, self.a, self.protocol, self.dport, self.sport,
                    self.version, self.tags, self.tos)

    def frame(self, number, length=200):
        header = 14 + 4 * len(self.tags)
        if self.protocol == "other":
            return ethernet(self.a.mac, self.b.mac, EXPERIMENTAL,
                            payload(number, length - header), self.tags)
        source, destination = ((self.a.ip6, self.b.ip6) if self.version == 6
                               else (self.a.ip, self.b.ip))
        header += 40 if self.version == 6 else 20
        code = {"udp": 17, "tcp": 6, "icmp": 1, "icmpv6": 58}[self.protocol]
        header += 20 if code == 6 else 8
        data = payload(number, length - header)
        if length < header:
            raise ValueError(f"{length} bytes hold no {self.protocol} frame")
        if code == 17:
            body = udp(source, destination, self.sport, self.dport, data)
        elif code == 6:
            body = tcp(source, destination, self.sport, self.dport, data,
                       seq=(1 + number * 1500) & 0xffffffff)
        elif code == 1:
            body = icmp(data, sequence=number & 0xffff)
        else:
            body = icmpv6(source, destination, data)
        return ethernet(self.a.mac, self.b.mac,
                        0x86dd if self.version == 6 else 0x0800,
                        ip_packet(source, destination, code, body,
                                  ident=number & 0xffff, tos=self.tos),
                        self.tags)

    def frames(self, numbers, length=200):
        return [self.frame(n, length) for n in numbers]


def arp_request(a, target_ip):
    return _arp(1, a, "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", target_ip)


def arp_reply(a, to_mac, to_ip):
    return _arp(2, a, to_mac, to_mac, to_ip)


def _arp(operation, a, destination, target_mac, target_ip):
    body = (struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
            + mac_bytes(a.mac) + ipaddress.ip_address(a.ip).packed
            + mac_bytes(target_mac) + ipaddress.ip_address(target_ip).packed)
    return ethernet(a.mac, destination, 0x0806, body)
