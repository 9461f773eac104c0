"""What mirroring makes the datapath match beyond what forwarding does."""

import re
import sys

from cases.product import ProductCases
from lab.waiting import wait_until

KINDS = {"TCP": "tcp,tcp_src=40000,tcp_dst=80",
         "UDP": "udp,udp_src=40000,udp_dst=53",
         "ICMP": "icmp,icmp_type=8,icmp_code=0", "ARP": "arp,arp_op=1"}


class MegaflowCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]

    def megaflow(self, kind, direction, to=None):
        """What the datapath matches of web1's frame, by field; its
        destination is the peer's address, or 'to'."""
        a, b = ((self.web1, self.db1) if direction == "out"
                else (self.db1, self.web1))
        words = KINDS[kind].split(",")
        addresses = ("arp_spa", "arp_tpa") if kind == "ARP" \
            else ("nw_src", "nw_dst")
        flow = ",".join([f"in_port={self.port(a)}", words[0],
                         f"dl_src={a.mac}", f"dl_dst={b.mac}",
                         f"{addresses[0]}={a.ip}",
                         f"{addresses[1]}={to or b.ip}",
                         *words[1:]])
        text = self.switch.appctl("ofproto/trace", "br-int", flow)
        found = re.search(r"^Megaflow: (.*)$", text, re.M).group(1)
        # One bit that is 0 in every frame, on switches that must be made to
        # look again: it tells no frame from another.
        return re.sub(r"pkt_mark=0/0x[0-9a-f]+,", "", found)

    def port(self, guest):
        return self.switch.vsctl(
            "--bare", "--columns=ofport", "find", "Interface",
            f"external_ids:iface-id={guest.iface_id}").strip()

    def fields(self, megaflow):
        return {word.split("=")[0] for word in megaflow.split(",")}

    def all_megaflows(self):
        # Both MACs are learned, however often the bridge forgot them.
        for a, b in (("web1", "db1"), ("db1", "web1")):
            self.lab.wait_link(a, b)
        return {(kind, direction): self.megaflow(kind, direction)
                for kind in KINDS for direction in ("in", "out")}

    def show(self, title, megaflows):
        print(f"    {title}", file=sys.stderr)
        for (kind, direction), megaflow in megaflows.items():
            print(f"      {kind} {direction}: {megaflow}", file=sys.stderr)

    def assert_no_ports(self, megaflows):
        for key, megaflow in megaflows.items():
            self.assertFalse(
                {"tp_src", "tp_dst", "icmp_type", "icmp_code"}
                & self.fields(megaflow), (key, megaflow))

    def test_without_a_filter_only_addresses_are_matched(self):
        before = self.all_megaflows()
        self.show("before", before)
        self.tunnel("first", self.ids6, 7001)
        self.tunnel("second", self.ids4, 7002)
        after = self.all_megaflows()
        self.show("two tunnels without a filter, and the loop guards", after)
        self.assert_no_ports(after)
        self.assertEqual(after["ARP", "in"], before["ARP", "in"])

    def test_the_loop_guard_looks_at_addresses_of_udp_alone(self):
        """Else each length of prefix would be a datapath flow of TCP."""
        self.tunnel("first", self.ids4, 7001)
        for (kind, direction), megaflow in self.all_megaflows().items():
            looked_at = {"nw_src", "nw_dst", "nw_tos"} & self.fields(megaflow)
            self.assertEqual(bool(looked_at), kind == "UDP",
                             (kind, direction, megaflow))

    def test_the_loop_guard_looks_at_ports_of_udp_to_a_collector_alone(self):
        """Also of frames that go where other hypervisors' copies go."""
        there = "198.51.100.77"
        self.tunnel("first", self.ids4, 7001)
        self.control.ctl("collector-add", "theirs", there)
        self.addCleanup(self.control.ctl, "collector-del", "theirs")
        wait_until(lambda: [f for f in self.switch.flows("br-mirror")
                            if f"nw_dst={there},tp_dst=4789" in f],
                   "its guard")
        found = {(kind, "out"): self.megaflow(kind, "out", there)
                 for kind in KINDS}
        self.show("to the collector itself", found)
        self.assertIn("tp_dst", self.fields(found.pop(("UDP", "out"))))
        self.assert_no_ports(found)
        self.assert_no_ports({("UDP", "out"): self.megaflow("UDP", "out")})

    def test_a_filter_of_cidrs_never_matches_ports(self):
        before = self.all_megaflows()
        self.filter("ports", inbound=[
            {"action": "accept", "protocol": "tcp",
             "destination_port": "1000-1999"}])
        self.tunnel("other", self.ids6, 7002, source="db1", filter="ports")
        self.filter("cidrs", inbound=[
            {"action": "reject", "source": "10.0.0.0/28"},
            {"action": "accept", "source": "10.0.0.0/8"},
            {"action": "accept", "destination": "fd00::/8"}],
            outbound=[{"action": "accept", "destination": "10.0.0.0/24"}])
        self.tunnel("first", self.ids6, 7001, filter="cidrs")
        after = self.all_megaflows()
        self.show("a filter of CIDRs, and one of ports for another NIC",
                  {key: after[key] for key in after})
        for kind in KINDS:
            # db1's own filter asks for ports of what it receives.
            self.assert_no_ports({(kind, "in"): after[kind, "in"]})
        self.assertEqual(after["ARP", "in"], before["ARP", "in"])

    def test_a_direction_without_rules_adds_no_match(self):
        before = self.all_megaflows()
        self.filter("in-only", inbound=[
            {"action": "accept", "protocol": "tcp",
             "destination_port": 80}])
        self.tunnel("first", self.ids4, 7001, filter="in-only")
        after = self.all_megaflows()
        self.show("rules inbound only", after)
        for kind in KINDS:
            self.assertEqual(after[kind, "out"], before[kind, "out"])
        self.assertIn("tp_dst=80", after["TCP", "in"])
        self.assertNotIn("tp_src", after["TCP", "in"])
        self.assert_no_ports({"ICMP": after["ICMP", "in"]})

    def test_a_range_of_ports_is_matched_by_its_prefixes(self):
        self.filter("range", inbound=[
            {"action": "accept", "protocol": "tcp",
             "destination_port": "0-1023"}])
        self.tunnel("first", self.ids6, 7001, filter="range")
        after = self.megaflow("TCP", "in")
        self.show("ports 0-1023", {("TCP", "in"): after})
        self.assertIn("tp_dst=0x0/0xfc00", after)
