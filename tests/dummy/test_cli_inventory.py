"""What the console makes of the inventory: members of load balancers, what
contradicts itself, against a real ovsdb-server."""

import json

from dummy.cli_case import CliTest


class InventoryTest(CliTest):
    def setUp(self):
        super().setUp()
        self.ok("vpc-add", "hub", "kind=transit", "--", "vpc-add", "std",
                "--", "nic-add", "web1", "iface-id=web1")

    def listed(self, kind, name):
        item, = [i for i in self.json(kind + "-list") if i["name"] == name]
        return item


class Members(InventoryTest):
    DOWN = {"address": "10.9.0.11", "state": "down",
            "network_interface": "web1"}

    def apply_lb(self, *members):
        self.ok("apply", "-", text=json.dumps({"load_balancers": [
            {"name": "lb-1", "vpc": "hub", "members": list(members)}]}))

    def members(self):
        """Address -> state and NIC."""
        members = [m if isinstance(m, dict) else {"address": m}
                   for m in self.listed("lb", "lb-1")["members"]]
        return {m["address"]: (m.get("state", "up"),
                               m.get("network_interface")) for m in members}

    def test_those_that_are_there_keep_their_state_and_nic(self):
        for key in ("members", "addresses"):
            self.apply_lb("10.9.0.10", self.DOWN)
            self.ok("lb-set", "lb-1",
                    key + "=10.9.0.10,10.9.0.11,10.9.0.12")
            self.assertEqual(self.members(), {
                "10.9.0.10": ("up", None), "10.9.0.11": ("down", "web1"),
                "10.9.0.12": ("up", None)})

    def test_an_address_is_the_same_in_another_form(self):
        self.apply_lb(dict(self.DOWN, address="fd00::b"))
        self.ok("lb-set", "lb-1", "members=FD00:0:0::b,fd00::c")
        self.assertEqual(self.members(), {
            "fd00::b": ("down", "web1"), "fd00::c": ("up", None)})

    def test_one_that_was_left_out_comes_back_as_a_new_one(self):
        self.apply_lb("10.9.0.10", self.DOWN)
        self.ok("lb-set", "lb-1", "members=10.9.0.10", "--", "lb-set", "lb-1",
                "members=10.9.0.10,10.9.0.11")
        self.assertEqual(self.members()["10.9.0.11"], ("up", None))

    def test_what_is_wrong_or_twice_is_refused_as_before(self):
        self.apply_lb(self.DOWN)
        self.refused("DUPLICATE", "lb-set", "lb-1",
                     "members=10.9.0.11,10.9.0.11")
        self.refused("SYNTAX", "lb-set", "lb-1", "members=10.9.0.11,x")

    def test_in_a_document_an_address_alone_is_an_up_member(self):
        self.apply_lb(self.DOWN)
        self.apply_lb("10.9.0.11")
        self.assertEqual(self.members(), {"10.9.0.11": ("up", None)})
