"""tunnel-probe: one marked frame down a tunnel's own path."""

import contextlib
import json
import os
import time

from cases.product import ProductCases
from cases.vpc import VNI, PeeredCases
from lab.waiting import wait_until

STATIONS = ["tap", "filter", "egress", "delivery", "wire", "arrival"]


class Prober:
    """What tests of probes share; mixed into ProductCases."""

    def probe(self, *words, code=0):
        """What tunnel-probe says, its stations by name."""
        done = self.control.ctl("--format=json", "tunnel-probe", *words,
                                check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual([s["station"] for s in told["stations"]], STATIONS)
        told["stations"] = {s["station"]: s for s in told["stations"]}
        self.assertEqual(self.control.rows("Probe", "_uuid"), [])
        self.assertEqual(self.control.rows("Probe_Report", "_uuid"), [])
        return told

    def stopped_at(self, station, *words):
        """It says so to who looks at errors, too."""
        done = self.control.ctl("tunnel-probe", *words, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, r"^ovs-mirrorctl: NOT_PASSED: mirror_"
                         rf"tunnels\[.*\]: .*did not pass {station}: \w")

    def results(self, told):
        return [told["stations"][s]["result"] for s in STATIONS]

    def refused(self, code, *words):
        done = self.control.ctl("tunnel-probe", *words, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(f"ovs-mirrorctl: {code}: ", done.stderr)

    @staticmethod
    def marked(collector, vni, told):
        """Copies that bear the probe's mark."""
        mark = bytes.fromhex(told["mark"].replace(":", ""))
        return [c for c in collector.copies()
                if c.vni == vni and mark in c.inner[:12]]


class ProbeCases(Prober, ProductCases):
    def test_an_outbound_frame_comes_by_the_mirror_and_nobody_else_sees_it(
            self):
        self.filter("web", outbound=[
            {"action": "reject", "protocol": "tcp", "source_port": "1-80"},
            {"action": "accept", "protocol": "tcp", "source_port": "80-443",
             "destination": "10.7.0.0/16"}])
        self.tunnel("first", self.ids4, VNI, filter="web", packet_length=100)
        before = len(self.db1.received()), len(self.web1.received())
        told = self.probe("first")
        self.assertEqual(self.results(told), ["passed"] * 5 + ["unknown"])
        self.assertEqual(told["direction"], "outbound")
        self.assertIn("tcp_src=443", told["flow"])
        self.assertIn("rule 200: accept",
                      told["stations"]["filter"]["detail"])
        wait_until(lambda: self.marked(self.ids4, VNI, told), "the copy", 5)
        copy, = self.marked(self.ids4, VNI, told)
        self.assertEqual((copy.faults, len(copy.inner)), ([], 100))
        self.assertEqual(copy.inner[6:12].hex(":"), self.web1.mac)
        self.assertIn(b"ovs-mirror probe", copy.inner)
        self.assertEqual((len(self.db1.received()),
                          len(self.web1.received())), before)

    def test_an_inbound_frame_and_one_that_the_caller_gives(self):
        self.filter("pings", inbound=[{"action": "accept", "protocol": "icmp"}])
        self.tunnel("first", self.ids6, VNI, filter="pings")
        told = self.probe("first")
        self.assertEqual((told["direction"], self.results(told)),
                         ("inbound", ["passed"] * 5 + ["unknown"]))
        wait_until(lambda: self.marked(self.ids6, VNI, told), "the copy", 5)
        copy, = self.marked(self.ids6, VNI, told)
        self.assertEqual(copy.inner[:6].hex(":"), self.web1.mac)
        told = self.probe("first", "in", "icmp,icmp_type=3,icmp_code=1")
        self.assertIn("icmp_code=1", told["flow"])
        self.stopped_at("filter", "first", "in", "udp,tp_dst=53")
        told = self.probe("first", "in", "udp,tp_dst=53", code=1)
        self.assertEqual(self.results(told), ["passed"] + ["failed"] * 5)
        told = self.probe("first", "out", code=1)
        self.assertEqual(self.results(told), ["failed"] * 6)
        self.assertIn("admits no outbound frame",
                      told["stations"]["tap"]["detail"])

    def test_says_where_the_frame_ends(self):
        self.tunnel("first", self.ids4, VNI, mode="count")
        told = self.probe("first", code=1)
        self.assertEqual(self.results(told),
                         ["passed"] * 2 + ["failed"] * 4)
        self.assertIn("COUNT_ONLY", told["stations"]["egress"]["detail"])
        self.tunnel("first", self.ids4, VNI)
        for words in ([], ["out", f"udp,dl_src={self.web1.mac},tp_dst=53"]):
            told = self.probe("first", *words)
            self.assertEqual(told["stations"]["wire"]["result"], "passed")
        self.control.ctl("--wait=hv", "tunnel-set", "first", "enabled=false")
        told = self.probe("first", code=1)
        self.assertIn("DISABLED", told["stations"]["tap"]["detail"])

    def test_what_cannot_be_probed_is_refused(self):
        self.refused("NOT_FOUND", "none")
        self.tunnel("first", self.ids4, VNI)
        self.refused("SYNTAX", "first", "in", "udp,in_port=1")
        self.refused("SYNTAX", "first", "in", "udp,dl_src=02:00:00:00:00:01")
        self.assertEqual(self.control.ctl("tunnel-probe", "first", "up",
                                          check=False).returncode, 2)
        self.assertIn("probe tunnel first", self.control.ctl(
            "--dry-run", "tunnel-probe", "first"))
        self.assertEqual(self.control.rows("Probe", "_uuid"), [])
        self.daemon.kill()
        self.refused("NO_ANSWER", "first")
        self.assertEqual(self.control.rows("Probe", "_uuid"), [])

    def test_rows_that_nobody_would_write_do_no_harm(self):
        self.tunnel("first", self.ids4, VNI)
        tunnel = self.listed("first")["id"]
        chassis, = self.listed("first")["chassis"]
        for table in "Probe_Report", "Probe":
            self.addCleanup(self.control.ctl, "--all", "destroy", table)
        sent = self.switch.flows("br-mirror")
        for n, columns in enumerate((
                [f"tunnel={tunnel}", "flow=junk"],
                [f"tunnel={tunnel}", 'flow="udp,dl_dst=02:00:00:00:00:01"'],
                [f"tunnel={'0' * 8}-0000-0000-0000-{'0' * 12}"],
                [f"tunnel={tunnel}", "direction=inbound",
                 "destination_nics=a,b,c"])):
            self.control.ctl("create", "Probe", f"chassis={chassis}",
                             f"created={int(time.time() * 1000)}",
                             f"mark={n}",
                             "send=true", *columns)
        wait_until(lambda: len(self.control.rows("Probe_Report", "results"))
                   == 4, "all to be answered", 5)
        self.assertEqual(len(sent), len(self.switch.flows("br-mirror")))
        self.control.ctl("--all", "destroy", "Probe")
        self.control.ctl("--all", "destroy", "Probe_Report")
        self.assertEqual(self.results(self.probe("first")),
                         ["passed"] * 5 + ["unknown"])


    def test_who_does_not_come_back_is_watched_for_a_minute_at_most(self):
        self.tunnel("first", self.ids4, VNI)
        chassis, = self.listed("first")["chassis"]
        self.addCleanup(self.control.ctl, "--all", "destroy", "Probe_Report")
        self.addCleanup(self.control.ctl, "--all", "destroy", "Probe")
        nearly = int(time.time() * 1000) - 56000
        self.control.ctl("create", "Probe", f"chassis={chassis}",
                         f"created={nearly}", "mark=7",
                         f"tunnel={self.listed('first')['id']}")
        wait_until(self.packet_sockets, "the wire to be watched", 4)
        wait_until(lambda: not self.packet_sockets(), "nobody to watch", 8)

    def packet_sockets(self):
        """Those that the daemon has."""
        with open(f"/proc/{self.daemon.pid}/net/packet",
                  encoding="ascii") as f:
            inodes = {line.split()[8] for line in f.readlines()[1:]}
        folder, found = f"/proc/{self.daemon.pid}/fd", []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(f"{folder}/{fd}")
                if link.removeprefix("socket:[").rstrip("]") in inodes:
                    found.append(link)
        return found


class VpcProbeCases(Prober, PeeredCases):
    def test_the_arrival_at_a_destination_of_ours_is_told(self):
        self.tunnel("first", self.receiver, VNI)
        for direction in "out", "in":
            told = self.probe("first", direction)
            self.assertEqual(self.results(told), ["passed"] * 6)
            self.assertIn("10.1.0.5>10.2.0.9",
                          told["stations"]["delivery"]["detail"])
            self.assertIn(self.ids.iface_id,
                          told["stations"]["arrival"]["detail"])
            wait_until(lambda: self.marked(self.receiver, VNI, told),
                       "the copy", 5)

    def test_what_the_network_does_not_admit_does_not_arrive(self):
        self.tunnel("first", self.receiver, VNI)
        run = self.router.namespace.run
        run(["nft", "-f", "-"], text_in="""
table inet acg {
    chain forward {
        type filter hook forward priority filter;
        udp dport 4789 drop
    }
}
""")
        self.addCleanup(run, ["nft", "delete", "table", "inet", "acg"])
        told = self.probe("first", code=1)
        self.assertEqual(told["stations"]["arrival"]["result"], "failed")
        self.assertEqual(told["stations"]["delivery"]["result"], "passed")
