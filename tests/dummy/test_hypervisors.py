"""What several hypervisors, with the daemon's own conditions, ask of the one
server that they share, and what becomes of it."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(
    __file__))))

from bench.fanout_sessions import Sessions      # noqa: E402
from bench.fanout_world import World            # noqa: E402
from lab.base import Lab                        # noqa: E402
from lab.control import ControlDatabase         # noqa: E402

NOT_FOR_HYPERVISORS = {"Event", "Connection", "SSL", "RBAC_Role",
                       "RBAC_Permission"}
BATCH = 5


class Hypervisors(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.world = World(20, 400)
        self.control = ControlDatabase(self.lab,
                                       options=["-vjsonrpc:file:dbg"])
        path = f"{self.control.rundir}/mirror.db"
        self.world.write(path, os.path.join(
            self.lab.source_dir, "ovsdb", "packet-mirroring.ovsschema"), 0)
        self.control.restart()

    def sessions(self):
        made = Sessions(self.lab, subprocess.Popen, self.control.remote, 0,
                        self.world.hypervisors, self.world.nics_each)
        self.addCleanup(made.stop)
        made.wait_up(20)
        return made

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


if __name__ == "__main__":
    unittest.main()
