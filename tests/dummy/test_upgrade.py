"""A database of an earlier version of the schema, with its data, becomes one
of today's."""

import json
import os
import re
import signal
import unittest

from cases.product import ProductCases
from lab import DummyLab
from lab.process import run
from lab.waiting import wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "ovsdb", "packet-mirroring.ovsschema")
FIRST = os.path.join(HERE, "..", "data", "packet-mirroring-1.0.0.ovsschema")
DATABASE = "Packet_Mirroring"


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


class Schema(unittest.TestCase):
    def test_a_schema_that_changed_has_a_version_of_its_own(self):
        first, today = read(FIRST), read(SCHEMA)
        same = first["tables"] == today["tables"]
        self.assertEqual(first["version"] == today["version"], same)

    def test_the_checksum_is_of_the_schema(self):
        """As Open vSwitch's build-aux/cksum-schema-check has it."""
        with open(SCHEMA, encoding="utf-8") as f:
            rest = "".join(line for line in f if "cksum" not in line)
        self.assertEqual(read(SCHEMA)["cksum"].strip(),
                         run(["cksum"], text_in=rest).stdout.strip())

    def test_what_the_first_version_had_is_still_there(self):
        """Else ovsdb-client convert would drop data."""
        today = read(SCHEMA)["tables"]
        for name, table in read(FIRST)["tables"].items():
            self.assertIn(name, today)
            self.assertEqual(set(table["columns"])
                             - set(today[name]["columns"]), set(), name)


class FirstVersion(ProductCases):
    """The control database is of the first version."""

    make_lab = DummyLab
    schema = FIRST
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids6": 6}

    def convert(self, schema):
        """As the manual page says; the server goes on meanwhile."""
        if run(["ovsdb-client", "needs-conversion", self.control.remote,
                schema]).stdout.strip() == "yes":
            run(["ovsdb-client", "convert", self.control.remote, schema])
        version = run(["ovsdb-client", "get-schema-version",
                       self.control.remote, DATABASE]).stdout.strip()
        self.assertEqual(version, read(schema)["version"])


class Outdated(FirstVersion, unittest.TestCase):
    def test_delivery_in_a_vpc_waits_for_todays_schema(self):
        """Which has a place for what it must remember."""
        self.control.apply({
            "vpcs": [{"name": name, "account": "default", "region": "kr"}
                     for name in ("vpc-x", "vpc-y")],
            "peerings": [{"name": "x-to-y", "from": "vpc-x", "to": "vpc-y"}],
            "subnets": [
                {"name": "sn-x", "vpc": "vpc-x", "cidr": "10.0.0.0/24",
                 "routes": [{"to": "10.2.0.0/24", "via": "x-to-y"}]},
                {"name": "sn-y", "vpc": "vpc-y", "cidr": "10.2.0.0/24"}],
            "network_interfaces": [
                {"name": "web1-eth0", "iface_id": "web1", "subnet": "sn-x",
                 "mac": self.web1.mac, "addresses": ["10.0.0.5"]},
                {"name": "ids-eth0", "iface_id": "ids", "subnet": "sn-y",
                 "device": "eth0", "mac": "52:54:00:00:00:99",
                 "addresses": ["10.2.0.9"]}],
            "mirror_resources": [{
                "name": "ids", "account": "default",
                "purpose": "destination", "type": "network-interface",
                "target": "ids-eth0"}]})
        self.control.ctl("tunnel-add", "first", "source=web1-src",
                         "destination=ids", "vni=7001")

        def outdated(tunnel):
            return "SCHEMA_OUTDATED" in {r["code"]
                                         for r in tunnel["reasons"]}
        self.control.wait_tunnel("first", outdated, "to say why not")
        self.convert(SCHEMA)
        # ovsdb-server 3.1.0 shows clients the old schema until then.
        self.control.kill()
        self.control.restart()
        self.control.wait_tunnel("first", lambda t: not outdated(t),
                                 "to go on")


def row_content(row):
    return {column: value for column, value in row.items()
            if not column.startswith("_")}


class Upgrade(FirstVersion, unittest.TestCase):
    """It holds all kinds of rows."""

    def contents(self):
        """Table -> uuid -> row, without what changes by itself."""
        found = {}
        for table, definition in read(FIRST)["tables"].items():
            passing = {"_version", "heartbeat", "updated", "counters",
                       "counter_bases", "inbound_hits", "outbound_hits",
                       "hit_bases"}
            passing.update(c for c, d in definition["columns"].items()
                           if d.get("ephemeral"))
            found[table] = {
                row["_uuid"][1]: {c: v for c, v in row.items()
                                  if c not in passing
                                  and c in ["_uuid",
                                            *definition["columns"]]}
                for row in self.control.select(table)}
        return found

    def fill(self):
        """A row at least of every kind that a customer or cloud has."""
        self.control.apply({
            "vpcs": [{"name": "vpc-a", "account": "acme", "region": "kr"},
                     {"name": "vpc-t", "account": "acme", "region": "kr",
                      "kind": "transit"}],
            "peerings": [{"name": "a-to-t", "from": "vpc-a",
                          "to": "vpc-t"}],
            "transit_connects": [{"vpc": "vpc-a", "transit_vpc": "vpc-t"}],
            "subnets": [{"name": "sn-a", "vpc": "vpc-a",
                         "cidr": "10.1.0.0/24",
                         "routes": [{"to": "10.2.0.0/16",
                                     "via": "a-to-t"}]}],
            "load_balancers": [{"name": "lb-t", "vpc": "vpc-t",
                                "members": ["10.2.0.9"]}]})
        self.filter("web", inbound=[
            {"action": "accept", "protocol": "udp"}], outbound=[
            {"action": "accept", "protocol": "udp", "note": "\ud55c\uae00"}],
            note="n" * 1000)
        self.tunnel("first", self.ids6, 7001, filter="web",
                    packet_length=100)
        self.daemon.wait_settled()

    def assert_copies(self):
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6, 7001)
        self.lab.clear()
        frames = talk.frames(range(30))
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids6, 7001, frames, 100)

    def assert_silent(self):
        self.lab.clear()
        self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
            range(30, 60))))
        self.assertEqual(self.ids6.copies(), [])

    def flows(self):
        """But the one that turns with each change."""
        return [f for f in self.switch.flows("br-mirror")
                if "priority=400," not in f]

    def assert_survives(self, schema):
        before = self.contents()
        flows = self.flows()
        self.convert(schema)
        self.control.wait_running("first")
        self.assertEqual(self.contents(), before)
        self.assert_copies()
        # And it is written to as before: the daemon is connected again.
        self.control.ctl("--wait=hv", "tunnel-set", "first", "vni=7002")
        self.control.ctl("--wait=hv", "tunnel-set", "first", "vni=7001")
        self.assertEqual(self.flows(), flows)

    def test_the_first_version_with_its_data_becomes_todays(self):
        self.fill()
        self.assert_survives(SCHEMA)

    def test_rules_of_the_first_version_name_their_filter_once_edited(self):
        """By which hypervisors ask for all of them at once."""
        self.fill()
        self.convert(SCHEMA)
        self.control.kill()
        self.control.restart()
        self.control.wait_running("first")
        self.control.ctl("rule-add", "web", "inbound", "300", "accept",
                         "protocol=tcp")
        web, = self.control.select("Mirror_Filter")
        rules = self.control.select("Mirror_Rule")
        self.assertEqual([rule["filter"] for rule in rules],
                         [web["_uuid"]] * 3)

    def go_to(self, schema, meanwhile=None):
        """As docs/upgrade.md has it, servers restarted."""
        self.convert(schema)
        self.control.kill()
        if meanwhile:
            meanwhile()
        self.control.restart()

    def fill_today(self):
        """And the daemon has asked for all that today's schema has."""
        self.fill()
        self.go_to(SCHEMA)
        self.control.ctl("--wait=hv", "tunnel-set", "first", "vni=7001",
                         "note=today")

    def test_programs_of_today_go_back_to_the_first_version(self):
        """Which lacks what their conditions name."""
        self.fill()
        for schema, number, protocol in ((SCHEMA, "300", "tcp"),
                                         (FIRST, "400", "icmp")):
            self.go_to(schema)
            self.control.wait_running("first")
            self.assert_copies()
            self.control.ctl("--wait=hv", "rule-add", "web", "inbound",
                             number, "accept", f"protocol={protocol}")
            self.assertIn(f"inbound rule {number},",
                          self.daemon.appctl("mirror/flows", "first"))
        self.control.ctl("tunnel-del", "first")
        self.control.wait_gone("first")
        self.assert_silent()

    def test_what_was_revoked_before_the_way_back_is_known_ends_with_it(self):
        self.fill_today()
        self.go_to(FIRST, lambda: run([
            "ovsdb-tool", "transact",
            os.path.join(self.control.rundir, "mirror.db"),
            json.dumps([DATABASE, {"op": "delete", "table": "Mirror_Tunnel",
                                   "where": []}])]))
        self.control.wait_gone("first")
        self.assert_silent()

    def test_why_a_row_cannot_be_read_is_known_on_the_way_back(self):
        self.fill_today()
        self.control.transact({"op": "update", "table": "Collector",
                               "where": [], "row": {"address": "there"}})

        def is_told(tunnel):
            return "SYNTAX" in {r["code"] for r in tunnel["reasons"]}
        self.control.wait_tunnel("first", is_told, "to say what is wrong")
        self.go_to(FIRST)
        row, = self.control.select("Mirror_Tunnel")
        self.control.transact({"op": "insert", "table": "Mirror_Tunnel",
                               "row": {**row_content(row), "name": "second",
                                       "vni": 7003, "filter": ["set", []]}})
        for name in ("first", "second"):
            self.control.wait_tunnel(name, is_told, "to say what is wrong")

    def test_a_clean_up_on_the_way_back_leaves_no_row(self):
        self.fill_today()
        self.daemon.signal(signal.SIGSTOP)

        def meanwhile():
            self.go_to(FIRST)
            self.daemon.signal(signal.SIGCONT)
        self.daemon.appctl("exit", "--cleanup", meanwhile=meanwhile)
        self.daemon.wait()
        for table in ("Tunnel_Status", "Filter_Status", "Chassis"):
            self.assertEqual(self.control.rows(table), [])

    def test_a_way_back_without_a_restart_is_told_for_as_long_as_it_lasts(
            self):
        """The server takes connections and serves none: 3.1.0 shows clients
        the later schema."""
        self.fill_today()
        self.convert(FIRST)
        wait_until(lambda: re.search(r"not all read again, for ([5-9]|\d\d) s",
                                     self.daemon.appctl("mirror/list")),
                   "mirror/list to tell of five seconds", 15)
        said = self.control.ctl("tunnel-list", check=False).stderr
        self.assertIn("another version of its schema while it ran (restart "
                      "it)", said)
        self.control.kill()
        self.control.restart()
        self.control.wait_running("first")
        wait_until(lambda: "unreachable" not in self.daemon.appctl(
            "mirror/list"), "mirror/list to tell of it no more")

    def test_a_version_to_come_serves_programs_of_today(self):
        """A table and columns that they do not know."""
        self.fill()
        later = read(SCHEMA)
        later["version"] = "1.99.0"
        del later["cksum"]
        later["tables"]["Weather"] = {
            "columns": {"name": {"type": "string"}}, "isRoot": True}
        for table in ("Mirror_Tunnel", "Tunnel_Status", "Chassis"):
            later["tables"][table]["columns"]["mood"] = {"type": "string"}
        path = os.path.join(self.lab.top, "later.ovsschema")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(later, f)
        self.assert_survives(path)
        self.assert_survives(SCHEMA)    # And back.

    def test_a_file_without_a_server_is_converted_by_ovsdb_tool(self):
        self.fill()
        before = self.contents()
        file = os.path.join(self.control.rundir, "mirror.db")
        self.control.stop()
        if run(["ovsdb-tool", "needs-conversion", file,
                SCHEMA]).stdout.strip() == "yes":
            run(["ovsdb-tool", "convert", file, SCHEMA])
        self.control.restart()
        self.control.wait_running("first")
        self.assertEqual(self.contents(), before)
        self.assert_copies()
