"""Point 8: bad wishes are named and refused, bad rows harm only
themselves."""

import json

from cases.product import ProductCases, problems
from lab.traffic import Stream

TEN_FAULTS = {
    "mirror_resources": [
        {"name": "spare", "account": "default", "purpose": "destination",
         "type": "collector", "target": "ids4-box", "note": "\u00e9" * 501}],
    "mirror_filters": [
        {"name": "web", "account": "default",
         "inbound": [
             {"number": 40000, "action": "accept"},
             {"number": 2, "action": "allow"},
             {"number": 3, "action": "accept", "protocol": "tcp",
              "source_port": "90-80"}],
         "outbound": [
             {"number": 1, "action": "accept", "source": "10.0.0.1/24"},
             {"number": 2, "action": "accept", "protocol": "tpc"}]},
        {"name": "X", "account": "default"}],
    "mirror_tunnels": [
        {"name": "far-vni", "account": "default", "source": "web1-src",
         "destination": "ids4", "vni": 16777216, "packet_length": 63},
        {"name": "nowhere", "account": "default", "source": "web1-src",
         "destination": "nowhere", "vnni": 1}],
}
NAMED = {
    ("NOTE_TOO_LONG", "mirror_resources[0].note"),
    ("RULE_NUMBER", "mirror_filters[0].inbound[0].number"),
    ("RULE_ACTION", "mirror_filters[0].inbound[1].action"),
    ("RULE_PORT", "mirror_filters[0].inbound[2].source_port"),
    ("RULE_CIDR", "mirror_filters[0].outbound[0].source"),
    ("RULE_PROTOCOL", "mirror_filters[0].outbound[1].protocol"),
    ("NAME_INVALID", "mirror_filters[1].name"),
    ("VNI_RANGE", "mirror_tunnels[0].vni"),
    ("PACKET_LENGTH_RANGE", "mirror_tunnels[0].packet_length"),
    ("NOT_FOUND", "mirror_tunnels[1].destination"),
    ("UNKNOWN_KEY", "mirror_tunnels[1].vnni"),
}
WRITTEN = ["Mirror_Resource", "Mirror_Filter", "Mirror_Rule", "Mirror_Tunnel",
           "Mirror_Global", "Event", "Network_Interface", "Collector"]


class FaultCases(ProductCases):
    def everything(self):
        return {table: self.control.select(table) for table in WRITTEN}

    def test_a_document_of_many_faults_names_all_and_writes_nothing(self):
        before = self.everything()
        for options in ([], ["--dry-run"]):
            result = self.control.ctl(*options, "apply", "-", check=False,
                                      text_in=json.dumps(TEN_FAULTS))
            self.assertEqual(result.returncode, 1)
            found = problems(result)
            self.assertEqual(NAMED - set(found), set())
            self.assertEqual(len(found), len(result.stderr.splitlines()))
            self.assertEqual(self.everything(), before)

    def uuid_of(self, table, name):
        return next(row["_uuid"] for row in self.control.select(
            table, [["name", "==", name]]))

    def insert_tunnel(self, name, **columns):
        """A row that the console would have refused."""
        row = {"name": name, "account": "default", "vni": 99,
               "source": self.uuid_of("Mirror_Resource", "web1-src"),
               "destination": self.uuid_of("Mirror_Resource", "ids6"),
               "mode": "mirror", "delivery": "auto", "enabled": True,
               "generation": 1, **columns}
        return {"op": "insert", "table": "Mirror_Tunnel", "row": row}

    def test_a_row_that_breaks_a_check_is_in_error_and_disturbs_no_other(
            self):
        self.tunnel("good", self.ids4, 7001, packet_length=200)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.clear()
        with Stream(talk) as stream:
            stream.wait_sent(50)
            destination = self.uuid_of("Mirror_Resource", "ids6")
            ids4 = self.uuid_of("Mirror_Resource", "ids4")
            self.control.transact(
                self.insert_tunnel("wrong-way",
                                   source=self.uuid_of("Mirror_Resource",
                                                       "other4"),
                                   destination=destination),
                self.insert_tunnel("long-note", note="\u00e9" * 600),
                # Like the good one, and without a time as if of old.
                self.insert_tunnel("twin", destination=ids4),
                self.insert_tunnel("foreign-twin", account="other",
                                   destination=ids4),
                {"op": "insert", "table": "Mirror_Rule", "uuid-name": "rule",
                 "row": {"number": 1, "action": "accept", "protocol": "tcp",
                         "source": "10.0.0.1/24"}},
                {"op": "insert", "table": "Mirror_Filter",
                 "uuid-name": "filter",
                 "row": {"name": "bad-filter", "account": "default",
                         "non_ip": "drop", "generation": 1,
                         "inbound": ["named-uuid", "rule"]}},
                self.insert_tunnel("bad-rule",
                                   filter=["named-uuid", "filter"]))
            for name, code in (("wrong-way", "PURPOSE_MISMATCH"),
                               ("long-note", "NOTE_TOO_LONG"),
                               ("twin", "DUPLICATE_TUNNEL"),
                               ("foreign-twin", "NOT_OWNER"),
                               ("bad-rule", "RULE_CIDR")):
                with self.subTest(row=name):
                    seen = self.control.wait_tunnel(
                        name, lambda t: t and t["health"] == "error",
                        "to be in error")
                    self.assertIn(code, [r["code"] for r in seen["reasons"]])
                    self.assertNotEqual(seen["state"], "Running")
            stream.wait_sent(200)
        self.lab.settle()
        self.assertEqual(self.ids4.numbers(7001), list(range(stream.next)))
        self.assertEqual(self.ids6.copies(), [])
        self.assertEqual(self.db1.received(),
                         talk.frames(range(stream.next)))
        self.assertEqual(self.listed("good")["health"], "ok")
