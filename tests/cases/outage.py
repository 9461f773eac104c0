"""What the daemon talks to is killed, restarted, cut off: right again by
itself, and nothing outside the policy is copied in between."""

import dataclasses
import os
import signal
import time

from cases.constant import ConstantCases
from lab.waiting import wait_until


class OutageCases(ConstantCases):
    def settled_after(self, lanes, what, since_s, *policies, within_s=2.0):
        self.heals(lanes, what, since_s, *policies, within_s=within_s)
        self.control.wait_running("first", "second")
        self.daemon.wait_settled()
        self.judge(lanes, self.first, self.second)

    def test_a_killed_vswitchd(self):
        self.mirror()
        rows = self.rows()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            self.switch.stop_vswitchd(kill=True)
            lanes.wait_ticks(100)
            self.switch.start_vswitchd()
            self.underlay_up()
            self.settled_after(lanes, "vswitchd killed and restarted",
                               time.monotonic(), self.first, self.second)
        self.assert_same_rows(rows)

    def asked(self):
        """How many connections it has made to ask bridges something."""
        return int(self.daemon.appctl("coverage/read-counter", "vconn_open"))

    def test_a_killed_vswitchd_whose_pipeline_floods(self):
        """That our ports cannot be kept from it by one who is dead is no
        verdict on the pipeline."""
        self.mirror()
        self.switch.ofctl("add-flow", "br-int",
                          "priority=9,dl_type=0x1234,actions=FLOOD")
        rows, asked = self.rows(), self.asked()
        self.daemon.appctl("mirror/resync")
        wait_until(lambda: self.asked() > asked, "the daemon to see that")
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            self.switch.stop_vswitchd(kill=True)
            self.control.wait_tunnel(
                "first", lambda t: "VSWITCHD_AWAY" in {
                    r["code"] for r in t["reasons"]}, "to miss ovs-vswitchd")
            self.switch.start_vswitchd()
            self.underlay_up()
            self.settled_after(lanes, "vswitchd that flooded restarted",
                               time.monotonic(), self.first, self.second)
        self.assert_same_rows(rows)
        for row in self.control.rows("Tunnel_Status", "name", "events"):
            self.assertNotIn("PIPELINE_UNSAFE", " ".join(row["events"]),
                             row["name"])

    def assert_same_rows(self, rows):
        """The rows of ours are those that were there, by UUID too."""
        for table in ("Bridge", "Port", "Mirror"):
            self.assertEqual([row["_uuid"] for row in self.rows()[table]],
                             [row["_uuid"] for row in rows[table]], table)

    def test_ovs_ctl_restart_saves_and_restores_flows(self):
        self.mirror()
        rows = self.rows()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            said = self.switch.restart_by_ovs_ctl()
            self.assertIn("Restoring saved flows", said)
            self.assertNotIn("failed", said)
            self.underlay_up()
            self.settled_after(lanes, "ovs-ctl restart", time.monotonic(),
                               self.first, self.second)
        self.assert_same_rows(rows)

    def test_ovs_ctl_restores_the_flows_of_a_tunnel_that_is_gone(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.second)
            self.switch.restart_by_ovs_ctl(
                lambda: self.control.ctl("tunnel-del", "second"))
            back = time.monotonic()
            self.underlay_up()
            self.control.wait_gone("second")
            gone, last = time.monotonic(), lanes.tick
            self.say(f"gone {1000 * (gone - back):.0f} ms after ovs-ctl had "
                     "restored its flows")
            self.heals(lanes, "the tunnel that stays", back, self.first)
            self.daemon.wait_settled()
            lanes.wait_ticks(200)
        # A frame of the tick during which it was found gone may be older.
        self.judge(lanes, self.first, dataclasses.replace(
            self.second, until=last))

    def processor_time(self):
        """Seconds of processor time that the daemon has used."""
        with open(f"/proc/{self.daemon.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_a_killed_switch_database(self):
        self.mirror()
        before = self.on_switch()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            self.switch.kill_database()
            began, used = time.monotonic(), self.processor_time()
            lanes.wait_ticks(100)
            # The daemon waits for it, and does not spin.
            self.assertLess(self.processor_time() - used,
                            0.5 * (time.monotonic() - began))
            self.switch.start_database()
            self.settled_after(lanes, "switch database killed and restarted",
                               time.monotonic(), self.first, self.second)
            self.assert_no_gap(lanes, self.first, self.second)
            self.assert_untouched(before, self.on_switch())
        self.web_filter(inbound=[{"action": "accept", "protocol": "icmp"}])
        self.control.ctl("--wait=hv", "sync")
        # But for the flow that turns with every bundle.
        self.assertGreater(self.lasting_flows(), {
            f for f in before["flows"] if "priority=400" not in f})

    def test_a_killed_control_database(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.control.kill()
            lanes.wait_ticks(100)
            self.control.restart()
            self.settled_after(lanes, "control database killed and restarted",
                               time.monotonic(), self.first, self.second)
            self.assert_no_gap(lanes, self.first, self.second)
            self.assert_untouched(before, self.on_switch())

    def test_a_cut_openflow_connection(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            log = self.daemon.log_end()
            self.daemon.cut_openflow()
            cut = time.monotonic()
            wait_until(lambda: any("br-mirror: read" in line for line in
                                   self.daemon.log(since=log)),
                       "the daemon to read the flows again")
            self.say("OpenFlow connection cut: flows read again after "
                     f"{1000 * (time.monotonic() - cut):.0f} ms")
            self.settled_after(lanes, "OpenFlow connection cut", cut,
                               self.first, self.second)
            self.assert_no_gap(lanes, self.first, self.second)
            self.assert_untouched(before, self.on_switch())

    def cut_in_a_bundle(self, change):
        """vswitchd stands still; the daemon sends what it can of a bundle;
        the connection breaks; vswitchd goes on."""
        log = self.daemon.log_end()
        self.switch.signal_vswitchd(signal.SIGSTOP)
        try:
            change()
            wait_until(lambda: any("bundle of" in line for line in
                                   self.daemon.log(since=log)),
                       "the daemon to send a bundle")
            # What it has not written by now it waits to write.
            self.daemon.appctl("version")
            self.daemon.cut_openflow()
        finally:
            self.switch.signal_vswitchd(signal.SIGCONT)
        return time.monotonic()

    def test_a_connection_cut_in_the_middle_of_a_large_bundle(self):
        """Only its beginning had been sent: none of it is in force."""
        self.mirror()
        many = [{"action": "accept", "protocol": "tcp",
                 "source": f"192.0.2.{i}/32",
                 "destination_port": "1025-65534"} for i in range(1, 66)]
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            since = self.cut_in_a_bundle(lambda: self.web_filter(
                inbound=many, outbound=many))
            self.settled_after(lanes, "cut within a large bundle", since,
                               self.first, self.second)
        self.assertGreater(len(self.counted_flows()), 2000)

    def test_a_connection_cut_after_a_bundle_was_sent(self):
        """All of it had been sent, and its answer was never read."""
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            since = self.cut_in_a_bundle(lambda: self.control.apply(
                {"mirror_tunnels": [
                    {"name": "first", "account": "default",
                     "source": "web1-src", "destination": "ids4",
                     "vni": 7001, "packet_length": 90, "filter": "web"}]}))
            shorter = dataclasses.replace(self.first, length=90)
            self.heals(lanes, "cut after a bundle", since, self.second,
                       shorter)
            self.control.wait_running("first", "second")
            self.daemon.wait_settled()
            in_force = lanes.tick
            lanes.wait_ticks(50)
        self.judge(lanes, self.second, shorter, dataclasses.replace(
            self.first, until=in_force))
