"""What the console keeps of requests between accounts."""

from dummy.cli_case import CliTest

EVENTS_MAX = 10000


class Requests(CliTest):
    def setUp(self):
        super().setUp()
        self.apply()
        self.request()

    def request(self, *before):
        self.ok("--account=acme", *before, "tunnel-add", "req",
                "source=web1-src", "destination=beta/beta-ids")

    def generation(self):
        shown, = [t for t in self.json("tunnel-list") if t["name"] == "req"]
        return shown["generation"]

    def test_what_is_made_anew_is_not_what_was_looked_at(self):
        """Whoever deleted it and however; another source may be in it."""
        def delete(account, command, name):
            self.ok("--account=" + account, command, name)
            self.request()

        self.assertEqual(self.generation(), 1)
        delete("acme", "tunnel-del", "req")
        self.assertEqual(self.generation(), 2)
        line, = self.refused("STALE_REQUEST", "--account=beta",
                             "tunnel-accept", "acme/req", "--generation=1")
        self.assertIn("is now generation 2", line)
        delete("beta", "tunnel-reject", "acme/req")
        self.assertEqual(self.generation(), 3)
        self.request("tunnel-del", "req", "--")
        self.assertEqual(self.generation(), 4)
        self.ok("--account=beta", "tunnel-accept", "acme/req",
                "--generation=4")
        delete("beta", "tunnel-del", "acme/req")
        self.assertEqual(self.generation(), 5)

    def test_any_generation_that_was_looked_at_can_be_accepted(self):
        most = 2 ** 63 - 1
        self.db.transact([{
            "op": "update", "table": "Mirror_Tunnel",
            "where": [["name", "==", "req"]], "row": {"generation": most}}])
        self.ok("--account=beta", "tunnel-accept", "acme/req",
                f"--generation={most}")

    def test_within_an_account_a_tunnel_made_anew_begins_at_1(self):
        self.ok("tunnel-del", "acme/web1-ids")
        self.apply()
        self.assertEqual([t["generation"] for t in self.json("tunnel-list")],
                         [1, 1])

    def test_what_the_event_table_has_forgotten_begins_at_1(self):
        """A limit, in docs/limits.md."""
        self.ok("--account=acme", "tunnel-del", "req")
        events = len(self.json("event-list"))
        self.db.transact([{"op": "insert", "table": "Event",
                           "row": {"time": 2 ** 60 + i, "kind": "filter"}}
                          for i in range(EVENTS_MAX - events)])
        self.ok(*" -- ".join(f"filter-add flt{i}"
                             for i in range(events)).split())
        self.assertNotIn("req", [e["object"]
                                 for e in self.json("event-list")])
        self.request()
        self.assertEqual(self.generation(), 1)
