"""The daemon among things that come, go and break: what is reported, and
that it heals."""

import os
import re
import signal
import time

from cases.product import ProductCases
from lab.control import MirrorDaemon
from lab.frames import number_of
from lab.traffic import Stream
from lab.unixctl import UnixctlError
from lab.waiting import wait_until


SLEPT = re.compile(r"wakeup due to [1-9]\d*-ms timeout.*")


class DaemonLab(ProductCases):
    @classmethod
    def prepare_switch(cls):
        cls.lab.switch.vsctl("set", "Open_vSwitch", ".",
                             "external_ids:mirror-stats-interval=1")

    def reasons(self, name):
        return {r["code"]: r["message"]
                for r in self.listed(name)["reasons"]}

    def warm(self, name="first", vni=7001, **more):
        self.tunnel(name, self.ids4, vni, **more)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, vni)
        self.lab.clear()

    def check_copies(self, vni=7001):
        self.lab.clear()
        frames = self.lab.talk("web1", "db1").frames(range(20))
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids4, vni, frames)
        self.assert_received(self.db1, frames)


class DaemonCases(DaemonLab):
    def test_a_cfg_that_is_set_back_is_followed(self):
        """As where one can count no more: the answer to a greater one would
        stand for all that come."""
        self.warm()
        for vni in (7002, 7001):
            self.control.ctl("--wait=hv", "tunnel-set", "first", f"vni={vni}")
        self.control.ctl("set", "Mirror_Global", ".", "cfg=0")
        wait_until(lambda: self.control.rows("Chassis", "cfg")
                   == [{"cfg": 0}], "the hypervisor to follow")
        self.control.ctl("--wait=hv", "tunnel-set", "first", "note=once more")
        self.assertEqual(self.control.rows("Chassis", "cfg"), [{"cfg": 1}])

    def test_a_cfg_whose_answer_the_database_has_lost_is_answered_anew(self):
        """As that of one restored from a backup, which counts the same once
        more."""
        self.warm()
        file = f"{self.control.rundir}/mirror.db"
        size = os.path.getsize(file)
        self.control.ctl("--wait=hv", "tunnel-set", "first", "note=lost")
        row, = self.control.rows("Chassis", "cfg")
        self.daemon.signal(signal.SIGSTOP)
        self.control.kill()
        os.truncate(file, size)
        self.control.restart()
        self.control.transact(
            {"op": "update", "table": "Mirror_Tunnel", "where": [],
             "row": {"vni": 7003}},
            {"op": "mutate", "table": "Mirror_Global", "where": [],
             "mutations": [["cfg", "+=", 1]]})
        self.assertEqual(self.control.rows("Mirror_Global", "cfg"), [row])
        self.switch.signal_vswitchd(signal.SIGSTOP)
        try:
            self.daemon.signal(signal.SIGCONT)
            self.control.wait_tunnel(
                "first", lambda t: "VSWITCHD_AWAY" in str(t["reasons"]),
                "to say that nothing can come of it")
            self.assertNotEqual(self.control.rows("Chassis", "cfg"), [row])
        finally:
            self.switch.signal_vswitchd(signal.SIGCONT)
        wait_until(lambda: self.control.rows("Chassis", "cfg") == [row],
                   "the hypervisor to answer")
        self.check_copies(7003)

    def test_the_cfg_of_the_last_tunnels_deletion_is_answered(self):
        for _ in range(3):
            self.tunnel("first", self.ids4, 7001)
            self.control.ctl("--wait=hv", "--timeout=10", "tunnel-del",
                             "first")

    def test_what_never_ran_is_soon_known_not_to_run(self):
        self.control.ctl("--wait=hv", "--timeout=10", "tunnel-add", "never",
                         "source=web1-src", "destination=ids4",
                         "enabled=false")
        self.control.ctl("--wait=hv", "--timeout=10", "tunnel-set", "never",
                         "note=nor now")
        self.remove("never")

    def test_a_name_that_no_row_can_have_is_nobodys(self):
        """The server refuses to look for it, and all else with it."""
        self.tunnel("first", self.ids4, 7001)
        self.switch.vsctl("set", "Interface", "other1",
                          f"external_ids:iface-id={'x' * 256}")
        self.addCleanup(self.switch.vsctl, "set", "Interface", "other1",
                        "external_ids:iface-id=other1")
        self.remove("first")
        self.tunnel("first", self.ids4, 7001, source="db1")
        self.remove("first")

    def test_a_mark_makes_no_port_of_productions_ours(self):
        self.tunnel("first", self.ids4, 7001)
        self.switch.vsctl("set", "Port", "other1",
                          "external_ids:ovs-mirrord=tap")
        self.addCleanup(self.switch.vsctl, "remove", "Port", "other1",
                        "external_ids", "ovs-mirrord")
        self.daemon.wait_settled()
        self.remove("first")
        self.daemon.wait_settled()
        self.assertIn("other1", self.switch.vsctl("list-ports", "br-int"))

    def test_a_mirror_of_ours_is_no_other_bridges(self):
        self.tunnel("first", self.ids4, 7001)
        uuid = self.switch.vsctl("get", "Mirror", "mirror-in-1",
                                 "_uuid").strip()
        self.switch.vsctl("add", "Bridge", "br-phy", "mirrors", uuid)
        wait_until(lambda: self.switch.vsctl(
            "get", "Bridge", "br-phy", "mirrors").strip() == "[]",
            "it to be taken from there")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)

    def test_a_cfg_is_answered_by_what_lets_it_be(self):
        """Not when the daemon next wakes, by a timer, for something else."""
        begun = self.daemon.log_end()
        for n in range(10):
            self.wish("first", self.ids4, 7001)
            self.control.ctl("--wait=hv", "sync")
            self.remove("first")
        woken, slept = "", []
        for line in self.daemon.log(since=begun):
            if "wakeup due to" in line:
                woken = line
            elif "mirror.sock: send request" in line and '"cfg":' in line:
                slept += SLEPT.findall(woken)
        self.assertTrue(woken)
        self.assertEqual(slept, [])

    def test_a_paused_daemon_sleeps(self):
        """What is due, and may not be done, does not keep it awake."""
        self.warm()
        self.daemon.appctl("mirror/pause")
        begun = self.daemon.log_end()

        def lines(words):
            return sum(words in line for line in self.daemon.log(since=begun))
        try:
            # Bridges that carry NICs are looked at each second: longer than
            # the interval of statistics.
            wait_until(lambda: lines("OFPST_AGGREGATE request") >= 8,
                       "the daemon to look at bridges", 20, 0.2)
            self.assertLess(lines("wakeup due to 0-ms timeout"), 100)
        finally:
            self.daemon.appctl("mirror/resume")

    def test_what_is_going_is_known_by_its_name(self):
        self.warm()
        self.daemon.appctl("mirror/pause")
        try:
            self.control.ctl("tunnel-del", "first")
            wait_until(lambda: "Shutting down" in self.daemon.appctl(
                "mirror/list"), "the daemon to hear of it")
            self.assertIn("Shutting down",
                          self.daemon.appctl("mirror/show", "first"))
            self.assertIn("clone(",
                          self.daemon.appctl("mirror/flows", "first"))
            self.daemon.appctl("mirror/trace", "first", "out", "tcp")
        finally:
            self.daemon.appctl("mirror/resume")
        self.control.wait_gone("first")

    def test_its_own_row_is_not_written_again_and_again(self):
        """Addresses are a set, whatever order they are thought of in."""
        ips = ["2001:db8::5", "203.0.113.5"]
        self.switch.vsctl("set", "Open_vSwitch", ".",
                          f'external_ids:mirror-encap-ip="{",".join(ips)}"')
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".",
                        "external_ids", "mirror-encap-ip")
        wait_until(lambda: [sorted(row["encap_ips"]) for row in
                            self.control.rows("Chassis", "encap_ips")]
                   == [ips], "the addresses to be told")
        beats = {self.control.rows("Chassis", "heartbeat")[0]["heartbeat"]
                 for _ in range(30)}
        self.assertLess(len(beats), 3)

    def test_counts_frames_and_bytes_of_each_direction(self):
        self.warm(packet_length=100)

        def counted():
            listed = self.listed("first")
            return listed["mirrored_packets"], listed["mirrored_bytes"]
        self.daemon.wait_settled()
        # What the probes counted has been reported once it stands still.
        seen = []
        base = wait_until(lambda: seen.append(counted()) or len(seen) > 100
                          and seen[-1] == seen[-100] and seen[-1],
                          "the counters to stand still", 30)
        talk = self.lab.talk("web1", "db1")
        self.lab.exchange((self.web1, talk.frames(range(30), 1000)),
                          (self.db1, talk.back().frames(range(20), 60)))
        wait_until(lambda: counted() == (
            {"inbound": base[0]["inbound"] + 20,
             "outbound": base[0]["outbound"] + 30},
            {"inbound": base[1]["inbound"] + 20 * 60,
             "outbound": base[1]["outbound"] + 30 * 1000}),
            lambda: f"30 out and 20 in: {base} became {counted()}", 15)

    def test_what_comes_before_the_first_count_of_new_flows_is_counted(self):
        self.warm()
        self.count_seldom()
        frames = self.lab.talk("web1", "db1").frames(range(100))
        self.lab.exchange((self.web1, frames))
        before = self.counted("first", "outbound_packets")
        self.assertGreaterEqual(before, 100)
        self.wish("first", self.ids4, 7001, enabled=False)
        self.control.wait_tunnel("first", lambda t: t["health"] == "disabled",
                                 "to be disabled")
        self.tunnel("first", self.ids4, 7001)
        # More than before, as if the old flows had gone on.
        more = before + 50
        for first in range(0, more, 100):
            self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
                range(first, min(first + 100, more)))))
        self.assertEqual(self.counted("first", "outbound_packets"),
                         before + more)

    def test_settings_that_do_not_count_are_named(self):
        self.warm()
        junk = {"mirror-encap-ip": "eth0", "mirror-slots-reserve": "few",
                "mirror-stats-interval": "0", "mirror-rate-kbps": "1G"}

        def set_again(key):
            value = "1" if key == "mirror-stats-interval" else None
            self.lab.switch.vsctl(*(
                ["set", "Open_vSwitch", ".", f"external_ids:{key}={value}"]
                if value else
                ["remove", "Open_vSwitch", ".", "external_ids", key]))
        for key, value in junk.items():
            with self.subTest(key):
                begun = self.daemon.log_end()
                self.addCleanup(set_again, key)
                self.lab.switch.vsctl("set", "Open_vSwitch", ".",
                                      f"external_ids:{key}={value}")
                words = f'external_ids:{key} has "{value}"'
                wait_until(lambda words=words: words in self.daemon.appctl(
                    "mirror/list"), f"mirror/list to name {key}")
                self.lab.switch.vsctl("set", "Open_vSwitch", ".",
                                      "external_ids:nothing=of-ours")
                self.daemon.wait_settled()
                told = [line for line in self.daemon.log(since=begun)
                        if "|WARN|" in line and words in line]
                self.assertEqual(len(told), 1, told)
                self.check_copies()
                set_again(key)
                wait_until(lambda key=key: key not in self.daemon.appctl(
                    "mirror/list"), f"mirror/list to name {key} no more")

    def test_arguments_of_any_kind_change_nothing(self):
        self.warm()
        self.daemon.wait_settled()
        pid, flows = self.daemon.pid, self.lab.switch.flows("br-mirror")
        junk = ["", " ", "-", "/", "first/", "\x01\x1b[2J", "%s%n",
                "\u00e9" * 500, "x" * 70000, "[", "{}", "tcp,tp_dst=99999"]
        for command in ("list", "show", "flows", "plan", "resync", "trace"):
            for words in ([[w] for w in junk]
                          + [["first", w, "tcp"] for w in junk]
                          + [["first", "in", w] for w in junk]):
                try:
                    self.daemon.appctl(f"mirror/{command}", *words)
                except UnixctlError as refusal:
                    self.assertNotIn("\x1b", str(refusal))
        tunnel = self.listed("first")["id"]
        for name in (tunnel, tunnel.upper(), tunnel[:8].upper()):
            self.assertIn(tunnel, self.daemon.appctl("mirror/show", name))
        self.daemon.wait_settled()
        self.assertEqual(self.daemon.pid, pid)
        self.assertTrue(self.daemon.alive())
        self.assertEqual(self.lab.switch.flows("br-mirror"), flows)
        self.check_copies()

    def test_a_nic_on_no_hypervisor_is_said_and_heals_when_it_comes(self):
        self.control.ctl("nic-add", "late1-eth0", "iface-id=late1",
                         "mac=52:54:00:00:77:01", "--", "resource-add",
                         "late1-src", "source", "network-interface",
                         "late1-eth0")
        self.wish("late", self.ids4, 7001, source="late1")
        listed = self.control.wait_tunnel(
            "late", lambda t: t["reasons"], "to say that its NIC is nowhere")
        self.assertEqual(listed["state"], "Setting")
        self.assertNotEqual(listed["health"], "ok")
        late = self.lab.add_guest("late1")
        self.lab.wait_link("late1", "db1")
        self.control.wait_running("late")
        self.lab.wait_copied(self.lab.talk("late1", "db1"), self.ids4)
        self.lab.clear()
        frames = self.lab.talk("late1", "db1").frames(range(20))
        self.lab.exchange((late, frames))
        self.assert_copied(self.ids4, 7001, frames)

    def test_a_port_that_goes_and_returns_is_mirrored_again(self):
        guest = self.lab.add_guest("moves1")
        self.control.ctl("nic-add", "moves1-eth0", "iface-id=moves1",
                         f"mac={guest.mac}", "--", "resource-add",
                         "moves1-src", "source", "network-interface",
                         "moves1-eth0")
        self.lab.wait_link("moves1", "db1")
        self.tunnel("moving", self.ids4, 7001, source="moves1")
        self.lab.wait_copied(self.lab.talk("moves1", "db1"), self.ids4)
        guest.unplug()
        self.control.wait_tunnel(
            "moving", lambda t: t["health"] == "degraded" and t["reasons"],
            "to say that its NIC is gone")
        guest.plug()
        self.lab.wait_link("moves1", "db1")
        self.control.wait_running("moving")
        self.lab.wait_copied(self.lab.talk("moves1", "db1"), self.ids4)

    def test_a_lost_route_is_said_when_it_goes_and_heals(self):
        self.warm()
        self.lab.route(self.ids4, False)
        listed = self.control.wait_tunnel(
            "first", lambda t: t["health"] == "degraded",
            "to be degraded without a route", 10)
        self.assertEqual(listed["state"], "Running")
        self.assertTrue(listed["reasons"])
        condition = {c["type"]: c["status"] for c in listed["conditions"]}
        self.assertEqual(condition["DestinationReachable"], "False")
        self.lab.route(self.ids4, True)
        self.control.wait_running("first")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)

    def test_a_disabled_tunnel_copies_nothing(self):
        self.warm()
        self.wish("first", self.ids4, 7001, enabled=False)
        self.control.wait_tunnel("first",
                                 lambda t: t["health"] == "disabled"
                                 and t["observed_generation"]
                                 == t["generation"], "to be disabled")
        self.lab.clear()
        self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
            range(20))))
        self.assertEqual(self.ids4.copies(), [])
        self.tunnel("first", self.ids4, 7001)
        self.check_copies()

    def restart(self, end):
        """Ends the daemon under traffic, starts it again; nothing may be
        lost and nothing be rewritten."""
        self.warm(packet_length=100)
        flows = self.switch.flows("br-mirror")
        rows = self.switch.rows("Mirror", "_uuid", "name", "output_port")
        told = self.control.rows("Tunnel_Status", "health", "events")
        with Stream(self.lab.talk("web1", "db1")) as stream:
            stream.wait_sent(100)
            end(self.daemon)
            stream.wait_sent(100)
            ended = self.daemon.log_end()
            self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                           self.control).start()
            self.control.ctl("--wait=hv", "sync")
            self.daemon.wait_settled()
            stream.wait_sent(100)
        self.lab.settle()
        # A switch short of processor time drops the guest's own frames.
        passed = [number_of(f) for f in self.db1.received()]
        self.assertEqual(self.ids4.numbers(7001), passed)
        self.assertEqual(self.switch.flows("br-mirror"), flows)
        self.assertEqual(self.switch.rows("Mirror", "_uuid", "name",
                                          "output_port"), rows)
        sent = [line for line in self.daemon.log(since=ended)
                if "sent (Success): OFPT_" in line]
        self.assertTrue(sent)
        self.assertEqual([line for line in sent if any(
            f"OFPT_{kind}" in line for kind in ("FLOW_MOD", "PORT_MOD",
                                                "BUNDLE"))], [])
        self.control.wait_running("first")
        self.assertEqual(self.control.rows("Tunnel_Status", "health",
                                           "events"), told)

    def test_a_restart_changes_nothing(self):
        self.restart(MirrorDaemon.stop)

    def test_being_killed_changes_nothing(self):
        self.restart(MirrorDaemon.kill)

    def test_a_tunnel_deleted_while_the_daemon_is_away_ends_on_its_return(
            self):
        self.warm()
        self.daemon.kill()
        self.control.ctl("tunnel-del", "first")
        self.assertEqual(self.listed("first")["state"], "Shutting down")
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.wait_gone("first")
        self.lab.clear()
        self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
            range(20))))
        self.assertEqual(self.ids4.copies(), [])

    def test_copies_come_back_after_vswitchd_restarted(self):
        self.warm(packet_length=100)
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        self.switch.underlay_up()
        for collector in self.lab.collectors.values():
            self.lab.route(collector, True)
        self.lab.forget_captures()
        self.lab.wait_link("web1", "db1")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)
        self.control.wait_running("first")

    def test_copies_go_on_without_the_control_database(self):
        self.warm()
        self.control.stop()
        self.check_copies()
        self.control.restart()
        self.control.wait_running("first")
        self.tunnel("second", self.ids6, 7002)
        self.check_copies()

    def test_a_paused_daemon_says_what_it_would_do(self):
        self.warm()
        self.daemon.appctl("mirror/pause")
        self.wish("first", self.ids4, 7005)
        plan = wait_until(lambda: self.daemon.appctl("mirror/plan").strip(),
                          "the plan to name what is outstanding")
        self.assertTrue(plan)
        self.check_copies(7001)
        self.daemon.appctl("mirror/resume")
        self.control.wait_running("first")
        self.check_copies(7005)

    def test_shows_tunnels_and_names_their_flows(self):
        self.filter("web", inbound=[{"number": 77, "action": "accept",
                                     "protocol": "tcp"}])
        self.tunnel("first", self.ids4, 7001, filter="web")
        self.assertIn("first", self.daemon.appctl("mirror/list"))
        self.assertIn("7001", self.daemon.appctl("mirror/show", "first"))
        flows = self.daemon.appctl("mirror/flows", "default/first")
        self.assertIn("77", flows)

    def test_who_asks_for_counters_is_answered_though_the_bridge_is_not_there(
            self):
        self.warm()
        self.daemon.wait_settled()
        self.switch.signal_vswitchd(signal.SIGSTOP)

        def cut():
            self.daemon.appctl("version")   # It has asked the bridge.
            self.daemon.cut_openflow()
        try:
            self.assertIn("first", self.daemon.appctl(
                "mirror/list", timeout=10, meanwhile=cut))
        finally:
            self.switch.signal_vswitchd(signal.SIGCONT)

    def test_mirrors_a_nic_on_another_bridge(self):
        self.switch.vsctl("add-br", "br-ext", "--", "set", "Bridge",
                          "br-ext",
                          f"datapath_type={self.switch.datapath_type}")
        guest = self.lab.add_guest("ext1", bridge="br-ext")
        self.lab.add_guest("ext2", bridge="br-ext")
        self.control.ctl("nic-add", "ext1-eth0", "iface-id=ext1",
                         f"mac={guest.mac}", "--", "resource-add",
                         "ext1-src", "source", "network-interface",
                         "ext1-eth0")
        self.lab.wait_link("ext1", "ext2")
        self.tunnel("ext", self.ids4, 7001, source="ext1")
        self.tunnel("int", self.ids4, 7002)
        self.lab.wait_copied(self.lab.talk("ext1", "ext2"), self.ids4, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7002)
        self.lab.clear()
        frames = self.lab.talk("ext1", "ext2").frames(range(20))
        others = self.lab.talk("web1", "db1").frames(range(20, 40))
        self.lab.exchange((guest, frames), (self.web1, others))
        self.assert_copied(self.ids4, 7001, frames)
        self.assert_copied(self.ids4, 7002, others)

    def holds_nobody_up(self, kind):
        self.tunnel("int", self.ids4, 7002)
        self.switch.vsctl("set", "Bridge", "br-odd", f"datapath_type={kind}")
        try:
            wait_until(lambda: "br-odd" not in
                       self.switch.appctl("ofproto/list").split(), "", 3)
        except TimeoutError:
            self.control.ctl("tunnel-del", "int")
            return      # This host has datapaths of that type.
        self.control.wait_tunnel(
            "odd", lambda t: "NIC_UNBOUND" in str(t["reasons"]),
            "to have no NIC here")
        self.remove("int")
        self.tunnel("int", self.ids4, 7002)
        self.daemon.kill()
        self.control.ctl("tunnel-del", "int")
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.wait_gone("int")

    def test_a_bridge_that_vswitchd_cannot_make_holds_nobody_up(self):
        """It keeps its ports' numbers in the database and never answers."""
        made = ("set", "Bridge", "br-odd",
                f"datapath_type={self.switch.datapath_type}")
        self.switch.vsctl("add-br", "br-odd", "--", *made)
        self.addCleanup(self.switch.vsctl, *made)
        guest = self.lab.add_guest("odd1", bridge="br-odd")
        self.control.ctl("nic-add", "odd1-eth0", "iface-id=odd1",
                         f"mac={guest.mac}", "--", "resource-add",
                         "odd1-src", "source", "network-interface",
                         "odd1-eth0")
        self.tunnel("odd", self.ids4, 7001, source="odd1")
        bridges = self.switch.vsctl("list-br")
        # Of a type that vswitchd does not know, and one that it knows and
        # the host has not.
        for kind in ("nosuch", "system"):
            with self.subTest(kind):
                self.holds_nobody_up(kind)
                self.switch.vsctl(*made)
                self.control.wait_running("odd")
        wait_until(lambda: self.switch.vsctl("list-br") == bridges,
                   "what was made for it to be gone")
        self.tunnel("first", self.ids4, 7003)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7003)
