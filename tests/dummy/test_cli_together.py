"""ovs-mirrorctl against a real ovsdb-server: what one call does and says when
it has several commands, edits rows by hand, or cannot say it."""

import json
import subprocess

from dummy.cli_case import DEADLINE, CliTest, Result


class Together(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()

    NEW = ("tunnel-add", "acme/auto", "source=web1-src", "destination=ids")

    def test_a_vni_yet_to_be_chosen_is_shown_as_not_known(self):
        out = self.ok(*self.NEW, "--", "tunnel-list")
        line, = [l for l in out.splitlines() if l.startswith("acme/auto  ")]
        self.assertEqual(line.split()[7], "-", out)
        self.assertNotIn("VNI_RANGE", out)
        self.assertIn("acme/auto: vni 1 was chosen", out)

    def test_a_vni_given_by_a_later_command_was_not_chosen(self):
        self.assertNotIn("was chosen", self.ok(
            *self.NEW, "--", "tunnel-set", "acme/auto", "vni=5"))
        self.assertEqual(self.json("tunnel-show", "acme/auto")["vni"], 5)

    def test_a_document_prunes_what_an_earlier_command_added(self):
        document = json.dumps({"mirror_filters": [
            {"name": "web", "account": "acme"}]})
        self.ok("filter-add", "acme/zzz", "--", "apply", "-", "--prune",
                text=document)
        self.assertEqual([f["name"] for f in self.json("filter-list")],
                         ["web"])
        self.ok("filter-set", "acme/web", "note=x", "--", "apply", "-",
                text=document)

    def test_two_accounts_are_not_one_callers(self):
        result = self.run_cli("--account=acme", "tunnel-list",
                              "--account=beta")
        self.assertEqual(result.code, 2, result)
        self.assertIn('"acme"', result.err)
        self.assertIn('"beta"', result.err)
        self.ok("--account=acme", "tunnel-list", "--account=acme")

    def test_a_dry_run_names_what_is_done_past_the_checks(self):
        before = self.contents()
        for words in (["set", "Collector", "suricata1",
                       "address=192.0.2.77"],
                      ["destroy", "VPC_Peering", "a-to-b"],
                      ["create", "Collector", "name=v", "address=192.0.2.7"]):
            self.assertEqual(self.ok("--dry-run", *words),
                             "past the checks: " + " ".join(words) + "\n")
        self.assertEqual(self.ok("--dry-run", "get", "Collector", "suricata1",
                                 "address"), '"192.0.2.10"\n')
        self.assertEqual(self.contents(), before)

    def test_what_cannot_be_printed_is_a_failure(self):
        # More than a buffer holds.
        self.ok("apply", "-", text=json.dumps({"collectors": [
            {"name": f"c-{n}", "address": f"192.0.2.{n}"}
            for n in range(1, 200)]}))
        for words in (["export"], ["tunnel-list"], ["--help"], ["--version"],
                      ["--dry-run", "vpc-add", "v-1"],
                      ["list", "VPC"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                result = Result(subprocess.run(
                    self.command(*words), stdout=full, timeout=DEADLINE,
                    stderr=subprocess.PIPE, text=True, check=False))
            self.assertEqual(result.code, 1, (words, result))
            self.assertRegex(result.err, "^ovs-mirrorctl: OUTPUT: standard "
                             "output: .*: No space left on device")

    def test_addresses_of_a_load_balancer_are_its_members(self):
        self.ok("vpc-add", "hub", "kind=transit", "--", "lb-add", "lb-1",
                "vpc=hub", "members=10.9.0.9")
        self.ok("lb-set", "lb-1", "addresses=10.9.0.3,10.9.0.4")
        lb, = self.json("lb-list")
        self.assertEqual([m["address"] if isinstance(m, dict) else m
                          for m in lb["members"]], ["10.9.0.3", "10.9.0.4"])
        self.refused("MISMATCH", "lb-set", "lb-1", "addresses=10.9.0.3",
                     "members=10.9.0.5")

    def test_routes_of_no_subnet_are_not_found(self):
        self.refused("NOT_FOUND", "route-list", "none")
        self.assertIn("a-to-b", self.ok("route-list", "sn-a"))

    def test_what_is_accepted_is_not_said_by_set_or_taken_back(self):
        self.ok("--account=acme", "tunnel-add", "to-beta", "source=web1-src",
                "destination=beta/beta-ids")
        line, = self.refused("IMMUTABLE", "tunnel-set", "acme/to-beta",
                             "accepted=true")
        self.assertIn("tunnel-accept", line)
        self.refused("IMMUTABLE", *self.NEW, "accepted=true")
        self.ok("--account=beta", "tunnel-accept", "acme/to-beta")
        document = json.loads(self.ok("export"))
        tunnel, = [t for t in document["mirror_tunnels"]
                   if t["name"] == "to-beta"]
        tunnel["accepted"] = False
        self.refused("IMMUTABLE", "apply", "-",
                     text=json.dumps({"mirror_tunnels": [tunnel]}))

    def test_what_the_help_says_is_needed_is_needed(self):
        for command, needed in (("vpc-add", "v-1"),
                                ("nic-add", "n-1 iface-id=i-1"),
                                ("lb-add", "l-1 vpc=vpc-a")):
            self.ok(command, *needed.split())
            usage = self.ok(command, "--help").split("\n\n")[0]
            told = [word for word in usage.split()
                    if "=" in word and not word.startswith("[")]
            self.assertEqual([word.split("=")[0] for word in told],
                             [word.split("=")[0]
                              for word in needed.split()[1:]], usage)

    def test_a_probe_is_not_joined_with_what_writes(self):
        self.apply()
        for others in (["collector-add", "new", "192.0.2.9"], ["sync"],
                       ["set", "Mirror_Tunnel", "web1-ids", "vni=9"]):
            result = self.run_cli("tunnel-probe", "acme/web1-ids", "--",
                                  *others)
            self.assertEqual(result.code, 2, result)
            self.assertRegex(
                result.err, f"^ovs-mirrorctl: SYNTAX: tunnel-probe: .*"
                            f"give \"{others[0]}\" first")
        self.assertNotIn("new", self.ok("collector-list"))
