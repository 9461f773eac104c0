"""What ovs-mirrorctl shows of a tunnel to people: lists that fit a terminal,
numbers in few digits, everything known of one; against a real ovsdb-server,
with a hypervisor played by writing its rows."""

import csv
import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

from dummy.cli_case import CliTest, DEADLINE, DOCUMENT, Result

HOUR_MS = 3600 * 1000


def ovsdb_map(values):
    return ["map", [[key, value] for key, value in values.items()]]


def places(line):
    """How many places of a terminal a line takes: Hangul takes two."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


class Shown(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()
        self.now = int(time.time() * 1000)

    def id_of(self, name):
        tunnel, = [t for t in self.json("tunnel-list") if t["name"] == name]
        return tunnel["id"]

    def status(self, name="web1-ids", chassis="hv1", **more):
        """A hypervisor's word on a tunnel."""
        row = {"tunnel": ["uuid", self.id_of(name)], "chassis": chassis,
               "number": 1, "name": name, "account": "acme",
               "destination_account": "acme", "source": "web1-src",
               "destination": "ids", "bound": True, "health": "ok",
               "observed_generation": 1, "observed_filter_generation": 1,
               "created": self.now - 2 * HOUR_MS, "updated": self.now}
        row.update(more)
        heartbeat = {"op": "insert", "table": "Chassis", "row": {
            "name": chassis, "heartbeat": self.now}}
        self.db.transact([heartbeat, {
            "op": "insert", "table": "Tunnel_Status", "row": row}])

    def test_what_is_shown_of_one_is_a_row_of_csv_with_the_keys_of_json(self):
        self.status()
        for args in (["tunnel-show", "acme/web1-ids"],
                     ["resource-show", "acme/web1-src"],
                     ["filter-show", "acme/web"], ["show"]):
            with self.subTest(args):
                shown = self.json(*args)
                row, = csv.DictReader(io.StringIO(
                    self.ok(*args, "--format=csv")))
                self.assertEqual(list(row), list(shown))
                for key, value in shown.items():
                    if isinstance(value, (dict, list)):
                        self.assertEqual(json.loads(row[key]), value)

    def request(self):
        self.ok("--account=acme", "tunnel-add", "shared", "source=web1-src",
                "destination=beta/beta-ids", "vni=5", "note=please")

    def columns(self, width, *args):
        environment = dict(os.environ, OVS_RUNDIR=self.db.dir,
                           COLUMNS=str(width))
        result = Result(subprocess.run(
            self.command(*args), capture_output=True, text=True,
            timeout=DEADLINE, env=environment))
        self.assertEqual(result.code, 0, result)
        return result.out


class ShowTests(Shown):
    def shown(self, name="acme/web1-ids", *options):
        """Key -> value of the lines that begin at the margin, and all."""
        out = self.ok(*options, "tunnel-show", name)
        return dict(line.split(":", 1) for line in out.splitlines()
                    if line[0] != " "), out

    def test_facts_of_both_ends(self):
        self.request()
        keys, out = self.shown("acme/shared")
        self.assertEqual(keys["source"].strip(), "web1-src")
        self.assertEqual(keys["destination"].strip(), "beta/beta-ids")
        for fact in ("vpc:          vpc-a (standard, kr)",
                     "subnet:       sn-a (10.1.0.0/24)",
                     "addresses:    10.1.0.5, 10.1.0.44",
                     "device:       eth0 (of web1)", "hypervisor:   kvm",
                     "mtu:          1450", "iface-id:     web1-eth0",
                     "subnet:       sn-b (10.2.0.0/24)",
                     "addresses:    10.2.0.9", "device:       eth0 (of ids)"):
            self.assertIn(f"\n    {fact}\n", out)
        ends = self.json("tunnel-show", "acme/shared")
        self.assertEqual(ends["source_end"]["addresses"],
                         ["10.1.0.5", "10.1.0.44"])
        self.assertEqual(ends["source_end"]["permits_vxlan_from"],
                         ["10.1.0.0/24"])
        self.assertEqual(ends["destination_end"]["cidr"], "10.2.0.0/24")

    def test_another_accounts_end_is_its_own_affair(self):
        self.request()
        self.status("shared", destination_account="beta", peering="a-to-b")
        self.assertIn("crosses:      a-to-b",
                      self.ok("--account=acme", "tunnel-show", "shared"))
        for account, hidden in (("acme", ("vpc-b", "sn-b", "10.2.0.",
                                          "ids-eth0")),
                                ("beta", ("vpc-a", "sn-a", "10.1.0.",
                                          "web1-eth0", "a-to-b"))):
            for options in ((), ("--format=json",)):
                out = self.ok("--account=" + account, *options,
                              "tunnel-show", "acme/shared")
                for word in hidden:
                    self.assertNotIn(word, out, account)

    def test_who_asked_and_who_accepted_and_when(self):
        self.request()
        keys, _ = self.shown("acme/shared")
        self.assertRegex(keys["requested"],
                         r"by acme, 20\S+Z \(\d+s ago\)$")
        self.assertIn("pending approval by beta", keys["accepted"])
        shown = self.json("tunnel-show", "acme/shared")
        self.assertEqual(shown["requested"]["by"], "acme")
        self.assertIsNone(shown["accepted"])
        self.ok("--account=beta", "tunnel-accept", "shared")
        keys, out = self.shown("acme/shared")
        self.assertRegex(keys["accepted"],
                         r"by beta, 20\S+Z \(\d+s ago\), generation 1$")
        self.assertRegex(out, r"\nevents:\n    20\S+Z requested by acme "
                              r"\(generation 1\)\n    20\S+Z accepted by "
                              r"beta \(generation 1\)\n$")
        self.assertEqual(self.json("tunnel-show", "acme/shared")["accepted"]
                         ["generation"], 1)
        keys, _ = self.shown("acme/web1-ids")      # Of one account alone.
        self.assertNotIn("accepted", keys)

    def test_generation_and_what_of_it_is_observed(self):
        self.assertEqual(self.shown()[0]["generation"].strip(),
                         "1, observed none (not all installed)")
        self.status()
        self.assertEqual(self.shown()[0]["generation"].strip(),
                         "1, observed 1")
        self.ok("tunnel-set", "acme/web1-ids", "vni=7002")
        self.assertEqual(self.shown()[0]["generation"].strip(),
                         "2, observed 1 (not all installed)")

    def test_conditions_with_reason_and_mend(self):
        self.request()
        self.ok("--account=beta", "tunnel-accept", "shared")
        self.ok("peering-set", "a-to-b", "state=inactive")
        _, out = self.shown("acme/shared")
        self.assertRegex(out, r"\n    PEERING_MISSING: .* is inactive: "
                              r"activate it\n")
        self.assertRegex(out, r"\nconditions:\n(    .*\n)*    Peering: "
                              r"False, PEERING_MISSING: .*: activate it\n")
        self.assertRegex(out, r"\n    SourceBound: False, NIC_UNBOUND: ")

    def test_each_hypervisor_with_its_time_and_its_events(self):
        for name in ("hv2", "hv1"):
            self.status(
                chassis=name, bound=name == "hv1",
                conditions=ovsdb_map({"Installed": "True",
                                      "MtuSufficient": "False"}),
                condition_reasons=ovsdb_map({
                    "MtuSufficient": "MTU_TRUNCATES: raise the MTU"}),
                events="2026-01-02T03:04:05Z ok", updated=self.now - 90000)
        _, out = self.shown()
        first, second = out.split("\nhypervisor: ")[1:]
        self.assertIn("hv1\n", first)
        self.assertIn("hv2\n", second)
        self.assertIn("the source NIC is not here", second)
        for text in (first, second):
            self.assertRegex(text, r"\n    reported:     20\S+Z \(9\ds ago\)")
            self.assertRegex(text, r"\n    heard from:   20\S+Z \(\d+s ago\)")
            self.assertIn("\n        MtuSufficient: False, MTU_TRUNCATES: "
                          "raise the MTU\n", text)
            self.assertIn("\n    events:\n        2026-01-02T03:04:05Z ok",
                          text)
        shown = self.json("tunnel-show", "acme/web1-ids")
        self.assertEqual([h["chassis"] for h in shown["hypervisors"]],
                         ["hv1", "hv2"])

    def test_the_last_word_of_a_hypervisor_that_is_dead_is_told_as_such(
            self):
        """Another has the NIC, so that the tunnel itself is well."""
        self.status(chassis="hv1")
        self.status(chassis="hv2")
        self.db.transact([{"op": "update", "table": "Chassis",
                           "where": [["name", "==", "hv1"]],
                           "row": {"heartbeat": self.now - 181000}}])
        _, out = self.shown()
        first, second = out.split("\nhypervisor: ")[1:]
        self.assertIn("ok when it was last heard of", first)
        self.assertIn("HostAlive: False, HOST_DEAD: hypervisor hv1", first)
        self.assertNotIn("heard of", second)
        shown = self.json("tunnel-show", "acme/web1-ids")
        self.assertEqual(shown["health"], "ok")
        self.assertRegex(
            shown["hypervisors"][0]["conditions"]["HostAlive"],
            r"^False \(HOST_DEAD: hypervisor hv1 ")
        self.assertNotIn("HostAlive", shown["hypervisors"][1]["conditions"])

    def test_the_filter_of_one_that_is_shutting_down_is_not_known(self):
        self.status()
        self.ok("tunnel-del", "acme/web1-ids")
        keys, _ = self.shown()
        self.assertEqual(keys["filter"].strip(), "not known")
        self.assertIsNone(self.json("tunnel-show", "acme/web1-ids")["filter"])

    def test_an_acceptance_without_a_generation_is_told_without(self):
        self.request()
        self.ok("set", "Mirror_Tunnel", "shared", "accepted_by=beta")
        keys, _ = self.shown("acme/shared")
        self.assertEqual(keys["accepted"].strip(), "by beta")
        shown = self.json("tunnel-show", "acme/shared")
        self.assertIsNone(shown["accepted"]["generation"])

    def test_counters_of_each_direction_and_rates_for_people(self):
        keys, _ = self.shown()
        self.assertEqual(keys["inbound"].strip(), "not known yet")
        self.assertEqual(keys["rate limit"].strip(), "100 Mbit/s")
        self.status(counters=ovsdb_map({
            "inbound_packets": 1, "inbound_bytes": 999,
            "outbound_packets": 1234567, "outbound_bytes": 1080000000,
            "dropped_packets": 12345}))
        keys, _ = self.shown()
        self.assertEqual(keys["inbound"].strip(),
                         "1 copy, 999 bytes before the cut")
        self.assertEqual(keys["outbound"].strip(),
                         "1.23M copies, 1.08 GB before the cut")
        self.assertEqual(keys["dropped"].strip(), "12.3k by the rate limit")
        self.assertEqual(keys["average"].strip(), "1.20 Mbit/s in 2h")
        self.assertEqual(
            self.json("tunnel-show", "acme/web1-ids")["mirrored_packets"],
            {"inbound": 1, "outbound": 1234567})
        self.assertIn(" 1/1.23M ", self.ok("tunnel-list"))
        for kbps, text in ((1, "1.00 kbit/s"), (1234, "1.23 Mbit/s"),
                           (999, "999 kbit/s"), (1000, "1.00 Mbit/s"),
                           (25_000_000, "25.0 Gbit/s")):
            self.ok("tunnel-set", "acme/web1-ids", f"rate-kbps={kbps}")
            self.assertEqual(self.shown()[0]["rate limit"].strip(), text)

    def test_what_shuts_down_is_shown_as_far_as_it_is_known(self):
        self.status()
        self.ok("tunnel-del", "acme/web1-ids")
        keys, out = self.shown()
        self.assertEqual(keys["state"].strip(), "Shutting down")
        self.assertIn("hypervisor:       hv1", out)
        self.assertIn("deleted by default", out)

    def test_show_commands(self):
        self.assertIn("Tunnel acme/web1-ids", self.ok("show"))
        self.assertRegex(self.ok("tunnel-show", "acme/web1-ids"),
                         "vpc: +vpc-a")
        shown = self.json("tunnel-show", "acme/web1-ids")
        self.assertEqual(shown["source_end"]["place"], "vpc-a/10.1.0.5")
        self.assertEqual(
            self.json("resource-show", "acme/web1-src")["used_by"],
            ["acme/web1-ids"])
        self.assertIn("used_by: acme/web1-ids",
                      self.ok("filter-show", "acme/web"))
        self.refused("NOT_FOUND", "tunnel-show", "nothing")
        self.refused("NOT_FOUND", "filter-show", "nothing")


    def test_what_an_end_does_not_have_leaves_no_gap(self):
        self.ok("nic-set", "web1-eth0", "device=", "--", "vpc-set", "vpc-a",
                "region=")
        out = self.shown()[1]
        self.assertRegex(out, r"\n    server: +web1\n")
        self.assertRegex(out, r"\n    vpc: +vpc-a \(standard\)\n")
        self.assertNotIn("device:", out)


class ListTests(Shown):
    def wide(self):
        """Names as long as they may be."""
        document = json.loads(json.dumps(DOCUMENT))
        text = json.dumps(document)
        for name in ("web1-ids", "web1-src", "suricata1"):
            text = text.replace(f'"{name}"',
                                '"' + (name + "-" + 30 * "x")[:30] + '"')
        text = text.replace('"note": ""', '"note": "\ud55c\uad6d\uc5b4 '
                            + 20 * "many words " + '"')
        self.ok("tunnel-del", "acme/web1-ids", "--", "resource-del",
                "acme/web1-src", "acme/ids")
        self.ok("apply", "-", text=text)

    def lists(self):
        return [name + "-list" for name in (
            "vpc", "peering", "connect", "subnet", "route", "nic", "lb",
            "collector", "resource", "filter", "tunnel", "event")]

    def body(self, out):
        """The table without the lines below it."""
        return [line for line in out.splitlines()
                if not re.match(r"\S+: ([A-Z_]+: |pending)", line)]

    def test_tables_fit_the_terminal_and_lose_nothing(self):
        self.wide()
        self.status("web1-ids-" + 21 * "x")
        def letters(lines):
            return sorted("".join("".join(lines).split()).replace("-", ""))

        for command in [*self.lists(), "rule-list acme/web"]:
            words = command.split()
            for width in (40, 80, 100, 132):
                with self.subTest(command, width=width):
                    # Ages go on between the one and the other.
                    before = self.body(self.columns(1000, *words))
                    lines = self.body(self.columns(width, *words))
                    after = self.body(self.columns(1000, *words))
                    self.assertLessEqual(max(map(places, lines)), width)
                    self.assertIn(letters(lines),
                                  (letters(before), letters(after)))

    def test_sentences_give_way_before_what_is_one_word(self):
        note = ("https://tickets.example.com/mirroring/2026/0042 says why "
                + 5 * "these frames matter ")
        self.ok("--account=acme", "rule-add", "web", "inbound", "300",
                "accept", "protocol=sctp", "destination-port=1024-65535",
                "note=" + note)
        self.request()
        self.ok("tunnel-set", "acme/shared", "note=" + note)
        for command, words in (
                ("rule-list acme/web",
                 "inbound outbound accept reject tcp icmp sctp 10.1.0.9/32 "
                 "80-443 1024-65535"),
                ("--account=beta tunnel-inbox",
                 "REQUEST DESTINATION GENERATION acme/shared beta-ids"),
                ("event-list", "GENERATION resource acme/web1-src")):
            table = self.columns(80, *command.split())
            for word in words.split():
                with self.subTest(command, word=word):
                    self.assertRegex(table, rf"(?m)(^| ){word}( |$)")
            self.assertLessEqual(max(map(places, table.splitlines())), 80)

    def test_lists_are_parted_between_their_elements(self):
        self.ok("nic-set", "web1-eth0", "addresses=10.1.0.5,10.1.0.44,"
                "10.1.0.45,10.1.0.46,10.1.0.47")
        lines = self.columns(95, "nic-list")
        for word in ("HYPERVISOR", "52:54:00:00:00:01", "10.1.0.47"):
            self.assertRegex(lines, rf"(?m)(^|[ ,]){word}( |$)")

    def test_a_table_that_fits_is_as_without_a_limit(self):
        for command in self.lists():
            self.assertEqual(self.columns(300, command), self.ok(command))
        self.assertGreater(
            len(self.ok("nic-list").splitlines()[0]), 80)

    def test_a_terminal_says_itself_how_wide_it_is(self):
        self.wide()
        for width in (80, 120):
            child, terminal = pty.fork()
            if not child:
                fcntl.ioctl(1, termios.TIOCSWINSZ,
                            struct.pack("HHHH", 24, width, 0, 0))
                environment = dict(os.environ, OVS_RUNDIR=self.db.dir)
                environment.pop("COLUMNS", None)
                argv = self.command("tunnel-list")
                os.execve(argv[0], argv, environment)
            text = b""
            end = time.monotonic() + DEADLINE
            while time.monotonic() < end:
                if select.select([terminal], [], [], 0.2)[0]:
                    try:
                        text += os.read(terminal, 65536)
                    except OSError:         # The child has ended.
                        break
            os.waitpid(child, 0)
            os.close(terminal)
            lines = self.body(text.decode().replace("\r", ""))
            self.assertIn("NAME", lines[0])
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertGreater(max(map(len, lines)), width - 10)

    def test_a_narrow_terminal_gets_what_fits_best(self):
        self.wide()
        for width in (1, 20, 31):
            lines = self.body(self.columns(width, "tunnel-list"))
            self.assertEqual(lines[0], "NA ST HE SO DE FI VN LE CO DR AG")

    def test_lists_keep_their_order(self):
        for name in ("zzz", "aaa", "mmm"):
            self.ok("--account=acme", "filter-add", name)
            self.ok("--account=abc", "filter-add", name)
        names = [(f["account"], f["name"]) for f in self.json("filter-list")]
        self.assertEqual(names, sorted(names))
        rows = list(csv.DictReader(io.StringIO(
            self.ok("filter-list", "--format=csv"))))
        self.assertEqual([(r["account"], r["name"]) for r in rows], names)
        self.assertEqual([line.split()[0] for line in self.ok(
            "filter-list").splitlines()[2:]], [n for _, n in names])

    def test_pending_approvals_are_marked_for_either_side(self):
        self.request()
        self.assertIn("shared: pending approval by account beta",
                      self.ok("--account=acme", "tunnel-list"))
        self.assertIn('acme/shared: pending approval: "tunnel-accept '
                      'acme/shared"', self.ok("--account=beta",
                                              "tunnel-list"))

    def test_ages_are_for_people(self):
        for age_ms, text in ((5000, "5s"), (119000, "119s"),
                             (121000, "2m"), (7201000, "2h"),
                             (3 * 24 * HOUR_MS, "3d")):
            self.db.transact([{
                "op": "update", "table": "Mirror_Tunnel", "where": [],
                "row": {"created": int(time.time() * 1000) - age_ms}}])
            line = self.ok("tunnel-list").splitlines()[2]
            self.assertIn(line.split()[-1], (text, "6s", "120s"))
