"""What --dry-run says would be written."""

import json

from dummy.cli_case import CliTest, DOCUMENT


class DryRun(CliTest):
    def test_dry_run_says_what_would_be_written_and_writes_nothing(self):
        before = self.contents()
        out = self.ok("--dry-run", "apply", "-", text=json.dumps(DOCUMENT))
        self.assertIn("create mirror_tunnels acme/web1-ids: ", out)
        self.assertIn("vni 7001", out)
        self.assertEqual(self.contents(), before)

    def test_dry_run_names_changed_fields_with_both_values(self):
        self.apply()
        before = self.contents()
        out = self.ok("--dry-run", "tunnel-set", "acme/web1-ids", "vni=7002",
                      "--", "collector-set", "suricata1",
                      "address=192.0.2.11")
        self.assertIn("change mirror_tunnels acme/web1-ids: vni 7001 -> 7002",
                      out)
        self.assertIn("change collectors suricata1: "
                      "address \"192.0.2.10\" -> \"192.0.2.11\"", out)
        self.assertEqual(self.contents(), before)

    def test_dry_run_exits_as_the_real_one_would(self):
        self.refused("NOT_FOUND", "--dry-run", "tunnel-del", "nothing")

    def test_dry_run_refuses_a_name_that_the_database_would(self):
        """A connect is called after its VPCs when it has no name."""
        names = ["v" * 200, "w" * 200]
        text = json.dumps({
            "vpcs": [{"name": name, "account": "a", "region": "r",
                      "kind": "transit"} for name in names],
            "transit_connects": [{"vpc": names[0], "transit_vpc": names[1]}]})
        for options in (["--dry-run"], []):
            line, = self.refused("SYNTAX", *options, "apply", "-", text=text)
            self.assertIn(": transit_connects[0].name: ", line)

    def test_dry_run_holds_for_generic_commands_and_init(self):
        before = self.contents()
        out = self.ok("--dry-run", "init")
        self.assertIn("create Mirror_Global\n", out)
        self.assertIn("create RBAC_Role ovs-mirrord\n", out)
        self.assertIn("create RBAC_Permission Tunnel_Status\n", out)
        self.ok("--dry-run", "create", "VPC", "name=v", "kind=standard")
        self.assertEqual(self.contents(), before)

    def dry(self, *args):
        """The lines that are said, nothing being written."""
        before = self.contents()
        lines = self.ok("--dry-run", *args).splitlines()
        self.assertEqual(self.contents(), before)
        return lines

    def test_dry_run_of_init_says_which_permission_it_takes_away(self):
        self.ok("init")
        permission = self.ok("--bare", "--columns=_uuid", "find",
                             "RBAC_Permission", "table=Chassis").strip()
        self.ok("set", "RBAC_Role", "ovs-mirrord",
                f"permissions:VPC={permission}")
        said = "change RBAC_Role ovs-mirrord: no permission for VPC"
        self.assertEqual(self.ok("--dry-run", "init").strip(), said)
        self.ok("init")
        self.assertEqual(self.ok("--dry-run", "init"), "")

    def test_dry_run_tells_who_admits_nobody_from_whom_nobody_knows(self):
        self.apply()
        for key, said in (("permits-vxlan-from=none",
                           "permits_vxlan_from []"), ("mtu=1500", "mtu")):
            out = self.ok("--dry-run", "nic-add", "new", "iface-id=new",
                          "subnet=sn-a", key)
            self.assertIn(said, out)
            self.assertEqual("permits_vxlan_from" in out,
                             key.startswith("permits"))

    def test_dry_run_says_whose_a_new_object_is(self):
        for noun, args in (("collectors", "collector-add new 192.0.2.9"),
                           ("vpcs", "vpc-add new"),
                           ("network_interfaces", "nic-add new iface-id=n")):
            line, = self.dry(*args.split(), "account=acme")
            self.assertRegex(line, f'^create {noun} new: .*account "acme"')
        line, = self.dry("filter-add", "acme/new")
        self.assertEqual(line, 'create mirror_filters acme/new: '
                               'non_ip "drop"')

    def test_dry_run_says_what_changes_beside_the_document(self):
        self.apply()
        self.ok("tunnel-del", "acme/web1-ids")
        self.assertEqual(self.dry("collector-del", "suricata1"), [
            "delete collectors suricata1",
            "change mirror_resources acme/ids: orphaned false -> true"])
        self.assertIn(
            'change mirror_resources acme/web1-src: '
            'iface_id "web1-eth0" -> "new"',
            self.dry("nic-set", "web1-eth0", "iface-id=new"))

    def test_dry_run_shows_no_account_what_it_finds_again_for_another(self):
        self.apply()
        self.ok("destroy", "Network_Interface", "ids-eth0", "--", "destroy",
                "Collector", "suricata1")
        self.ok("create", "Network_Interface", "name=ids-eth0",
                "iface_id=ids-eth0", "hypervisor=kvm", "--", "create",
                "Collector", "name=suricata1", "address=192.0.2.10")
        edit = ["filter-add", "own"]
        own = 'create mirror_filters own: non_ip "drop"'
        nic, collector = (
            f"change mirror_resources {name}: orphaned true -> false"
            for name in ("beta/beta-ids", "acme/ids"))
        for account, found in [("gamma", []), ("beta", [nic]),
                               ("acme", [collector])]:
            self.assertEqual(self.dry("--account=" + account, *edit),
                             found + [own.replace("own", account + "/own", 1)])
        lines = self.dry(*edit)
        self.assertIn(nic, lines)
        self.assertIn(collector, lines)

    def test_dry_run_of_generic_commands_has_their_options(self):
        self.apply()
        for words in ("--all destroy Mirror_Tunnel",
                      "--if-exists clear Collector none external_ids",
                      "--id=@c create Collector name=v address=192.0.2.7"):
            self.assertEqual(self.dry(*words.split()),
                             ["past the checks: " + words])
