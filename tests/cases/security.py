"""The control database over TLS, and what a hypervisor may not write there.

OVSDB's own error for what a role forbids is "permission error".
"""

import json
import os

from cases.product import ProductCases
from lab.control import MirrorDaemon
from lab.tls import Authority, TlsDatabase
from lab.waiting import wait_until

STATUS_TABLES = {"Chassis": "name", "Tunnel_Status": "chassis",
                 "Filter_Status": "chassis", "Probe_Report": "chassis"}
# What these say changes by itself.
VOLATILE = {"Connection": ["is_connected", "status"]}
FORBIDDEN = "permission error"
NOBODYS = "00000000-0000-4000-8000-000000000001"
ROWS = {
    "Chassis": {},
    "Tunnel_Status": {"tunnel": ["uuid", NOBODYS], "number": 4711,
                      "health": "ok"},
    "Filter_Status": {"filter": ["uuid", NOBODYS], "number": 4711},
    "Probe_Report": {"probe": ["uuid", NOBODYS], "flow": "ip"}}


def some_value(column):
    """A value that the column's type admits, in OVSDB's JSON form."""
    kind = column["type"]
    if isinstance(kind, str):
        kind = {"key": kind}
    if kind.get("min", 1) == 0 or kind.get("max", 1) != 1:
        return ["map" if "value" in kind else "set", []]
    key = kind["key"]
    if isinstance(key, str):
        key = {"type": key}
    if "enum" in key:
        return key["enum"][1][0]
    return {"string": "x" * key.get("minLength", 1), "boolean": True,
            "integer": key.get("minInteger", 1),
            "uuid": ["uuid", NOBODYS]}[key["type"]]


class SecurityCases(ProductCases):
    """hv1 is the hypervisor that is there; hv2 another, of which there are
    rows."""

    @classmethod
    def start_product(cls):
        cls.authority = Authority(cls.lab)
        cls.hv1 = cls.authority.options("hv1")
        cls.hv2 = cls.authority.options("hv2")
        cls.lab.control = TlsDatabase(cls.lab, cls.lab.switch,
                                      cls.authority).start()
        cls.lab.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                             "external_ids:system-id=hv1")
        cls.start_daemon(cls.hv1)
        with open(os.path.join(cls.lab.source_dir, "ovsdb",
                               "packet-mirroring.ovsschema"),
                  encoding="ascii") as f:
            cls.tables = json.load(f)["tables"]

    @classmethod
    def start_daemon(cls, tls_options):
        cls.lab.daemon = MirrorDaemon(cls.lab, cls.lab.switch,
                                      cls.lab.control).start(*tls_options)

    def restart_daemon(self, tls_options):
        self.daemon.stop()
        self.start_daemon(tls_options)

    def contents(self, tables):
        """All rows of these tables, but for what changes by itself."""
        return {table: sorted(
            json.dumps({column: value for column, value in row.items()
                        if column not in VOLATILE.get(table, [])
                        + (["_version"] if table in VOLATILE else [])},
                       sort_keys=True)
            for row in self.control.select(table)) for table in tables}

    def mirrored(self):
        """Frames of web1, all of which are copied."""
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6, 7001)
        self.lab.clear()
        frames = talk.frames(range(50), 200)
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        self.assert_copied(self.ids6, 7001, frames)

    def test_the_daemon_does_its_work_over_tls_in_its_role(self):
        since = self.daemon.log_end()
        self.filter("web", outbound=[{"action": "accept"}])
        self.tunnel("tls", self.ids6, 7001, filter="web")
        self.mirrored()
        self.assertTrue(self.control.daemon_remote.startswith("ssl:"))
        self.assertEqual([row["role"] for row in
                          self.control.rows("Connection", "role")],
                         ["ovs-mirrord"])
        for table, column in STATUS_TABLES.items():
            if table == "Probe_Report":
                continue
            self.assertEqual([row[column] for row in
                              self.control.rows(table, column)
                              if row[column] != "hv2"], ["hv1"], table)
        self.remove("tls")
        self.assertEqual([line for line in self.daemon.log(since=since)
                          if "refused our status" in line], [])

    # What a hypervisor may not write.

    def tearDown(self):
        self.control.transact(*[
            {"op": "delete", "table": table, "where": [[name, "==", "hv2"]]}
            for table, name in STATUS_TABLES.items()])
        super().tearDown()

    def hv2_rows(self):
        """Rows of hv2, written by itself."""
        for table, name in STATUS_TABLES.items():
            self.assertIsNone(self.control.attempt(self.hv2, {
                "op": "insert", "table": table,
                "row": {**ROWS[table], name: "hv2"}}), table)

    def hv2_contents(self):
        return {table: [row for row in self.control.select(table)
                        if row[name] == "hv2"]
                for table, name in STATUS_TABLES.items()}

    def writable(self, table):
        return [name for name, column in self.tables[table]["columns"].items()
                if column.get("mutable", True)]

    def test_a_hypervisor_writes_no_row_of_another(self):
        self.hv2_rows()
        before = self.hv2_contents()
        for table, name in STATUS_TABLES.items():
            its = {"table": table, "where": [[name, "==", "hv2"]]}
            attempts = [{"op": "insert", "table": table, "row": {
                **ROWS[table], name: other}} for other in ("hv2", "hv3")]
            attempts.append({"op": "delete", **its})
            attempts.append({"op": "delete", "table": table, "where": []})
            attempts += [{"op": "update", **its, "row": {
                column: some_value(self.tables[table]["columns"][column])}}
                for column in self.writable(table)]
            attempts += [{"op": "mutate", **its, "mutations": [
                [column, "delete", ["set", []]]]}
                for column, kind in self.tables[table]["columns"].items()
                if column in self.writable(table)
                and some_value(kind) == ["set", []]]
            for attempt in attempts:
                with self.subTest(attempt=attempt):
                    self.assertEqual(self.control.attempt(self.hv1, attempt),
                                     FORBIDDEN)
            self.assertEqual(self.hv2_contents(), before)
        # It is not that nobody may.
        for table, name in STATUS_TABLES.items():
            self.assertIsNone(self.control.attempt(self.hv2, {
                "op": "delete", "table": table,
                "where": [[name, "==", "hv2"]]}), table)

    def test_a_hypervisor_gives_no_row_of_its_own_to_another(self):
        self.hv2_rows()
        for table, name in STATUS_TABLES.items():
            with self.subTest(table=table):
                self.assertEqual(self.control.attempt(self.hv2, {
                    "op": "update", "table": table,
                    "where": [[name, "==", "hv2"]],
                    "row": {name: "hv1"}}), FORBIDDEN)
                self.assertEqual(len(self.hv2_contents()[table]), 1)

    def intent(self):
        """One row or more in each table that a hypervisor may not write."""
        self.control.apply({
            "vpcs": [{"name": n, "account": "acme", "region": "r",
                      "kind": k} for n, k in (("vpc-a", "standard"),
                                              ("vpc-b", "standard"),
                                              ("vpc-t", "transit"))],
            "peerings": [{"name": "a-to-b", "from": "vpc-a",
                              "to": "vpc-b", "state": "active"}],
            "transit_connects": [{"name": "a-to-t", "vpc": "vpc-a",
                                      "transit_vpc": "vpc-t",
                                      "state": "active"}],
            "subnets": [{"name": "net-t", "vpc": "vpc-t",
                         "cidr": "10.9.0.0/24"}],
            "load_balancers": [{"name": "lb-one", "vpc": "vpc-t",
                                "subnet": "net-t", "members": [
                                    {"address": "10.9.0.9",
                                     "state": "up"}]}]})
        self.filter("web", outbound=[{"action": "accept"}])
        self.tunnel("one", self.ids6, 7001, filter="web")
        self.addCleanup(self.control.ctl, "--all", "destroy", "Probe")
        self.control.ctl("create", "Probe", "chassis=hv9")

    def test_a_hypervisor_writes_no_intent_of_any_table(self):
        self.intent()
        tables = sorted(set(self.tables) - set(STATUS_TABLES))
        self.assertEqual(len(tables), len(self.tables) - 4)
        before = self.contents(tables)
        empty = {table for table in tables if not before[table]}
        self.assertLessEqual(empty, {"SSL"})
        count = 0
        for table in tables:
            columns = self.tables[table]["columns"]
            attempts = [{"op": "insert", "table": table, "row": {
                            name: some_value(column)
                            for name, column in columns.items()}},
                        {"op": "delete", "table": table, "where": []}]
            attempts += [{"op": "update", "table": table, "where": [],
                          "row": {column: some_value(columns[column])}}
                         for column in self.writable(table)]
            attempts += [{"op": "mutate", "table": table, "where": [],
                          "mutations": [[column, "delete", ["set", []]]]}
                         for column in self.writable(table)
                         if some_value(columns[column]) == ["set", []]]
            for attempt in attempts:
                count += 1
                with self.subTest(attempt=attempt):
                    self.assertEqual(self.control.attempt(self.hv1, attempt),
                                     FORBIDDEN)
        print(f"{count} attempts on {len(tables)} tables refused",
              flush=True)
        self.assertEqual(self.contents(tables), before)
        self.mirrored()

    def test_a_forbidden_part_takes_the_permitted_ones_along(self):
        self.hv2_rows()
        before = self.hv2_contents()
        self.assertEqual(self.control.attempt(
            self.hv2,
            {"op": "update", "table": "Chassis",
             "where": [["name", "==", "hv2"]], "row": {"version": "x"}},
            {"op": "delete", "table": "Event", "where": []}), FORBIDDEN)
        self.assertEqual(self.hv2_contents(), before)

    def test_a_hypervisor_cannot_convert_the_database(self):
        result = self.control.client(
            self.hv1, "convert", os.path.join(
                self.lab.source_dir, "tests", "data",
                "packet-mirroring-1.0.0.ovsschema"))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("only the root role may convert", result.stderr)

    # Who is let in at all.

    def test_who_is_not_certified_by_our_authority_is_refused(self):
        stranger = Authority(self.lab, "elsewhere")
        ours = [o for o in self.hv1 if o.startswith("--ca-cert")]
        theirs = [o for o in stranger.options("hv1")
                  if not o.startswith("--ca-cert")]
        for what, options in {
                "certified elsewhere": theirs + ours,
                # A server's certificate is none of a hypervisor.
                "a server": self.authority.options(
                    "hv3", "controller", "controller")}.items():
            with self.subTest(what=what):
                result = self.control.client(options, "list-dbs")
                self.assertNotEqual(result.returncode, 0, result.stdout)
                self.assertNotIn("Packet_Mirroring", result.stdout)
        self.assertIn("Packet_Mirroring",
                      self.control.client(self.hv1, "list-dbs").stdout)

    def test_a_hypervisor_cannot_pose_as_the_control_database(self):
        """Its certificate is good, but not a server's."""
        self.tunnel("one", self.ids6, 7001)
        since = self.daemon.log_end()
        false = TlsDatabase(self.lab, self.switch, self.authority, "hv2",
                            "switch", name="false-control").start()
        self.addCleanup(false.stop)
        try:
            self.point_at(false)
            wait_until(lambda: any("certificate verify failed" in line
                                   for line in self.daemon.log(since=since)),
                       "the daemon to refuse it")
            self.assertEqual(false.select("Chassis"), [])
            self.mirrored()
        finally:
            self.point_at(self.control)

    def point_at(self, control):
        self.switch.vsctl("set", "Open_vSwitch", ".",
                          "external_ids:mirror-remote="
                          f'"{control.daemon_remote}"')

    def test_a_certificate_of_another_name_is_said_and_mirrors_nothing(self):
        try:
            self.restart_daemon(self.hv2)
            self.wish("one", self.ids6, 7001)
            said = wait_until(lambda: [
                line for line in self.daemon.appctl("mirror/list").split("\n")
                if line.startswith("control database refuses our status")],
                lambda: self.daemon.appctl("mirror/list"))
            self.assertIn('RBAC rules for client "hv2"',
                          said[0].replace("\\", ""))
            self.assertEqual(self.control.tunnel("one")["state"], "Setting")
            self.lab.clear()
            self.lab.exchange((self.web1, self.lab.talk(
                "web1", "db1").frames(range(20), 200)))
            self.assertEqual(self.ids6.numbered(7001), [])
            # It does not ask all the time.
            self.assertLess(self.refusals(), 12)
        finally:
            self.restart_daemon(self.hv1)
        self.control.wait_running("one")
        self.assertNotIn("refuses", self.daemon.appctl("mirror/list"))

    def test_a_daemon_that_reaches_no_switch_waits_quietly(self):
        """Its group may not be that of the switch's sockets, for instance;
        it tries again and again, but not all the time."""
        daemon = MirrorDaemon(self.lab, self.switch, self.control,
                              rundir=self.lab.directory("astray"))
        daemon.start(f"unix:{self.switch.rundir}/no-such.sock")
        self.addCleanup(daemon.stop)
        wait_until(lambda: any("waiting 2 seconds" in line
                               for line in daemon.log("INFO")),
                   "it to have tried twice")
        self.assertLess(int(daemon.appctl("coverage/read-counter",
                                          "poll_zero_timeout")), 100)

    def refusals(self):
        """Transactions that the server has refused this daemon."""
        return int(self.daemon.appctl("coverage/read-counter",
                                      "txn_error"))
