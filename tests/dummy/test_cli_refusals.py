"""Every code with which ovs-mirrorctl refuses an edit, provoked by a command,
by --dry-run just as by the real one, against a real ovsdb-server."""

import json
import os
import re

from dummy.test_cli_guide import CloudTest

STATUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                      "docs", "status.md")
ADD = "tunnel-add new source=src-res destination=dst-res"
RULE = "rule-add web inbound"

# Code: account, command.  What there is: see setUp() and CloudTest.
REFUSED = {
    "NAME_INVALID": ("acme", "filter-add 1x"),
    "NOTE_TOO_LONG": ("acme", "filter-add new note=" + 334 * "\ud55c"),
    "NOT_FOUND": ("acme", "tunnel-add new source=none destination=dst-res"),
    "NOT_OWNER": ("beta", "resource-add new source network-interface near"),
    "PURPOSE_MISMATCH": ("acme", "tunnel-add new source=dst-res "
                                 "destination=away-res"),
    "DUPLICATE_RESOURCE": ("acme", "resource-add new source "
                                   "network-interface src"),
    "ROLE_CONFLICT": ("acme", "resource-add new destination "
                              "network-interface src"),
    "REGION_MISMATCH": ("acme", "tunnel-add new source=src-res "
                                "destination=away-res"),
    "SAME_NIC": ("acme", "tunnel-add new source=src-res "
                         "destination=src-res"),
    "SAME_SUBNET": ("acme", "tunnel-add new source=src-res "
                            "destination=near-res"),
    "NIC_NOT_ALLOWED": ("acme", "tunnel-add new source=src-res "
                                "destination=dst1-res"),
    "LB_NOT_TRANSIT": ("acme", "tunnel-add new source=src-res "
                               "destination=stray"),
    "VNI_RANGE": ("acme", ADD + " vni=16777216"),
    "PACKET_LENGTH_RANGE": ("acme", ADD + " length=63"),
    "PACKET_LENGTH_TOO_LARGE": ("acme", ADD + " length=1451"),
    "DUPLICATE_TUNNEL": ("acme", ADD + " filter=web"),
    "TUNNEL_LIMIT": ("acme", "filter-add last -- tunnel-add new "
                             "source=old-res destination=dst-res filter=last"),
    "RULE_NUMBER": ("acme", RULE + " 32767 accept"),
    "RULE_ACTION": ("acme", RULE + " 1 allow"),
    "RULE_PROTOCOL": ("acme", RULE + " 2 accept protocol=tpc"),
    "RULE_CIDR": ("acme", RULE + " 3 accept source=10.0.0.1/8"),
    "RULE_PORT": ("acme", RULE + " 4 accept protocol=tcp source-port=9-8"),
    "RULE_ICMP": ("acme", RULE + " 5 accept protocol=tcp icmp-type=8"),
    "RULE_LIMIT": ("acme", " -- ".join(f"rule-add web outbound {n} accept"
                                       for n in range(1, 102))),
    "RULE_TOO_COSTLY": ("acme", " -- ".join(
        f"rule-add web outbound {n} accept protocol=tcp source=10.7.{n}.0/24 "
        "source-port=1-65534 destination-port=1-65534"
        for n in range(1, 68))),
    "SYNTAX": ("", "collector-add new 10.0.0.999"),
    "DUPLICATE": ("acme", "filter-add web"),
    "MISMATCH": ("acme", ADD + " source-vpc=hub"),
    "IMMUTABLE": ("acme", "tunnel-set mine source=old-res"),
    "DESTINATION_IMMUTABLE": ("acme", "tunnel-set asked "
                                      "destination=dst-res"),
    "IN_USE": ("acme", "filter-del web"),
    "INVALID_STATE": ("acme", "tunnel-accept mine"),
    "NOT_ACCEPTOR": ("acme", "tunnel-accept asked"),
    "ACCEPT_OR_REJECT_ONLY": ("beta", "tunnel-del acme/asked"),
    "STALE_REQUEST": ("beta", "tunnel-accept asked --generation=7"),
    "AMBIGUOUS": ("beta", "tunnel-accept twice"),
    "TYPE": ("acme", ADD + " vni=many"),
    "UNKNOWN_KEY": ("acme", ADD + " colour=red"),
    "PEERING_MISSING": ("acme", "tunnel-add new source=src-res "
                                "destination=away-res"),
    "ROUTE_MISSING": ("acme", "tunnel-add new source=src-res "
                              "destination=away-res"),
    "TRANSIT_CONNECT_MISSING": ("acme", "tunnel-add new source=src-res "
                                        "destination=balancer"),
}


class Refusals(CloudTest):
    def setUp(self):
        super().setUp()
        self.connect_theirs()
        self.ok("nic-add", "free", "iface-id=free",
                "mac=52:54:00:00:00:63", "account=gamma")
        self.ok("--account=gamma", "resource-add", "free-res", "source",
                "network-interface", "free")
        self.ok("--account=acme", "filter-add", "web", "--", "tunnel-add",
                "mine", "source=src-res", "destination=dst-res",
                "filter=web")
        for name in ("asked", "twice"):
            self.ok("--account=acme", "filter-add", name, "--", "tunnel-add",
                    name, "source=src-res", "destination=beta/theirs-res",
                    "filter=" + name)
        self.ok("--account=gamma", "tunnel-add", "twice", "source=free-res",
                "destination=beta/theirs-res")
        for n in range(16):
            self.ok("--account=acme", "filter-add", f"old{n}", "--",
                    "tunnel-add", f"old{n}", "source=old-res",
                    "destination=dst-res", f"filter=old{n}")

    def commands(self):
        for code, (account, words) in REFUSED.items():
            own = ["--account=" + account] if account else []
            yield code, own, words.split()

    def test_the_table_has_every_code(self):
        with open(STATUS, encoding="utf-8") as f:
            parts = f.read().split("\n## ")
        codes = {code for part in parts if part.startswith("Refusals")
                 for code in re.findall(r"^\| `(\w+)`", part, re.M)}
        self.assertEqual(set(REFUSED), codes | {
            "PEERING_MISSING", "ROUTE_MISSING", "TRANSIT_CONNECT_MISSING"})

    def test_every_code_is_given_and_nothing_written(self):
        for code, own, words in self.commands():
            with self.subTest(code):
                dry = self.refused(code, *own, "--dry-run", *words)
                self.assertEqual(self.refused(code, *own, *words), dry)
                for line in dry:
                    self.assert_mends(line)

    def test_all_of_them_are_given_together(self):
        """What several commands are refused for, in one answer."""
        chosen = [(code, own, words) for code, own, words in self.commands()
                  if own == ["--account=acme"] and "new" not in words
                  and code not in ("RULE_LIMIT", "RULE_TOO_COSTLY",
                                   "TUNNEL_LIMIT")]
        joined = []
        for _, _, words in chosen:
            joined += ["--", *words] if joined else words
        for mode in ((), ("--dry-run",)):
            lines = self.refused("IN_USE", "--account=acme", *mode, *joined)
            self.assertLessEqual({code for code, _, _ in chosen},
                                 {line.split(": ")[1] for line in lines})

    def codes_and_paths(self, code, *words):
        return {tuple(line.split(": ")[1:3])
                for line in self.refused(code, *words)}

    def test_of_one_command_all_of_them_are_given(self):
        self.ok("filter-add", "acme/all", "--", "rule-add", "acme/all",
                "inbound", "100", "accept")
        rule = 'mirror_filters["acme/all"].inbound[100]'
        for mode in ((), ("--dry-run",)):
            self.assertEqual(self.codes_and_paths(
                "RULE_NUMBER", *mode, "rule-add", "acme/all", "inbound", "100",
                "accept", "source=10.0.0.1/8"),
                {("RULE_NUMBER", rule + ".number"),
                 ("RULE_CIDR", rule + ".source")})
            self.refused("UNKNOWN_KEY", *mode, "vpc-add", "v9", "region=r",
                         "account=acme", "accepted=true")
            self.assertLessEqual(
                {"IMMUTABLE", "TYPE"},
                {code for code, _ in self.codes_and_paths(
                    "IMMUTABLE", *mode, "filter-set", "acme/all",
                    "name=other", "non-ip=7")})

    def test_a_document_is_refused_with_the_same_codes(self):
        document = {"mirror_tunnels": [
            {"name": "new", "account": "acme", "source": "src-res",
             "destination": "away-res", "vni": 0, "packet_length": 9000,
             "note": 1001 * "x", "filter": "none", "colour": "red",
             "mode": 7}]}
        text = json.dumps(document)
        for mode in ((), ("--dry-run",)):
            lines = self.refused("VNI_RANGE", *mode, "apply", "-", text=text)
            self.assertEqual(
                {tuple(line.split(": ")[1:3]) for line in lines},
                {(code, "mirror_tunnels[0]." + key) for code, key in (
                    ("REGION_MISMATCH", "destination"),
                    ("PEERING_MISSING", "destination"),
                    ("ROUTE_MISSING", "destination"),
                    ("VNI_RANGE", "vni"),
                    ("PACKET_LENGTH_RANGE", "packet_length"),
                    ("NOTE_TOO_LONG", "note"), ("NOT_FOUND", "filter"),
                    ("UNKNOWN_KEY", "colour"), ("TYPE", "mode"))})

    def test_the_users_of_what_is_in_use_are_named_as_the_caller_may_know(
            self):
        line, = self.refused("IN_USE", "--account=acme", "resource-del",
                             "src-res")
        for name in ("mine", "asked", "twice"):
            self.assertIn(f'tunnel "{name}"', line)
        self.ok("--account=beta", "tunnel-accept", "asked")
        line, = self.refused("IN_USE", "--account=beta", "resource-del",
                             "theirs-res")
        self.assertIn('tunnel "acme/asked"', line)
        self.assertNotIn("twice", line)

    def test_no_refusal_tells_a_stranger_what_there_is(self):
        """Asked for what another account has and for what nobody has, the
        answers are the same but for the name."""
        for there, nowhere in (("asked", "none"), ("web", "non"),
                               ("src-res", "non-res")):
            for command in ("tunnel-del acme/{}", "tunnel-accept acme/{}",
                            "tunnel-accept {}", "tunnel-reject {}",
                            "tunnel-set acme/{} vni=5", "tunnel-show acme/{}",
                            "filter-show acme/{}", "filter-del acme/{}",
                            "filter-set acme/{} note=x",
                            "rule-add acme/{} inbound 1 accept",
                            "rule-del acme/{} inbound 1",
                            "rule-list acme/{}", "resource-show acme/{}",
                            "resource-del acme/{}",
                            "resource-set acme/{} note=x",
                            "filter-add acme/{}",
                            "tunnel-add new source=acme/{} "
                            "destination=beta/theirs-res",
                            "tunnel-add new source=own destination=acme/{}",
                            "tunnel-add new source=own filter=acme/{} "
                            "destination=beta/theirs-res"):
                with self.subTest(command, name=there):
                    told = [self.run_cli("--account=eve",
                                         *command.format(name).split())
                            for name in (there, nowhere)]
                    self.assertEqual([r.code for r in told], [1, 1])
                    self.assertEqual(
                        *(r.err.replace(name, "NAME") for r, name in
                          zip(told, (there, nowhere))))
