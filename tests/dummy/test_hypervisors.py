"""What several hypervisors, with the daemon's own conditions, ask of the one
server that they share, and what becomes of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))

from bench.fanout_sessions import Sessions, now # noqa: E402
from bench.fanout_world import World            # noqa: E402
from lab.base import Lab                        # noqa: E402
from lab.control import ControlDatabase         # noqa: E402
from lab.turn import WRITING, Turn              # noqa: E402

NOT_FOR_HYPERVISORS = {"Event", "Connection", "SSL", "RBAC_Role",
                       "RBAC_Permission"}
BATCH = 5


class Hypervisors(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.world = World(20, 400)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.control = ControlDatabase(self.lab, options=[
            "-vjsonrpc:file:dbg", f"--remote=ptcp:{self.port}:127.0.0.1"])
        path = f"{self.control.rundir}/mirror.db"
        self.world.write(path, os.path.join(
            self.lab.source_dir, "ovsdb", "packet-mirroring.ovsschema"), 0)
        self.control.restart()

    def sessions(self, remote=None):
        made = Sessions(self.lab, subprocess.Popen,
                        remote or self.control.remote, 0,
                        self.world.hypervisors, self.world.nics_each)
        self.addCleanup(made.stop)
        if not remote:
            made.wait_up(20)
        return made

    def fill(self, sessions, tunnels=None):
        """All hypervisors get their tunnels, or so many of them."""
        for first in range(0, self.world.hypervisors, BATCH):
            self.control.transact(*(
                op for number in range(first, first + BATCH)
                for op in [*self.world.inserts(number, tunnels=False),
                           *self.world.inserts(
                               number, inventory=False)[:tunnels]]))
        total = self.world.hypervisors * (tunnels or self.world.tunnels_each)
        sessions.wait(lambda: len(sessions.changed) == total,
                      f"{total} tunnels", 20)

    def statuses(self):
        return len(self.control.select("Tunnel_Status"))

    def test_tunnels_of_one_after_another_do_not_end_the_server(self):
        sessions = self.sessions()
        for first in range(0, self.world.hypervisors, BATCH):
            self.control.transact(*(
                op for number in range(first, first + BATCH)
                for op in self.world.inserts(number)))
            tunnels = (first + BATCH) * self.world.tunnels_each
            sessions.wait(lambda n=tunnels: len(sessions.changed) == n,
                          f"{tunnels} tunnels", 20)
        self.assertEqual(len(self.control.select("Mirror_Tunnel")),
                         self.world.tunnels)

    def test_hypervisors_ask_for_no_table_that_is_not_for_them(self):
        self.sessions()
        with open(f"{self.control.rundir}/ovsdb-server.log",
                  encoding="utf-8") as log:
            asked = [line for line in log
                     if 'method="monitor_cond_since"' in line]
        self.assertEqual(len(asked), self.world.hypervisors)
        for line in asked:
            params = line.split("params=", 1)[1].rpartition(", id=")[0]
            tables = set(json.loads(params)[2])
            self.assertIn("Mirror_Tunnel", tables)
            self.assertFalse(tables & NOT_FOR_HYPERVISORS)

    def test_many_rows_wait_for_the_turn_of_who_has_them(self):
        sessions = self.sessions()
        self.fill(sessions)
        with Turn(self.control.socket) as turn:
            self.assertTrue(turn.held)
            sessions.write(0)
            with self.assertRaises(TimeoutError):
                sessions.wait(lambda: sessions.written, "none", 0.5)
            self.assertEqual(self.statuses(), 0)
        sessions.wait_written(20)
        self.assertEqual(self.statuses(), self.world.tunnels)

    def test_a_few_rows_wait_for_nobody(self):
        sessions = self.sessions()
        self.fill(sessions, 4)
        with Turn(self.control.socket):
            sessions.write(0)
            sessions.wait_written(20)
            self.assertEqual(self.statuses(), 4 * self.world.hypervisors)

    def test_only_one_at_a_time_writes_many_rows(self):
        sessions = self.sessions()
        self.fill(sessions)
        sessions.write(0)
        sessions.wait_written(20)
        began = {}
        with open(f"{self.control.rundir}/ovsdb-server.log",
                  encoding="utf-8") as log:
            for number, line in enumerate(log):
                peer = re.search(r"jsonrpc\|DBG\|(\S+): (send|received)", line)
                if not peer:
                    continue
                if "received request" in line and \
                        f'method="lock", params=["{WRITING}"]' in line:
                    began[peer[1]] = None
                elif peer[1] in began and "send" in line and (
                        f'method="locked", params=["{WRITING}"]' in line
                        or '{"locked":true}' in line):
                    self.assertFalse([p for p, at in began.items() if at],
                                     line)
                    began[peer[1]] = number
                elif peer[1] in began and "received request" in line and \
                        'method="unlock"' in line:
                    began[peer[1]] = None
        self.assertEqual(len(began), self.world.hypervisors)

    def test_who_was_hung_up_on_at_once_comes_back_spread_out(self):
        sessions = self.sessions()
        ups = dict(sessions.ups)
        began = now()
        self.control.hang_up()
        sessions.settle(began, 20)
        at = sorted(sessions.up.values())
        self.assertEqual({hv: n - ups[hv] for hv, n in sessions.ups.items()},
                         {hv: 1 for hv in ups})
        # As any twenty moments of a second are.
        self.assertGreater(at[-1] - at[0], 0.3)

    def test_who_is_connected_again_is_complete_when_it_was_answered(self):
        sessions = self.sessions()
        self.control.kill()
        sessions.wait(lambda: not sessions.up, "all down", 20)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
            deaf.bind(self.control.socket)
            deaf.listen(self.world.hypervisors)
            with self.assertRaises(TimeoutError):
                sessions.wait(lambda: sessions.up, "one up", 3)
        os.unlink(self.control.socket)
        self.control.restart()
        sessions.wait_up(20)

    def test_who_waits_for_a_busy_server_does_not_hang_up(self):
        self.control.signal(signal.SIGSTOP)
        sessions = self.sessions(f"tcp:127.0.0.1:{self.port}")
        # Longer than twice the time after which a session probes.
        with self.assertRaises(TimeoutError):
            sessions.wait(lambda: sessions.up, "one up", 11)
        self.control.signal(signal.SIGCONT)
        sessions.wait_up(20)
        with open(f"{self.control.rundir}/ovsdb-server.log",
                  encoding="utf-8") as log:
            peers = set(re.findall(r"jsonrpc\|DBG\|(tcp:\S+): received request,"
                                   ' method="monitor', log.read()))
        self.assertEqual(len(peers), self.world.hypervisors)


if __name__ == "__main__":
    unittest.main()
