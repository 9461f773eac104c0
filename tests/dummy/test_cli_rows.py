"""ovs-mirrorctl against a real ovsdb-server: whose rows are seen and written,
and what becomes of rows that others wrote."""

import json
import subprocess

from dummy.cli_case import CliTest, DEADLINE


class Accounts(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()

    def request(self):
        return self.ok("--account=acme", "tunnel-add", "shared",
                       "source=web1-src", "destination=beta/beta-ids",
                       "vni=5")

    def test_a_request_waits_and_is_accepted(self):
        out = self.request()
        self.assertIn("waits for account beta", out)
        inbox = self.json("--account=beta", "tunnel-inbox")
        self.assertEqual([(t["name"], t["state"]) for t in inbox],
                         [("shared", "Waiting")])
        self.assertEqual(self.json("--account=acme", "tunnel-inbox"), [])
        self.refused("STALE_REQUEST", "--account=beta", "tunnel-accept",
                     "acme/shared", "--generation=7")
        self.refused("NOT_ACCEPTOR", "--account=acme", "tunnel-accept",
                     "shared")
        self.refused("ACCEPT_OR_REJECT_ONLY", "--account=beta", "tunnel-del",
                     "acme/shared")
        self.ok("--account=beta", "tunnel-accept", "acme/shared",
                "--generation=1")
        self.assertEqual(self.json("--account=beta", "tunnel-inbox"), [])
        tunnel, = self.json("--account=beta", "tunnel-list")
        self.assertEqual(tunnel["state"], "Setting")
        self.refused("INVALID_STATE", "--account=beta", "tunnel-accept",
                     "acme/shared")
        self.refused("DESTINATION_IMMUTABLE", "--account=acme", "tunnel-set",
                     "shared", "destination=ids")
        self.ok("--account=acme", "tunnel-set", "shared", "vni=6")
        self.assertEqual(self.json("--account=beta", "tunnel-list")[0]
                         ["state"], "Setting")

    def test_a_rejected_request_is_gone_and_its_event_kept(self):
        self.request()
        self.ok("--account=beta", "tunnel-reject", "acme/shared")
        self.assertEqual(self.json("--account=beta", "tunnel-list"), [])
        events = self.json("--account=acme", "event-list")
        self.assertIn(("shared", "rejected", "beta"),
                      [(e["object"], e["event"], e["actor"])
                       for e in events])

    def test_a_third_account_finds_nothing(self):
        self.request()
        for args in (["tunnel-del", "acme/shared"],
                     ["tunnel-accept", "acme/shared"],
                     ["tunnel-reject", "acme/shared"],
                     ["tunnel-show", "acme/shared"],
                     ["tunnel-set", "acme/shared", "vni=1"],
                     ["filter-show", "acme/web"],
                     ["resource-show", "acme/web1-src"],
                     ["filter-del", "acme/web"]):
            with self.subTest(args):
                self.refused("NOT_FOUND", "--account=eve", *args)
        for name in ("tunnel", "filter", "resource", "event", "nic", "vpc"):
            self.assertEqual(self.json("--account=eve", name + "-list"), [])
        self.assertNotIn("acme", self.ok("--account=eve", "export"))

    def test_force_is_the_operators(self):
        self.refused("NOT_OWNER", "--account=acme", "tunnel-del", "web1-ids",
                     "--force")


class Generic(CliTest):
    def resource(self, name):
        return self.json("resource-show", f"acme/{name}")

    def test_a_nic_made_anew_has_a_resource_of_its_own(self):
        """By its old name, that is; the resource of the one that is gone
        stays, should that come back."""
        self.ok("nic-add", "web1", "iface-id=A")
        self.ok("resource-add", "acme/old", "source", "network-interface",
                "web1")
        self.ok("nic-del", "web1")
        self.ok("nic-add", "web1", "iface-id=B")
        for option in ("--dry-run", "--db=" + self.db.remote):
            self.ok(option, "resource-add", "acme/new", "source",
                    "network-interface", "web1")
        self.assertTrue(self.resource("old")["orphaned"])
        self.assertFalse(self.resource("new")["orphaned"])

    def test_what_is_destroyed_is_not_edited_by_the_same_call(self):
        self.apply()
        for edit in (["tunnel-del", "acme/web1-ids"],
                     ["tunnel-set", "acme/web1-ids", "note=x"]):
            with self.subTest(edit):
                for option in ("--dry-run", "--db=" + self.db.remote):
                    self.ok(option, "destroy", "Mirror_Tunnel", "web1-ids",
                            "--", *edit)
                self.assertEqual(self.json("tunnel-list"), [])
                self.apply()
        self.ok("create", "Tunnel_Status", "name=web1-ids", "chassis=hv1",
                "health=ok", "number=1", "tunnel=" + self.json(
                    "tunnel-show", "acme/web1-ids")["id"])
        self.ok("tunnel-del", "acme/web1-ids", "--force", "--", "--all",
                "destroy", "Tunnel_Status")
        self.assertEqual(self.json("tunnel-list"), [])

    def test_a_members_nic_that_cannot_be_read_is_not_lost(self):
        self.ok("vpc-add", "v1", "account=acme", "region=r", "--",
                "subnet-add", "sn-1", "v1", "10.1.0.0/24", "--", "subnet-add",
                "sn-2", "v1", "10.2.0.0/24", "--", "nic-add", "web1",
                "iface-id=A")
        self.ok("apply", "-", text=json.dumps({"load_balancers": [
            {"name": "lb-1", "vpc": "v1", "subnet": "sn-1", "members": [
                {"address": "10.1.0.9", "network_interface": "web1"}]}]}))
        self.ok("set", "Network_Interface", "web1", "addresses=10.1.0.5/24")
        self.ok("lb-set", "lb-1", "subnet=sn-2")
        self.ok("apply", "-", text=self.ok("export"))
        self.ok("set", "Network_Interface", "web1", "addresses=10.1.0.5")
        balancer, = self.json("export")["load_balancers"]
        self.assertEqual(balancer["subnet"], "sn-2")
        self.assertEqual(balancer["members"][0]["network_interface"], "web1")

    def test_a_nic_that_came_back_as_another_row_is_there(self):
        self.ok("nic-add", "web1", "iface-id=A")
        self.ok("resource-add", "acme/old", "source", "network-interface",
                "web1")
        self.ok("destroy", "Network_Interface", "web1")
        self.assertTrue(self.resource("old")["orphaned"])
        self.ok("create", "Network_Interface", "name=web2", "iface_id=A",
                "hypervisor=kvm")
        before = self.contents()
        self.assertFalse(self.resource("old")["orphaned"])
        self.assertEqual(self.contents(), before, "who looks writes nothing")
        self.ok("vpc-add", "v1")
        out = self.ok("get", "Mirror_Resource", "old", "network_interface")
        self.assertNotEqual(out.strip(), "[]", "who edits writes it")

    def test_what_a_row_says_of_permits_counts_and_stays(self):
        self.ok("nic-add", "web1", "iface-id=A")
        self.ok("set", "Network_Interface", "web1",
                "permits_vxlan_from=203.0.113.0/24")
        self.ok("nic-set", "web1", "mtu=1500")
        nic, = self.json("export")["network_interfaces"]
        self.assertEqual(nic["permits_vxlan_from"], ["203.0.113.0/24"])

    def test_an_export_has_the_names_that_targets_have_now(self):
        self.ok("collector-add", "box", "203.0.113.9")
        self.ok("resource-add", "acme/ids", "destination", "collector", "box")
        self.ok("set", "Collector", "box", "name=newbox")
        resource, = self.json("export")["mirror_resources"]
        self.assertEqual(resource["target"], "newbox")

    def test_rows_are_made_found_changed_and_deleted(self):
        self.ok("create", "VPC", "name=v1", "kind=standard", "region=r")
        self.assertIn("v1", self.ok("find", "VPC", "region=r"))
        self.ok("set", "VPC", "v1", "region=s")
        self.assertEqual(self.ok("get", "VPC", "v1", "region").strip(), "s")
        self.assertEqual(self.json("vpc-list")[0]["region"], "s")
        self.ok("destroy", "VPC", "v1")
        self.assertEqual(self.json("vpc-list"), [])

    def test_a_row_that_nothing_will_refer_to_is_warned_of(self):
        result = self.run_cli("create", "Connection",
                              'target="ptcp:1"')
        self.assertEqual(result.code, 0, result)
        self.assertIn("without --id option will have no effect", result.err)

    def test_the_role_holds_for_who_comes_by_a_connection(self):
        self.ok("init", "--", "--id=@c", "create", "Connection",
                'target="punix:%s/role.sock"' % self.db.dir,
                "role=ovs-mirrord", "--", "set", "Mirror_Global", ".",
                "connections=@c")
        self.db.kill()
        self.db.start(
            "--remote=db:Packet_Mirroring,Mirror_Global,connections")
        result = self.run_cli("--db=unix:" + self.db.dir + "/role.sock",
                              "collector-add", "ids1", "192.0.2.1")
        self.assertEqual(result.code, 1, result)
        self.assertIn("permission error", result.err)
        self.ok("collector-add", "ids1", "192.0.2.1")

    def test_the_schema_refuses_what_it_can(self):
        result = self.run_cli("create", "VPC", "name=v1", "kind=square")
        self.assertEqual(result.code, 1)

    def test_an_unreadable_row_is_named_and_disturbs_no_other(self):
        self.apply()
        self.ok("create", "Collector", "name=bad", "address=nonsense")
        result = self.run_cli("tunnel-list", "--format=json")
        self.assertEqual(result.code, 0)
        self.assertEqual(len(json.loads(result.out)), 1)
        self.assertIn("Collector bad: column address has \"nonsense\"",
                      result.err)

    def test_what_cannot_be_read_is_named_and_deleted_by_its_name(self):
        self.apply()
        self.ok("set", "Subnet", "sn-b", "cidr=10.2.0.1/24", "--",
                "set", "Network_Interface", "ids-eth0", "addresses=nonsense",
                "--", "create", "Collector", "name=bad", "address=nonsense")
        self.refused("DUPLICATE", "collector-add", "bad", "192.0.2.1")
        self.refused("NOT_FOUND", "collector-del", "worse")
        self.refused("NOT_OWNER", "--account=acme", "collector-del", "bad")
        out = self.ok("--dry-run", "collector-del", "bad")
        self.assertEqual(out, "delete collectors bad\n")
        result = self.run_cli("collector-del", "bad", "--", "nic-del",
                              "ids-eth0", "--", "subnet-del", "sn-b")
        self.assertEqual((result.code, result.err), (0, ""))
        self.assertEqual([s["name"] for s in self.json("subnet-list")],
                         ["sn-a"])
        self.assertEqual(self.run_cli("collector-list").err, "")

    def break_a_rule(self):
        self.apply()
        rule, = [row for row, number, action in
                 self.rows("Mirror_Rule", "_uuid", "number", "action")
                 if (number, action) == (100, "reject")]
        self.ok("set", "Mirror_Rule", rule[1], "source=10.1.0.9/8")

    def test_a_tunnel_names_its_filter_that_cannot_be_read(self):
        self.break_a_rule()
        self.assertEqual(self.json("tunnel-list")[0]["filter"], "web")

    def test_a_tunnel_whose_filter_cannot_be_read_can_be_disabled(self):
        """And keeps that filter: without one it would mirror every frame."""
        self.break_a_rule()
        before = self.rows("Mirror_Tunnel", "filter")
        self.ok("--account=acme", "tunnel-set", "web1-ids", "enabled=false")
        self.assertEqual(self.rows("Mirror_Tunnel", "filter", "enabled"),
                         [[before[0][0], False]])
        self.ok("tunnel-set", "acme/web1-ids", "filter=web", "vni=5")
        self.assertEqual(self.rows("Mirror_Tunnel", "filter"), before)

    def test_a_filter_that_cannot_be_read_is_deleted_by_its_name(self):
        self.break_a_rule()
        line = self.refused("IN_USE", "filter-del", "acme/web")[0]
        self.assertIn('tunnel "web1-ids"', line)
        self.refused("NOT_FOUND", "--account=beta", "filter-del", "acme/web")
        self.ok("--account=acme", "filter-del", "web", "--", "tunnel-del",
                "web1-ids")
        self.assertEqual(self.rows("Mirror_Filter", "name"), [])
        self.assertEqual(self.json("event-list")[-1]["event"], "deleted")

    def test_a_rule_that_cannot_be_read_is_deleted_by_its_number(self):
        self.break_a_rule()
        self.refused("NOT_FOUND", "rule-del", "acme/web", "inbound", "101")
        self.refused("NOT_FOUND", "--account=beta", "rule-del", "acme/web",
                     "inbound", "100")
        self.assertIn("inbound rule 100", self.ok(
            "--dry-run", "rule-del", "acme/web", "inbound", "100"))
        result = self.run_cli("--account=acme", "rule-del", "web", "inbound",
                              "100")
        self.assertEqual((result.code, result.err), (0, ""))
        shown = self.json("filter-show", "acme/web")
        self.assertEqual(shown["generation"], 2)
        self.assertEqual([(r["direction"], r["number"])
                          for r in shown["rules"]],
                         [("inbound", 200), ("outbound", 100),
                          ("outbound", 200)])

    def test_what_cannot_be_read_is_not_said_to_be_missing(self):
        self.break_a_rule()
        for words in ("filter-show web", "rule-list web",
                      "filter-test web in ip", "filter-set web note=x",
                      "rule-add web inbound 300 accept",
                      "tunnel-add new source=web1-src destination=ids "
                      "filter=web"):
            with self.subTest(words):
                line, = self.refused("UNREADABLE", "--account=acme",
                                     *words.split())
                self.assertIn(", for inbound[100]: Mirror_Rule ", line)
                self.assertIn("rule-del", line)
                self.refused("NOT_FOUND", "--account=beta",
                             *words.replace("web ", "acme/web ", 1).split())

    def test_only_its_account_hears_of_a_row_that_cannot_be_read(self):
        self.break_a_rule()
        self.ok("create", "Collector", "name=bad", "address=nonsense")
        for account, heard in [("acme", 1), ("beta", 0)]:
            result = self.run_cli("--account=" + account, "tunnel-list")
            self.assertEqual(result.err.count("UNREADABLE"), heard, result)
            self.assertNotIn('with "set"', result.err)
        self.assertIn('warning: UNREADABLE: mirror_filters["acme/web"]'
                      ".inbound[100]: Mirror_Rule ",
                      self.run_cli("filter-list").err)

    def test_no_row_that_the_schema_lets_in_is_too_much(self):
        self.apply()
        for table, row, column, value in [
                ("Subnet", "sn-a", "cidr", "10.1.0.1/24"),
                ("Subnet", "sn-b", "routes", '{"x"="y"}'),
                ("Network_Interface", "ids-eth0", "addresses", "[a,b]"),
                ("Mirror_Resource", "beta-ids", "network_interface", "[]"),
                ("Mirror_Tunnel", "web1-ids", "name", '"Not A Name!"'),
                ("VPC", "vpc-a", "account", '""')]:
            self.ok("set", table, row, column + "=" + value)
            for command in ("tunnel-list", "show", "export", "nic-list",
                            "resource-list", "filter-list"):
                with self.subTest((table, column, command)):
                    self.ok(command)
        self.ok("--", "--id=@r", "create", "Mirror_Rule", "number=1",
                "action=accept", "source=any", "protocol=xyz", "--", "create",
                "Mirror_Filter", "name=bad", "account=acme", "non_ip=drop",
                "inbound=@r")
        result = self.run_cli("filter-list")
        self.assertEqual(result.code, 0, result)
        self.assertIn("Mirror_Rule", result.err)

    def test_the_event_table_keeps_the_latest(self):
        rows = [{"op": "insert", "table": "Event",
                 "row": {"time": i + 1, "kind": "tunnel"}}
                for i in range(10000)]
        self.db.transact(rows)
        self.ok("filter-add", "flt")
        events = self.json("event-list")
        self.assertEqual(len(events), 10000)
        self.assertEqual(events[0]["time"], "1970-01-01T00:00:00Z")
        self.assertEqual(events[-1]["object"], "flt")

    def test_wait_until_sees_another_client(self):
        waiter = subprocess.Popen(
            self.command("--timeout=30", "wait-until", "VPC", "v1"),
            stdout=subprocess.DEVNULL)
        self.ok("vpc-add", "v1", "account=a", "region=r")
        self.assertEqual(waiter.wait(DEADLINE), 0)

    def test_wait_until_obeys_the_timeout(self):
        self.assertEqual(
            self.run_cli("--timeout=1", "wait-until", "VPC", "v1").code, 1)
