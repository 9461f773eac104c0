"""Why is this packet (not) at my collector: filter-test and mirror/trace."""

import json
import random

from cases.product import ProductCases
from lab.random_filter import flow_text, random_filter, random_packet
from lab.reference_filter import Filter
from lab.unixctl import UnixctlError
from lab.waiting import wait_until

DIRECTIONS = {"in": "inbound", "out": "outbound"}
TCP_80 = "tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=80"


class ExplainCases(ProductCases):
    guests = {"web1": (), "db1": (), "tagged1": ("tag=7",)}
    links = [("web1", "db1")]

    def trace(self, tunnel, direction, flow):
        """mirror/trace's lines by key; those that repeat as a list."""
        told = {"note": [], "stopped by": []}
        for line in self.daemon.appctl("mirror/trace", tunnel, direction,
                                       flow).splitlines():
            key, _, value = line.partition(": ")
            if key in ("note", "stopped by"):
                told[key].append(value)
            else:
                self.assertNotIn(key, told)
                told[key.rstrip(":")] = value
        return told

    def stopped_by(self, tunnel, direction="in", flow=TCP_80):
        """Codes of what keeps a frame from being mirrored."""
        told = self.trace(tunnel, direction, flow)
        self.assertEqual(told["mirrored"], "false", told)
        return [line.split(":")[0] for line in told["stopped by"]]

    def answers_to(self, filter_, questions):
        """What filter-test says of (direction, flow) pairs, in one go."""
        words = []
        for direction, flow in questions:
            words += ["--", "filter-test", filter_, direction, flow]
        text = self.control.ctl("--format=json", *words[1:])
        decoder, answers = json.JSONDecoder(), []
        while text.strip():
            answer, end = decoder.raw_decode(text.lstrip())
            answers.append(answer)
            text = text.lstrip()[end:]
        return answers

    def test_names_the_rule_the_destination_the_vni_and_what_is_kept(self):
        self.filter("web", inbound=[
            {"action": "reject", "protocol": "tcp", "source": "10.9.0.0/16"},
            {"action": "accept", "protocol": "tcp",
             "destination_port": "80-443"}])
        self.tunnel("first", self.ids6, 7001, filter="web", packet_length=128)
        self.lab.wait_copied(self.lab.talk("db1", "web1", "tcp", 1, 80),
                             self.ids6)
        told = self.trace("first", "in", TCP_80)
        self.assertEqual(
            {key: told[key] for key in (
                "tunnel", "direction", "mirrored", "rule", "why",
                "destination", "vni", "kept", "stopped by", "note")},
            {"tunnel": "default/first", "direction": "inbound",
             "mirrored": "true", "rule": "200",
             "why": "accept protocol=tcp destination-port=80-443",
             "destination": self.ids6.address, "vni": "7001",
             "kept": "128 bytes", "stopped by": [], "note": []})
        told = self.trace("default/first", "in", "tcp,nw_src=10.9.0.1")
        self.assertEqual((told["mirrored"], told["rule"], told["why"]),
                         ("false", "100",
                          "reject protocol=tcp source=10.9.0.0/16"))
        told = self.trace("first", "out", TCP_80)
        self.assertEqual((told["mirrored"], told["rule"], told["why"]),
                         ("false", "", "the filter has no outbound rules"))
        told = self.trace("first", "in", "arp")
        self.assertIn("it is not IP", told["why"])

    def test_agrees_with_filter_test_and_the_reference(self):
        dice = random.Random(5)
        self.tunnel("before", self.ids6, 7002)  # Another of the same NIC.
        compared = mirrored = 0
        for n in range(4):
            document = random_filter(dice, "random")
            self.control.apply({"mirror_filters": [
                dict(document, account="default")]})
            reference = Filter(document)
            for source in ("web1", "tagged1"):
                self.tunnel(f"of-{source}", self.ids6, 7001, source=source,
                            filter="random")
            self.control.ctl("--wait=hv", "sync")
            packets = [(direction, random_packet(dice, document[name]))
                       for _ in range(20)
                       for direction, name in DIRECTIONS.items()]
            questions = [(direction, flow_text(packet))
                         for direction, packet in packets]
            answers = self.answers_to("random", questions)
            for (direction, packet), (_, flow), answer in zip(
                    packets, questions, answers):
                number, copied = reference.decide(DIRECTIONS[direction],
                                                  packet)
                self.assertEqual(
                    (answer["rule"] or 0, answer["mirrored"]),
                    (number, copied), flow)
                for source in ("web1", "tagged1"):
                    told = self.trace(f"of-{source}", direction, flow)
                    stopped = bool(told["stopped by"])
                    self.assertEqual(
                        (int(told["rule"] or 0),
                         told["mirrored"] == "true" or stopped,
                         told["why"], told["flow"]),
                        (number, copied, answer["why"], answer["flow"]),
                        told)
                    compared += 1
                    mirrored += copied
            self.remove("of-web1", "of-tagged1")
        self.assertGreater(mirrored, compared // 10)

    def test_says_what_stops_a_tunnel_that_is_not_installed(self):
        self.filter("all", inbound=[{"action": "accept"}])
        self.wish("first", self.ids6, 7001, filter="all", enabled=False)
        self.control.wait_tunnel("first",
                                 lambda t: t and t["health"] == "disabled",
                                 "to be disabled")
        # The console says so before the daemon has heard of it.
        wait_until(lambda: self.control.rows("Tunnel_Status"),
                   "the daemon's word on it")
        self.assertEqual(self.stopped_by("first"), ["DISABLED"])
        self.assertEqual(self.trace("first", "in", TCP_80)["rule"], "100")
        self.tunnel("first", self.ids6, 7001, filter="all")
        self.assertNotIn("DISABLED", str(self.trace("first", "in", TCP_80)))

        self.lab.route(self.ids6, False)
        self.control.wait_tunnel(
            "first", lambda t: t["health"] == "degraded", "to be degraded")
        self.assertEqual(self.stopped_by("first"), ["NO_ROUTE"])
        self.lab.route(self.ids6, True)
        self.control.wait_running("first")

        self.switch.vsctl("set", "Open_vSwitch", ".",
                          "external_ids:mirror-slots-reserve=32")
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".",
                        "external_ids", "mirror-slots-reserve")
        self.wish("second", self.ids6, 7003, source="db1")
        self.control.wait_tunnel(
            "second", lambda t: t and t["health"] == "degraded",
            "to have no slot")
        self.assertEqual(self.stopped_by("second"), ["SLOTS_EXHAUSTED"])

    def test_a_paused_daemon_tells_what_the_switch_goes_on_doing(self):
        self.tunnel("first", self.ids6, 7001)
        self.lab.wait_copied(self.lab.talk("db1", "web1"), self.ids6)
        self.daemon.appctl("mirror/pause")
        try:
            self.wish("first", self.ids6, 7001, enabled=False)
            self.control.wait_tunnel("first",
                                     lambda t: t["health"] == "disabled",
                                     "to be disabled")
            told = self.trace("first", "in", TCP_80)
        finally:
            self.daemon.appctl("mirror/resume")
        self.assertEqual(told["mirrored"], "true", told)
        self.assertEqual(sorted(n.split(":")[0] for n in told["note"]),
                         ["DISABLED", "PAUSED"])
        self.assertEqual(told["why"],
                         "the tunnel has no filter: every frame is mirrored")

    def test_count_only_is_counted_and_not_sent(self):
        self.tunnel("first", self.ids6, 7001, mode="count")
        self.assertEqual(self.stopped_by("first"), ["COUNT_ONLY"])

    def test_a_copy_of_ours_is_never_copied_again(self):
        self.tunnel("first", self.ids6, 7001)
        told = self.trace("first", "out", "udp6,ipv6_src=%s,ipv6_dst=%s,"
                          "tp_dst=4789" % (self.switch.ip6,
                                           self.ids6.address))
        self.assertEqual((told["mirrored"], told["why"]), (
            "false", "it is a copy, which is never copied again"))

    def test_junk_gets_a_clear_error_and_changes_nothing(self):
        self.tunnel("first", self.ids6, 7001)
        before = self.daemon.appctl("mirror/flows")
        for arguments, error in (
                (("none", "in", "ip"), 'no tunnel "none" here'),
                (("first", "up", "ip"), "the direction is in"),
                (("first", "in", "junk"), '"junk": field junk missing'),
                (("first", "in", ""), "what kind of frame"),
                (("first", "in", "tcp,tp_dst=70000"), "70000"),
                (("first", "in", "tcp,nw_src=10.0.0.0/8"), "without masks"),
                (("first", "in", "tcp,tcp_flags=0x800,icmp6"), "does not have"),
                (("first", "in", "tcp,tcp_flags=0x800,icmp6,icmp_type=135"),
                 "does not have"),
                (("first", "in", "in_port=1,tcp"), "only fields of the frame"),
                (("first", "in", "reg2=1,tcp"), "only fields of the frame"),
                (("first", "in", "tcp -generate"), "missing value"),
                (("first", "in", "x" * 100000), "write a frame as"),
                (("first", "in"), "requires at least 3 arguments"),
                (("\n", "in", "\n"), "no tunnel")):
            with self.subTest(str(arguments)[:60]):
                with self.assertRaises(UnixctlError) as raised:
                    self.daemon.appctl("mirror/trace", *arguments)
                self.assertIn(error, str(raised.exception))
        self.assertEqual(self.daemon.appctl("mirror/flows"), before)
        self.assertEqual(self.daemon.appctl("mirror/plan"), "")
