"""The switch's own database refuses rows of ours, is out of reach, gives
another daemon the lock, is an older copy, or has a port that cannot be made."""

import json
import signal
import time
import unittest

from cases.product import ProductCases
from lab import DummyLab, unixctl
from lab.control import MirrorDaemon
from lab.process import run
from lab.switch import SCHEMA
from lab.waiting import wait_until


class SwitchDatabase(ProductCases, unittest.TestCase):
    make_lab = DummyLab
    collectors = {"ids6": 6, "other6": 6}

    def set_mirrors_max(self, most):
        """From now on the database takes so many Mirrors; None: any."""
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        if most is not None:
            schema["tables"]["Mirror"]["maxRows"] = most
        path = f"{self.lab.top}/schema"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(schema, f)
        run(["ovsdb-client", "convert", self.switch.database, path])

    def refusals(self):
        return int(self.daemon.appctl("coverage/read-counter", "txn_error"))

    def test_what_it_refuses_is_tried_ever_more_seldom_and_said(self):
        self.set_mirrors_max(1)
        self.addCleanup(self.set_mirrors_max, None)
        before = self.refusals()
        self.wish("first", self.ids6, 7001)
        wait_until(lambda: self.refusals() > before, "a refusal")
        began = time.monotonic()
        wait_until(lambda: self.refusals() >= before + 7, "six more")
        self.assertGreater(time.monotonic() - began, 0.5)
        words = "the switch database refuses our rows"
        self.assertIn(words, self.daemon.appctl("mirror/list"))
        self.assertIn("Mirror", self.daemon.appctl("mirror/plan"))
        self.set_mirrors_max(None)
        self.control.wait_running("first")
        self.daemon.wait_settled()
        self.assertNotIn(words, self.daemon.appctl("mirror/list"))

    def by_a_way_of_its_own(self):
        """Has the daemon reach the database by a socket that is its alone;
        returns a function that takes that away from it, and one that gives it
        back."""
        remote = f"punix:{self.switch.rundir}/own.sock"

        def server(command):
            unixctl.call(self.switch.rundir, "ovsdb-server", command, remote)
        server("ovsdb-server/add-remote")
        self.daemon.stop()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch, self.control)
        self.daemon.start(remote[1:])
        return (lambda: server("ovsdb-server/remove-remote"),
                lambda: server("ovsdb-server/add-remote"))

    def heartbeats(self):
        """How often the control database was told one so far."""
        with open(f"{self.control.rundir}/mirror.db", encoding="utf-8") as f:
            return f.read().count('"heartbeat":')

    def test_what_is_revoked_does_not_wait_for_it(self):
        """A tunnel is deleted, another disabled, a third changed; and who
        cannot act on the switch says no more often than others that he is
        there."""
        take, give = self.by_a_way_of_its_own()
        self.filter("web", outbound=[{"action": "accept"}])
        self.tunnel("gone", self.ids6, 7001)
        self.tunnel("off", self.other6, 7002)
        self.tunnel("changed", self.ids6, 7003, filter="web")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6, 7003)
        take()
        try:
            waits = "waiting for the switch database"
            wait_until(lambda: waits in self.daemon.appctl("mirror/list"),
                       "the daemon to be without the database")
            beats = self.heartbeats()
            self.control.ctl("tunnel-del", "gone")
            self.wish("off", self.other6, 7002, enabled=False)
            self.wish("changed", self.ids6, 7004, filter="web")
            wait_until(lambda: not any(
                "0x1b59->tun_id" in flow for flow in self.lasting_flows()),
                "the deleted one's flows to be gone")
            self.control.wait_tunnel(
                "off", lambda t: t["observed_generation"] == t["generation"],
                "to be off")
            self.lab.clear()
            self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
                range(20))))
            self.assertEqual({copy.vni for copy in self.ids6.copies()
                              + self.other6.copies()}, {7003})
            self.assertLess(self.heartbeats() - beats, 3)
        finally:
            give()
        self.control.wait_gone("gone")
        self.control.wait_running("changed")
        self.daemon.wait_settled()

    def test_what_cannot_be_revoked_without_it_is_not_said_to_be_off(self):
        """ovs-vswitchd takes no OpenFlow without its database."""
        self.tunnel("first", self.ids6, 7001)
        self.switch.kill_database()

        def installed(tunnel):
            return {c["type"]: c for c in tunnel["conditions"]}["Installed"]
        try:
            self.wish("first", self.ids6, 7001, enabled=False)
            self.control.wait_tunnel(
                "first", lambda t: installed(t)["status"] == "Unknown"
                and "VSWITCHD_AWAY" in installed(t)["reason"],
                "to say that ovs-vswitchd does not answer")
        finally:
            self.switch.start_database()
        off = self.control.wait_tunnel(
            "first", lambda t: t["observed_generation"] == t["generation"],
            "to be off")
        self.assertEqual(installed(off)["status"], "False")

    def test_a_daemon_that_has_lost_the_lock_says_nothing_more(self):
        """What it knows of the switch is old; it would contradict the other
        without end."""
        self.tunnel("first", self.ids6, 7001)
        other = MirrorDaemon(self.lab, self.switch, self.control,
                             rundir=self.lab.directory("other")).start()
        self.addCleanup(other.stop)

        def waits(daemon):
            return ("another ovs-mirrord acts on this switch"
                    in daemon.appctl("mirror/list"))
        wait_until(lambda: waits(other), "the second to wait")
        self.daemon.signal(signal.SIGSTOP)
        try:
            unixctl.call(self.switch.rundir, "ovsdb-server",
                         "ovsdb-server/reconnect")
            # Which it does not as soon as its connection is lost, too.
            wait_until(lambda: not waits(other)
                       and "waiting for" not in other.appctl("mirror/list"),
                       "the second to act", 20)
        finally:
            self.daemon.signal(signal.SIGCONT)
        wait_until(lambda: waits(self.daemon), "the first to wait", 20)
        self.web1.unplug()
        try:
            self.control.wait_tunnel(
                "first", lambda t: t["health"] == "degraded",
                "to be without its NIC")
            # The bridge has gone, of which the first is not told.
            wait_until(lambda: "VSWITCHD_AWAY" in self.daemon.appctl(
                "mirror/list"), "the first to be wrong")
            self.control.ctl("--wait=hv", "sync")
            told, = self.control.rows("Tunnel_Status", "events")
            self.assertNotIn("VSWITCHD_AWAY", " ".join(told["events"]))
        finally:
            self.web1.plug()

    def test_who_has_not_asked_the_control_database_does_not_blame_it(self):
        def listed_by(daemon, why):
            wait_until(lambda: why in daemon.appctl("mirror/list"),
                       f"the daemon to say {why!r}")
            return daemon.appctl("mirror/list")
        for name, why, options in (
                ("no-lock", "another ovs-mirrord acts on this switch", ()),
                ("no-switch", "waiting for the switch database",
                 (f"unix:{self.lab.top}/nobody",))):
            with self.subTest(why):
                other = MirrorDaemon(
                    self.lab, self.switch, self.control,
                    rundir=self.lab.directory(name)).start(*options)
                try:
                    self.assertNotIn("unreachable", listed_by(other, why))
                finally:
                    other.stop()
        for key in ("mirror-remote", "system-id"):
            with self.subTest(key):
                ids, = self.switch.rows("Open_vSwitch", "external_ids")
                value = ids["external_ids"][key]
                self.switch.vsctl("remove", "Open_vSwitch", ".",
                                  "external_ids", key)
                try:
                    self.assertNotIn("unreachable", listed_by(
                        self.daemon, f"waiting for external_ids:{key}"))
                finally:
                    self.switch.vsctl("set", "Open_vSwitch", ".",
                                      f'external_ids:{key}="{value}"')
        self.control.ctl("--wait=hv", "sync")
        # Whom it has asked it does name.
        self.control.hide()
        try:
            self.assertIn("what is installed stays", listed_by(
                self.daemon, "control database unreachable"))
        finally:
            self.control.show()
        self.control.ctl("--wait=hv", "sync")

    def test_an_empty_iface_id_is_nobodys(self):
        """All resources that are of no NIC would be asked for by it."""
        self.tunnel("first", self.ids6, 7001)
        begun = self.daemon.log_end()
        self.switch.vsctl("add-port", "br-int", "odd", "--", "set",
                          "Interface", "odd", "type=internal",
                          'external_ids:iface-id=""')
        self.addCleanup(self.switch.vsctl, "del-port", "odd")
        wait_until(lambda: any('"odd"' in line for line in self.daemon.log(
            since=begun)), "the daemon to hear of it")
        self.daemon.appctl("mirror/resync")
        self.daemon.wait_settled()
        self.assertEqual([line for line in self.daemon.log(since=begun)
                          if '["iface_id","==",""]' in line], [])

    def test_a_daemon_without_the_lock_has_nothing_to_clean_up(self):
        other = MirrorDaemon(self.lab, self.switch, self.control,
                             rundir=self.lab.directory("idle")).start()
        wait_until(lambda: "another ovs-mirrord acts on this switch"
                   in other.appctl("mirror/list"), "the second to wait")
        other.clean_up()
        self.assertFalse(other.alive())

    def test_one_that_counts_its_changes_from_less_is_followed(self):
        """As one does that was restored from a backup."""
        self.tunnel("first", self.ids6, 7001)
        self.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                          "next_cfg=1")
        wait_until(lambda: self.switch.rows("Open_vSwitch", "cur_cfg")
                   == [{"cur_cfg": 1}], "ovs-vswitchd to follow")
        self.daemon.appctl("mirror/resync")
        self.control.ctl("--wait=hv", "sync")
        self.daemon.wait_settled()
        self.assertEqual(self.listed("first")["health"], "ok")

    def test_a_port_that_cannot_be_made_is_tried_ever_more_seldom(self):
        self.switch.vsctl(
            "add-port", "br-int", "vx-prod", "--", "set", "Interface",
            "vx-prod", "type=vxlan", "options:remote_ip=flow",
            "options:local_ip=flow", "options:in_key=16777216",
            "options:out_key=flow")
        self.addCleanup(self.switch.vsctl, "--if-exists", "del-port",
                        "vx-prod")
        self.wish("first", self.ids6, 7001)
        self.control.wait_tunnel(
            "first", lambda t: "VTEP_PORT_TAKEN" in {
                r["code"] for r in t["reasons"]},
            "to say that its port is taken")
        times = [time.monotonic()]

        def next_cfg():
            return self.switch.rows("Open_vSwitch", "next_cfg")[0]["next_cfg"]
        for _ in range(2):
            before = next_cfg()
            wait_until(lambda before=before: next_cfg() > before,
                       "ovs-vswitchd to be made to try again", 20, 0.1)
            times.append(time.monotonic())
        self.assertGreater(times[2] - times[1], 8)
        self.switch.vsctl("del-port", "vx-prod")
        self.control.wait_running("first")
