"""What the console says where --db leads to no server that would serve it."""

import json
import os
import unittest

from dummy.cli_case import CliTest, Database, PROGRAM, Result
from lab.base import Lab
from lab.process import run
from lab.raft import Cluster


class OtherDatabase(Database):
    """A server that has a database, though another than ours."""

    SCHEMA = {"name": "Open_vSwitch", "version": "1.0.0", "tables": {
        "Bridge": {"columns": {"name": {"type": "string"}}}}}

    def create(self, tool):
        schema = os.path.join(self.dir, "schema")
        with open(schema, "w", encoding="ascii") as f:
            json.dump(self.SCHEMA, f)
        run([tool, "create", self.file, schema])


class Connecting(CliTest):
    def told(self, db, *args, code=1):
        """The one line that is said, and that soon."""
        result = Result(run([PROGRAM, "--db=" + db, "--timeout=10", *args,
                             "vpc-list"], check=False, timeout=9))
        self.assertEqual(result.code, code, result)
        line, = result.lines
        return line

    def test_a_server_without_the_database_is_told_from_none(self):
        other = OtherDatabase()
        self.addCleanup(other.close)
        line = self.told(other.remote)
        self.assertTrue(line.startswith(
            f"ovs-mirrorctl: DATABASE: {other.remote}: "), line)
        self.assertIn("Packet_Mirroring", line)
        self.assertIn("the switch's", line)
        other.kill()
        self.assertIn("is ovsdb-server running there?",
                      self.told(other.remote))

    def test_several_servers_without_it_are_told_at_the_time_out(self):
        others = [OtherDatabase(), OtherDatabase()]
        for other in others:
            self.addCleanup(other.close)
        line = self.told(",".join(o.remote for o in others), "--timeout=1")
        self.assertIn(": TIMEOUT: ", line)
        self.assertIn("Packet_Mirroring", line)

    def test_a_remote_of_no_form_is_a_usage_error(self):
        path = self.db.remote.removeprefix("unix:")
        for db, mend in ((path, "unix:" + path), ("mirror.sock", "unix:"),
                         ("localhost:6641", "tcp:"),
                         ("TCP:127.0.0.1:6641", "tcp:"),
                         (self.db.remote + ",", "comma"),
                         ("," + self.db.remote, "comma"),
                         (f"{self.db.remote},,{self.db.remote}", "comma")):
            with self.subTest(db):
                line = self.told(db, code=2)
                self.assertTrue(line.startswith(
                    f"ovs-mirrorctl: SYNTAX: {db}: "), line)
                self.assertIn(mend, line.removeprefix(
                    f"ovs-mirrorctl: SYNTAX: {db}: "))
        environment = dict(os.environ, OVS_MIRROR_DB=path)
        result = run([PROGRAM, "vpc-list"], check=False, env=environment)
        self.assertEqual(result.returncode, 2)
        self.assertIn("unix:" + path, result.stderr)

    def test_several_servers_are_a_remote(self):
        nobody = self.db.remote + ".none"
        for db in (f"{nobody},{self.db.remote}",
                   f"{nobody}, {self.db.remote}"):
            result = run([PROGRAM, "--db=" + db, "vpc-list"], check=False)
            self.assertEqual(result.returncode, 0, result)


class Follower(unittest.TestCase):
    def test_one_that_does_not_lead_its_cluster_is_said_to(self):
        with Lab() as lab:
            cluster = Cluster(lab).start()
            remote = cluster.followers()[0].remote
            console = [PROGRAM, "--db=" + remote, "vpc-list"]
            result = run(console, check=False)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, "lead.*--no-leader-only")
            run([*console, "--no-leader-only"])
