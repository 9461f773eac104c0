#!/usr/bin/env python3
"""UnixctlClient against a real ovs-vswitchd.  No root, no network.

The program under test is "unixctl-tester" in $OVS_MIRROR_BUILD/tests."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILDDIR = os.path.abspath(
    os.environ.get("OVS_MIRROR_BUILD")
    or ("." if os.path.exists("tests/unixctl-tester") else HERE + "/../../_build"))
DEADLINE_S = 15


class UnixctlTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="un-unixctl-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.env = dict(os.environ, OVS_RUNDIR=self.dir)
        self.tester = subprocess.Popen(
            [os.path.join(BUILDDIR, "tests", "unixctl-tester")],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.close_tester)
        self.unread = b""
        self.switch = None

    def close_tester(self):
        """Lets it end by itself, so that sanitizers have their say."""
        self.tester.stdin.close()
        self.tester.stdout.read()
        self.tester.stdout.close()
        self.assertEqual(self.tester.wait(), 0)

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()

    def start_switch(self):
        self.switch = subprocess.Popen(
            ["ovs-vswitchd", "--enable-dummy=override",
             "--disable-system", "--disable-system-route",
             "--pidfile", "--overwrite-pidfile", "-voff",
             "unix:" + os.path.join(self.dir, "no-database.sock")],
            env=self.env, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop, self.switch)
        path = os.path.join(self.dir, "ovs-vswitchd.%d.ctl" % self.switch.pid)
        deadline = time.monotonic() + DEADLINE_S
        while not (os.path.exists(path) and self.pidfile() == self.switch.pid):
            self.assertLess(time.monotonic(), deadline)
            select.select([], [], [], .01)

    def pidfile(self):
        try:
            with open(os.path.join(self.dir, "ovs-vswitchd.pid")) as f:
                return int(f.read() or 0)
        except FileNotFoundError:
            return 0

    def kill_switch(self):
        self.switch.kill()
        self.switch.wait()

    def send(self, *lines):
        self.tester.stdin.write("".join(x + "\n" for x in lines).encode())
        self.tester.stdin.flush()

    def reply(self):
        deadline = time.monotonic() + DEADLINE_S
        while b"\n" not in self.unread:
            left = deadline - time.monotonic()
            self.assertTrue(
                left > 0 and select.select([self.tester.stdout], [], [],
                                           left)[0], "no reply in time")
            chunk = os.read(self.tester.stdout.fileno(), 65536)
            self.assertTrue(chunk, "tester ended")
            self.unread += chunk
        line, self.unread = self.unread.split(b"\n", 1)
        return json.loads(line)

    def call(self, line):
        self.send(line)
        return self.reply()

    def test_a_call_is_answered(self):
        self.start_switch()
        reply = self.call("version")
        self.assertTrue(reply["ok"])
        self.assertFalse(reply["lost"])
        self.assertIn("Open vSwitch", reply["text"])

    def test_an_error_is_a_reply(self):
        self.start_switch()
        reply = self.call("no/such-command x")
        self.assertFalse(reply["ok"])
        self.assertFalse(reply["lost"])
        self.assertIn("not a valid command", reply["text"])

    def test_many_calls_are_answered_in_order(self):
        self.start_switch()
        levels = ["err", "warn", "info", "dbg"] * 50
        lines = []
        for level in levels:
            lines += ["vlog/set bridge:file:" + level, "vlog/list"]
        self.send(*lines)
        for level in levels:
            self.assertTrue(self.reply()["ok"])
            listed = [x for x in self.reply()["text"].splitlines()
                      if x.startswith("bridge ")]
            self.assertEqual(listed[0].split()[-1].lower(), level)

    def test_without_a_daemon_a_call_is_lost(self):
        reply = self.call("version")
        self.assertTrue(reply["lost"])
        self.assertFalse(reply["ok"])
        self.assertIn("not running", reply["text"])

    def test_a_stale_pidfile_is_a_lost_call(self):
        self.start_switch()
        self.kill_switch()
        reply = self.call("version")
        self.assertTrue(reply["lost"])
        self.assertIn("refused", reply["text"])

    def test_a_daemon_killed_between_calls_is_found_again(self):
        for _ in range(3):
            self.start_switch()
            self.assertTrue(self.call("version")["ok"])
            self.kill_switch()

    def test_a_daemon_killed_during_calls_loses_them_at_once(self):
        self.start_switch()
        self.assertTrue(self.call("version")["ok"])
        self.switch.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        self.send("version", "version", "version", "sync")
        self.assertEqual(self.reply(), {})
        self.kill_switch()
        for _ in range(3):
            reply = self.reply()
            self.assertTrue(reply["lost"])
            self.assertIn("closed the connection", reply["text"])
        self.assertLess(time.monotonic() - begin, 4)
        self.start_switch()
        self.assertTrue(self.call("version")["ok"])

    def test_a_daemon_that_hangs_is_lost_after_the_timeout(self):
        self.start_switch()
        self.assertTrue(self.call("version")["ok"])
        self.switch.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        self.send("timeout 300", "version", "version")
        for _ in range(2):
            reply = self.reply()
            self.assertTrue(reply["lost"])
            self.assertIn("within 300 ms", reply["text"])
        self.assertGreater(time.monotonic() - begin, .29)
        self.assertLess(time.monotonic() - begin, 3)
        self.switch.send_signal(signal.SIGCONT)
        self.send("timeout 5000")
        reply = self.call("vlog/list")
        self.assertTrue(reply["ok"])
        self.assertIn("bridge", reply["text"])


if __name__ == "__main__":
    unittest.main()
