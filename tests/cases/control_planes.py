"""Any control plane: rows written past the console, by ovsdb-client and by
Python's ovs.db.idl, right ones and such as the checks must refuse."""

import json
import os
import re
import uuid

from cases.product import ProductCases
from lab.process import run
from lab.waiting import wait_until

VNI = 7001
PYTHON = "/usr/bin/python3"     # Whose package python3-openvswitch is.
RULE = {"number": 100, "action": "accept", "protocol": "udp"}


def has_idl():
    return run([PYTHON, "-c", "import ovs.db.idl"],
               check=False).returncode == 0


class ControlPlaneCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids6": 6}

    @classmethod
    def inventory(cls):
        return {}

    def tearDown(self):
        self.control.transact(*(
            {"op": "delete", "table": table, "where": []} for table in (
                "Mirror_Tunnel", "Mirror_Filter", "Mirror_Resource",
                "Network_Interface", "Load_Balancer", "Collector", "Subnet",
                "VPC")))
        wait_until(lambda: not self.control.rows("Tunnel_Status"),
                   "all status rows to go")
        self.lab.clear()

    # Rows, as [KEY, TABLE, COLUMNS], "@KEY" in a column being another's row.

    def good_rows(self):
        return [
            ["nic", "Network_Interface", {
                "name": "web1-eth0", "iface_id": "web1",
                "hypervisor": "kvm"}],
            ["box", "Collector", {
                "name": "box", "address": self.ids6.address}],
            ["src", "Mirror_Resource", {
                "name": "src", "account": "acme", "purpose": "source",
                "type": "network-interface", "target": "web1-eth0",
                "iface_id": "web1", "network_interface": "@nic"}],
            ["dst", "Mirror_Resource", {
                "name": "dst", "account": "acme", "purpose": "destination",
                "type": "collector", "target": "box", "collector": "@box"}],
            ["in", "Mirror_Rule", dict(RULE, source_port="5000")],
            ["out", "Mirror_Rule", dict(RULE, destination_port="5000")],
            ["web", "Mirror_Filter", {
                "name": "web", "account": "acme", "non_ip": "drop",
                "inbound": ["@in"], "outbound": ["@out"],
                "generation": 1}],
            ["tunnel", "Mirror_Tunnel", self.tunnel_row("watch")]]

    @staticmethod
    def tunnel_row(name, **more):
        return {"name": name, "account": "acme", "source": "@src",
                "destination": "@dst", "filter": "@web", "vni": VNI,
                "mode": "mirror", "delivery": "auto", "enabled": True,
                "generation": 1, **more}

    def transact(self, rows):
        def meant(value):
            if isinstance(value, list):
                return ["set", [meant(v) for v in value]]
            if isinstance(value, str) and value.startswith("@"):
                return ["named-uuid", value[1:]]
            return value
        self.control.transact(*(
            {"op": "insert", "table": table, "uuid-name": key,
             "row": {c: meant(v) for c, v in columns.items()}}
            for key, table, columns in rows))

    def by_idl(self, rows):
        lab = self.lab
        run([PYTHON, "-B",
             os.path.join(lab.source_dir, "tests/lab/idl_writer.py"),
             os.path.join(lab.source_dir, "examples"), self.control.remote],
            text_in=json.dumps(rows))

    def example(self, *args):
        return run([PYTHON, "-B", os.path.join(
            self.lab.source_dir, "examples/control_plane.py"),
            self.control.remote, *args], check=False)

    # What must come of them.

    def assert_mirrors(self):
        """Both ways what the filter admits, and nothing else."""
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids6, VNI)
        self.lab.clear()
        other = self.lab.talk("web1", "db1", sport=40001, dport=6000)
        admitted = [(self.web1, talk.frames(range(20))),
                    (self.db1, talk.back().frames(range(20, 40)))]
        self.lab.exchange(*admitted, (self.web1, other.frames(range(40, 60))))
        self.assert_copied(self.ids6, VNI,
                           [f for _, frames in admitted for f in frames])

    def assert_silent(self):
        talk = self.lab.talk("web1", "db1")
        self.lab.clear()
        self.lab.exchange((self.web1, talk.frames(range(20))),
                          (self.db1, talk.back().frames(range(20, 40))))
        self.assertEqual(self.ids6.copies(), [])

    def test_a_filter_that_is_renamed_is_told_by_its_new_name(self):
        """Though nobody has bumped its generation."""
        self.transact(self.good_rows())
        self.assert_mirrors()
        self.daemon.wait_settled()
        self.control.transact({
            "op": "update", "table": "Mirror_Filter", "where": [],
            "row": {"name": "net"}})
        wait_until(lambda: [row["name"] for row in self.control.rows(
            "Filter_Status")] == ["net"], "the name to be told")

    def test_the_example_mirrors_and_ends_it(self):
        said = self.example("add", "watch", "web1", self.ids6.address,
                            "5000")
        self.assertEqual((said.returncode, said.stdout),
                         (0, "watch: ok on hv1\n"), said.stderr)
        self.assertEqual(self.control.tunnel("watch")["state"], "Running")
        self.assert_mirrors()
        web, = self.control.select("Mirror_Filter")
        self.assertEqual([rule["filter"] for rule in
                          self.control.select("Mirror_Rule")],
                         [web["_uuid"]] * 2)
        said = self.example("delete", "watch")
        self.assertEqual((said.returncode, said.stdout),
                         (0, "watch: gone\n"), said.stderr)
        self.assert_silent()
        self.assertEqual(self.control.tunnels(), {})

    def test_the_example_says_what_the_hypervisor_found_wrong(self):
        said = self.example("add", "watch", "web1", "192.0.2.999", "5000")
        self.assertEqual(said.returncode, 1, said.stderr)
        self.assertIn("watch: error on hv1\nwatch: SYNTAX: ", said.stdout)

    def test_rows_by_plain_transact_run(self):
        self.transact(self.good_rows())
        self.control.wait_running("watch")
        self.assert_mirrors()

    def test_rows_by_pythons_idl_run(self):
        self.by_idl(self.good_rows())
        self.control.wait_running("watch")
        self.assert_mirrors()

    def test_a_rule_counts_whatever_filter_it_names(self):
        """Its own, by which hypervisors ask for it, none, as rows of others
        and of an earlier version, another one, or one that there is not."""
        rows = self.good_rows()
        rows[4][2]["filter"] = "@web"
        self.transact(rows)
        self.control.wait_running("watch")
        self.assert_mirrors()
        web, = self.control.select("Mirror_Filter")
        for n, named in enumerate((["set", []], web["_uuid"],
                                   ["uuid", str(uuid.uuid4())])):
            self.control.transact(
                {"op": "update", "table": "Mirror_Rule", "where": [],
                 "row": {"filter": named}})
            for silent in (True, False):
                # Edits in place are seen, too: none matches, and again.
                self.control.transact(*(
                    {"op": "update", "table": "Mirror_Rule",
                     "where": [[column, "!=", ["set", []]]],
                     "row": {column: "5001" if silent else "5000"}}
                    for column in ("source_port", "destination_port")))
                self.control.ctl("--account=acme", "--wait=hv", "tunnel-set",
                                 "watch", f"note={n}-{silent}")
                if silent:
                    self.assert_silent()
                else:
                    self.assert_mirrors()
        status, = self.control.rows("Tunnel_Status")
        self.assertRegex(status["events"], "^[^ ]+ ok$")    # And no other.

    def test_rules_that_name_their_filter_are_asked_for_by_it(self):
        """However many there are, also by a daemon that starts: all conditions
        of a table are sent whenever one of them comes or goes."""
        rows = self.good_rows()
        rows[4][2]["filter"] = rows[5][2]["filter"] = "@web"
        begun = self.daemon.log_end()
        self.transact(rows)
        self.control.wait_running("watch")
        self.daemon.stop()
        self.daemon.start()
        self.daemon.wait_settled()
        web, = self.control.select("Mirror_Filter")
        asked = self.rules_asked_for(begun)
        self.assertGreater(len(asked), 1)
        for change, in asked:
            self.assertCountEqual(change["where"], [
                ["_uuid", "==", ["uuid", str(uuid.UUID(int=0))]],
                ["filter", "==", web["_uuid"]]])

    def rules_asked_for(self, since):
        """The daemon's conditions on rules, each time that it changed them."""
        return [json.loads(found.group(1))[2]["Mirror_Rule"]
                for line in self.daemon.log(since=since)
                if (found := re.search(r'"monitor_cond_change", params=(.*), '
                                       r'id=\d+$', line.strip()))
                and '"Mirror_Rule"' in line]

    def test_a_filter_that_is_soon_wanted_again_is_what_it_became(self):
        """Its rules are asked for a while longer than anybody needs them:
        whenever that changes the server looks at all rules there are."""
        rows = self.good_rows()
        rows[4][2]["filter"] = rows[5][2]["filter"] = "@web"
        self.transact(rows)
        self.control.wait_running("watch")
        begun = self.daemon.log_end()
        tunnel, = self.control.select("Mirror_Tunnel")
        self.control.transact({"op": "delete", "table": "Mirror_Tunnel",
                               "where": []})
        wait_until(lambda: not self.control.rows("Tunnel_Status"),
                   "the status row to go")
        self.control.transact(*(
            {"op": "update", "table": "Mirror_Rule",
             "where": [[column, "!=", ["set", []]]], "row": {column: "5001"}}
            for column in ("source_port", "destination_port")))
        self.control.transact({
            "op": "insert", "table": "Mirror_Tunnel",
            "row": {column: value for column, value in tunnel.items()
                    if not column.startswith("_")}})
        self.control.wait_running("watch")
        self.assert_silent()
        self.control.transact({"op": "update", "table": "Mirror_Rule",
                               "where": [],
                               "row": {"source_port": ["set", []],
                                       "destination_port": ["set", []]}})
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6, VNI)
        self.assertEqual(self.rules_asked_for(begun), [])

    def test_a_rule_that_two_filters_have_counts_in_both(self):
        rows = self.good_rows()
        both = ["other", "Mirror_Filter", {
            "name": "other", "account": "acme", "non_ip": "drop",
            "inbound": ["@in"], "outbound": ["@out"], "generation": 1}]
        rows[4][2]["filter"] = rows[5][2]["filter"] = "@other"
        self.transact([*rows[:-1], both, rows[-1]])
        self.control.wait_running("watch")
        self.assert_mirrors()

    def bad_rows(self):
        """(code, rows changed by key, rows put before the tunnel)."""
        subnet = ["vpc", "VPC", {"name": "vpc", "account": "acme",
                                 "region": "kr", "kind": "standard"}], [
            "net", "Subnet", {"name": "net", "vpc": "@vpc",
                              "cidr": "10.0.0.0/24"}]
        nic = {"name": "ids-eth0", "iface_id": "ids", "hypervisor": "kvm",
               "device": "eth0", "addresses": ["10.0.0.99"]}
        to_nic = {"dst": {"type": "network-interface", "target": "ids-eth0",
                          "iface_id": "ids", "collector": None,
                          "network_interface": "@ids"}}
        balancer = ["lb", "Load_Balancer", {"name": "lb1", "vpc": "@vpc"}]
        rules = {"web": {"inbound": ["@in", "@more"]}}
        yield "NAME_INVALID", {"tunnel": {"name": "Watch_"}}, []
        yield "NOTE_TOO_LONG", {"tunnel": {"note": "\ud55c" * 334}}, []
        yield "PURPOSE_MISMATCH", {"tunnel": {
            "source": "@dst", "destination": "@src"}}, []
        yield "NOT_OWNER", {"src": {"account": "beta"}}, []
        yield "NOT_OWNER", {"web": {"account": "beta"}}, []
        yield "NOT_OWNER", {"box": {"account": "beta"}}, []
        yield "RULE_CIDR", {"in": {"source": "10.0.0.1/8"}}, []
        yield "RULE_PORT", {"in": {"source_port": "90-80"}}, []
        yield "RULE_PROTOCOL", {"in": {"protocol": "upd"}}, []
        yield "RULE_ICMP", {"in": {"icmp_type": 8}}, []
        yield "RULE_NUMBER", rules, [["more", "Mirror_Rule", RULE]]
        yield "RULE_LIMIT", {"web": {"inbound": [
            f"@r{i}" for i in range(101)]}, "in": None}, [
            [f"r{i}", "Mirror_Rule", dict(RULE, number=1 + i)]
            for i in range(101)]
        yield "SYNTAX", {"box": {"address": "over there"}}, []
        yield "SAME_NIC", {"dst": {
            "type": "network-interface", "target": "web1-eth0",
            "iface_id": "web1", "collector": None,
            "network_interface": "@nic"}}, []
        yield "SAME_SUBNET", {**to_nic, "nic": {"subnet": "@net"}}, [
            *subnet, ["ids", "Network_Interface",
                      dict(nic, subnet="@net")]]
        yield "NIC_NOT_ALLOWED", to_nic, [
            *subnet, ["ids", "Network_Interface",
                      dict(nic, subnet="@net", device="eth1")]]
        yield "REGION_MISMATCH", {**to_nic, "nic": {"subnet": "@net"}}, [
            *subnet, ["vpc2", "VPC", {
                "name": "vpc2", "account": "acme", "region": "jp",
                "kind": "standard"}],
            ["net2", "Subnet", {"name": "net2", "vpc": "@vpc2",
                                "cidr": "10.2.0.0/24"}],
            ["ids", "Network_Interface", dict(nic, subnet="@net2")]]
        yield "LB_NOT_TRANSIT", {"dst": {
            "type": "load-balancer", "target": "lb1", "collector": None,
            "load_balancer": "@lb"}}, [*subnet, balancer]
        yield "PACKET_LENGTH_TOO_LARGE", {
            "nic": {"subnet": "@net"}, "tunnel": {"packet_length": 1451}}, [
            *subnet]

    def spoilt(self, changes, more):
        """good_rows() with these changes; None takes a row or column out.
        Rows that are 'more' go first: inventory needs no others."""
        rows = []
        for key, table, columns in [*more, *self.good_rows()]:
            change = changes.get(key, {})
            if change is None:
                continue
            columns = {c: v for c, v in {**columns, **change}.items()
                       if v is not None}
            rows.append([key, table, columns])
        return rows

    def on_switch(self):
        return [self.switch.flows(b) for b in
                self.switch.vsctl("list-br").split()], [
            sorted(map(str, self.switch.rows(t, "name")))
            for t in ("Mirror", "Port")]

    def refuse(self, write, code, changes, more):
        """The tunnel is in error with that code, nothing is realised and
        the daemon lives."""
        before, pid = self.on_switch(), self.daemon.pid
        write(self.spoilt(changes, more))
        name = changes.get("tunnel", {}).get("name", "watch")
        shown = self.control.wait_tunnel(
            name, lambda t: t and t["health"] == "error"
            and code in {r["code"] for r in t["reasons"]},
            f"to say {code}")
        self.assertEqual(shown["state"], "Setting")
        self.control.ctl("--wait=hv", "sync")
        if code != "PURPOSE_MISMATCH":
            status, = wait_until(
                lambda: self.control.rows("Tunnel_Status"), "a status row")
            self.assertEqual(status["health"], "error")
            self.assertIn(code, status["reasons"])
            self.assertEqual(status["observed_generation"], 0)
        self.assertEqual(self.on_switch(), before)
        self.assertTrue(self.daemon.alive())
        self.assertEqual(self.daemon.pid, pid)
        self.assert_silent()

    def test_rows_that_the_checks_refuse_are_named_and_not_realised(self):
        for number, (code, changes, more) in enumerate(self.bad_rows()):
            # Python's library is slow to start: a third of them by it.
            write = self.by_idl if number % 3 == 0 else self.transact
            with self.subTest(code=code, writer=write.__name__):
                try:
                    self.refuse(write, code, changes, more)
                finally:
                    ControlPlaneCases.tearDown(self)

    def test_generations_and_times_may_stand_still(self):
        """Content decides, also for who never counts."""
        rows = self.spoilt({"tunnel": {"generation": None, "enabled": None},
                            "web": {"generation": None}}, [])
        self.transact(rows)
        self.control.wait_tunnel(
            "watch", lambda t: t and t["health"] == "disabled", "to be so")
        self.assert_silent()
        self.control.transact({"op": "update", "table": "Mirror_Tunnel",
                               "where": [], "row": {"enabled": True}})
        self.control.wait_tunnel(
            "watch", lambda t: t["state"] == "Running"
            and t["health"] == "ok", "to run")
        self.assert_mirrors()
        self.control.transact({"op": "update", "table": "Mirror_Tunnel",
                               "where": [], "row": {"vni": VNI + 1}})
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6,
                             VNI + 1)

    def test_the_schema_refuses_what_it_can_by_itself(self):
        for changes in ({"name": None}, {"name": "x" * 31}, {"vni": None},
                        {"vni": 1 << 24}, {"packet_length": 63},
                        {"packet_length": 8901}, {"rate_kbps": 0},
                        {"mode": None}, {"delivery": "pigeon"},
                        {"note": "x" * 1001}, {"source": None}):
            with self.subTest(**changes), self.assertRaises(RuntimeError):
                self.transact(self.spoilt({"tunnel": changes}, []))
        self.assertEqual(self.control.rows("Mirror_Tunnel"), [])

    def test_what_no_console_accepted_waits(self):
        before = self.on_switch()
        self.transact(self.spoilt({"dst": {"account": "beta"}}, []))
        self.control.wait_tunnel(
            "watch", lambda t: t and t["state"] == "Waiting", "to wait")
        self.control.ctl("--wait=hv", "sync")
        self.assertEqual(self.on_switch(), before)
        self.assert_silent()
        self.control.transact({
            "op": "update", "table": "Mirror_Tunnel", "where": [],
            "row": {"accepted_by": "beta", "accepted_at": 1,
                    "accepted_generation": 1}})
        self.control.wait_running("watch")
        self.assert_mirrors()

    def test_the_database_refuses_to_delete_what_is_in_use(self):
        self.transact(self.good_rows())
        for table in ("Mirror_Resource", "Mirror_Filter"):
            with self.assertRaisesRegex(RuntimeError, "referential"):
                self.control.transact(
                    {"op": "delete", "table": table, "where": []})
