"""What the switch refuses is no harm to what it takes."""

from cases.product import ProductCases
from lab.waiting import wait_until


class RefusedCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4, "ids6": 6}

    def bound(self, table):
        """Somebody bounds a table of ours to the flows that it has."""
        flows = self.switch.ofctl("dump-flows", "br-mirror", f"table={table}")
        self.switch.vsctl("--", "--id=@t", "create", "Flow_Table",
                          f"flow_limit={flows.count('cookie=')}",
                          "overflow_policy=refuse", "--", "set", "Bridge",
                          "br-mirror", f"flow_tables:{table}=@t")
        self.addCleanup(self.switch.vsctl, "--if-exists", "clear", "Bridge",
                        "br-mirror", "flow_tables")

    def numbers(self):
        return {row["name"]: row["number"] for row in
                self.control.rows("Tunnel_Status", "name", "number")}

    def wait_refused(self, name):
        self.control.wait_tunnel(
            name, lambda t: t and "SWITCH_REFUSED" in {
                r["code"] for r in t["reasons"]}, "to be refused")

    def test_who_is_refused_keeps_nobody_else_waiting(self):
        self.tunnel("first", self.ids4, 7001)
        self.bound(2)
        self.wish("second", self.ids6, 7002)
        self.wait_refused("second")
        self.control.ctl("--wait=hv", "--timeout=10", "tunnel-set", "first",
                         "vni=7003")

    def test_two_who_are_refused_keep_nobody_else_waiting(self):
        refused = {"one": self.ids4, "two": self.ids6}
        for name, collector in refused.items():
            self.tunnel(name, collector, 7001)
        self.tunnel("last", self.ids6, 7002, source="db1")
        self.remove(*refused)
        self.bound(2)
        for name, collector in refused.items():
            self.wish(name, collector, 7001)
        for name in refused:
            self.wait_refused(name)
        numbers = self.numbers()
        self.assertEqual(max(numbers, key=numbers.get), "last")
        self.control.ctl("--wait=hv", "--timeout=10", "tunnel-set", "last",
                         "vni=7009")

    def test_a_number_that_a_refused_tap_names_is_nobody_elses(self):
        self.tunnel("kept", self.ids4, 7001)
        self.tunnel("first", self.ids6, 7002)
        self.tunnel("third", self.ids4, 7004, source="db1")
        number = self.numbers()["first"]
        self.bound(7)
        addresses = ",".join([self.web1.ip, self.web1.ip6, "10.0.0.77"])
        self.control.ctl("nic-set", "web1-eth0", f"addresses={addresses}")
        self.addCleanup(self.control.ctl, "nic-set", "web1-eth0",
                        f"addresses={self.web1.ip},{self.web1.ip6}")
        self.wait_refused("kept")
        begun = self.daemon.log_end()
        self.control.ctl("tunnel-del", "first")
        # It is tried each second; what sends is gone and proven by then.
        wait_until(lambda: len([line for line in self.daemon.log(
            "WARN", since=begun) if "flows refused" in line]) > 2,
            "the tap to be refused again", 15)
        self.wish("other", self.ids6, 7003, source="db1")
        wait_until(lambda: "other" in self.numbers(), "the other's row")
        self.assertIn("first", self.control.tunnels())
        self.assertNotEqual(self.numbers()["other"], number)
        self.control.ctl("--wait=hv", "--timeout=10", "tunnel-set", "third",
                         "vni=7005")
        self.switch.vsctl("clear", "Bridge", "br-mirror", "flow_tables")
        self.control.wait_gone("first")

    def sends(self, name):
        """Flows of the tunnel that send."""
        number = hex(self.numbers()[name])
        return [line for line in self.switch.flows("br-mirror")
                if "table=2," in line and f"reg2={number}" in line]

    def test_nobody_copies_by_a_filter_that_has_been_withdrawn(self):
        self.control.ctl("filter-add", "all", "--", "rule-add", "all",
                         "outbound", "100", "accept")
        self.tunnel("first", self.ids4, 7001, filter="all")
        self.tunnel("second", self.ids6, 7002)
        self.bound(1)
        self.control.ctl("rule-add", "all", "outbound", "50", "reject",
                         "protocol=tcp")
        self.wait_refused("first")
        wait_until(lambda: not self.sends("first"), "first to send nothing")
        self.assertTrue(self.sends("second"))
        self.switch.vsctl("clear", "Bridge", "br-mirror", "flow_tables")
        self.control.wait_running("first", "second")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)

    def test_or_without_a_filter_that_it_is_given(self):
        self.control.ctl("filter-add", "none")
        self.tunnel("first", self.ids4, 7001)
        self.control.ctl("rule-add", "none", "outbound", "50", "accept",
                         "protocol=tcp")
        self.bound(1)
        self.control.ctl("tunnel-set", "first", "filter=none")
        self.wait_refused("first")
        wait_until(lambda: not self.sends("first"), "it to send nothing")
        self.switch.vsctl("clear", "Bridge", "br-mirror", "flow_tables")
        self.control.wait_running("first")
