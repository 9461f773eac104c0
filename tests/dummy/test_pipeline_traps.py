#!/usr/bin/env python3
"""What the switch does to guests when a copy cannot be sent.

The Mirror runs before the guest's own output in the same translation, so
whatever a copy leaves behind falls on the guest or on the next tunnel.  Each
case installs the flows that flows/pipeline.h makes, lets some tunnels be
unable to send, and compares bytes."""

import itertools
import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from dummy_switch import main  # noqa: E402
from lab import DummyLab  # noqa: E402
from lab.handmade import (IN_PORT, OUT_PORT, VXLAN_PORT,  # noqa: E402
                          HandmadeMirror)
from openflow_tester import Tester  # noqa: E402

LENGTHS = (60, 100, 101, 170, 1514)
CUT = 100


class Tunnel:
    """A tunnel of the guest; 'dead' ones cannot send a single copy."""

    def __init__(self, number, source, destination, length, port=VXLAN_PORT):
        self.number, self.length = number, length
        self.words = "egress %d %s %s %d %d %d" % (
            number, source, destination, self.vni, port, length)

    @property
    def vni(self):
        return 7000 + self.number


def without_clones(actions):
    """Datapath actions that act on the guest's packet itself."""
    kept, depth = [], 0
    for part in re.split(r"(clone\(|[()])", actions):
        if depth:
            depth += (part[-1:] == "(") - (part == ")")
        elif part == "clone(":
            depth = 1
        else:
            kept.append(part)
    return "".join(kept)


class PipelineTrapsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = DummyLab()
        cls.addClassCleanup(cls.lab.close)
        cls.switch = cls.lab.switch
        cls.web, cls.db = cls.lab.add_guest("web1"), cls.lab.add_guest("db1")
        cls.one = cls.lab.add_collector("one", 6)
        cls.two = cls.lab.add_collector("two", 6)
        cls.other = cls.lab.add_guest("other1")
        cls.lab.wait_link("web1", "db1")
        cls.lab.wait_link("db1", "web1")
        cls.lab.wait_link("other1", "web1")
        cls.talk = cls.lab.talk("web1", "db1")
        HandmadeMirror(cls.lab, cls.web)
        cls.tester = Tester("unix:%s/br-mirror.mgmt" % cls.switch.rundir,
                            cls.switch.env)
        cls.addClassCleanup(cls.tester.close)

    def tunnel_to(self, number, collector, length):
        return Tunnel(number, self.switch.ip6, collector.address, length)

    # Forms of tunnels that cannot send.
    def dead(self, kind, number, length):
        if kind == "no route":
            return Tunnel(number, "172.31.0.1", "203.0.113.9", length)
        if kind == "no route, IPv6":
            return Tunnel(number, self.switch.ip6, "2001:db8:dead::1", length)
        if kind == "source not local":
            return Tunnel(number, "198.18.0.1", "172.31.0.10", length)
        assert kind == "no such port"
        return Tunnel(number, self.switch.ip6, self.one.address, length, 99)

    def install(self, tunnels):
        flows = self.tester.ask("base")
        numbers = " ".join(str(t.number) for t in tunnels)
        for direction, port in (("in", IN_PORT), ("out", OUT_PORT)):
            flows += self.tester.ask("tap %s %d %s"
                                     % (direction, port, numbers))
        for tunnel in tunnels:
            flows += self.tester.ask(tunnel.words)
        self.switch.ofctl("del-flows", "br-mirror")
        self.switch.ofctl("--bundle", "add-flows", "br-mirror", "-",
                          text_in="\n".join(flows) + "\n")
        self.switch.purge()

    def check(self, live):
        """Guests get their frames as sent; 'live' maps a collector to its
        tunnels, each of which gets its own copies and nobody else any;
        None leaves copies unasked."""
        self.lab.clear()
        sent = [self.talk.frame(n, LENGTHS[n % len(LENGTHS)])
                for n in range(50)]
        back = [self.talk.back().frame(n, LENGTHS[n % len(LENGTHS)])
                for n in range(50, 100)]
        self.lab.exchange((self.web, sent), (self.db, back))
        self.assertEqual(self.db.received(), sent)
        self.assertEqual(self.web.received(), back)
        if live is None:
            return
        for collector in (self.one, self.two):
            tunnels = live.get(collector, [])
            copies = collector.copies()
            self.assertEqual({c.vni for c in copies},
                             {t.vni for t in tunnels})
            for tunnel in tunnels:
                want = sorted(f[:tunnel.length or None] for f in sent + back)
                got = sorted(c.inner for c in copies if c.vni == tunnel.vni)
                self.assertEqual(got, want, tunnel.words)

    def datapath_port(self, guest):
        shown = self.switch.appctl("dpctl/show")
        return re.search(r"port (\d+): %s " % guest.name, shown).group(1)

    def check_translation(self):
        """Nothing that changes a packet comes before a guest's output.  After
        the last output it may: the switch unwraps a clone that ends the
        list."""
        broadcast = "ff:ff:ff:ff:ff:ff"
        for source, address, sinks in (
                (self.web, self.db.mac, [self.db]),
                (self.db, self.web.mac, [self.web]),
                (self.web, broadcast, [self.db, self.other]),
                (self.db, broadcast, [self.web, self.other])):
            out = self.switch.appctl(
                "ofproto/trace", "br-int",
                "in_port=%s,dl_src=%s,dl_dst=%s,dl_type=0x800"
                % (source.name, source.mac, address))
            actions = re.search("^Datapath actions: (.*)$", out,
                                re.M).group(1)
            words = [w for w in without_clones(actions).split(",") if w]
            last = max(words.index(self.datapath_port(sink))
                       for sink in sinks)
            self.assertFalse(
                [w for w in words[:last]
                 if re.match("trunc|meter|set|push_vlan|pop_vlan", w)],
                actions)

    def test_every_live_tunnel_gets_its_own(self):
        tunnels = [self.tunnel_to(1, self.one, CUT),
                   self.tunnel_to(2, self.two, 0),
                   self.tunnel_to(3, self.one, 0)]
        self.install(tunnels)
        self.lab.wait_copied(self.talk, self.one)
        self.lab.wait_copied(self.talk, self.two)
        self.check({self.one: [tunnels[0], tunnels[2]],
                    self.two: [tunnels[1]]})
        self.check_translation()

    def test_a_dead_tunnel_harms_neither_guest_nor_the_next_tunnel(self):
        for kind, length in itertools.product(
                ("no route", "no route, IPv6", "source not local",
                 "no such port"), (CUT, 0)):
            for position in (1, 2, 3):
                with self.subTest(kind=kind, length=length,
                                  position=position):
                    numbers = [n for n in (1, 2, 3) if n != position]
                    cut = self.tunnel_to(numbers[0], self.one, CUT)
                    whole = self.tunnel_to(numbers[1], self.two, 0)
                    self.install([self.dead(kind, position, length), cut,
                                  whole])
                    self.check({self.one: [cut], self.two: [whole]})
                    self.check_translation()

    def test_dead_tunnels_alone_leave_the_guest_alone(self):
        self.install([self.dead("no route", 1, CUT),
                      self.dead("no route, IPv6", 2, CUT),
                      self.dead("no such port", 3, CUT)])
        self.check({})
        self.check_translation()

    def test_a_vxlan_port_that_is_off_leaves_the_guest_alone(self):
        tunnels = [self.tunnel_to(1, self.one, CUT),
                   self.tunnel_to(2, self.two, 0)]
        self.install(tunnels)
        # A dummy tunnel port goes on sending while it is "down".
        for off, on, live in (("down", "up", None),
                              ("no-forward", "forward", {})):
            with self.subTest(off):
                self.switch.ofctl("mod-port", "br-mirror", "hm-vxlan", off)
                try:
                    self.check(live)
                    self.check_translation()
                finally:
                    self.switch.ofctl("mod-port", "br-mirror", "hm-vxlan",
                                      on)
        self.check({self.one: tunnels[:1], self.two: tunnels[1:]})

    def test_a_truncation_outside_a_clone_would_be_seen(self):
        # What these tests guard against, so that they can fail.
        dead = self.dead("no route", 1, CUT)
        flows = [re.sub(r"clone\((.*)\)$", r"\1", flow)
                 for flow in self.tester.ask(dead.words)]
        self.install([dead])
        self.switch.ofctl("--bundle", "add-flows", "br-mirror", "-",
                          text_in="\n".join(flows) + "\n")
        self.switch.purge()
        with self.assertRaises(AssertionError):
            self.check({})
        with self.assertRaises(AssertionError):
            self.check_translation()


if __name__ == "__main__":
    main()
