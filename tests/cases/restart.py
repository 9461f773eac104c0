"""The daemon is killed and started again: copies go on, nothing on the
switch is written."""

import re
import signal

from cases.constant import ConstantCases


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
