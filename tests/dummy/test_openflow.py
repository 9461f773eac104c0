#!/usr/bin/env python3
"""flows/openflow.h against a real switch on the dummy datapath."""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dummy_switch import DummySwitch, main  # noqa: E402
from openflow_tester import COOKIE, Tester, flow_words  # noqa: E402
from lab import wait_until                           # noqa: E402

BRIDGE = "br-mirror"

TAP_GROUP = ("set_field:0x%x->reg0,set_field:0x5->reg1,set_field:0x%x->reg2,"
             "resubmit(,1)")
CLONE = ("clone(set_field:10.0.0.1->tun_src,set_field:10.0.0.2->tun_dst,"
         "set_field:7001->tun_id,output(port=1,max_len=128))")
CLONE6 = ("clone(set_field:fd00::1->tun_ipv6_src,"
          "set_field:fd00::2->tun_ipv6_dst,"
          "set_field:16777215->tun_id,output(port=1,max_len=8900))")
WHOLE = ("clone(set_field:10.0.0.1->tun_src,set_field:10.0.0.2->tun_dst,"
         "set_field:7001->tun_id,output:1)")
METERED = ("clone(set_field:10.0.0.1->tun_src,set_field:10.0.0.2->tun_dst,"
           "set_field:7001->tun_id,resubmit(,3),output:1,"
           "output(port=64000,max_len=65535))")

# Every form that the pipeline installs: (table, match, actions).
FORMS = [
    (0, "-", "drop"),
    (0, "in_port=101,dl_vlan=7",
     "pop_vlan," + TAP_GROUP % (1, 9)),
    (0, "in_port=102",
     ",".join(TAP_GROUP % (1, n) for n in range(1, 17))),
    (0, "in_port=103,vlan_tci=0x0000/0x1fff", TAP_GROUP % (3, 4)),
    (0, "udp,in_port=104,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=4789",
     "drop"),
    (1, "reg0=0x1,reg1=0x5,tcp,nw_src=10.0.0.0/8,tp_dst=0x50/0xfff0",
     "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,ipv6,ipv6_src=2001:db8::/32,ipv6_dst=fd00::1",
     "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,tcp6,tp_src=443", "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,udp,tp_src=0/0xfc00", "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,icmp,icmp_type=8", "drop"),
    (1, "reg0=0x1,reg1=0x6,icmp6,icmp_type=135,icmp_code=0", "drop"),
    (1, "reg0=0x1,reg1=0x6,tcp,nw_frag=later", "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,udp,nw_frag=not_later,tp_dst=0", "drop"),
    (1, "reg0=0x1,reg1=0x6,ipv6,nw_proto=44,nw_frag=later", "resubmit(,2)"),
    (1, "reg0=0x1,reg1=0x6,sctp,tp_dst=5000", "drop"),
    (1, "reg0=0x1,reg1=0x6,sctp6", "drop"),
    (1, "reg0=0x1,reg1=0x6,ip,nw_proto=47", "drop"),
    (1, "reg0=0x1,reg1=0x6,ipv6,nw_proto=47", "drop"),
    (1, "reg0=0x1,reg1=0x6,ip", "drop"),
    (1, "reg0=0x1,reg1=0x7", "resubmit(,2)"),
    (2, "reg0=0x1,reg2=0x9", CLONE),
    (2, "reg0=0x1,reg2=0xa", CLONE6),
    (2, "reg0=0x1,reg2=0xb", WHOLE),
    (2, "reg0=0x1,reg2=0xc", METERED),
    (2, "reg0=0x1,reg2=0xd", "drop"),
    (3, "reg2=0x9", "meter:5,resubmit(,4)"),
    (4, "-", "meter:1"),
]


def without_counts(lines):
    return sorted(line.split(" n_packets=")[0] for line in lines)


class OpenflowTest(unittest.TestCase):
    def setUp(self):
        self.switch = DummySwitch()
        self.addCleanup(self.switch.close)
        self.switch.vsctl(
            "add-br", BRIDGE, "--", "set", "bridge", BRIDGE,
            "datapath_type=dummy", "fail_mode=secure",
            "--", "add-port", BRIDGE, "vx", "--", "set", "interface", "vx",
            "type=vxlan", "ofport_request=1", "options:remote_ip=flow",
            "options:local_ip=flow", "options:key=flow",
            "--", "add-port", BRIDGE, "p101", "--", "set", "interface",
            "p101", "type=dummy", "ofport_request=101")
        self.tester = Tester(self.switch.target(BRIDGE), self.switch.env)
        self.assertEqual(self.tester.ask("connect"), ["connected 1"])

    def tearDown(self):
        # A sanitizer's complaint shows in the exit status.
        self.assertEqual(self.tester.close(), 0)

    def add_meters(self):
        for meter in (1, 5):
            self.switch.ofctl(
                "add-meter", BRIDGE,
                "meter=%d,pktps,band=type=drop,rate=1000" % meter)

    def dump(self, cookie=COOKIE, mask=(1 << 64) - 1):
        return self.tester.ask("dump %x %x" % (cookie, mask))

    def test_a_flow_added_and_dumped_equals_its_normal_form(self):
        self.add_meters()
        edits = [flow_words(table, 100 + i, match, actions)
                 for i, (table, match, actions) in enumerate(FORMS)]
        normal = [self.tester.ask("normalise " + edit)[0] for edit in edits]
        self.assertFalse([n for n in normal if n.startswith("error")])
        self.assertEqual(self.tester.edit(["add " + e for e in edits]),
                         ["ok"])
        self.assertEqual(without_counts(self.dump()), sorted(normal))

    def test_normalising_twice_changes_nothing(self):
        for table, match, actions in FORMS:
            once = self.tester.ask(
                "normalise " + flow_words(table, 7, match, actions))[0]
            key, actions = once.split(" actions=")
            match = ",".join(key.split(",")[3:]) or "-"
            twice = self.tester.ask(
                "normalise " + flow_words(table, 7, match, actions))[0]
            self.assertEqual(once, twice)

    def test_first_fragments_show_their_ports_also_after_a_restart(self):
        self.assertIn("nx-match", self.switch.ofctl("get-frags", BRIDGE))
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        self.assertEqual(self.tester.ask("reconnect"), ["connected 2"])
        self.assertEqual(self.tester.edit([]), ["ok"])
        self.assertIn("nx-match", self.switch.ofctl("get-frags", BRIDGE))

    def test_equal_flows_spelt_differently_have_one_normal_form(self):
        one = self.tester.ask("normalise " + flow_words(
            1, 7, "dl_type=0x800,nw_proto=6,tp_dst=80,reg0=1", "drop"))
        other = self.tester.ask("normalise " + flow_words(
            1, 7, "reg0=0x1,tcp,tcp_dst=0x50", "drop"))
        self.assertEqual(one, other)

    def test_a_dump_shows_only_the_cookies_asked_for(self):
        self.tester.edit(
            ["add " + flow_words(1, n, "reg0=%d" % n, "drop",
                                 COOKIE + (n << 8)) for n in range(1, 4)])
        self.switch.ofctl("add-flow", BRIDGE,
                          "table=1,reg0=9,cookie=0x99,actions=drop")
        self.assertEqual(len(self.dump(mask=0xffff << 48)), 3)
        lines = self.dump(COOKIE + (2 << 8))
        self.assertEqual(len(lines), 1)
        self.assertIn("reg0=0x2", lines[0])
        self.assertEqual(len(self.dump(0, 0)), 4)

    def test_counters_are_read_with_what_tells_rules_apart_and_no_more(self):
        rule, sent = 0x6d72200000510064, 0x6d72300000710000
        self.tester.edit([
            "add " + flow_words(0, 7, "udp", "drop", rule),
            "add " + flow_words(1, 7, "reg2=7", "drop", sent)])
        self.switch.appctl("netdev-dummy/receive", "p101",
                           "in_port(101),eth_type(0x0800),ipv4(proto=17)")
        self.switch.appctl("revalidator/purge")
        shown = self.tester.ask("counters 6d72200000000000 ffffe00000000000")
        self.assertEqual(
            sorted(line.split(" n_bytes")[0] for line in shown),
            ["table=0,priority=7,cookie=0x%x,udp actions= n_packets=1" % rule,
             "table=1,priority=7,cookie=0x%x actions= n_packets=0" % sent])
        size, = {line.split("n_bytes=")[1] for line in shown} - {"0"}
        self.assertEqual(
            self.tester.ask("sum 6d72200000000000 ffffe00000000000"),
            ["n_packets=1 n_bytes=%s flow_count=2" % size])
        self.assertEqual(self.tester.ask("sum 6d72300000700000 "
                                         "fffffffffff00000"),
                         ["n_packets=0 n_bytes=0 flow_count=1"])

    def test_an_add_keeps_the_counters_and_changes_cookie_and_actions(self):
        self.tester.edit(["add " + flow_words(0, 5, "in_port=101", "drop")])
        self.switch.appctl("netdev-dummy/receive", "p101",
                           "in_port(101),eth(src=50:54:00:00:00:05,"
                           "dst=50:54:00:00:00:07),eth_type(0x1234)")
        self.switch.appctl("revalidator/purge")
        self.assertIn("n_packets=1 ", self.dump()[0])
        self.assertEqual(
            self.tester.edit(["add " + flow_words(
                0, 5, "in_port=101", "resubmit(,1)", COOKIE + 1)]), ["ok"])
        line, = self.dump(COOKIE + 1)
        self.assertIn("resubmit(,1)", line)
        self.assertIn("n_packets=1 ", line)

    def test_a_delete_goes_by_key_alone(self):
        self.tester.edit(
            ["add " + flow_words(1, 5, "reg0=1", "drop"),
             "add " + flow_words(1, 6, "reg0=1", "drop"),
             "add " + flow_words(1, 5, "reg0=1,tcp", "drop"),
             "add " + flow_words(2, 5, "reg0=1", "drop")])
        self.assertEqual(
            self.tester.edit(["delete " + flow_words(
                1, 5, "reg0=1", "drop", COOKIE + 77)]), ["ok"])
        self.assertEqual(len(self.dump()), 3)
        self.assertFalse([line for line in self.dump()
                          if "table=1,priority=5," in line
                          and "tcp" not in line])

    def test_a_bundle_is_ordered(self):
        self.assertEqual(
            self.tester.edit(
                ["add " + flow_words(1, 5, "reg0=1", "drop"),
                 "delete " + flow_words(1, 5, "reg0=1", "drop"),
                 "add " + flow_words(1, 5, "reg0=1", "resubmit(,2)")]),
            ["ok"])
        line, = self.dump()
        self.assertIn("actions=resubmit(,2)", line)

    def test_an_empty_bundle_succeeds(self):
        self.assertEqual(self.tester.edit([]), ["ok"])

    def test_a_flow_refused_while_the_bundle_fills_leaves_nothing(self):
        # The switch refuses a meter that is not there when it decodes the
        # message, and would commit the rest.
        result = self.tester.edit(
            ["add " + flow_words(1, 1, "reg0=1", "drop"),
             "add " + flow_words(1, 2, "reg0=2", "meter:77,resubmit(,2)"),
             "add " + flow_words(1, 3, "reg0=3", "group:88")])
        self.assertEqual(len(result), 1)
        self.assertRegex(result[0], "^OFPMMFC_INVALID_METER: add table=1,"
                         "priority=2,.*reg0=2 actions=meter:77")
        self.assertEqual(self.dump(0, 0), [])
        # And the connection is as good as new.
        self.assertEqual(
            self.tester.edit(["add " + flow_words(1, 1, "reg0=1", "drop")]),
            ["ok"])

    def test_a_flow_refused_at_commit_leaves_nothing(self):
        self.switch.vsctl(
            "--", "--id=@t", "create", "Flow_Table", "flow_limit=3",
            "overflow_policy=refuse", "--", "set", "bridge", BRIDGE,
            "flow_tables:1=@t")
        result = self.tester.edit(
            ["add " + flow_words(1, n, "reg0=%d" % n, "drop")
             for n in range(1, 6)])
        self.assertRegex(result[0], "^OFPFMFC_TABLE_FULL: add table=1,"
                         "priority=4,")
        self.assertEqual(self.dump(0, 0), [])

    def test_a_flow_that_cannot_be_parsed_sends_nothing(self):
        result = self.tester.edit(
            ["add " + flow_words(1, 1, "reg0=1", "drop"),
             "add " + flow_words(1, 1, "reg0=1,nonsense=3", "drop")])
        self.assertIn("nonsense", result[0])
        self.assertEqual(self.dump(0, 0), [])
        for match, actions in (("reg0=1", "resubmit(,"),
                               ("reg0=1", "output(port=1,max_len=3)"),
                               ("reg0=1,tp_dst=0x50/", "drop"),
                               ("ip,nw_src=10.1.1.1/a", "drop"),
                               # Prerequisites that are missing.
                               ("nw_src=10.1.1.1", "drop"),
                               ("ip,tp_dst=80", "drop"),
                               ("reg0=1,icmp_type=8", "drop")):
            self.assertRegex(self.tester.ask("normalise " + flow_words(
                1, 1, match, actions))[0], "^error: .")

    def test_a_flow_too_large_for_a_message_is_refused(self):
        actions = ",".join(TAP_GROUP % (1, n) for n in range(3000))
        result = self.tester.edit(["add " + flow_words(1, 1, "reg0=1",
                                                       actions)])
        self.assertNotEqual(result, ["ok"])
        self.assertEqual(self.dump(0, 0), [])
        self.assertEqual(self.tester.edit([]), ["ok"])

    def test_twenty_thousand_flows_do_not_stall(self):
        adds = ["add " + flow_words(
            1, 1 + n % 1000, "reg0=%d,reg1=%d,tcp,tp_dst=%d"
            % (n, n % 7, n % 65536), "resubmit(,2)") for n in range(20000)]
        begin = time.monotonic()
        self.assertEqual(self.tester.edit(adds), ["ok"])
        added = time.monotonic()
        self.assertEqual(len(self.dump()), 20000)
        dumped = time.monotonic()
        print("20,000 flows: added in %.2f s, dumped in %.2f s"
              % (added - begin, dumped - added), file=sys.stderr)
        self.assertLess(dumped - begin, 20)

    def test_a_lost_connection_drops_what_was_under_way(self):
        for n in range(20000):
            self.tester.tell("add " + flow_words(1, n + 1, "reg0=%d" % n,
                                                 "drop"))
            if n % 100 == 99:
                self.tester.process.stdin.flush()
                for _ in range(100):
                    self.tester.hear()
        # Stopped, so that it cannot answer before it is ended.
        self.switch.vswitchd.send_signal(signal.SIGSTOP)
        self.assertEqual(self.tester.ask("lose"), ["started"])
        self.switch.vswitchd.kill()
        self.switch.vswitchd.wait()
        self.switch.stop_vswitchd()
        begin = time.monotonic()
        self.switch.start_vswitchd()
        self.assertEqual(self.tester.hear(), ["back dropped"])
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(self.tester.ask("connect"), ["connected 2"])
        self.assertEqual(self.tester.edit(
            ["add " + flow_words(1, 1, "reg0=1", "drop")]), ["ok"])
        self.assertEqual(len(self.dump(0, 0)), 1)


class AskTest(unittest.TestCase):
    """The one-shot questions to a bridge that is not ours."""

    def setUp(self):
        self.switch = DummySwitch()
        self.addCleanup(self.switch.close)
        self.switch.vsctl(
            "add-br", "br-int", "--", "set", "bridge", "br-int",
            "datapath_type=dummy", "fail_mode=secure",
            "--", "add-port", "br-int", "p1", "--", "set", "interface", "p1",
            "type=dummy", "ofport_request=1",
            "--", "add-port", "br-int", "p2", "--", "set", "interface", "p2",
            "type=dummy", "ofport_request=2")
        self.target = self.switch.target("br-int")
        self.tester = Tester(self.target, self.switch.env)

    def tearDown(self):
        self.assertEqual(self.tester.close(), 0)

    def test_flows_to_flood_and_all_are_counted(self):
        self.switch.ofctl("add-flows", "br-int", "-", stdin="""
            table=0,in_port=1,actions=flood
            table=3,reg0=1,actions=set_field:1->reg1,flood
            table=4,actions=all
            table=5,actions=normal
            table=6,actions=2
            """)
        for versions in ("OpenFlow10", "OpenFlow13", "OpenFlow15",
                         "OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15"):
            self.switch.vsctl("set", "bridge", "br-int",
                              "protocols=" + versions)
            self.assertEqual(self.count(), "0 1 2", versions)

    def count(self, bridge=None):
        answer, = self.tester.ask("count %s" % (bridge or self.target))
        return answer

    def heard(self):
        """OpenFlow messages that vswitchd has received so far."""
        return int(self.switch.appctl("coverage/read-counter",
                                      "vconn_received"))

    def test_flows_are_counted_again_over_the_same_connection(self):
        self.assertEqual(self.count(), "0 0 0")
        self.switch.ofctl("add-flow", "br-int", "actions=flood")
        before = self.heard()
        self.assertEqual(self.count(), "0 0 1")
        self.assertEqual(self.heard() - before, 2, "no hello")

    def test_flows_are_counted_by_a_switch_that_has_restarted(self):
        self.switch.ofctl("add-flow", "br-int", "actions=flood")
        self.assertEqual(self.count(), "0 0 1")
        self.switch.stop_vswitchd()
        self.assertNotEqual(self.count().split()[0], "0")
        self.switch.start_vswitchd()
        wait_until(lambda: self.count() == "0 0 0", "none to be counted")
        self.switch.ofctl("add-flow", "br-int", "actions=all")
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        wait_until(lambda: self.count() == "0 0 0", "none to be counted")

    def test_no_flood_is_set_on_one_port_only(self):
        self.assertEqual(self.tester.ask("no-flood %s 2" % self.target),
                         ["0 2"])
        shown = self.switch.run("ovs-ofctl", "show", "br-int")
        ports = {line.split("(")[1].split(")")[0]: rest for line, rest in
                 zip(shown.splitlines(), shown.splitlines()[1:])
                 if "addr:" in line}
        self.assertIn("NO_FLOOD", ports["p2"])
        self.assertNotIn("NO_FLOOD", ports["p1"])
        self.switch.ofctl("add-flow", "br-int", "actions=flood")
        self.assertNotIn("2", self.switch.trace("br-int", "in_port=1")[0])

    def test_no_flood_is_set_on_many_ports_at_once(self):
        self.assertEqual(self.tester.ask("no-flood %s 2 1" % self.target),
                         ["0 1 2"])
        shown = self.switch.run("ovs-ofctl", "show", "br-int")
        self.assertEqual(shown.count("NO_FLOOD"), 2)

    def test_a_port_that_is_not_there_is_not_told_as_done(self):
        self.assertEqual(self.tester.ask("no-flood %s 9 2" % self.target),
                         ["0 2"])

    def test_a_bridge_without_openflow_10_is_an_error(self):
        self.switch.vsctl("set", "bridge", "br-int", "protocols=OpenFlow13")
        answer, = self.tester.ask("no-flood %s 2" % self.target)
        self.assertGreater(int(answer.split()[0]), 0)

    def test_a_bridge_that_is_not_there_is_an_error(self):
        self.assertEqual(self.count(self.switch.target("br-none")), "2 0 0")

    def test_a_switch_that_does_not_answer_costs_about_a_second(self):
        self.switch.vswitchd.send_signal(signal.SIGSTOP)
        try:
            for question in ("count %s", "no-flood %s 2"):
                begin = time.monotonic()
                answer, = self.tester.ask(question % self.target)
                self.assertGreater(int(answer.split()[0]), 0)
                self.assertLess(time.monotonic() - begin, 5)
        finally:
            self.switch.vswitchd.send_signal(signal.SIGCONT)


if __name__ == "__main__":
    main()
