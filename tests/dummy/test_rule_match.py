#!/usr/bin/env python3
"""Random rules as flows on a real switch, packet by packet against a
reference that reads as the product's semantics do."""

import ipaddress
import os
import random
import re
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dummy_switch import DummySwitch, main  # noqa: E402
from openflow_tester import Tester, flow_words  # noqa: E402

BRIDGE = "br-mirror"
FILTERS, RULES_A_FILTER, PACKETS_A_FILTER = 100, 5, 40

PORTS = [0, 1, 6, 13, 15, 16, 79, 80, 443, 999, 1000, 1023, 1024, 1999, 2000,
         4789, 65534, 65535]
ICMP_VALUES = [0, 1, 3, 8, 128, 255]
CIDRS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.2/31",
         "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8:1::/48",
         "2001:db8:1::5/128"]
ADDRESSES = {
    4: ["10.1.2.3", "10.1.2.2", "10.1.2.4", "10.1.255.255", "10.2.0.0",
        "11.0.0.0", "9.255.255.255"],
    6: ["2001:db8:1::5", "2001:db8:1::4", "2001:db8:2::", "2001:db9::",
        "fe00::1"]}
ICMP, TCP, UDP, GRE, FRAGMENT, ICMPV6, SCTP = 1, 6, 17, 47, 44, 58, 132
WITH_PORTS = (TCP, UDP, SCTP)


class Rule:
    def __init__(self, dice):
        def maybe(values, odds=0.5):
            return dice.choice(values) if dice.random() < odds else None

        def ports():
            first = maybe(PORTS)
            last = maybe(PORTS) if first is not None else None
            return first if first is None else sorted(
                (first, first if last is None else last))

        self.accept = dice.random() < 0.5
        self.protocol = maybe([ICMP, TCP, UDP, GRE, ICMPV6, SCTP, FRAGMENT],
                              0.85)
        self.source, self.destination = (
            cidr and ipaddress.ip_network(cidr)
            for cidr in (maybe(CIDRS), maybe(CIDRS)))
        self.source_port = self.destination_port = None
        self.icmp_type = self.icmp_code = None
        if self.protocol in WITH_PORTS:
            self.source_port, self.destination_port = ports(), ports()
        elif self.protocol in (ICMP, ICMPV6):
            self.icmp_type = maybe(ICMP_VALUES)
            if self.icmp_type is not None:
                self.icmp_code = maybe(ICMP_VALUES)

    def words(self):
        def word(value):
            if isinstance(value, list):
                return "%d-%d" % tuple(value)
            return "-" if value is None else str(value)
        return " ".join(["accept" if self.accept else "reject"] + [
            word(value) for value in (
                self.protocol, self.source, self.destination,
                self.source_port, self.destination_port, self.icmp_type,
                self.icmp_code)])

    def tests_layer_4(self):
        return any(value is not None for value in (
            self.source_port, self.destination_port, self.icmp_type,
            self.icmp_code))

    def means(self, packet):
        for cidr, address in ((self.source, packet.source),
                              (self.destination, packet.destination)):
            if cidr is not None and (cidr.version != address.version
                                     or address not in cidr):
                return False
        if self.protocol is not None:
            if self.protocol == (ICMPV6 if packet.version == 4 else ICMP):
                return False
            if packet.version == 6 and packet.fragment == "later":
                return self.accept
            if self.protocol != packet.protocol:
                return False
        if packet.fragment == "later" and self.tests_layer_4():
            return self.accept
        return all(
            wanted is None or wanted[0] <= value <= wanted[1]
            for wanted, value in ((self.source_port, packet.sport),
                                  (self.destination_port, packet.dport))
        ) and all(
            wanted is None or wanted == value
            for wanted, value in ((self.icmp_type, packet.icmp_type),
                                  (self.icmp_code, packet.icmp_code)))


class Packet:
    def __init__(self, dice):
        self.version = dice.choice([4, 6])
        self.source, self.destination = (
            ipaddress.ip_address(dice.choice(ADDRESSES[self.version]))
            for _ in range(2))
        self.protocol = dice.choice([ICMP if self.version == 4 else ICMPV6,
                                     TCP, UDP, GRE, SCTP])
        self.fragment = dice.choice(["none", "none", "first", "later"])
        self.sport, self.dport = (
            (dice.choice(PORTS) + dice.choice([-1, 0, 1])) % 65536
            for _ in range(2))
        self.icmp_type = dice.choice(ICMP_VALUES)
        self.icmp_code = dice.choice(ICMP_VALUES)

    def __str__(self):
        return str(vars(self))

    def frame(self, number):
        """The frame's bytes in hexadecimal; 'number' is in its source."""
        payload = {
            TCP: struct.pack("!HHIIHHHH", self.sport, self.dport, 1, 1,
                             0x5010, 1024, 0, 0),
            UDP: struct.pack("!HHHH", self.sport, self.dport, 24, 0),
            SCTP: struct.pack("!HHII", self.sport, self.dport, 1, 0),
            ICMP: struct.pack("!BBHI", self.icmp_type, self.icmp_code, 0, 0),
            GRE: struct.pack("!HH", 0, 0x6558),
        }[ICMP if self.protocol == ICMPV6 else self.protocol] + bytes(24)
        # A later fragment's first bytes would pass for ports.
        offset = {"none": 0, "first": 0, "later": 100}[self.fragment]
        more = self.fragment == "first"
        if self.version == 4:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1,
                             offset | (0x2000 if more else 0), 64,
                             self.protocol, 0)
            ip += self.source.packed + self.destination.packed
            ethertype = 0x0800
        else:
            following = self.protocol
            if self.fragment != "none":
                payload = struct.pack("!BBHI", self.protocol, 0,
                                      offset << 3 | more, 7) + payload
                following = FRAGMENT
            ip = struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
            ip += self.source.packed + self.destination.packed
            ethertype = 0x86dd
        return (b"\x02\0\0\0\0\x01" + struct.pack("!HI", 0x0200, number)
                + struct.pack("!H", ethertype) + ip + payload).hex()


class RuleMatchTest(unittest.TestCase):
    def setUp(self):
        self.switch = DummySwitch()
        self.addCleanup(self.switch.close)
        self.switch.vsctl(
            "add-br", BRIDGE, "--", "set", "bridge", BRIDGE,
            "datapath_type=dummy", "fail_mode=secure",
            "--", "add-port", BRIDGE, "p1", "--", "set", "interface", "p1",
            "type=dummy", "ofport_request=1")
        self.tester = Tester(self.switch.target(BRIDGE), self.switch.env)
        self.assertEqual(self.tester.ask("connect"), ["connected 1"])

    def tearDown(self):
        self.assertEqual(self.tester.close(), 0)

    def decision(self, number, packet):
        """The number of the rule that decides, or 0."""
        out = self.switch.appctl("ofproto/trace", BRIDGE, "in_port=1",
                                 packet.frame(number))
        final = re.search(r"^Final flow: (.*)$", out, re.M).group(1)
        rule = re.search(r"reg3=(0x[0-9a-f]+|\d+)", final)
        return int(rule.group(1), 0) if rule else 0

    def test_the_switch_decides_as_the_reference_does(self):
        dice = random.Random(7)
        filters = [[Rule(dice) for _ in range(RULES_A_FILTER)]
                   for _ in range(FILTERS)]
        edits = []
        for number, rules in enumerate(filters, 1):
            edits.append("add " + flow_words(
                0, 1, "dl_src=02:00:%02x:%02x:%02x:%02x"
                % tuple(struct.pack("!I", number)),
                "set_field:%d->reg0,resubmit(,1)" % number))
            for i, rule in enumerate(rules, 1):
                for match in self.tester.ask("rule " + rule.words()):
                    edits.append("add " + flow_words(
                        1, 1000 - i, "reg0=%d,%s" % (number, match),
                        "set_field:%d->reg3" % i))
        self.assertEqual(self.tester.edit(edits), ["ok"])

        decided = [0] * (RULES_A_FILTER + 1)
        for number, rules in enumerate(filters, 1):
            for _ in range(PACKETS_A_FILTER):
                packet = Packet(dice)
                want = next((i for i, rule in enumerate(rules, 1)
                             if rule.means(packet)), 0)
                got = self.decision(number, packet)
                self.assertEqual(got, want, "%s\n%s" % (
                    packet, "\n".join(rule.words() for rule in rules)))
                decided[want] += 1
        print("%d flows, decisions by rule: %s" % (len(edits), decided),
              file=sys.stderr)
        self.assertGreater(min(decided), 0)


if __name__ == "__main__":
    main()
