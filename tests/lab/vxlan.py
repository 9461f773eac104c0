"""Decoding of mirrored copies: VXLAN over UDP over IPv4 or IPv6."""

import dataclasses
import ipaddress
import struct

from lab.frames import checksum, number_of, transport_checksum

PORT = 4789
COPY_TOS = 0x0c     # Which all copies bear.


@dataclasses.dataclass
class Copy:
    """One mirrored frame as it came over the wire."""

    wire: bytes         # All of it, from the outer Ethernet header on.
    source: str         # Outer addresses.
    destination: str
    source_port: int
    ttl: int
    vni: int
    inner: bytes        # The guest's frame, or what was kept of it.
    faults: list        # What breaks the wire form, in words.

    @property
    def number(self):
        return number_of(self.inner)


def decode(wire):
    """The Copy in a frame, or None if it is not UDP to port 4789."""
    if len(wire) < 14:
        return None
    ethertype, = struct.unpack_from(">H", wire, 12)
    faults = []
    if ethertype == 0x0800 and len(wire) >= 34:
        head = wire[14:34]
        size, protocol, ttl = 20, head[9], head[8]
        total, = struct.unpack_from(">H", head, 2)
        flags, = struct.unpack_from(">H", head, 6)
        source, destination = (str(ipaddress.ip_address(head[12:16])),
                               str(ipaddress.ip_address(head[16:20])))
        tos = head[1]
        if head[0] != 0x45:
            faults.append("IPv4 options")
        if flags != 0x4000:
            faults.append(f"IPv4 flags and offset {flags:#06x}, not DF alone")
        if checksum(head):
            faults.append("IPv4 header checksum wrong")
    elif ethertype == 0x86dd and len(wire) >= 54:
        head = wire[14:54]
        size, protocol, ttl = 40, head[6], head[7]
        tos = (head[0] << 4 | head[1] >> 4) & 0xff
        total = 40 + struct.unpack_from(">H", head, 4)[0]
        source, destination = (str(ipaddress.ip_address(head[8:24])),
                               str(ipaddress.ip_address(head[24:40])))
    else:
        return None
    at = 14 + size
    if protocol != 17 or len(wire) < at + 8:
        return None
    sport, dport, length, given = struct.unpack_from(">HHHH", wire, at)
    if dport != PORT:
        return None
    if tos & 0xfc != COPY_TOS:
        faults.append(f"TOS {tos:#04x}, which is no mark of a copy")
    if total != len(wire) - 14:
        faults.append(f"IP length {total} in {len(wire) - 14} bytes")
    if length != len(wire) - at:
        faults.append(f"UDP length {length} in {len(wire) - at} bytes")
    if ethertype == 0x0800 and given:
        faults.append(f"UDP checksum {given:#06x} over IPv4, not 0")
    if ethertype == 0x86dd and (not given or transport_checksum(
            source, destination, 17, wire[at:])):
        faults.append(f"UDP checksum {given:#06x} over IPv6 wrong")
    if len(wire) < at + 16:
        return Copy(wire, source, destination, sport, ttl, 0, b"",
                    faults + ["no room for a VXLAN header"])
    first, second = struct.unpack_from(">II", wire, at + 8)
    if first != 0x08000000:
        faults.append(f"VXLAN flags and reserved bits {first:#010x}")
    if second & 0xff:
        faults.append(f"VXLAN last reserved byte {second & 0xff:#04x}")
    return Copy(wire, source, destination, sport, ttl, second >> 8,
                wire[at + 16:], faults)
