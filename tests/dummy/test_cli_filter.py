"""ovs-mirrorctl against a real ovsdb-server: what filters cost, which rules
can never decide, and which one decides on a frame."""

from dummy.cli_case import CliTest


class Filters(CliTest):
    def add(self, *rules, name="flt"):
        """Puts a filter with 'rules' inbound, numbered by hundreds."""
        document = {"mirror_filters": [{"name": name, "inbound": [
            dict(rule, number=100 * i) for i, rule in enumerate(rules, 1)]}]}
        return self.run_cli("apply", "-", text=str(document).replace(
            "'", '"'))

    def test_a_shadowed_rule_is_warned_of_by_name_and_takes_no_flows(self):
        done = self.add({"action": "accept", "protocol": "tcp"},
                        {"action": "accept", "protocol": "udp"},
                        {"action": "accept", "protocol": "tcp",
                         "destination_port": "80-443"})
        self.assertEqual(done.code, 0, done)
        line, = done.lines
        self.assertRegex(
            line, r"warning: RULE_SHADOWED: mirror_filters\[0\]\.inbound: "
                  r"rule 300 is shadowed by 100, ")
        rules = self.json("filter-show", "flt")["rules"]
        self.assertEqual([(r["number"], r["flows"], r["warning"])
                          for r in rules],
                         [(100, 3, None), (200, 2, None),
                          (300, 0, "RULE_SHADOWED by 100")])
        self.assertIn("RULE_SHADOWED by 100", self.ok("filter-show", "flt"))
        self.assertIn("RULE_SHADOWED by 100", self.ok("rule-list", "flt"))

    def test_an_edit_that_lets_a_rule_live_warns_no_more(self):
        self.ok("filter-add", "flt")
        self.ok("rule-add", "flt", "outbound", "100", "accept")
        added = self.run_cli("rule-add", "flt", "outbound", "200", "reject")
        self.assertIn("rule 200 is shadowed by 100, ", added.err)
        self.assertEqual(self.run_cli("rule-del", "flt", "outbound",
                                      "100").err, "")
        self.assertEqual(self.json("rule-list", "flt")[0]["warning"], None)

    def test_the_cost_is_shown_before_the_filter_is_used(self):
        self.add({"action": "accept", "protocol": "tcp",
                  "source_port": "1-65534", "destination_port": "1-65534",
                  "source": "10.0.0.0/8"},
                 {"action": "accept", "protocol": "tcp",
                  "destination_port": 80})
        shown = self.json("filter-show", "flt")
        self.assertEqual(shown["used_by"], [])
        self.assertEqual([r["flows"] for r in shown["rules"]], [62, 4])
        self.assertEqual((shown["flows"], shown["cross_product"]), (66, 905))
        self.assertIn("flows: 66", self.ok("filter-show", "flt"))

    def test_a_filter_that_costs_too_much_is_refused(self):
        worst = [{"action": "accept", "protocol": "tcp",
                  "source_port": "1-65534", "destination_port": "1-65534",
                  "source": "10.0.%d.0/24" % n} for n in range(67)]
        done = self.add(*worst[:66])
        self.assertEqual(done.code, 0, done)
        line, = self.add(*worst).lines
        self.assertRegex(
            line, r"^ovs-mirrorctl: RULE_TOO_COSTLY: mirror_filters\[0\]"
                  r"\.inbound: the filter takes 4154 flows of the switch and "
                  r"may take 4096; rule \d+ alone takes 62: ")
        self.assertEqual(len(self.json("rule-list", "flt")), 66)

    def decided(self, direction, flow):
        shown = self.json("filter-test", "flt", direction, flow)
        return shown["mirrored"], shown["rule"], shown["why"]

    def test_filter_test_names_the_rule_that_decides(self):
        self.add({"action": "reject", "protocol": "tcp",
                  "source": "10.1.0.9/32"},
                 {"action": "accept", "protocol": "tcp",
                  "destination_port": "80-443"},
                 {"action": "accept", "protocol": "icmpv6",
                  "icmp_type": 128})
        rules = {100: "reject protocol=tcp source=10.1.0.9/32",
                 200: "accept protocol=tcp destination-port=80-443",
                 300: "accept protocol=icmpv6 icmp-type=128"}
        for flow, number in (
                ("tcp,nw_src=10.1.0.9,tp_dst=80", 100),
                ("tcp,nw_src=10.1.0.8,tp_dst=80", 200),
                ("dl_type=0x0800,nw_proto=6,tp_dst=443", 200),
                ("tcp6,ipv6_src=fd00::1,tp_dst=100", 200),
                ("dl_vlan=9,tcp,tp_dst=80", 200),
                ("tcp,nw_src=10.1.0.8,nw_frag=later", 200),
                ("tcp,nw_src=10.1.0.8,nw_frag=first,tp_dst=81", 200),
                ("icmp6,icmpv6_type=128", 300),
                ("udp6,nw_frag=later", 200)):
            with self.subTest(flow):
                self.assertEqual(
                    self.decided("in", flow),
                    (rules[number].startswith("accept"), number,
                     rules[number]))
        for flow, why in (
                ("tcp,nw_src=10.1.0.8,tp_dst=79", "no inbound rule matches"),
                ("icmp,icmp_type=128", "no inbound rule matches"),
                ("arp", "it is not IP, and the filter does not say "
                        "non-ip=mirror")):
            with self.subTest(flow):
                self.assertEqual(self.decided("in", flow), (False, None, why))
        self.assertEqual(self.decided("out", "ip"),
                         (False, None, "the filter has no outbound rules"))
        self.ok("filter-set", "flt", "non-ip=mirror")
        self.assertEqual(self.decided("out", "dl_type=0x88cc")[0], True)
        self.assertIn("why: accept protocol=tcp destination-port=80-443",
                      self.ok("filter-test", "flt", "in", "tcp,tp_dst=80"))

    def test_filter_test_refuses_what_is_no_frame(self):
        self.ok("filter-add", "flt")
        for flow in ("", "junk", "tcp,tp_dst=99999", "tp_dst=80", "nw_src=1",
                     "in_port=3,tcp", "reg1=7,tcp",
                     "arp,arp_op=1,tp_dst=80", "ip,tp_dst=80",
                     "icmp,tp_src=65535", "icmp6,icmp_code=256",
                     "tcp,metadata=1", "tun_id=7,tcp", "ct_state=+trk,tcp",
                     "tcp,nw_src=10.0.0.0/8", "conj_id=1,ip", "\n", "\u2603",
                     "tcp,tp_dst=80 actions=drop", "table=1,ip", "ip,out_port=1",
                     "cookie=1/-1,ip", "x" * 70000):
            with self.subTest(flow[:40]):
                lines = self.refused("SYNTAX", "filter-test", "flt", "in",
                                     flow)
                self.assertEqual(len(lines), 1)
        self.refused("NOT_FOUND", "filter-test", "none", "in", "ip")
        self.assertEqual(self.run_cli("filter-test", "flt", "up", "ip").code,
                         2)
        self.assertEqual(self.run_cli("filter-test", "flt", "in").code, 2)
