"""What the tests of Open vSwitch itself expect of truncation and mirroring,
with their figures, held against copies on the wire."""

import re
import unittest

from cases.product import ProductCases
from lab import RealLab
from lab.netns import veth
from lab.waiting import wait_until


class Upstream(ProductCases, unittest.TestCase):
    make_lab = RealLab

    def lengths(self, *collectors):
        """Of the copies' inner frames, by VNI, in order of arrival."""
        found = {}
        for collector in collectors or (self.ids4,):
            for copy in collector.numbered():
                found.setdefault(copy.vni, []).append(len(copy.inner))
        return found

    def mirrored(self, **lengths):
        """Tunnels of web1 to ids4: name=(VNI, packet length or None)."""
        talk = self.lab.talk("web1", "db1")
        for name, (vni, length) in lengths.items():
            more = {"packet_length": length} if length else {}
            self.filter(name, outbound=[{"action": "accept",
                                         "protocol": "udp"}])
            self.tunnel(name, self.ids4, vni, filter=name, **more)
            self.lab.wait_copied(talk, self.ids4, vni)
        self.lab.clear()
        return talk

    def cut(self):
        """242, 170 and 60 bytes: "basic truncate action", of datapath and
        ofproto-dpif."""
        talk = self.mirrored(first=(7001, 64), second=(7002, 128),
                             third=(7003, 100), whole=(7004, None))
        frames = [talk.frame(1, 170)]
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        self.assertEqual(self.lengths(), {7001: [64], 7002: [128],
                                          7003: [100], 7004: [170]})
        self.assertEqual(64 + 128 + 170, 362)
        self.lab.clear()
        frames = [talk.frame(2, 60), talk.frame(3, 170)]
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        self.assertEqual(self.lengths(), {7001: [60, 64], 7002: [60, 128],
                                          7003: [60, 100], 7004: [60, 170]})
        self.assertEqual(sum(self.lengths()[7004]), 230)
        self.lab.clear()
        frames = [talk.frame(n, 242) for n in (4, 5)]
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        lengths = self.lengths()
        self.assertEqual(sum(lengths[7003] + lengths[7004]), 684)
        self.assertEqual({len(c.wire) for c in self.ids4.numbered(7003)},
                         {150})
        self.assertEqual({len(c.wire) for c in self.ids4.numbered(7004)},
                         {292})
        self.assert_sound(self.ids4)

    def test_keeps_as_many_bytes_as_truncation_does(self):
        self.cut()

    def test_keeps_them_also_where_the_datapath_cannot_truncate(self):
        """The switch then does it itself, packet by packet."""
        self.switch.appctl("dpif/set-dp-features", "br-int", "trunc",
                           "false")
        self.addCleanup(self.switch.appctl, "dpif/set-dp-features", "br-int",
                        "trunc", "true")
        self.cut()

    def trace(self, sender, receiver):
        """Datapath actions for a frame of 'sender' to 'receiver'."""
        traced = self.switch.appctl(
            "ofproto/trace", "br-int",
            f"in_port={sender.name},dl_type=0x0800,dl_src={sender.mac},"
            f"dl_dst={receiver.mac},nw_proto=17,nw_src={sender.ip},"
            f"nw_dst={receiver.ip},nw_ttl=64,udp_src=40000,udp_dst=5000")
        return re.search(r"Datapath actions: (.*)", traced)[1]

    def port_number(self, guest):
        """The datapath's number of a guest's port."""
        shown = self.switch.appctl("dpif/show")
        return re.search(rf"\b{guest.name} \d+/(\d+):", shown)[1]

    def assert_one_copy(self, actions):
        self.assertEqual(actions.count("tnl_push("), 1, actions)
        self.assertRegex(actions, r"^(meter|clone|trunc|tnl_push)\(")
        self.assertRegex(actions, r"\)$")

    def test_selects_by_source_and_by_destination(self):
        """As "mirroring, select_src", 3,2 and 1, and "select_dst", 2,3 and 1:
        what is sent is copied before it is delivered, what is received after;
        what goes the other way is not copied."""
        for direction, there in (("outbound", ("web1", "db1")),
                                 ("inbound", ("db1", "web1"))):
            with self.subTest(direction):
                self.filter("one-way", inbound=(), outbound=())
                self.filter("one-way", **{direction: [
                    {"action": "accept", "protocol": "any"}]})
                self.tunnel("one-way", self.ids4, 7001, filter="one-way")
                self.lab.wait_copied(self.lab.talk(*there), self.ids4)
                a, b = (self.lab.guests[n] for n in there)
                actions, port = self.trace(a, b), self.port_number(b)
                if direction == "outbound":
                    copy, _, delivered = actions.rpartition(",")
                else:
                    delivered, _, copy = actions.partition(",")
                self.assertEqual(delivered, port, actions)
                self.assert_one_copy(copy)
                self.assertEqual(self.trace(b, a), self.port_number(a))
                self.remove("one-way")

    def test_conntrack_recirculates_and_each_frame_is_copied_once(self):
        self.addCleanup(self.switch.ofctl, "del-flows", "br-int", "ip")
        for flow in ("table=1,ip,actions=ct(commit),normal",
                     "priority=9,ip,ct_state=-trk,actions=ct(table=1)"):
            self.switch.ofctl("add-flow", "br-int", flow)
        self.tunnel("first", self.ids4, 7001, packet_length=100)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.clear()
        out = talk.frames(range(20))
        back = talk.back().frames(range(20, 40))
        self.lab.exchange((self.web1, out), (self.db1, back))
        self.assert_received(self.db1, out)
        self.assert_received(self.web1, back)
        self.assert_copied(self.ids4, 7001, out + back, 100)


class Bond(ProductCases, unittest.TestCase):
    """The mirrored NIC is a bond, whose other end is on a bridge of its own,
    where the guest is.  (balance-tcp: docs/switch-notes.md, 24.)"""

    make_lab = RealLab
    links = [("web1", "db1")]

    @classmethod
    def prepare_switch(cls):
        switch = cls.lab.switch
        for n in (1, 2):
            veth(switch.namespace, f"near{n}", switch.namespace, f"far{n}")
        bond = ["bond_mode=balance-slb"]
        switch.vsctl(
            "add-br", "br-far", "--", "set", "Bridge", "br-far",
            "datapath_type=netdev", "--", "add-bond", "br-int", "bond0",
            "near1", "near2", *bond, "--", "set", "Interface", "near1",
            "external_ids:iface-id=bonded", "--", "add-bond", "br-far",
            "bond1", "far1", "far2", *bond)
        cls.bonded = cls.lab.add_guest("bonded", bridge="br-far")
        # Known by the bond's iface-id, not by its own port's.
        switch.vsctl("remove", "Interface", "bonded", "external_ids",
                     "iface-id")
        wait_until(lambda: switch.appctl("bond/show", "bond0").count(
            ": enabled") == 2, "both members of the bond", 30)
        cls.lab.wait_link("bonded", "web1")
        cls.lab.wait_link("web1", "bonded")

    def test_each_frame_over_a_bond_is_copied_once(self):
        self.tunnel("first", self.ids4, 7001, source="bonded",
                    packet_length=100)
        self.lab.wait_copied(self.lab.talk("web1", "bonded"), self.ids4)
        self.lab.clear()
        there, back = [], []
        for n in range(16):
            talk = self.lab.talk("web1", "bonded", sport=41000 + n)
            there.append(talk.frame(n))
            back.append(talk.back().frame(100 + n))
        self.lab.exchange((self.web1, there), (self.bonded, back))
        self.assertEqual(sorted(self.bonded.received()), sorted(there))
        self.assertEqual(sorted(self.web1.received()), sorted(back))
        self.assert_copied(self.ids4, 7001, there + back, 100)
