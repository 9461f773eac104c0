"""What the console refuses, and to whom, where a row that says whose
something is cannot be read."""

from dummy.cli_case import CliTest

ROUTES = 'routes={"10.3.0.0/99"="a-to-b"}'


class UnreadableNetwork(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()

    def break_subnet(self, name="sn-a"):
        self.ok("set", "Subnet", name, ROUTES)

    def test_the_nics_of_a_subnet_that_cannot_be_read_are_no_accounts(self):
        self.break_subnet()
        for account in ("eve", "beta"):
            seen = [nic["name"]
                    for nic in self.json("--account=" + account, "nic-list")]
            self.assertNotIn("web1-eth0", seen)
        self.ok("tunnel-del", "acme/web1-ids", "--", "resource-del",
                "acme/web1-src")
        self.refused("NOT_OWNER", "--account=eve", "resource-add", "steal",
                     "source", "network-interface", "web1-eth0")
        self.assertIn("web1-eth0",
                      [nic["name"] for nic in self.json("nic-list")])

    def test_who_names_a_target_there_learns_of_no_other_account(self):
        self.break_subnet()
        lines = [self.refused(
            "NOT_OWNER", "--account=beta", "resource-add", "b-web",
            "destination", "network-interface", name)
                 for name in ("web1-eth0", "web9-eth0")]
        self.assertEqual([line.replace("web9", "web1") for line in lines[1]],
                         lines[0])

    def test_a_load_balancer_of_a_vpc_that_cannot_be_read_is_no_accounts(
            self):
        self.ok("vpc-add", "hub", "kind=transit", "account=acme",
                "region=kr", "--", "lb-add", "lb1", "vpc=hub")
        self.ok("set", "VPC", "hub", 'account=""')
        self.assertEqual(self.json("--account=eve", "lb-list"), [])

    def test_no_resource_is_made_of_a_target_whose_owner_is_unknown(self):
        self.ok("tunnel-del", "acme/web1-ids", "--", "resource-del",
                "acme/web1-src")
        self.break_subnet()
        line, = self.refused(
            "UNREADABLE", "resource-add", "eve/steal", "source",
            "network-interface", "web1-eth0")
        self.assertIn('mirror_resources["eve/steal"].target', line)

    def test_a_request_is_not_accepted_unseen(self):
        self.ok("--account=acme", "tunnel-add", "net", "source=web1-src",
                "destination=beta/beta-ids")
        self.ok("peering-set", "a-to-b", "state=inactive")
        self.refused("PEERING_MISSING", "--account=beta", "tunnel-accept",
                     "acme/net")
        self.break_subnet()
        lines = self.refused("UNREADABLE", "--account=beta", "tunnel-accept",
                             "acme/net")
        self.assertEqual(len(lines), 1)
        self.assertNotIn("sn-a", lines[0])

    def test_no_tunnel_is_made_or_turned_to_where_checks_cannot_see(self):
        self.break_subnet("sn-b")
        self.refused("UNREADABLE", "--account=acme", "tunnel-add", "net",
                     "source=web1-src", "destination=beta/beta-ids")
        self.ok("collector-add", "other", "192.0.2.11", "--",
                "resource-add", "acme/other", "destination", "collector",
                "other")
        self.ok("set", "Collector", "other", "address=nonsense")
        self.refused("UNREADABLE", "--account=acme", "tunnel-set",
                     "web1-ids", "destination=other")

    def test_what_stands_is_stopped_and_changed_as_before(self):
        self.break_subnet()
        self.ok("--account=acme", "tunnel-set", "web1-ids", "enabled=false",
                "note=while it is mended")
        self.ok("--account=acme", "resource-set", "web1-src", "note=too")
        self.ok("--account=acme", "tunnel-del", "web1-ids")

    def test_nothing_whose_owner_is_unknown_is_pruned(self):
        self.break_subnet()
        self.ok("apply", "-", "--prune", text='{"network_interfaces": []}')
        self.assertEqual([nic["name"] for nic in self.json("nic-list")],
                         ["ids-eth0", "web1-eth0"])


class RowsPastTheConsole(CliTest):
    """No hypervisor has the NIC, and so none says what is wrong."""

    def setUp(self):
        super().setUp()
        self.apply()

    def faults(self, name="web1-ids"):
        tunnel, = [t for t in self.json("tunnel-list") if t["name"] == name]
        self.assertEqual(tunnel["health"], "error", tunnel)
        return {reason["code"] for reason in tunnel["reasons"]}

    def test_a_rule_that_is_wrong_shows_in_the_list(self):
        rule, = [row for row, number, protocol in
                 self.rows("Mirror_Rule", "_uuid", "number", "protocol")
                 if (number, protocol) == (100, "tcp")]
        self.ok("set", "Mirror_Rule", rule[1], "icmp_type=8")
        self.assertIn("RULE_ICMP", self.faults())

    def test_a_collector_that_cannot_be_read_shows_in_the_list(self):
        self.ok("set", "Collector", "suricata1", "address=nonsense")
        self.assertIn("UNREADABLE", self.faults())

    def test_a_filter_that_cannot_be_read_shows_in_the_list(self):
        rule, = [row for row, number, action in
                 self.rows("Mirror_Rule", "_uuid", "number", "action")
                 if (number, action) == (100, "reject")]
        self.ok("set", "Mirror_Rule", rule[1], "source=10.1.0.9/8")
        self.assertIn("UNREADABLE", self.faults())

    def test_a_nic_of_both_roles_shows_in_the_list(self):
        nic, = [row for row, name in
                self.rows("Network_Interface", "_uuid", "name")
                if name == "web1-eth0"]
        self.ok("create", "Mirror_Resource", "name=older", "account=acme",
                "purpose=destination", "type=network-interface",
                "target=web1-eth0", "iface_id=web1-eth0",
                "network_interface=" + nic[1], "created=1")
        self.assertIn("ROLE_CONFLICT", self.faults())

    def test_the_younger_of_two_alike_shows_in_the_list(self):
        row, = self.rows("Mirror_Tunnel", "source", "destination", "filter")
        source, destination, filter_ = (cell[1] for cell in row)
        self.ok("create", "Mirror_Tunnel", "name=twin", "account=acme",
                "source=" + source, "destination=" + destination,
                "filter=" + filter_, "vni=9", "mode=mirror",
                "delivery=auto", "enabled=true", "generation=1")
        self.assertIn("DUPLICATE_TUNNEL", self.faults("twin"))
        tunnel, = [t for t in self.json("tunnel-list")
                   if t["name"] == "web1-ids"]
        self.assertNotEqual(tunnel["health"], "error")
