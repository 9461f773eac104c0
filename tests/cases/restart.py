"""The daemon is killed and started again: copies go on, nothing on the
switch is written."""

import re
import signal

from cases.constant import ConstantCases
from lab.waiting import wait_until


# The end of all flows, of which there are few here.
READ = re.compile(r"br-mirror\.mgmt: received: OFPST_FLOW reply")
# After each attempt, and a second later there is the next.
UNREACHED = re.compile(r"br-mirror\.mgmt: entering BACKOFF")
CHANGES = re.compile(r"sent \(Success\): "
                     r"OFPT_(?:(?:FLOW|PORT|METER|GROUP)_MOD|BUNDLE)")


class RestartCases(ConstantCases):
    def test_a_killed_daemon_and_its_successor_write_nothing(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.daemon.kill()
            lanes.wait_ticks(300)
            self.assert_untouched(before, self.on_switch())
            begun = self.daemon.log_end()
            self.start_daemon()
            self.control.ctl("--wait=hv", "sync")
            self.daemon.wait_settled()
            lanes.wait_ticks(100)
            self.assert_untouched(before, self.on_switch())
            # Nor is anything sent that changes nothing.
            self.assertEqual([line for line in self.daemon.log(since=begun)
                              if CHANGES.search(line)], [])
        self.judge(lanes, self.first, self.second)
        self.assert_no_gap(lanes, self.first, self.second)
        self.control.wait_running("first", "second")

    def test_an_edit_that_takes_no_flow_is_told_after_a_restart(self):
        self.tunnel("first", self.ids4, 7001)
        self.daemon.kill()
        self.control.ctl("tunnel-set", "first", "note=meanwhile")
        self.start_daemon()
        self.control.wait_running("first")

    def test_no_tunnel_goes_before_the_control_database_has_answered(self):
        self.mirror()
        self.addCleanup(self.control.signal, signal.SIGCONT)
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.daemon.kill()
            self.control.signal(signal.SIGSTOP)
            self.start_daemon()
            lanes.wait_ticks(500)
            self.assertIn("control database",
                          self.daemon.appctl("mirror/plan"))
            self.assert_untouched(before, self.on_switch())
            self.control.signal(signal.SIGCONT)
            self.control.ctl("--wait=hv", "sync")
            self.daemon.wait_settled()
            lanes.wait_ticks(50)
            self.assert_untouched(before, self.on_switch())
        self.judge(lanes, self.first, self.second)
        self.assert_no_gap(lanes, self.first, self.second)

    def test_of_a_tunnel_that_has_copied_nothing_no_counter_is_told(self):
        """Else each restart would write the row of each tunnel again."""
        self.filter("quiet", inbound=[{"action": "accept", "protocol": "tcp",
                                       "destination_port": 9}])
        self.tunnel("first", self.ids4, 7001, filter="quiet", rate_kbps=1000)
        self.daemon.kill()
        self.start_daemon()
        self.control.ctl("--wait=hv", "sync")
        for _ in range(2):      # Each counts.
            self.assertIn("in=0  out=0  dropped=0",
                          self.daemon.appctl("mirror/list"))
        self.assertEqual(self.control.rows("Tunnel_Status", "counters"),
                         [{"counters": {}}])
        listed = self.listed("first")
        self.assertEqual(listed["mirrored_packets"],
                         {"inbound": 0, "outbound": 0})
        self.assertEqual(listed["dropped_packets"], 0)

    def wait_for_control(self, setting=""):
        """A daemon that knows the switch, flows included, and waits for the
        control database; or one whose bridge was given a setting meanwhile
        by which it is out of reach, and for longer than vswitchd may be
        silent."""
        self.daemon.kill()
        self.control.signal(signal.SIGSTOP)
        if setting:
            self.switch.vsctl("set", "Bridge", "br-mirror", setting)
        begun = self.daemon.log_end()
        self.start_daemon()
        wanted, least = (UNREACHED, 4) if setting else (READ, 1)
        try:
            wait_until(
                lambda: least <= sum(
                    bool(wanted.search(line))
                    for line in self.daemon.log(since=begun)),
                "the flows of br-mirror to be read, or to be out of reach")
        except TimeoutError:
            self.control.signal(signal.SIGCONT)
            raise

    def flows(self):
        """But for the one that changes with each change of the others."""
        return [flow for flow in self.switch.flows("br-mirror")
                if "reg7=" not in flow]

    def go_on(self, before):
        """The control database answers, and all is as it was."""
        self.control.signal(signal.SIGCONT)
        self.control.ctl("--wait=hv", "sync")
        self.daemon.wait_settled()
        self.assertEqual(self.flows(), before)
        self.control.wait_running("first", "second")

    def test_flows_that_others_change_while_it_waits_are_put_right(self):
        self.mirror()
        before = self.flows()
        self.wait_for_control()
        self.switch.ofctl("del-flows", "br-mirror", "table=2")
        self.switch.ofctl("add-flow", "br-mirror",
                          "table=0,priority=999,actions=drop")
        self.go_on(before)

    def test_a_bridge_out_of_reach_while_it_waits_is_mended(self):
        """It takes what it does to judge the switch, by any other way."""
        self.mirror()
        before = self.flows()
        self.wait_for_control("protocols=OpenFlow13")
        self.go_on(before)

    def test_a_switch_that_restarts_while_it_waits_gets_its_flows(self):
        self.mirror()
        before = self.flows()
        self.wait_for_control()
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        self.go_on(before)
