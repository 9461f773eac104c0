"""Filters and packets made by chance, the packets aimed at rules' borders."""

import ipaddress
import struct

from lab.reference_filter import (ICMP, ICMPV6, WITH_PORTS, Packet,
                                  network, port_range, protocol_number)

SIZES = [0, 1, 2, 5, 10, 20, 50, 100]  # Rules a direction.
NAMES = ["tcp", "udp", "icmp", "icmpv6", "sctp"]
NUMBERS = [0, 1, 2, 6, 17, 41, 44, 47, 50, 58, 89, 132, 254, 255]
PORTS = [0, 1, 6, 13, 15, 22, 53, 80, 443, 999, 1000, 1023, 1024, 1999, 2000,
         4789, 8080, 32767, 32768, 49151, 65534, 65535]
ICMP_VALUES = [0, 1, 3, 5, 8, 11, 128, 129, 135, 255]
BITS = {4: 32, 6: 128}
# Next headers of IPv6 that are no upper layer protocol.
EXTENSIONS = (0, 43, 44, 51, 60, 135)
FRAGMENT = 44


def random_cidrs(dice, version):
    """CIDRs that lie in one another and beside one another."""
    bits = BITS[version]
    base = dice.getrandbits(bits)
    cidrs = []
    for _ in range(8):
        length = dice.choice([7, 8, 12, 16, 20, 23, 24, 28, 31, 32]
                             if version == 4 else
                             [16, 32, 48, 56, 64, 65, 96, 127, 128])
        if dice.random() < 0.05:
            length = dice.choice([0, 1, 3])  # Nearly all is in it.
        # Most share a part of the base, so that they overlap.
        shared = dice.randint(0, bits)
        address = base ^ (dice.getrandbits(bits) & ((1 << shared) - 1))
        kind = ipaddress.IPv4Network if version == 4 \
            else ipaddress.IPv6Network
        cidrs.append(str(kind((address, length), strict=False)))
    return cidrs


class Maker:
    """Makes the rules of one filter, from fields that meet each other."""

    def __init__(self, dice):
        self.dice = dice
        self.cidrs = {v: random_cidrs(dice, v) for v in (4, 6)}
        self.ports = dice.sample(PORTS, 8) + [dice.randrange(65536)
                                              for _ in range(4)]

    def port(self):
        """One form of a range; they nest and cross."""
        a, b = self.dice.choice(self.ports), self.dice.choice(self.ports)
        form = self.dice.randrange(4)
        if form == 0:
            return a
        if form == 1:
            return str(a)
        return f"{min(a, b)}-{max(a, b)}"

    def rule(self, number):
        dice = self.dice
        rule = {"number": number,
                "action": dice.choice(["accept", "reject"])}
        # Rules that take (nearly) all are rare, or nothing is left to others.
        broad = dice.random() < 0.01
        kind = dice.random()
        protocol = (None if kind < 0.15 else dice.choice(NAMES)
                    if kind < 0.8 else dice.choice(NUMBERS))
        code = protocol_number(protocol)
        if protocol is not None:
            rule["protocol"] = dice.choice([protocol, str(protocol)])
        elif dice.random() < 0.5:
            rule["protocol"] = "any"
        version = (4 if code == ICMP else 6 if code == ICMPV6
                   else dice.choice([4, 6]))
        if not broad and dice.random() < (0.6 if protocol is not None
                                          else 1):
            ends = dice.choice([["source"], ["destination"],
                                ["source", "destination"]])
            for end in ends:
                rule[end] = dice.choice(self.cidrs[version])
        if code in WITH_PORTS and not broad:
            ends = dice.choice([[], ["source_port"], ["destination_port"],
                                ["destination_port"],
                                ["source_port", "destination_port"]])
            for end in ends:
                rule[end] = self.port()
        elif code in (ICMP, ICMPV6) and dice.random() < 0.8:
            rule["icmp_type"] = dice.choice(ICMP_VALUES)
            if dice.random() < 0.5:
                rule["icmp_code"] = dice.choice(ICMP_VALUES)
        return rule

    def rules(self):
        numbers = self.dice.sample(range(1, 32767), self.dice.choice(SIZES))
        return [self.rule(number) for number in numbers]


def random_filter(dice, name):
    maker = Maker(dice)
    return {"name": name, "non_ip": dice.choice(["drop", "mirror"]),
            "inbound": maker.rules(), "outbound": maker.rules()}


def near(dice, first, last, most):
    """A number at, just inside or just outside of a border."""
    return dice.choice([first, last, first - 1, last + 1, first + 1,
                        dice.randint(first, last)]) % (most + 1)


def random_packet(dice, rules):
    """A packet aimed at one of 'rules', in parts perhaps at another."""
    if not rules or dice.random() < 0.04:
        return Packet()

    def aim(key):
        """The value of a field of some rule, most often of the one."""
        other = dice.random() < 0.2
        return (dice.choice(rules) if other else target).get(key)
    target = dice.choice(rules)
    protocol = protocol_number(aim("protocol"))
    version = next((network(target[key])[0]
                    for key in ("source", "destination") if key in target),
                   {ICMP: 4, ICMPV6: 6}.get(protocol, dice.choice([4, 6])))
    if dice.random() < 0.03:
        version = 10 - version
    packet = Packet(version)
    most = (1 << BITS[version]) - 1
    addresses = []
    for key in ("source", "destination"):
        cidr = network(aim(key))
        if cidr is None or cidr[0] != version:
            cidr = (version, 0, most)
        addresses.append(near(dice, cidr[1], cidr[2], most))
    packet.source, packet.destination = addresses
    packet.protocol = (dice.choice(NUMBERS) if protocol is None
                       or dice.random() < 0.05 else protocol)
    if version == 6 and packet.protocol in EXTENSIONS:
        packet.protocol = 17
    packet.fragment = dice.choice(["none"] * 6 + ["first", "later", "later"])
    packet.sport, packet.dport = (
        near(dice, *(port_range(aim(key)) or (0, 65535)), 65535)
        for key in ("source_port", "destination_port"))
    packet.icmp_type, packet.icmp_code = (
        near(dice, value, value, 255) if value is not None
        else dice.choice(ICMP_VALUES)
        for value in (aim("icmp_type"), aim("icmp_code")))
    return packet


def transport(packet):
    """The bytes behind the IP header of an unfragmented packet."""
    if packet.protocol == 6:
        head = struct.pack("!HHIIHHHH", packet.sport, packet.dport, 1, 1,
                           0x5010, 1024, 0, 0)
    elif packet.protocol == 17:
        head = struct.pack("!HHHH", packet.sport, packet.dport, 32, 0)
    elif packet.protocol == 132:
        head = struct.pack("!HHII", packet.sport, packet.dport, 1, 0)
    elif packet.protocol in (ICMP, ICMPV6):
        head = struct.pack("!BBHI", packet.icmp_type, packet.icmp_code, 0, 0)
    else:
        head = b""
    # Bytes that would pass for other ports where a later fragment begins.
    return head + bytes(range(40, 64))


def body_of(dice, packet, data):
    """(ethertype, IP packet) around the transport's 'data'."""
    offset = 100 if packet.fragment == "later" else 0
    more = packet.fragment == "first" or (offset and dice.random() < 0.5)
    if packet.version == 4:
        options = bytes(4 * dice.choice([0, 0, 0, 1, 10]))
        head = struct.pack(
            "!BBHHHBBH", 0x45 + len(options) // 4, 0,
            20 + len(options) + len(data), 1,
            offset | (0x2000 if more else 0), 64, packet.protocol, 0)
        return 0x0800, (head + packet.source.to_bytes(4, "big")
                        + packet.destination.to_bytes(4, "big") + options
                        + data)
    following = packet.protocol
    if packet.fragment != "none":
        data = struct.pack("!BBHI", following, 0, offset << 3 | bool(more),
                           7) + data
        following = FRAGMENT
    if dice.random() < 0.1:
        # Destination options, in front of all.
        data = struct.pack("!BBHI", following, 0, 0x0104, 0) + data
        following = 60
    head = struct.pack("!IHBB", 6 << 28, len(data), following, 64)
    return 0x86dd, (head + packet.source.to_bytes(16, "big")
                    + packet.destination.to_bytes(16, "big") + data)


def random_frame(dice, packet):
    """The bytes of 'packet' as some guest might send it.  A packet that is
    not IP to the switch may be IP behind two tags."""
    tags = [dice.randrange(1, 4095)] if dice.random() < 0.2 else []
    if packet.version is not None:
        ethertype, body = body_of(dice, packet, transport(packet))
    else:
        ethertype, body = dice.choice([
            (0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + bytes(20)),
            (0x88cc, bytes(30)), (0x8847, bytes(30)), (0x0026, bytes(38)),
            body_of(dice, Packet(4, 1, 2, 17), bytes(30))])
        if ethertype == 0x0800:
            tags = [7, 8]
    head = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
    for tag in tags:
        head += struct.pack("!HH", 0x8100, tag)
    return head + struct.pack("!H", ethertype) + body


def flow_text(packet):
    """The packet as ovs-ofctl(8) writes it."""
    if packet.version is None:
        return "dl_type=0x88cc"
    six = packet.version == 6
    kind = ipaddress.IPv6Address if six else ipaddress.IPv4Address
    names = ("ipv6_src", "ipv6_dst") if six else ("nw_src", "nw_dst")
    words = ["ipv6" if six else "ip", f"nw_proto={packet.protocol}"]
    words += [f"{name}={kind(address)}" for name, address in
              zip(names, (packet.source, packet.destination))]
    if packet.fragment != "none":
        words.append(f"nw_frag={packet.fragment}")
    if packet.fragment == "later":
        return ",".join(words)
    if packet.protocol in WITH_PORTS:
        words += [f"tp_src={packet.sport}", f"tp_dst={packet.dport}"]
    elif packet.protocol == (ICMPV6 if six else ICMP):
        name = "icmpv6" if six else "icmp"
        words += [f"{name}_type={packet.icmp_type}",
                  f"{name}_code={packet.icmp_code}"]
    return ",".join(words)
