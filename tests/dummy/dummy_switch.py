"""A real ovs-vswitchd on the dummy datapath, for tests without root.

It lives in a run directory of its own and is ended by its process."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from lab.process import OVS_SHARE
from lab.waiting import wait_until

SCHEMA = f"{OVS_SHARE}/vswitch.ovsschema"
DEADLINE_S = 30
SKIPPED = 77  # As automake's test driver understands it.


def main():
    """Runs the calling module's tests, or skips them without a switch."""
    if not shutil.which("ovs-vswitchd") or not os.path.exists(SCHEMA):
        print("no ovs-vswitchd on this machine")
        sys.exit(SKIPPED)
    unittest.main(module="__main__")


class DummySwitch:
    """ovsdb-server and ovs-vswitchd in a temporary directory.

    Ports of type "dummy" stand for NICs, and vxlan ports are real: tunnels
    are routed by ovs/route/add and tnl/neigh/set."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="pm-dummy-")
        self.env = dict(os.environ, OVS_RUNDIR=self.dir, OVS_LOGDIR=self.dir,
                        OVS_DBDIR=self.dir, OVS_SYSCONFDIR=self.dir)
        self.server = self.vswitchd = None
        database = os.path.join(self.dir, "conf.db")
        self.run("ovsdb-tool", "create", database, SCHEMA)
        self.server = self._spawn(
            "ovsdb-server", database, "--remote=punix:" + self.path("db.sock"),
            "--pidfile", "--unixctl=" + self.path("ovsdb-server.ctl"))
        self._wait_for("db.sock")
        self.run("ovs-vsctl", "--no-wait", "init")
        self.start_vswitchd()

    def path(self, name):
        return os.path.join(self.dir, name)

    def target(self, bridge):
        """The OpenFlow management socket of 'bridge'."""
        return "unix:" + self.path(bridge + ".mgmt")

    def start_vswitchd(self):
        self.vswitchd = self._spawn(
            "ovs-vswitchd", "unix:" + self.path("db.sock"), "--enable-dummy",
            "--disable-system", "--disable-system-route", "--pidfile",
            "--unixctl=" + self.path("ovs-vswitchd.ctl"))
        self._wait_for("ovs-vswitchd.ctl")

    def stop_vswitchd(self):
        self._end(self.vswitchd)
        self.vswitchd = None
        ctl = self.path("ovs-vswitchd.ctl")
        if os.path.exists(ctl):
            os.unlink(ctl)

    def close(self):
        for process in (self.vswitchd, self.server):
            if process:
                self._end(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *command, stdin=None):
        """Runs an OVS tool and returns what it prints."""
        done = subprocess.run(command, env=self.env, input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=DEADLINE_S, check=False)
        if done.returncode:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr))
        return done.stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--timeout=%d" % DEADLINE_S, *args)

    def appctl(self, *args):
        """Calls vswitchd as ovs-appctl does, without a process a call."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(self.path("ovs-vswitchd.ctl"))
            connection.sendall(json.dumps(
                {"id": 0, "method": args[0], "params": args[1:]}).encode())
            text = b""
            while True:
                chunk = connection.recv(65536)
                if not chunk:
                    raise RuntimeError("%s: no answer" % args[0])
                text += chunk
                try:
                    answer = json.loads(text)
                    break
                except ValueError:
                    continue
        if answer["error"] is not None:
            raise RuntimeError("%s: %s" % (args[0], answer["error"]))
        return answer["result"]

    def ofctl(self, *args, stdin=None):
        return self.run("ovs-ofctl", "-O", "OpenFlow15", *args, stdin=stdin)

    def trace(self, bridge, flow):
        """The datapath actions that a frame would cause."""
        out = self.appctl("ofproto/trace", bridge, flow)
        return [line.split(": ", 1)[1] for line in out.splitlines()
                if line.startswith("Datapath actions: ")]

    def _spawn(self, *command):
        with open(self.path(command[0] + ".out"), "ab") as log:
            return subprocess.Popen(command, env=self.env, stdout=log,
                                    stderr=log, stdin=subprocess.DEVNULL)

    @staticmethod
    def _end(process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_for(self, name):
        wait_until(lambda: os.path.exists(self.path(name)), name, DEADLINE_S)
