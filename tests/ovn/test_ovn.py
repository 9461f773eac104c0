"""Beside real OVN on the same br-int: ours and theirs both go on, and
neither touches the other's rows."""

import itertools
import random
import re
import time
import unittest

from cases.healing import HEALED_S, HealingCases
from cases.probe import Prober
from cases.vpc import TenantCases
from lab.control import MirrorDaemon
from lab.tenant import Receiver
from lab.waiting import wait_until
from ovn.ovn_case import BLOCKED_PORT, ROUTER_MACS, OvnCases


class Pipeline(OvnCases, unittest.TestCase):
    """Logical switches, a router, ACLs, Geneve between hypervisors."""

    def test_copies_are_what_the_nic_sent_and_was_given(self):
        for a, b in (("web1", "away1"), ("away1", "web1")):
            self.lab.wait_link(a, b)
        self.filter("udp", inbound=[{"action": "accept", "protocol": "udp"}],
                    outbound=[{"action": "accept", "protocol": "udp"}])
        self.tunnel("web", self.ids4, 7001, filter="udp", packet_length=100)
        self.tunnel("dbs", self.ids6, 7002, source="db1")
        near = self.lab.talk("web1", "db1")
        self.lab.wait_copied(near, self.ids4)
        self.lab.wait_copied(near, self.ids6)
        blocked = self.lab.talk("web1", "db1", dport=BLOCKED_PORT)
        refused = self.lab.talk("web1", "db1", "tcp")
        away = self.lab.talk("web1", "away1")
        out = near.frames(range(20)) + blocked.frames(range(20, 40))
        routed = self.routed(self.web1, self.far1).frames(range(40, 60))
        out += routed + away.frames(range(60, 80))
        tcp = refused.frames(range(80, 90))
        back = self.routed(self.far1, self.web1).frames(range(100, 120))
        from_away = away.back().frames(range(120, 140))
        self.lab.clear()
        self.lab.exchange((self.web1, out + tcp), (self.far1, back),
                          (self.away1, from_away))
        wait_until(lambda: len(self.web1.received()) == 40,
                   "web1 to have what was sent to it")
        self.lab.settle()
        got = self.web1.received()
        # Routed: another source MAC, and a hop less to live.
        self.assertEqual({f[22] for f in got}, {63, 64})
        self.assertEqual(len(self.far1.received()), 20)
        self.assertEqual(len(self.away1.received()), 20)
        self.assert_received(self.db1, out[:20] + tcp)
        # What an ACL drops was sent, and not delivered.
        self.assert_copied(self.ids4, 7001, out + got, 100)
        self.assert_copied(self.ids6, 7002, out[:20] + tcp)
        self.assert_sound(self.ids4, self.ids6)

    def test_acls_come_and_go(self):
        self.tunnel("dbs", self.ids4, 7001, source="db1")
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        rows = self.our_mirrors()
        self.addCleanup(self.acl, "acl-del", "udp.dst == 5000")
        frames = talk.frames(range(20))
        for verb in (None, "acl-add", "acl-del"):
            if verb:
                self.acl(verb, "udp.dst == 5000")
            self.lab.clear()
            self.lab.exchange((self.web1, frames))
            delivered = [] if verb == "acl-add" else frames
            self.assert_received(self.db1, delivered)
            self.assert_copied(self.ids4, 7001, delivered)
            self.assertEqual(self.daemon.appctl("mirror/plan").strip(), "")
        self.assertEqual(self.our_mirrors(), rows)

    def test_three_pings_are_three_copies(self):
        """To either kind of destination, and after a change of it."""
        self.filter("ping", outbound=[{
            "action": "accept", "protocol": "icmp", "icmp_type": 8}])
        pings = self.lab.talk("web1", "db1", "icmp")
        for collector in (self.ids4, self.ids6, self.ids4):
            self.tunnel("pings", collector, 7001, filter="ping")
            self.lab.wait_copied(pings, collector)
            self.lab.clear()
            frames = pings.frames(range(3))
            self.lab.exchange((self.web1, frames))
            self.assert_copied(collector, 7001, frames)
            self.assertEqual(sum(len(c.copies()) for c in (
                self.ids4, self.ids6)), 3)

    def test_a_port_is_skipped_by_a_lower_number(self):
        self.filter("skip", outbound=[
            {"action": "reject", "protocol": "udp",
             "destination_port": 4368},
            {"action": "accept", "protocol": "udp"}])
        self.tunnel("skip", self.ids4, 7001, filter="skip")
        talk = self.lab.talk("web1", "db1", dport=4369)
        self.lab.wait_copied(talk, self.ids4)
        self.lab.clear()
        frames = talk.frames(range(10))
        self.lab.exchange((self.web1, frames + self.lab.talk(
            "web1", "db1", dport=4368).frames(range(10, 20))))
        self.assert_copied(self.ids4, 7001, frames)


class PipelineOverVxlan(Pipeline):
    """OVN's tunnels are of the same UDP port as ours."""

    encap = "vxlan"
    test_acls_come_and_go = None
    test_three_pings_are_three_copies = None
    test_a_port_is_skipped_by_a_lower_number = None


class Coexistence(OvnCases, unittest.TestCase):
    """OVN's own mirrors, and its controller's life."""

    def exchange(self, expected, spied):
        """web1 and db1 talk; both mirrors have what is theirs, once."""
        out = self.lab.talk("web1", "db1").frames(range(20))
        back = self.lab.talk("db1", "web1", sport=5000,
                             dport=40000).frames(range(20, 40))
        self.lab.clear()
        self.lab.exchange((self.web1, out), (self.db1, back))
        self.assert_copied(self.ids6, 7002, (out + back) if expected else [])
        self.assertEqual(self.spied(), spied)
        self.assert_received(self.db1, out)

    def test_their_mirror_beside_ours_on_one_nic(self):
        talk = self.lab.talk("web1", "db1")
        self.tunnel("second", self.ids6, 7002)
        self.lab.wait_copied(talk, self.ids6)
        ours = self.our_mirrors()
        self.spy()
        self.wait_selected({"spy": ({"web1"}, set())})
        self.wait_spied(talk)
        theirs = self.their_mirrors()
        self.exchange(True, list(range(20)))
        self.assertEqual(self.our_mirrors(), ours)
        self.remove("second")
        self.exchange(False, list(range(20)))
        self.assertEqual(self.our_mirrors(), [])
        self.assertEqual(self.their_mirrors(), theirs)
        self.tunnel("second", self.ids6, 7002)
        self.lab.wait_copied(talk, self.ids6)
        ours = self.our_mirrors()
        self.ovn.wait_installed("lsp-detach-mirror", "web1", "spy")
        self.wait_selected({})
        self.exchange(True, [])
        self.assertEqual(self.our_mirrors(), ours)

    def restarts(self):
        """How ovn-controller can be made to do its work anew, by what it
        is."""
        def recompute():
            for _ in range(5):
                self.controller.appctl("inc-engine/recompute")

        def restart():
            self.controller.leave("--restart")
            self.controller.start()

        def kill():
            self.controller.kill()
            self.controller.start()

        def leave():
            self.controller.leave()
            self.controller.start()
        return {"recompute": recompute, "exit --restart": restart,
                "kill": kill, "exit": leave}

    def test_their_controller_recomputes_and_restarts_under_traffic(self):
        self.mirror()
        self.spy(ports=("twin1",))
        self.wait_spied(self.lab.talk("twin1", "twin2"))
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            for what, act in self.restarts().items():
                with self.subTest(what=what):
                    self.lives_through(lanes, what, act)
        self.judge(lanes, self.first, self.second)
        self.assertTrue(self.controller.alive())

    def lives_through(self, lanes, what, act):
        ours, theirs = self.our_mirrors(), self.selected()
        before = self.on_switch()
        since = time.monotonic()
        act()
        self.ovn.wait_installed()
        self.heals(lanes, what, since, self.first, self.second, within_s=5)
        self.wait_selected(theirs)
        seen = len(self.spied())
        wait_until(lambda: len(self.spied()) >= seen + 50,
                   f"{what}: OVN's mirror to go on", 15)
        self.assertEqual(self.our_mirrors(), ours)
        after = self.on_switch()
        self.assertEqual(set(after["flows"]), set(before["flows"]))
        self.assert_flows_went_on(before, after, before["flows"])
        self.assertEqual(after["groups"], before["groups"])

    # What upstream holds its own mirrors to, held of both.

    def assert_both_back(self, talk):
        self.wait_selected({"spy": ({"web1"}, set())})
        self.control.wait_running("second")
        self.lab.wait_copied(talk, self.ids6)
        self.wait_spied(talk)
        self.exchange(True, list(range(20)))

    def assert_both_gone(self):
        self.wait_selected({})
        self.control.wait_tunnel("second", lambda t: "NIC_UNBOUND" in {
            r["code"] for r in t["reasons"]}, "to be without its NIC")
        wait_until(lambda: not self.our_mirrors(), "our Mirrors to be gone")

    def test_a_port_unbound_and_bound_again(self):
        self.tunnel("second", self.ids6, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6)
        self.spy()
        self.assert_both_back(talk)
        pid = self.controller.pid
        for name in ("nobody", "web1"):
            self.switch.vsctl("set", "Interface", "web1",
                              f"external_ids:iface-id={name}")
            self.ovn.wait_installed()
            if name == "nobody":
                self.assert_both_gone()
        self.assert_both_back(talk)
        self.web1.unplug()
        self.assert_both_gone()
        self.web1.plug()
        self.assert_both_back(talk)
        self.assertEqual(self.controller.pid, pid)

    def test_their_output_port_deleted(self):
        """Alone, and together with the VM's own port."""
        self.tunnel("second", self.ids6, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6)
        self.spy()
        self.assert_both_back(talk)
        ours = self.our_mirrors()
        self.switch.vsctl("--no-wait", "del-port", "ovn-spy")
        self.assert_both_back(talk)
        self.assertEqual(self.our_mirrors(), ours)
        self.switch.vsctl("--no-wait", "del-port", "ovn-spy", "--",
                          "del-port", "web1")
        self.assert_both_gone()
        self.web1.plug()
        self.assert_both_back(talk)
        self.assertTrue(self.controller.alive())

    def test_ours_is_back_at_once_when_somebody_clears_all_mirrors(self):
        """OVN 23.03 does not mend its own: it would make its output port
        anew, which is still there."""
        self.tunnel("second", self.ids6, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6)
        self.spy()
        self.assert_both_back(talk)
        since = time.monotonic()
        self.switch.vsctl("--no-wait", "clear", "Bridge", "br-int",
                          "mirrors")
        wait_until(lambda: len(self.our_mirrors()) == 2,
                   "our Mirrors to be back", HEALED_S, 0.01)
        self.say("mirrors cleared: ours back after "
                 f"{1000 * (time.monotonic() - since):.0f} ms")
        self.lab.wait_copied(talk, self.ids6)
        if not self.selected():
            self.switch.vsctl("--no-wait", "--if-exists", "del-port",
                              "ovn-spy")
        self.wait_selected({"spy": ({"web1"}, set())})
        # A port that comes again before vswitchd has looked is no change to
        # it, and a new Mirror by itself has it look at no cached flow.
        self.switch.vsctl("set", "Bridge", "br-phy", "external_ids:lab=waits")
        self.switch.purge()
        self.assert_both_back(talk)

    def test_bulk_updates_of_their_mirrors(self):
        """Whatever is attached and detached together, of either type: theirs
        is as it was said, ours stays."""
        self.tunnel("second", self.ids6, 7002)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6)
        ours, pid = self.our_mirrors(), self.controller.pid
        names = ("spy0", "spy1", "spy2")
        for name in names:
            self.spy(name, (), "to-lport" if name == "spy1"
                     else "from-lport", "erspan" if name == "spy2"
                     else "gre")
        attached = {name: set() for name in names}
        pairs = list(itertools.product(("web1", "db1", "twin1"), names))
        dice = random.Random(18815)
        for _ in range(8):
            words = []
            for port, name in dice.sample(pairs, 4):
                verb = "detach" if port in attached[name] else "attach"
                words += ["--", f"lsp-{verb}-mirror", port, name]
                attached[name] ^= {port}
            self.ovn.wait_installed(*words[1:])
            self.wait_selected({
                name: (set(), ports) if name == "spy1" else (ports, set())
                for name, ports in attached.items() if ports})
            self.assertEqual(self.our_mirrors(), ours)
        self.assertEqual(self.controller.pid, pid)
        self.assertEqual(self.daemon.appctl("mirror/plan").strip(), "")


class Strangers(OvnCases, HealingCases, unittest.TestCase):
    """Who clears and deletes, as when there is no OVN."""

    test_the_vm_port_moved_to_another_bridge_and_back = None
    test_the_tag_and_vlan_mode_of_the_nics_port_changed = None
    test_flows_deleted_changed_or_added_by_hand = None
    test_whoever_keeps_clearing_is_not_fought_in_a_loop = None


class Delivery(Prober, OvnCases, unittest.TestCase):
    """far1, by OVN's router in another logical switch, gets the copies; or
    far2, which is on the other hypervisor."""

    @classmethod
    def prepare_switch(cls):
        super().prepare_switch()
        cls.far2 = cls.lab.add_guest("far2",
                                     hypervisor=cls.lab.hypervisors["hv2"])
        cls.far2.ip = "10.0.1.10"
        cls.ovn.nbctl("lsp-add", "ls1", "far2", "--", "lsp-set-addresses",
                      "far2", f"{cls.far2.mac} {cls.far2.ip}")

    @classmethod
    def inventory(cls):
        document = super().inventory()
        for nic in document["network_interfaces"]:
            nic["device"] = "eth0"
            nic["addresses"] = nic["addresses"][:1]
            nic["subnet"] = "sn1" if nic["name"].startswith("far") else "sn0"
        document["mirror_resources"] = [
            r for r in document["mirror_resources"]
            if not r["name"].startswith("far")] + [
            TenantCases.resource(far, "destination", f"{far}-eth0")
            for far in ("far1", "far2")]
        document.update({
            "vpcs": [TenantCases.vpc("vpc0"), TenantCases.vpc("vpc1")],
            "peerings": [{"name": "p", "from": "vpc0", "to": "vpc1"}],
            "subnets": [
                {"name": "sn0", "vpc": "vpc0", "cidr": "10.0.0.0/24",
                 "gateway": "10.0.0.1", "gateway_mac": ROUTER_MACS["ls0"],
                 "routes": [{"to": "10.0.1.0/24", "via": "p"}]},
                {"name": "sn1", "vpc": "vpc1", "cidr": "10.0.1.0/24"}]})
        return document

    def deliver_to(self, far):
        self.receiver = Receiver(far)
        self.control.ctl("tunnel-add", "first", "source=web1-src",
                         f"destination={far.name}", "vni=7001", "length=100")
        wait_until(lambda: "br-mirror-dlv" in
                   self.switch.appctl("ofproto/list").split(),
                   "the delivery bridge")

        def own_mac():
            return re.search(r"dl_dst=(02[0-9a-f:]+),arp_op=2",
                             self.switch.ofctl("dump-flows",
                                               "br-mirror-dlv"))
        wait_until(own_mac, "the hypervisor's MAC")
        mac = own_mac()[1]
        # As docs/delivery.md says.
        self.ovn.nbctl("lsp-add", "ls0", "mirror-hv1-sn0", "--",
                       "lsp-set-addresses", "mirror-hv1-sn0", mac)
        self.addCleanup(self.ovn.nbctl, "lsp-del", "mirror-hv1-sn0")
        self.ovn.wait_installed()
        self.control.wait_running("first")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.receiver,
                             7001)

    def copied(self):
        self.lab.clear()
        frames = self.lab.talk("web1", "db1").frames(range(50))
        self.lab.exchange((self.web1, frames))
        wait_until(lambda: len(self.receiver.numbered(7001)) >= 50,
                   "all copies", 5)
        self.assert_copied(self.receiver, 7001, frames, 100)
        self.assertEqual({(c.source, c.destination, c.ttl)
                          for c in self.receiver.numbered(7001)},
                         {(self.web1.ip, self.receiver.address, 63)})

    def test_copies_go_by_the_logical_router(self):
        self.deliver_to(self.far1)
        self.copied()
        self.controller.appctl("inc-engine/recompute")
        self.copied()
        self.controller.leave("--restart")
        self.copied()
        self.controller.start()
        self.ovn.wait_installed()
        self.copied()

    def test_copies_go_to_another_hypervisor(self):
        self.deliver_to(self.far2)
        self.copied()

    def test_a_probe_is_told_by_both_hypervisors(self):
        self.deliver_to(self.far2)
        hv2 = MirrorDaemon(self.lab, self.lab.hypervisors["hv2"],
                           self.control).start()
        self.addCleanup(hv2.stop)
        for direction in "out", "in":
            told = self.probe("first", direction)
            self.assertEqual(self.results(told), ["passed"] * 6)
            self.assertEqual([told["stations"][s]["chassis"] for s in
                              ("wire", "arrival")], ["hv1", "hv2"])
            wait_until(lambda: self.marked(self.receiver, 7001, told),
                       "the copy", 5)

    def test_an_acl_that_does_not_admit_them_stops_them(self):
        """Of the destination's logical switch, as the guide's ACG."""
        self.deliver_to(self.far1)
        acl = ["ls1", "to-lport", "1000", 'outport == "far1" && udp.dst == '
               f"4789 && ip4.src != {self.db1.ip}"]
        self.ovn.wait_installed("acl-add", *acl, "drop")
        self.lab.clear()
        self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
            range(50))))
        self.assertEqual(self.receiver.copies(), [])
        self.ovn.wait_installed("acl-del", *acl)
        self.copied()
