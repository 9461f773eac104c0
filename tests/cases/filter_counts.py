"""What filters count: hits of rules, and what a tunnel would send."""

import json
import os
import re

from cases.product import ProductCases
from lab.waiting import wait_until

WEB = [{"action": "reject", "protocol": "udp", "destination_port": 7},
       {"action": "accept", "protocol": "udp",
        "destination_port": "5000-5100"}]


class FilterCountCases(ProductCases):
    def setUp(self):
        self.switch.vsctl("set", "Open_vSwitch", ".",
                          "external_ids:mirror-stats-interval=1")
        self.addCleanup(self.switch.vsctl, "remove", "Open_vSwitch", ".",
                        "external_ids", "mirror-stats-interval")

    def send(self, port, numbers):
        talk = self.lab.talk("db1", "web1", dport=port)
        self.lab.exchange((talk.a, talk.frames(numbers)))

    def hits(self):
        """Hits by number as filter-show has them."""
        rules = json.loads(self.control.ctl("--format=json", "rule-list",
                                            "web"))
        return {rule["number"]: rule["hits"] for rule in rules
                if rule["direction"] == "inbound"}

    def wait_hits(self, wanted):
        seen = []

        def same():
            seen[:] = [self.hits()]
            return seen[0] == wanted
        wait_until(same, lambda: f"hits {wanted}; they are {seen[0]}", 15)

    def test_hits_of_each_rule_never_go_back(self):
        self.filter("web", inbound=WEB)
        self.tunnel("first", self.ids6, 7001, filter="web")
        self.send(7, range(3))
        self.send(5000, range(3, 8))
        self.wait_hits({100: 3, 200: 5})
        shown = self.daemon.appctl("mirror/flows", "first")
        self.assertRegex(shown, r"\(default/web\) inbound rule 100, 3 hits\n")
        self.assertRegex(shown, r"inbound rule 200, 5 hits\n")

        # A rule that stays keeps its count, whatever comes and goes.
        self.control.ctl("rule-add", "web", "inbound", "50", "accept",
                         "protocol=icmp", "--", "rule-del", "web", "inbound",
                         "100", "--", "--wait=hv", "sync")
        self.wait_hits({50: 0, 200: 5})
        self.daemon.kill()
        self.send(5001, range(8, 10))
        self.daemon.start()
        self.wait_hits({50: 0, 200: 7})
        self.send(5002, range(10, 14))
        self.wait_hits({50: 0, 200: 11})

    def test_hits_of_a_rule_that_came_back_begin_at_zero(self):
        self.filter("web", inbound=WEB)
        self.tunnel("first", self.ids6, 7001, filter="web")
        self.count_seldom()
        self.send(5000, range(5))
        self.assertRegex(self.flows_now(), r"inbound rule 200, 5 hits\n")
        self.control.ctl("--wait=hv", "rule-del", "web", "inbound", "200")
        self.control.ctl("--wait=hv", "rule-add", "web", "inbound", "200",
                         "accept", "protocol=udp",
                         "destination_port=5000-5100")
        # More than before, as if the old flow had gone on.
        self.send(5000, range(8))
        self.assertRegex(self.flows_now(), r"inbound rule 200, 8 hits\n")

    def flows_now(self):
        self.switch.purge()  # What the datapath has counted is known then.
        return self.daemon.appctl("mirror/flows", "first")

    def test_a_shadowed_rule_is_not_installed(self):
        self.filter("web", inbound=[{"action": "accept", "protocol": "udp"},
                                    *WEB])
        self.tunnel("first", self.ids6, 7001, filter="web")
        self.send(7, range(2))
        self.wait_hits({100: 2, 200: None, 300: None})
        self.assertNotIn("rule 300",
                         self.daemon.appctl("mirror/flows", "first"))

    def test_count_only_tells_what_would_be_sent_and_sends_nothing(self):
        self.filter("web", inbound=WEB)
        self.tunnel("first", self.ids6, 7001, filter="web", mode="count",
                    packet_length=128)
        self.lab.clear()
        talk = self.lab.talk("db1", "web1", dport=5000)
        self.lab.exchange((talk.a, talk.frames(range(4), 200)
                           + talk.frames(range(4, 6), 100)))
        listed = self.control.wait_tunnel(
            "first", lambda t: t["mirrored_packets"]["inbound"] == 6,
            "to have counted")
        self.assertEqual(listed["mirrored_bytes"]["inbound"], 1000)
        # Six copies of 128 bytes at most, never more than came: 6 * 128 is
        # less than 1,000; and an outer header of 70 bytes over IPv6.
        self.assertEqual(listed["would_send_bytes"],
                         {"inbound": 6 * (128 + 70), "outbound": 0})
        self.assertIn("first: COUNT_ONLY: ", self.control.ctl("tunnel-list"))
        self.assertEqual(self.ids6.copies(), [])
        # The same counts go on when it is sent in earnest.
        self.tunnel("first", self.ids6, 7001, filter="web",
                    packet_length=128)
        self.lab.wait_copied(talk, self.ids6)
        listed = self.listed("first")
        self.assertIsNone(listed["would_send_bytes"])
        self.assertTrue(re.search(r"\d", str(listed["mirrored_packets"])))

    def edit_of_one_rule(self, rules):
        """Changes one of the rules of filter "web", and judges the bundle."""
        flows = self.daemon.appctl("mirror/flows").count("(default/web)")
        since = self.daemon.log_end()
        rules[50]["destination_port"] = "6000-6001"
        self.filter("web", inbound=rules)
        self.control.ctl("--wait=hv", "sync")
        bundles = [int(found.group(1)) for found in (
            re.search(r"br-mirror: bundle of (\d+) edits", line)
            for line in self.daemon.log(since=since)) if found]
        # Two flows go and two come; another two make a switch look again
        # that must be made to.
        self.assertLessEqual(sum(bundles), 6, bundles)
        self.assertEqual(len(bundles), 1)
        self.assertEqual(flows, self.daemon.appctl("mirror/flows").count(
            "(default/web)"))

    def test_an_edit_is_a_bundle_of_its_own_size(self):
        """A filter of 100 rules that many tunnels share; an edit of one rule
        touches that rule's flows, and the others go on counting."""
        rules = [{"action": "accept", "protocol": "udp",
                  "destination_port": 5000 + n} for n in range(100)]
        self.filter("web", inbound=rules)
        tunnels = {f"{source}-{collector.name}": (source, collector)
                   for source in self.guests for collector in (
                       self.ids4, self.ids6, self.other4)}
        for n, (name, (source, collector)) in enumerate(tunnels.items()):
            self.wish(name, collector, 7001 + n, source, filter="web")
        self.control.wait_running(*tunnels)
        self.send(5010, range(3))
        self.edit_of_one_rule(rules)
        # Three tunnels of the NIC asked about each frame.
        self.assertRegex(self.daemon.appctl("mirror/flows", "web1-ids4"),
                         r"inbound rule 1100, 9 hits\n")

    def test_an_edit_for_many_tunnels_is_no_larger(self):
        """More NICs with sixteen tunnels each; "make check-long" has 63."""
        rules = [{"action": "accept", "protocol": "udp",
                  "destination_port": 5000 + n} for n in range(100)]
        self.filter("web", inbound=rules)
        nics = [f"many{i:02}" for i in range(
            int(os.environ.get("OVS_MIRROR_NICS", "8")))]
        boxes = [f"box{i:02}" for i in range(16)]
        self.switch.vsctl("--no-wait", *(word for name in nics for word in (
            "--", "add-port", "br-int", name, "--", "set", "Interface", name,
            "type=internal", f"external_ids:iface-id={name}")))
        self.addCleanup(self.switch.vsctl, *(
            word for name in nics for word in ("--", "del-port", name)))
        self.control.apply({
            "network_interfaces": [
                {"name": name, "iface_id": name, "addresses": [],
                 "mac": f"52:54:00:00:bb:{i:02x}"}
                for i, name in enumerate(nics)],
            "collectors": [{"name": name, "address": self.ids6.address}
                           for name in boxes],
            "mirror_resources": [
                {"name": f"{name}-src", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": name} for name in nics] + [
                {"name": name, "account": "default",
                 "purpose": "destination", "type": "collector",
                 "target": name} for name in boxes],
            "mirror_tunnels": [
                {"name": f"{nic}-{box}", "account": "default",
                 "source": f"{nic}-src", "destination": box, "filter": "web"}
                for nic in nics for box in boxes]})
        self.addCleanup(self.control.ctl, *[
            word for kind, names in (("resource-del",
                                      [f"{n}-src" for n in nics] + boxes),
                                     ("nic-del", nics),
                                     ("collector-del", boxes))
            for name in names for word in ("--", kind, name)][1:])
        wait_until(lambda: sum(t["state"] == "Running" for t in
                               self.control.tunnels().values())
                   == len(nics) * len(boxes), "all to run", 60)
        self.daemon.wait_settled()
        self.edit_of_one_rule(rules)
