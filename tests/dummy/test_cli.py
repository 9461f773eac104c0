"""ovs-mirrorctl against a real ovsdb-server: usage, documents, objects."""

import csv
import io
import json
import subprocess

from dummy.cli_case import (
    CliTest, DEADLINE, DOCUMENT, Database, LIST_KEYS, Result)


class Usage(CliTest):
    def test_no_command_is_a_usage_error(self):
        self.assertEqual(self.run_cli().code, 2)

    def test_unknown_commands_and_options_are_usage_errors(self):
        for args in (["frobnicate"], ["--frobnicate", "show"],
                     ["show", "--frobnicate"], ["tunnel-list", "extra"],
                     ["tunnel-add"], ["--format=xml", "tunnel-list"],
                     ["--wait=forever", "sync"], ["--timeout=0", "show"],
                     ["--account=", "tunnel-list"],
                     ["--account=a/b", "tunnel-list"],
                     ["--account=a\nb", "tunnel-list"],
                     ["--account=" + 256 * "a", "tunnel-list"],
                     ["tunnel-add", "web1", "source"],
                     ["tunnel-add", "web1", "vni=1", "vni=2"],
                     ["rule-add", "web", "sideways", "1", "accept"],
                     ["tunnel-accept", "web1", "--generation=x"]):
            with self.subTest(args):
                result = self.run_cli(*args)
                self.assertEqual(result.code, 2, result)
                self.assertEqual(len(result.lines), 1, result)

    def test_usage_errors_need_no_database(self):
        self.db.kill()
        self.assertEqual(self.run_cli("tunnel-add", "web1", "x").code, 2)

    def test_help_names_every_command(self):
        out = self.ok("--help")
        for name in ("init", "apply", "tunnel-accept", "nic-add",
                     "event-list", "wait-until", "--dry-run"):
            self.assertIn(name, out)

    def test_version(self):
        lines = self.ok("--version").splitlines()
        self.assertRegex(lines[0], r"^ovs-mirrorctl 0\.")
        self.assertIn("DB Schema 1.", lines[-1])

    def test_an_argument_that_is_not_utf8_is_a_usage_error(self):
        result = self.run_cli("vpc-add", "v1", b"region=\xff\xfe")
        self.assertEqual(result.code, 2, result)
        self.assertIn('"region=', result.err)

    def test_options_may_follow_the_command(self):
        self.apply()
        self.assertEqual(len(self.json("tunnel-list")), 1)
        self.ok("apply", "-", "--prune", "--dry-run", text="{}")

    def test_generic_commands_are_the_operators(self):
        result = self.run_cli("--account=acme", "list", "Mirror_Tunnel")
        self.assertEqual(result.code, 2, result)


class Init(CliTest):
    def test_init_creates_the_global_row_and_the_role(self):
        self.ok("init")
        self.assertEqual(len(self.rows("Mirror_Global", "cfg")), 1)
        self.assertEqual(self.rows("RBAC_Role", "name"), [["ovs-mirrord"]])
        permissions = {row[0]: row[1:] for row in self.rows(
            "RBAC_Permission", "table", "authorization", "insert_delete",
            "update")}
        self.assertEqual(set(permissions),
                         {"Chassis", "Tunnel_Status", "Filter_Status",
                          "Probe_Report"})
        self.assertEqual(permissions["Chassis"][:2], ["name", True])
        self.assertEqual(permissions["Tunnel_Status"][:2], ["chassis", True])
        self.assertIn("counters", permissions["Tunnel_Status"][2][1])

    def test_init_again_changes_nothing(self):
        self.ok("init")
        before = self.contents()
        self.ok("init")
        self.assertEqual(self.contents(), before)

    def test_init_mends_a_permission(self):
        self.ok("init")
        self.ok("set", "RBAC_Permission", "Chassis", "insert_delete=false")
        self.ok("init")
        self.assertEqual(len(self.rows("RBAC_Permission", "table")), 4)
        self.assertEqual(
            self.ok("get", "RBAC_Permission", "Chassis",
                    "insert_delete").strip(), "true")

    def test_other_commands_work_without_init(self):
        self.apply()
        self.ok("sync")
        self.assertEqual(self.rows("Mirror_Global", "cfg"), [[1]])

    def test_init_is_the_operators(self):
        self.refused("NOT_OWNER", "--account=acme", "init")


class Documents(CliTest):
    def test_apply_writes_what_the_document_says(self):
        self.apply()
        tunnel, = self.json("tunnel-list")
        self.assertEqual(list(tunnel), LIST_KEYS)
        self.assertEqual(
            [tunnel[k] for k in ("name", "account", "state", "source",
                                 "destination", "destination_account",
                                 "filter", "vni", "packet_length", "mode",
                                 "delivery", "rate_kbps", "enabled",
                                 "generation", "observed_generation",
                                 "chassis", "effective_packet_length",
                                 "dropped_packets")],
            ["web1-ids", "acme", "Setting", "web1-src", "ids", "acme", "web",
             7001, 128, "mirror", "auto", 100000, True, 1, None, [], None,
             None])
        self.assertEqual(tunnel["mirrored_packets"],
                         {"inbound": None, "outbound": None})
        self.assertRegex(tunnel["created"],
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_applying_twice_changes_nothing(self):
        self.apply()
        before = self.contents()
        self.apply()
        self.assertEqual(self.contents(), before)
        self.assertEqual(
            self.ok("--dry-run", "apply", "-", text=json.dumps(DOCUMENT)), "")

    def test_export_and_apply_are_a_round_trip(self):
        self.apply()
        exported = self.ok("export")
        other = Database()
        self.addCleanup(other.close)
        first, self.db = self.db, other
        self.ok("apply", "-", text=exported)
        self.assertEqual(self.ok("export"), exported)
        self.db = first

    def test_ten_faults_are_all_named_and_nothing_is_written(self):
        document = json.loads(json.dumps(DOCUMENT))
        filter_, = document["mirror_filters"]
        tunnel, = document["mirror_tunnels"]
        filter_["inbound"][0]["source"] = "10.1.0.9/33"
        filter_["inbound"][1]["destination_port"] = "443-80"
        filter_["outbound"][0]["icmp_type"] = 256
        filter_["outbound"][1]["action"] = "allow"
        filter_["outbound"][1]["number"] = 0
        filter_["colour"] = "red"
        tunnel["vni"] = 16777216
        tunnel["packet_length"] = 63
        tunnel["note"] = "x" * 1001
        document["mirror_resources"][0]["target"] = "nowhere"
        lines = self.refused("VNI_RANGE", "apply", "-",
                             text=json.dumps(document))
        found = {tuple(line.split(": ")[1:3]) for line in lines}
        for fault in [
                ("RULE_CIDR", "mirror_filters[0].inbound[0].source"),
                ("RULE_PORT", "mirror_filters[0].inbound[1].destination_port"),
                ("RULE_ICMP", "mirror_filters[0].outbound[0].icmp_type"),
                ("RULE_ACTION", "mirror_filters[0].outbound[1].action"),
                ("RULE_NUMBER", "mirror_filters[0].outbound[1].number"),
                ("UNKNOWN_KEY", "mirror_filters[0].colour"),
                ("VNI_RANGE", "mirror_tunnels[0].vni"),
                ("PACKET_LENGTH_RANGE", "mirror_tunnels[0].packet_length"),
                ("NOTE_TOO_LONG", "mirror_tunnels[0].note"),
                ("NOT_FOUND", "mirror_resources[0].target")]:
            self.assertIn(fault, found)
        self.assertEqual(len(lines), 10, "\n".join(lines))

    def test_text_that_is_not_json_is_refused(self):
        self.refused("SYNTAX", "apply", "-", text="{\"vpcs\": [")

    def test_a_file_that_cannot_be_read_is_named(self):
        lines = self.refused("FILE", "apply", "/nonexistent/doc.json")
        self.assertIn("No such file", lines[0])
        self.refused("FILE", "apply", "/")

    def test_prune_deletes_what_the_document_does_not_list(self):
        self.apply()
        self.apply({"mirror_tunnels": [], "mirror_filters": [
            {"name": "other", "account": "acme"}]}, "--prune")
        self.assertEqual(self.json("tunnel-list"), [])
        self.assertEqual([f["name"] for f in self.json("filter-list")],
                         ["other"])
        self.assertEqual(len(self.json("resource-list")), 3)

    def test_a_changed_rule_leaves_the_other_rows_alone(self):
        self.apply()
        uuids = {json.dumps(r[0]) for r in self.rows("Mirror_Rule", "_uuid")}
        self.ok("rule-add", "acme/web", "inbound", "300", "accept",
                "protocol=udp", "destination-port=53")
        after = {json.dumps(r[0]) for r in self.rows("Mirror_Rule", "_uuid")}
        self.assertTrue(uuids < after, (uuids, after))
        self.assertEqual(len(after), 5)


class Objects(CliTest):
    def test_apply_joins_with_other_commands(self):
        self.ok("apply", "-", "--", "tunnel-add", "acme/more",
                "source=web1-src", "destination=ids", "vni=5",
                text=json.dumps(DOCUMENT))
        self.assertEqual([t["vni"] for t in self.json("tunnel-list")],
                         [5, 7001])
        lines = self.refused("TYPE", "apply", "-", "--", "tunnel-set",
                             "acme/more", "vni=x", text=json.dumps(DOCUMENT))
        self.assertEqual(len(lines), 1, lines)

    def test_several_commands_are_one_transaction(self):
        self.ok("collector-add", "coll", "192.0.2.1", "--",
                "nic-add", "vm1", "iface-id=vm1", "mac=52:54:00:00:00:09",
                "addresses=10.0.0.1,10.0.0.2", "--",
                "resource-add", "src", "source", "network-interface", "vm1",
                "--", "resource-add", "dst", "destination", "collector",
                "coll", "--", "filter-add", "all", "non-ip=mirror", "--",
                "rule-add", "all", "inbound", "10", "accept", "--",
                "tunnel-add", "tun", "source=src", "destination=dst",
                "filter=all", "vni=9", "length=200")
        tunnel, = self.json("tunnel-list")
        self.assertEqual((tunnel["account"], tunnel["vni"],
                          tunnel["packet_length"]), ("default", 9, 200))

    def test_a_later_command_sees_what_an_earlier_one_did(self):
        out = self.json("collector-add", "coll", "192.0.2.1", "--",
                        "collector-list")
        self.assertEqual(out, [{"name": "coll", "address": "192.0.2.1",
                                "account": None}])

    def test_events_are_in_the_order_of_the_commands(self):
        names = ["zoe", "amy", "mia", "bob", "eva", "dan"]
        words = []
        for name in names:
            words += ["filter-add", name, "--"]
        self.ok(*words[:-1])
        self.assertEqual([e["object"] for e in self.json("event-list")],
                         names)
        self.apply()
        self.ok("tunnel-add", "acme/asked", "source=web1-src",
                "destination=beta/beta-ids", "--", "tunnel-accept",
                "acme/asked")
        for events in ([e["event"] for e in self.json("event-list")[-2:]],
                       [line.split()[1] for line in self.json(
                           "tunnel-show", "acme/asked")["events"]]):
            self.assertEqual(events, ["requested", "accepted"])

    def test_a_path_names_an_object_alike_whatever_the_command(self):
        for command in ("tunnel-show", "tunnel-accept", "tunnel-reject",
                        "tunnel-del"):
            line, = self.refused("NOT_FOUND", command, "acme/none")
            self.assertIn(': mirror_tunnels["acme/none"]: ', line)

    def test_problems_of_all_commands_are_reported_together(self):
        lines = self.refused(
            "NOT_FOUND", "vpc-add", "v1", "account=a", "region=r",
            "colour=red", "--", "tunnel-del", "nothing")
        self.assertTrue(any("vpcs[v1].colour" in line for line in lines))
        self.assertTrue(
            any("mirror_tunnels[nothing]" in line for line in lines))
        self.assertEqual(self.json("vpc-list"), [])

    def test_a_vni_is_chosen_and_said(self):
        document = json.loads(json.dumps(DOCUMENT))
        del document["mirror_tunnels"]
        self.apply(document)
        out = self.ok("--account=acme", "tunnel-add", "tun",
                      "source=web1-src", "destination=ids")
        vni = self.json("tunnel-list")[0]["vni"]
        self.assertIn("vni %d was chosen" % vni, out)

    def test_a_number_is_refused_for_its_range_however_large(self):
        self.apply()
        for number in (10 ** 12, 10 ** 20, -10 ** 20):
            for code, command in (
                    ("VNI_RANGE", "tunnel-set acme/web1-ids vni={}"),
                    ("PACKET_LENGTH_RANGE",
                     "tunnel-set acme/web1-ids length={}"),
                    ("RULE_NUMBER", "rule-add acme/web inbound {} accept"),
                    ("RULE_ICMP", "rule-add acme/web inbound 7 accept "
                     "protocol=icmp icmp-type={}"),
                    ("TYPE", "tunnel-set acme/web1-ids rate-kbps={}"),
                    ("TYPE", "nic-set web1-eth0 mtu={}")):
                with self.subTest(code, number=number):
                    line, = self.refused(code,
                                         *command.format(number).split())
                    self.assertRegex(line, f" {number}$| {number} is ")

    def test_the_vni_that_is_said_is_that_of_the_tunnel_added(self):
        """Also where the account is an argument of its own."""
        self.apply()
        self.ok("nic-add", "free", "iface-id=free", "mac=52:54:00:00:00:63",
                "--", "collector-add", "box", "192.0.2.77", "--",
                "resource-add", "free-src", "source", "network-interface",
                "free", "--", "resource-add", "box-dst", "destination",
                "collector", "box", "--", "tunnel-add", "tun",
                "source=free-src", "destination=box-dst", "vni=4242")
        out = self.ok("tunnel-add", "tun", "account=acme", "source=web1-src",
                      "destination=ids")
        vni = self.json("tunnel-show", "acme/tun")["vni"]
        self.assertEqual(out, f"acme/tun: vni {vni} was chosen\n")

    def test_set_changes_only_what_is_named_and_bumps_the_generation(self):
        self.apply()
        before, = self.json("tunnel-list")
        self.ok("--account=acme", "tunnel-set", "web1-ids", "length=256",
                "filter=")
        after, = self.json("tunnel-list")
        changed = {k for k in after if after[k] != before[k]} - {"updated"}
        self.assertEqual(changed, {"packet_length", "filter", "generation"})
        self.assertEqual((after["packet_length"], after["filter"],
                          after["generation"]), (256, None, 2))

    def test_only_the_address_of_a_host_is_taken(self):
        self.apply()
        for address in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "::", "ff02::1"):
            self.refused("SYNTAX", "collector-add", "coll", address)
            self.refused("SYNTAX", "nic-set", "ids-eth0",
                         "addresses=10.2.0.9," + address)
            self.refused("SYNTAX", "subnet-set", "sn-a", "gateway=" + address)
            self.refused("SYNTAX", "lb-add", "lb", "vpc=vpc-a",
                         "members=" + address)

    def test_a_name_does_not_change(self):
        self.apply()
        self.refused("IMMUTABLE", "tunnel-set", "acme/web1-ids", "name=abc")
        self.refused("IMMUTABLE", "filter-set", "acme/web", "account=beta")
        self.refused("IMMUTABLE", "vpc-set", "vpc-a", "name=abc")
        self.ok("vpc-set", "vpc-b", "region=jp")

    def test_a_set_without_effect_leaves_the_generation(self):
        self.apply()
        before = self.contents()
        self.ok("tunnel-set", "acme/web1-ids", "vni=7001")
        self.assertEqual(self.contents(), before)

    def test_the_inventory_commands(self):
        self.ok("vpc-add", "v1", "account=a", "region=r", "--", "vpc-add",
                "v2", "account=a", "region=r", "kind=transit", "--",
                "peering-add", "p1", "v1", "v2", "--", "connect-add", "c1",
                "v1", "v2", "--", "subnet-add", "s1", "v1", "10.0.0.0/24",
                "gateway=10.0.0.1", "--", "subnet-add", "s2", "v2",
                "10.9.0.0/24", "--", "route-add", "s1", "10.9.0.0/16", "c1",
                "--", "lb-add", "lb1", "vpc=v2", "subnet=s2",
                "members=10.9.0.10,10.9.0.11", "--", "nic-add", "n1",
                "iface-id=n1", "mac=52:54:00:00:00:01", "subnet=s1",
                "permits-vxlan-from=none")
        self.assertEqual(self.json("peering-list"),
                         [{"name": "p1", "from": "v1", "to": "v2",
                           "state": "active"}])
        self.assertEqual(self.json("route-list", "s1"),
                         [{"subnet": "s1", "to": "10.9.0.0/16",
                           "via": "c1"}])
        self.ok("route-set", "s1", "10.9.0.0/16", "p1")
        self.assertEqual(self.json("route-list")[0]["via"], "p1")
        self.refused("DUPLICATE", "route-add", "s1", "10.9.0.0/16", "c1")
        for command in ("peering-add", "connect-add"):
            line, = self.refused("SYNTAX", command, "local", "v1", "v2")
            self.assertRegex(line, r"s\[local\]\.name: .*another name")
        self.ok("route-del", "s1", "10.9.0.0/16")
        self.refused("NOT_FOUND", "route-del", "s1", "10.9.0.0/16")
        nic, = self.json("nic-list")
        self.assertEqual(nic["permits_vxlan_from"], [])
        self.ok("nic-set", "n1", "permits-vxlan-from=")
        self.assertIsNone(self.json("nic-list")[0]["permits_vxlan_from"])
        self.ok("peering-set", "p1", "state=inactive")
        self.assertEqual(self.json("peering-list")[0]["state"], "inactive")
        self.refused("IN_USE", "vpc-del", "v1")
        self.ok("nic-del", "n1", "--", "lb-del", "lb1", "--", "connect-del",
                "c1", "--", "peering-del", "p1", "--", "subnet-del", "s1",
                "s2", "--", "vpc-del", "v1", "v2")
        self.assertEqual(self.json("vpc-list"), [])

    def test_rules_are_added_listed_and_deleted(self):
        self.ok("filter-add", "flt")
        self.ok("rule-add", "flt", "inbound", "20", "accept", "protocol=tcp",
                "destination-port=80-443", "--", "rule-add", "flt", "inbound",
                "10", "reject", "source=10.0.0.0/8", "--", "rule-add", "flt",
                "outbound", "5", "accept", "protocol=icmp", "icmp-type=8",
                "icmp-code=0", "note=ping")
        self.assertEqual([(r["direction"], r["number"], r["hits"])
                          for r in self.json("rule-list", "flt")],
                         [("inbound", 10, None), ("inbound", 20, None),
                          ("outbound", 5, None)])
        self.assertIn("8/0", self.ok("rule-list", "flt"))
        self.refused("RULE_NUMBER", "rule-add", "flt", "inbound", "10",
                     "accept")
        line, = self.refused(
            "RULE_PORT", "rule-add", "flt", "inbound", "11", "accept",
            "protocol=tcp", "source-port=70000")
        self.assertIn(": mirror_filters[flt].inbound[11].source_port: ", line)
        self.ok("rule-del", "flt", "inbound", "20")
        self.refused("NOT_FOUND", "rule-del", "flt", "inbound", "20")
        self.assertEqual(self.json("filter-show", "flt")["generation"], 3)

    def test_what_is_in_use_cannot_be_deleted(self):
        self.apply()
        self.refused("IN_USE", "filter-del", "acme/web")
        self.refused("IN_USE", "resource-del", "acme/web1-src")
        self.ok("tunnel-del", "acme/web1-ids", "--", "filter-del", "acme/web",
                "--", "resource-del", "acme/web1-src", "acme/ids")
        self.assertEqual(self.json("filter-list"), [])

    def test_what_uses_an_object_is_named(self):
        self.apply()
        for kind, name in (("filter", "web"), ("resource", "web1-src"),
                           ("resource", "ids")):
            line, = self.refused("IN_USE", "--account=acme", f"{kind}-del",
                                 name)
            self.assertIn('tunnel "web1-ids"', line)
        for n in range(2, 13):
            self.ok("--account=acme", "filter-add", f"f{n:02}", "--",
                    "tunnel-add", f"web1-{n}", "source=web1-src",
                    "destination=ids", f"filter=f{n:02}")
        line, = self.refused("IN_USE", "--account=acme", "resource-del",
                             "ids")
        self.assertEqual(line.count('"web1-'), 10)
        self.assertIn("and 2 more", line)

    def test_the_database_itself_refuses_to_delete_what_is_in_use(self):
        self.apply()
        for table in ("Mirror_Filter", "Mirror_Resource"):
            for name, in self.rows(table, "name"):
                if name == "beta-ids":
                    continue
                result = self.run_cli("destroy", table, name)
                self.assertEqual(result.code, 1, result)
                self.assertIn("referential integrity", result.err)
        self.assertEqual(len(self.json("tunnel-list")), 1)

    def test_notes_are_counted_in_bytes_of_utf8(self):
        self.apply()
        sets = {"tunnel-set": "web1-ids", "filter-set": "web",
                "resource-set": "ids"}
        for command, name in sets.items():
            show = command.replace("-set", "-show")
            for note in ("x" * 1000, "\ud55c" * 333, "\ud55c" * 333 + "x"):
                with self.subTest(command=command, bytes=len(note.encode())):
                    self.ok("--account=acme", command, name, "note=" + note)
                    shown = self.json("--account=acme", show, name)
                    self.assertEqual(shown["note"], note)
            for note in ("x" * 1001, "\ud55c" * 334):
                line, = self.refused("NOTE_TOO_LONG", "--account=acme",
                                     command, name, "note=" + note)
                self.assertIn(f"{len(note.encode())} bytes", line)
            broken = b"note=\xed\xa0\x80"     # Half of a surrogate pair.
            result = self.run_cli("--account=acme", command, name, broken)
            self.assertEqual(result.code, 2, result)
        number = ("web", "inbound", "300", "accept")
        self.refused("NOTE_TOO_LONG", "--account=acme", "rule-add", *number,
                     "note=" + "\ud55c" * 334)
        self.ok("--account=acme", "rule-add", *number,
                "note=" + "\ud55c" * 333)

    def test_a_document_of_broken_utf8_is_refused(self):
        before = self.contents()
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\x95"):
            text = (b'{"mirror_filters": [{"name": "web", "note": "' + bad
                    + b'"}]}')
            result = Result(subprocess.run(
                self.command("apply", "-"), input=text, timeout=DEADLINE,
                capture_output=True))
            self.assertEqual(result.code, 1)
            self.assertTrue(result.err.startswith(
                b"ovs-mirrorctl: SYNTAX: "), result.err)
        self.assertEqual(self.contents(), before)

    def test_the_order_of_deletions_in_a_transaction_does_not_matter(self):
        self.apply()
        self.ok("resource-del", "acme/web1-src", "acme/ids", "--",
                "filter-del", "acme/web", "--", "tunnel-del",
                "acme/web1-ids")
        self.assertEqual(self.json("resource-list")[0]["name"], "beta-ids")
        self.assertEqual(self.json("filter-list"), [])

    def test_a_document_is_judged_with_the_commands_joined_to_it(self):
        self.apply()
        successor = dict(DOCUMENT["mirror_tunnels"][0], name="next", vni=7002)
        text = json.dumps({"mirror_tunnels": [successor]})
        self.refused("DUPLICATE_TUNNEL", "apply", "-", text=text)
        self.ok("apply", "-", "--", "tunnel-del", "acme/web1-ids", text=text)
        self.assertEqual([t["name"] for t in self.json("tunnel-list")],
                         ["next"])

    def test_csv_of_an_empty_list_has_the_same_headings(self):
        names = ("vpc", "peering", "connect", "subnet", "route", "nic", "lb",
                 "collector", "resource", "filter", "tunnel", "event")

        def headings():
            return {name: self.ok(name + "-list", "--format=csv")
                    .splitlines()[0] for name in names}

        empty = headings()
        self.assertEqual(empty["tunnel"], ",".join(LIST_KEYS))
        self.apply()
        self.assertEqual(headings(), empty)
        for name in names:
            for row in self.json(name + "-list"):
                self.assertEqual(set(row), set(empty[name].split(",")), name)
        rules = self.ok("rule-list", "acme/web", "--format=csv")
        for listed in (self.json("rule-list", "acme/web"),
                       self.json("filter-show", "acme/web")["rules"]):
            for row in listed:
                self.assertEqual(set(row),
                                 set(rules.splitlines()[0].split(",")))

    def test_one_rule_is_one_rule(self):
        self.ok("filter-add", "flt", "--", "rule-add", "flt", "inbound", "1",
                "accept")
        self.assertRegex(self.ok("filter-list"), r"drop +1 rule +0 rules")

    def test_show_leaves_out_what_a_hypervisor_did_not_say(self):
        self.ok("create", "Chassis", "name=hv1")
        self.assertEqual(self.ok("show"),
                         "Hypervisor hv1\n    heard from: never\n")

    def test_every_list_has_a_table_and_csv(self):
        self.apply()
        for name in ("vpc", "peering", "connect", "subnet", "route", "nic",
                     "lb", "collector", "resource", "filter", "tunnel",
                     "event"):
            with self.subTest(name):
                self.ok(name + "-list")
                out = self.ok(name + "-list", "--format=csv")
                rows = list(csv.DictReader(io.StringIO(out)))
                self.assertEqual(len(rows), len(self.json(name + "-list")))

    def test_csv_has_the_keys_of_json(self):
        self.apply()
        out = self.ok("tunnel-list", "--format=csv")
        reader = csv.DictReader(io.StringIO(out))
        row, = list(reader)
        self.assertEqual(reader.fieldnames, LIST_KEYS)
        self.assertEqual((row["name"], row["vni"], row["chassis"]),
                         ("web1-ids", "7001", "[]"))
