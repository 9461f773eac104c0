"""ovs-mirrorctl against a real ovsdb-server that holds rows which the schema
lets in and no console would write."""

import json
import subprocess
import time
import unicodedata

from dummy.cli_case import CliTest, DEADLINE

HUGE = 2 ** 63 - 1
# Line ends, and what drives a terminal: escape sequences in their seven and
# eight bit forms, a mark that writes from right to left, a line separator.
STEERING = "x\x1b[31m\r\nhealth: ok\x9b1m\u202e\u2028\x7f"
SHOWN = [("show",), ("tunnel-list",), ("tunnel-show", "acme/web1-ids"),
         ("filter-show", "acme/web"), ("rule-list", "acme/web"),
         ("resource-show", "acme/web1-src"), ("resource-list",),
         ("filter-list",), ("nic-list",), ("vpc-list",), ("tunnel-inbox",),
         ("event-list",)]


class OddRows(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()

    def update(self, table, **columns):
        return {"op": "update", "table": table, "where": [], "row": columns}

    def status(self, number, **columns):
        tunnel, = self.json("tunnel-list")
        return {"op": "insert", "table": "Tunnel_Status", "row": {
            "tunnel": ["uuid", tunnel["id"]], "chassis": f"hv{number}",
            "number": number, "account": "acme", "name": "web1-ids",
            "destination_account": "acme", "health": "ok", "bound": True,
            "observed_generation": 1, **columns}}

    def assert_printable(self, said):
        self.assertEqual({c for c in said.replace("\n", "")
                          if unicodedata.category(c)[0] == "C"
                          or c == "\u2028"}, set())

    def test_no_text_of_a_row_drives_the_terminal_or_fakes_a_line(self):
        odd = ["map", [[STEERING, STEERING]]]
        self.db.transact([
            self.update("Mirror_Tunnel", note=STEERING),
            self.update("Mirror_Filter", note=STEERING),
            self.update("Mirror_Resource", note=STEERING),
            self.update("Mirror_Rule", note=STEERING),
            self.update("VPC", region=STEERING),
            self.update("Network_Interface", server=STEERING,
                        device=STEERING, mac=STEERING),
            self.update("Event", message=STEERING, actor=STEERING),
            self.status(1, chassis=STEERING, reasons=odd, peering=STEERING,
                        events=STEERING),
            {"op": "insert", "table": "Chassis", "row": {
                "name": STEERING, "hostname": STEERING, "heartbeat": 1}}])
        for command in SHOWN:
            for form in ("table", "csv"):
                with self.subTest(command, form=form):
                    result = self.run_cli("--format=" + form, *command)
                    self.assertEqual(result.code, 0, result)
                    said = result.out + result.err
                    self.assert_printable(said)
                    self.assertFalse([line for line in said.splitlines()
                                      if line.startswith("health: ok")
                                      and "tunnel-show" not in command])

    def test_nor_do_commands_on_rows(self):
        self.db.transact([self.update("Mirror_Filter", note=STEERING)])
        for command in (("list", "Mirror_Filter"),
                        ("--format=json", "list", "Mirror_Filter"),
                        ("--format=csv", "find", "Mirror_Filter"),
                        ("get", "Mirror_Filter", ".", "note")):
            with self.subTest(command):
                result = self.run_cli(*command)
                self.assertEqual(result.code, 0, result)
                self.assert_printable(result.out)
                self.assertIn("health: ok", result.out)

    def test_no_name_is_taken_that_would(self):
        for name in ("a\x9b31m", "a\u202eb"):
            result = self.run_cli("collector-add", name, "192.0.2.9")
            self.assertEqual(result.code, 1, result)
            self.assertIn("without control characters", result.err)

    def test_nor_does_one_that_a_warning_or_a_dry_run_names(self):
        self.db.transact([{"op": "insert", "table": "Collector", "row": {
            "name": STEERING, "address": STEERING}}])
        for command in (("collector-list",),
                        ("--dry-run", "collector-del", STEERING),
                        ("--dry-run", "vpc-add", "v1", "account=a",
                         "region=" + STEERING)):
            with self.subTest(command):
                result = self.run_cli(*command)
                self.assertEqual(result.code, 0, result)
                said = result.out + result.err
                self.assert_printable(said)
                self.assertFalse([line for line in said.splitlines()
                                  if line.startswith("health: ok")])

    def test_nor_does_what_a_hypervisor_says_of_a_probe(self):
        self.db.transact([self.status(1, chassis=STEERING)])
        for form in ("table", "csv", "json"):
            with self.subTest(form):
                process = subprocess.Popen(
                    self.command("--format=" + form, "tunnel-probe",
                                 "acme/web1-ids"),
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.addCleanup(process.communicate)
                self.addCleanup(process.kill)
                end, probes = time.monotonic() + DEADLINE, []
                while not probes:
                    self.assertLess(time.monotonic(), end)
                    probes = self.rows("Probe", "_uuid")
                self.db.transact([{
                    "op": "insert", "table": "Probe_Report", "row": {
                        "probe": probes[0][0], "chassis": STEERING,
                        "direction": STEERING, "flow": STEERING,
                        "results": ["map", [["tap", "failed"]]],
                        "details": ["map", [["tap", STEERING]]]}}])
                out, err = process.communicate(timeout=DEADLINE)
                self.assertEqual(process.returncode, 1, err)
                self.assertIn("health: ok", out)
                self.assert_printable(out + err)

    def test_what_names_an_account_that_none_can_have_is_no_accounts(self):
        self.ok("nic-add", "loose", "iface-id=loose")
        self.assertIn("loose", self.ok("--account=eve", "nic-list"))
        self.db.transact([self.update("Collector", account=""),
                          self.update("Network_Interface", account="")])
        for kind, name in (("collector", "suricata1"), ("nic", "loose")):
            self.assertIn(name, self.ok(f"{kind}-list"))
            self.assertNotIn(name, self.ok("--account=eve", f"{kind}-list"))

    def test_a_probe_is_sent_by_the_host_that_lives(self):
        """A dead one has left a row behind that says it has the NIC."""
        now = int(time.time() * 1000)
        for dead, alive, last in ((1, 2, -600000), (2, 1, -600000),
                                  (1, 2, 600000), (2, 1, 600000)):
            self.db.transact([
                {"op": "delete", "table": table, "where": []}
                for table in ("Tunnel_Status", "Chassis")])
            self.db.transact([self.status(dead), self.status(alive)] + [
                {"op": "insert", "table": "Chassis", "row": {
                    "name": f"hv{number}", "heartbeat": heartbeat}}
                for number, heartbeat in ((dead, now + last),
                                          (alive, now))])
            result = self.run_cli("--timeout=1", "tunnel-probe",
                                  "acme/web1-ids")
            self.assertIn(f"hypervisor hv{alive} has not answered",
                          result.err, result)

    def test_json_says_it_in_escapes_and_so_whole(self):
        self.db.transact([self.update("Mirror_Filter", note=STEERING)])
        for command in (("filter-list",), ("filter-show", "acme/web"),
                        ("export",)):
            with self.subTest(command):
                out = self.ok("--format=json", *command)
                self.assert_printable(out)
                self.assertIn(json.dumps(STEERING), out)

    def test_counts_of_many_hypervisors_do_not_turn_negative(self):
        most = ["map", [["inbound_packets", HUGE], ["inbound_bytes", HUGE]]]
        self.db.transact([self.status(1, counters=most),
                          self.status(2, counters=most)])
        tunnel, = self.json("tunnel-list")
        self.assertEqual(tunnel["mirrored_packets"]["inbound"], HUGE)
        self.assertEqual(tunnel["mirrored_bytes"]["inbound"], HUGE)

    def test_an_address_that_no_host_has_is_none(self):
        self.ok("vpc-add", "tvpc", "account=acme", "region=kr",
                "kind=transit", "--", "lb-add", "lb", "vpc=tvpc",
                "members=10.9.0.10")
        for table, column in (("Load_Balancer_Member", "address"),
                              ("Subnet", "gateway"),
                              ("Network_Interface", "addresses"),
                              ("Collector", "address")):
            for address in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "ff02::1"):
                with self.subTest((table, address)):
                    self.db.transact(
                        [self.update(table, **{column: address})])
                    self.assertIn(f'column {column} has "{address}", which '
                                  "is not the address of a host",
                                  self.run_cli("tunnel-list").err)

    def test_what_has_the_highest_generation_can_still_be_changed(self):
        self.db.transact([self.update("Mirror_Tunnel", generation=HUGE),
                          self.update("Mirror_Filter", generation=HUGE)])
        self.ok("tunnel-set", "acme/web1-ids", "vni=5", "--", "filter-set",
                "acme/web", "non-ip=mirror")
        tunnel, = self.json("tunnel-list")
        self.assertEqual((tunnel["vni"], tunnel["generation"]), (5, HUGE))

    def test_only_the_acceptor_or_the_operator_has_accepted(self):
        """Also where a row's destination became another account's after it
        was accepted."""
        self.ok("--account=acme", "tunnel-add", "asked", "source=web1-src",
                "destination=beta/beta-ids")
        for by, state in (("acme", "Waiting"), ("", "Waiting"),
                          ("gamma", "Waiting"), ("beta", "Setting"),
                          ("default", "Setting")):
            with self.subTest(by):
                self.db.transact([{
                    "op": "update", "table": "Mirror_Tunnel",
                    "where": [["name", "==", "asked"]],
                    "row": {"accepted_by": by, "accepted_at": 1,
                            "accepted_generation": 1}}])
                shown = self.json("tunnel-show", "acme/asked")
                self.assertEqual(shown["state"], state)
                inbox = self.json("--account=beta", "tunnel-inbox")
                self.assertEqual(len(inbox), state == "Waiting")
                exported = json.loads(self.ok("export"))["mirror_tunnels"]
                self.assertEqual([t for t in exported if t["name"] == "asked"
                                  and "accepted" in t] != [],
                                 state == "Setting")
        self.db.transact([{
            "op": "update", "table": "Mirror_Tunnel",
            "where": [["name", "==", "asked"]],
            "row": {"accepted_by": "acme"}}])
        self.ok("--account=beta", "tunnel-accept", "asked")
        shown = self.json("tunnel-show", "acme/asked")
        self.assertEqual((shown["state"], shown["accepted"]["by"]),
                         ("Setting", "beta"))


class OddWords(CliTest):
    def test_a_name_is_not_said_twice(self):
        """Neither as an argument and as KEY=VALUE."""
        self.apply()
        for words in ("tunnel-add acme/one name=two source=web1-src "
                      "destination=ids",
                      "tunnel-add acme/one account=beta source=web1-src "
                      "destination=ids",
                      "resource-add one source network-interface web1-eth0 "
                      "purpose=destination",
                      "subnet-add one vpc-a 10.8.0.0/24 cidr=10.7.0.0/24",
                      "collector-add one 192.0.2.1 address=192.0.2.2",
                      "rule-add acme/web inbound 1 accept number=2",
                      "rule-add acme/web inbound 1 accept action=reject"):
            with self.subTest(words):
                result = self.run_cli(*words.split())
                self.assertEqual(result.code, 2, result)
                self.assertIn("is given twice", result.err)
        self.ok("tunnel-add", "one", "account=acme", "source=web1-src",
                "destination=ids")


class Stranger(CliTest):
    def test_what_is_in_the_inventory_is_not_to_be_found_out(self):
        """Naming another account's target is answered as naming none."""
        self.apply()
        self.ok("collector-add", "acme-box", "192.0.2.77", "account=acme")
        for purpose, kind, there in (
                ("source", "network-interface", "web1-eth0"),
                ("destination", "network-interface", "ids-eth0"),
                ("destination", "collector", "acme-box")):
            with self.subTest(there):
                told = [self.refused("NOT_OWNER", "--account=eve",
                                     "resource-add", "mine", purpose, kind,
                                     name)[0].replace(name, "NAME")
                        for name in (there, "nothing")]
                self.assertEqual(*told)
        self.refused("NOT_FOUND", "resource-add", "mine", "source",
                     "network-interface", "nothing")


class Former(CliTest):
    def test_an_acceptor_learns_nothing_of_who_accepted_before(self):
        """Of a former tunnel of the same name, to a third account."""
        self.apply()
        self.ok("--account=acme", "tunnel-add", "again", "source=web1-src",
                "destination=beta/beta-ids")
        self.ok("--account=beta", "tunnel-accept", "again")
        self.ok("--account=beta", "tunnel-del", "acme/again")
        self.ok("collector-add", "gamma-box", "192.0.2.77", "account=gamma",
                "--", "resource-add", "gamma/gamma-ids", "destination",
                "collector", "gamma-box")
        self.ok("--account=acme", "tunnel-add", "again", "source=web1-src",
                "destination=gamma/gamma-ids")

        def events(*account):
            return self.json(*account, "tunnel-show", "acme/again")["events"]
        self.assertEqual([e.split()[1:4] for e in events("--account=gamma")],
                         [["requested", "by", "acme"]])
        for account in ((), ("--account=acme",)):
            self.assertEqual(len(events(*account)), 4)
