"""What the network between the two ends must have, from the inventory to the
copies: while it is missing there are none, and with it they come again."""

import time

from cases.product import ProductCases

VNI, UNTOUCHED = 7001, 7002
# The status follows within so long.
FOLLOWS_S = 2.0
TO_SUBNET = "198.51.100.0/24"


class NetworkCases(ProductCases):
    """web1 is in VPC a; what receives its copies is in VPC b, at the address
    of the collector ids4.  other1 is in no VPC."""

    collectors = {"ids4": 4}

    @classmethod
    def inventory(cls):
        document = super().inventory()
        for nic in document["network_interfaces"]:
            if nic["name"] == "web1-eth0":
                nic.update(subnet="sn-a", device="eth0",
                           addresses=[cls.web1.ip])
        document["network_interfaces"].append({
            "name": "ids-eth0", "iface_id": "ids-eth0", "subnet": "sn-b",
            "mac": "52:54:00:00:00:99", "addresses": [cls.ids4.address],
            "device": "eth0"})
        document["mirror_resources"] += [
            {"name": name, "account": "default", "purpose": "destination",
             "type": kind, "target": target} for name, kind, target in (
                 ("ids", "network-interface", "ids-eth0"),
                 ("balanced", "load-balancer", "ids-lb"))]
        document.update({
            "vpcs": [{"name": name, "account": "default", "region": "kr",
                      "kind": kind} for name, kind in (
                          ("vpc-a", "standard"), ("vpc-b", "standard"),
                          ("vpc-t", "transit"))],
            "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b"}],
            "transit_connects": [{"name": "a-to-t", "vpc": "vpc-a",
                                  "transit_vpc": "vpc-t"}],
            "subnets": [
                {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.0.0.0/24",
                 "routes": [{"to": TO_SUBNET, "via": "a-to-b"},
                            {"to": "10.9.0.0/24", "via": "a-to-t"}]},
                {"name": "sn-b", "vpc": "vpc-b", "cidr": TO_SUBNET},
                {"name": "sn-t", "vpc": "vpc-t", "cidr": "10.9.0.0/24"}],
            "load_balancers": [{"name": "ids-lb", "vpc": "vpc-t",
                                "subnet": "sn-t",
                                "members": ["10.9.0.10"]}]})
        return document

    def setUp(self):
        """One tunnel from VPC to VPC, and one that no VPC concerns."""
        for name, source, destination, vni in (
                ("first", "web1-src", "ids", VNI),
                ("aside", "other1-src", "ids4", UNTOUCHED)):
            self.control.ctl("tunnel-add", name, f"source={source}",
                             f"destination={destination}", f"vni={vni}",
                             "delivery=underlay")
        self.control.wait_running("first", "aside")
        for guest, vni in (("web1", VNI), ("other1", UNTOUCHED)):
            self.lab.wait_copied(self.lab.talk(guest, "db1"), self.ids4, vni)

    def tearDown(self):
        super().tearDown()
        self.control.apply(self.inventory())

    def copied(self, vni, guest="web1", count=50):
        """How many of so many frames are copied, both ways."""
        self.lab.clear()
        talk = self.lab.talk(guest, "db1")
        self.lab.exchange(
            (talk.a, talk.frames(range(count), 120)),
            (talk.b, talk.back().frames(range(count, 2 * count), 120)))
        numbers = self.ids4.numbers(vni)
        self.assertEqual(len(numbers), len(set(numbers)))
        return len(numbers)

    def condition(self, listed, kind):
        return {c["type"]: c for c in listed["conditions"]}[kind]

    def shows(self, code, kind):
        """The status says it in time, with how to mend it, and the state
        stays."""
        since = time.monotonic()
        listed = self.control.wait_tunnel(
            "first", lambda t: code in {r["code"] for r in t["reasons"]}
            and self.condition(t, kind)["status"] == "False",
            f"to show {code}")
        self.assertLess(time.monotonic() - since, FOLLOWS_S)
        self.assertEqual((listed["state"], listed["health"]),
                         ("Running", "degraded"))
        reason, = [r["message"] for r in listed["reasons"]
                   if r["code"] == code]
        self.assertRegex(reason, r"[:;] (activate it|add one|change that)")
        self.assertEqual(self.condition(listed, kind)["reason"],
                         f"{code}: {reason}")

    def stops_and_heals(self, code, kind, cause, mend):
        """'cause' ends the copies, 'mend' alone brings them back."""
        generation = self.listed("first")["generation"]
        cause()
        self.shows(code, kind)
        self.control.ctl("--wait=hv", "sync")
        self.assertEqual(self.copied(VNI), 0)
        self.assertEqual(self.copied(UNTOUCHED, "other1"), 100)
        mend()
        since = time.monotonic()
        self.control.wait_running("first")
        self.assertLess(time.monotonic() - since, FOLLOWS_S)
        healed = self.listed("first")
        self.assertEqual(healed["reasons"], [])
        self.assertEqual(self.condition(healed, kind)["status"], "True")
        self.assertEqual(healed["generation"], generation)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, VNI)
        self.assertEqual(self.copied(VNI), 100)

    def ctl(self, *args):
        return lambda: self.control.ctl(*args)

    def test_without_an_active_peering_nothing_is_copied(self):
        self.stops_and_heals(
            "PEERING_MISSING", "Peering",
            self.ctl("peering-set", "a-to-b", "state=inactive"),
            self.ctl("peering-set", "a-to-b", "state=active"))

    def test_without_a_peering_nothing_is_copied(self):
        self.stops_and_heals(
            "PEERING_MISSING", "Peering", self.ctl("peering-del", "a-to-b"),
            self.ctl("peering-add", "a-to-b", "vpc-a", "vpc-b"))

    def test_a_peering_the_other_way_does_not_do(self):
        self.stops_and_heals(
            "PEERING_MISSING", "Peering",
            self.ctl("peering-del", "a-to-b", "--", "peering-add", "b-to-a",
                     "vpc-b", "vpc-a"),
            self.ctl("peering-del", "b-to-a", "--", "peering-add", "a-to-b",
                     "vpc-a", "vpc-b"))

    def test_without_a_route_nothing_is_copied(self):
        self.stops_and_heals(
            "ROUTE_MISSING", "Route",
            self.ctl("route-del", "sn-a", TO_SUBNET),
            self.ctl("route-add", "sn-a", TO_SUBNET, "a-to-b"))

    def test_the_longest_prefix_decides_which_route_it_is(self):
        whole = f"{self.ids4.address}/32"
        self.stops_and_heals(
            "ROUTE_MISSING", "Route",
            self.ctl("route-add", "sn-a", whole, "local"),
            self.ctl("route-del", "sn-a", whole))

    def test_rows_of_any_control_plane_count_as_much(self):
        def state(word):
            return lambda: self.control.transact({
                "op": "update", "table": "VPC_Peering", "where": [],
                "row": {"state": word}})
        self.stops_and_heals("PEERING_MISSING", "Peering", state("inactive"),
                             state("active"))

    def test_what_was_lost_while_the_daemon_was_away_stops_copies(self):
        def cause():
            self.daemon.kill()
            self.control.ctl("peering-set", "a-to-b", "state=inactive")
            self.daemon.start()
        self.stops_and_heals(
            "PEERING_MISSING", "Peering", cause,
            self.ctl("peering-set", "a-to-b", "state=active"))

    def test_a_load_balancer_needs_its_transit_connect(self):
        self.control.ctl("tunnel-set", "first", "destination=balanced")

        def told(status):
            self.control.wait_tunnel(
                "first", lambda t: "TransitConnect" in {
                    c["type"] for c in t["conditions"]}
                and self.condition(t, "TransitConnect")["status"] == status
                and t["observed_generation"] == t["generation"],
                f"to have TransitConnect {status}")
        told("True")
        self.control.ctl("connect-set", "a-to-t", "state=inactive")
        self.shows("TRANSIT_CONNECT_MISSING", "TransitConnect")
        self.control.ctl("--wait=hv", "sync")
        self.assertEqual(self.copied(VNI), 0)
        self.control.ctl("connect-set", "a-to-t", "state=active")
        told("True")
        self.assertNotIn("TRANSIT_CONNECT_MISSING", {
            r["code"] for r in self.listed("first")["reasons"]})
        self.control.ctl("tunnel-set", "first", "destination=ids")
        self.control.wait_running("first")
        self.assertEqual(self.copied(VNI), 100)

    def permits(self, cidrs, status, code):
        self.control.ctl("nic-set", "ids-eth0",
                         f"permits-vxlan-from={cidrs}")
        listed = self.control.wait_tunnel(
            "first", lambda t: self.condition(
                t, "DestinationPermitsVxlan")["status"] == status,
            f"to have DestinationPermitsVxlan {status}")
        told = self.condition(listed, "DestinationPermitsVxlan")
        self.assertTrue(told["reason"].startswith(code), told)
        self.assertEqual((listed["state"], listed["health"],
                          listed["reasons"]), ("Running", "ok", []))
        self.control.ctl("--wait=hv", "sync")
        self.assertEqual(self.copied(VNI), 100)

    def test_what_the_destination_admits_is_told_and_stops_nothing(self):
        self.permits("", "Unknown", "VXLAN_PERMISSION_UNKNOWN")
        self.permits("203.0.113.0/24", "False", "VXLAN_NOT_PERMITTED")
        self.permits("none", "False", "VXLAN_NOT_PERMITTED")
        self.permits(f"203.0.113.0/24,{self.switch.ip}/32", "True", "")
