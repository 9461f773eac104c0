"""vswitchd, or one of its bridges, answers slowly or not at all."""

import contextlib
import os
import re
import signal
import threading
import time

from cases.daemon import DaemonLab
from lab.control import MirrorDaemon
from lab.process import run
from lab.slow_bridge import SlowBridge
from lab.unixctl import UnixctlError
from lab.waiting import wait_until


class SilentCases(DaemonLab):
    def restart_without(self, bridge):
        """The daemon, where the bridge's OpenFlow socket is out of its
        sight; returns what gives that back."""
        path = f"{self.switch.rundir}/{bridge}.mgmt"
        self.daemon.stop()
        os.rename(path, path + ".away")

        def give_back():
            if os.path.exists(path + ".away"):
                os.rename(path + ".away", path)
        self.addCleanup(give_back)
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        return give_back

    def test_a_bridge_that_does_not_answer_is_told_and_holds_up_no_stop(self):
        """Whatever a start waits for, what is revoked does not for long."""
        self.warm()
        self.tunnel("second", self.ids4, 7002, source="db1")
        give_back = self.restart_without("br-int")
        self.remove("first")
        self.control.wait_tunnel(
            "second", lambda t: "BRIDGE_UNREACHABLE" in str(t["reasons"]),
            "to be told why it is not installed")
        self.control.ctl("--timeout=10", "sync")
        give_back()
        self.control.wait_running("second")
        self.tunnel("first", self.ids4, 7001)
        self.check_copies()

    def test_mirror_list_answers_while_vswitchd_does_not(self):
        self.warm()
        self.switch.signal_vswitchd(signal.SIGSTOP)
        try:
            for command in ("list", "show"):
                said = self.daemon.appctl(f"mirror/{command}")
                self.assertIn("default/first", said)
            self.assertIn("VSWITCHD_AWAY", self.daemon.appctl("mirror/list"))
        finally:
            self.switch.signal_vswitchd(signal.SIGCONT)

    def test_exit_cleanup_says_what_it_could_not_remove(self):
        self.warm()
        give_back = self.restart_without("br-mirror")
        with self.assertRaisesRegex(UnixctlError, "br-mirror"):
            self.daemon.clean_up()
        self.daemon.wait()
        self.assertTrue([line for line in self.daemon.log()
                         if "exit --cleanup: " in line])
        give_back()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.wait_running("first")
        self.check_copies()

    @contextlib.contextmanager
    def slow_switch(self, stands_s, runs_s):
        """Vswitchd stands still for so long, again and again."""
        done = threading.Event()

        def slow_down():
            while not done.is_set():
                self.switch.signal_vswitchd(signal.SIGSTOP)
                done.wait(stands_s)
                self.switch.signal_vswitchd(signal.SIGCONT)
                done.wait(runs_s)
        slow = threading.Thread(target=slow_down)
        slow.start()
        try:
            yield
        finally:
            done.set()
            slow.join()

    def test_a_restart_beside_a_slow_switch_stops_nothing(self):
        """Whose OpenFlow times out while its control socket answers."""
        self.warm()
        before = self.switch.flows("br-mirror")
        began = time.monotonic()
        with self.slow_switch(0.4, 0.02):
            self.daemon.stop()
            self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                           self.control).start()
            wait_until(lambda: time.monotonic() > began + 8,
                       "it to have had the time", 10)
        self.assertEqual(self.switch.flows("br-mirror"), before)
        youngest = min(float(age) for age in re.findall(
            r"duration=([0-9.]+)s",
            self.switch.ofctl("dump-flows", "br-mirror")))
        self.assertGreater(youngest, time.monotonic() - began)
        self.check_copies()

    def test_a_bridge_that_answers_late_is_waited_for(self):
        """As one with millions of flows: longer than a start waits for in
        one go.  Where some of them flood, ports of ours are kept from it."""
        self.switch.ofctl("add-flow", "br-int",
                          "priority=9,dl_type=0x1234,actions=FLOOD")
        self.addCleanup(self.switch.ofctl, "del-flows", "br-int",
                        "dl_type=0x1234")
        self.warm()
        self.tunnel("second", self.ids4, 7002, source="db1")
        self.daemon.stop()
        self.control.ctl("tunnel-del", "first")
        self.wish("second", self.ids4, 7003, source="db1")
        with SlowBridge(f"{self.switch.rundir}/br-int.mgmt", 1):
            self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                           self.control).start()
            wait_until(lambda: "first" not in self.control.tunnels(),
                       "what was revoked to stop", 15)
            self.control.wait_running("second")
            self.lab.wait_copied(self.lab.talk("db1", "web1"), self.ids4,
                                 7003)
            # Of web1, whose ports were let go and are made anew.
            self.tunnel("first", self.ids4, 7001)
            # Only OpenFlow 1.0 has that.
            shown = run(["ovs-ofctl", "show", "br-int"],
                        env=self.switch.env).stdout
            self.assertEqual(shown.count("NO_FLOOD"), 4)
