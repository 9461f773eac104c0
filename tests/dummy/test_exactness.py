#!/usr/bin/env python3
"""Random filters on a real switch, decision by decision against the
reference.

OVS_MIRROR_DECISIONS says how many (40,000), OVS_MIRROR_SEED which."""

import json
import os
import random
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
from dummy.dummy_switch import DEADLINE_S, DummySwitch, main  # noqa: E402
from dummy.openflow_tester import Tester, flow_words  # noqa: E402
from lab.random_filter import (random_filter, random_frame,  # noqa: E402
                               random_packet)
from lab.reference_filter import Filter  # noqa: E402

BRIDGE = "br-mirror"
DECISIONS = int(os.environ.get("OVS_MIRROR_DECISIONS", "40000"))
SEED = int(os.environ.get("OVS_MIRROR_SEED", "7"))
# One frame goes through both directions of all of a batch's filters.
FILTERS_A_BATCH, PACKETS_A_BATCH = 20, 250
DIRECTIONS = ("inbound", "outbound")
OWN, RULE = 0x6d72 << 48, 0xffff
# Later releases name the clauses of a conjunction between the two.
FILTER_TABLE = re.compile(r"^ *1\. .*, cookie (0x[0-9a-f]+)\n"
                          r"(?: *-> conj\..*\n)* *(\S+)", re.M)


class Tracer:
    """ofproto/trace over one lasting connection."""

    def __init__(self, switch):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(switch.path("ovs-vswitchd.ctl"))
        self.decoder, self.text = json.JSONDecoder(), ""

    def trace(self, frame):
        self.socket.sendall(json.dumps(
            {"id": 0, "method": "ofproto/trace",
             "params": [BRIDGE, "in_port=1", frame.hex()]}).encode())
        while True:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("ovs-vswitchd hung up")
            self.text += piece.decode()
            try:
                reply, end = self.decoder.raw_decode(self.text)
            except ValueError:
                continue
            self.text = self.text[end:]
            if reply["error"] is not None:
                raise RuntimeError(reply["error"])
            return reply["result"]

    def close(self):
        self.socket.close()


class ExactnessTest(unittest.TestCase):
    def setUp(self):
        self.switch = DummySwitch()
        self.addCleanup(self.switch.close)
        self.switch.vsctl(
            "add-br", BRIDGE, "--", "set", "bridge", BRIDGE,
            "datapath_type=dummy", "fail_mode=secure",
            "--", "add-port", BRIDGE, "p1", "--", "set", "interface", "p1",
            "type=dummy", "ofport_request=1")
        self.tester = Tester(self.switch.target(BRIDGE), self.switch.env)
        self.addCleanup(self.tester.close)
        self.assertEqual(self.tester.ask("connect"), ["connected 1"])
        self.tracer = Tracer(self.switch)
        self.addCleanup(self.tracer.close)
        self.flows = self.cross_product = self.rules = self.shadowed = 0

    def install(self, documents):
        """Replaces all flows by those of a batch of filters."""
        self.switch.ofctl("del-flows", BRIDGE)
        actions = ",".join(
            f"set_field:{direction}->reg0,set_field:{number}->reg1,"
            f"resubmit(,1)" for number in range(1, len(documents) + 1)
            for direction in (1, 2))
        edits = ["add " + flow_words(0, 1, "-", actions),
                 "add " + flow_words(1, 0, "-", "drop", OWN)]
        for number, document in enumerate(documents, 1):
            answer, = self.tester.ask(
                f"filter {number} {json.dumps(document)}")
            flows, product, rules, shadowed = map(int, answer.split())
            self.flows += flows
            self.cross_product += product
            self.rules += rules
            self.shadowed += shadowed
        # So that who reads them back need not parse them.
        self.assertEqual(self.tester.ask("misspelt"), [])
        self.assertEqual(self.tester.edit(edits), ["ok"])

    def test_the_switch_decides_as_the_reference_does(self):
        dice = random.Random(SEED)
        decisions = packets = filters = matched = copied = 0
        started = time.monotonic()
        while decisions < DECISIONS:
            documents = [random_filter(dice, f"flt{n}")
                         for n in range(FILTERS_A_BATCH)]
            filters += len(documents)
            references = [Filter(document) for document in documents]
            self.install(documents)
            for _ in range(PACKETS_A_BATCH):
                aimed = dice.choice(documents)[dice.choice(DIRECTIONS)]
                packet = random_packet(dice, aimed)
                frame = random_frame(dice, packet)
                trace = self.tracer.trace(frame)
                got = [(int(cookie, 16) & RULE, action.startswith("resubmit"))
                       for cookie, action in FILTER_TABLE.findall(trace)]
                want = [reference.decide(direction, packet)
                        for reference in references
                        for direction in DIRECTIONS]
                if got != want:
                    self.explain(documents, packet, frame, got, want)
                packets += 1
                decisions += len(want)
                matched += sum(number > 0 for number, _ in want)
                copied += sum(accept for _, accept in want)
        print(f"seed {SEED}: {filters} filters, {self.rules} rules "
              f"({self.shadowed} shadowed), {packets} packets, {decisions} "
              f"decisions ({matched} by a rule, {copied} copied), 0 "
              f"differences in {time.monotonic() - started:.0f} s; "
              f"{self.flows} flows, {self.flows / self.rules:.1f} a rule, "
              f"where a cross product takes {self.cross_product}, "
              f"{self.cross_product / self.rules:.1f} a rule",
              file=sys.stderr)
        # Chance must have aimed well: no outcome is rare.
        self.assertGreater(matched, decisions // 10)
        self.assertGreater(copied, decisions // 20)

    def explain(self, documents, packet, frame, got, want):
        self.assertEqual(len(got), len(want), packet)
        for i, (mine, theirs) in enumerate(zip(got, want)):
            if mine != theirs:
                rules = documents[i // 2][DIRECTIONS[i % 2]]
                self.fail(
                    f"{packet}\n{frame.hex()}\nthe switch: rule {mine}, the "
                    f"reference: rule {theirs}\n" + "\n".join(
                        str(rule) for rule in rules
                        if rule["number"] in (mine[0], theirs[0])))


if __name__ == "__main__":
    main()
