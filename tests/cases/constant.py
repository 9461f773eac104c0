"""What the tests under constant traffic share: the traffic, two tunnels, and
the judgement of everything that was sent, delivered and copied."""

import re
import time

from cases.product import ProductCases
from lab.control import MirrorDaemon
from lab.lanes import Lanes, Policy
from lab.waiting import wait_until

# Columns that the switch writes as it pleases.
_VOLATILE = {"statistics", "status", "rstp_statistics", "rstp_status",
             "cur_cfg", "link_resets", "bond_active_slave"}
_CONFIGURED = ["Bridge", "Port", "Interface", "Mirror"]


class ConstantCases(ProductCases):
    """web1 and db1 talk without a pause, so do twin1 and twin2, of which
    nothing is mirrored.

    Tunnel "first" copies to ids4 what filter "web" admits, cut to 100 bytes;
    "second" copies everything of web1 to ids6.
    """

    guests = {"web1": (), "db1": (), "twin1": (), "twin2": ()}
    links = [("web1", "db1"), ("twin1", "twin2")]
    collectors = {"ids4": 4, "ids6": 6}

    def traffic(self, **more):
        """The twins have as many lanes: a queue of theirs that nobody reads
        overflows at the same time."""
        lanes = {}
        for prefix, a, b in (("", "web1", "db1"),
                             ("twin-", "twin1", "twin2")):
            talk = self.lab.talk(a, b)
            refused = self.lab.talk(a, b, sport=40001, dport=6000)
            lanes |= {f"{prefix}out": talk, f"{prefix}in": talk.back(),
                      f"{prefix}refused-out": refused,
                      f"{prefix}refused-in": refused.back()}
        return Lanes(self.lab, lanes, **more)

    def setUp(self):
        # Of the frames between the twins the filter admits those from UDP
        # port 5000, should they be flooded to web1.
        self.first = Policy(self.ids4, 7001, ("out", "in"), 100,
                            flooded=("twin-in",))
        self.second = Policy(
            self.ids6, 7002, ("out", "in", "refused-out", "refused-in"),
            flooded=("twin-out", "twin-in", "twin-refused-out",
                     "twin-refused-in"))

    def mirror(self):
        """Both tunnels, warm."""
        self.web_filter()
        self.tunnel("first", self.ids4, 7001, filter="web",
                    packet_length=100)
        self.tunnel("second", self.ids6, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.lab.wait_copied(talk, self.ids6, 7002)
        self.daemon.wait_settled()

    def web_filter(self, inbound=(), outbound=()):
        self.filter("web", inbound=[
            {"action": "accept", "protocol": "udp", "source_port": 5000},
            *inbound], outbound=[
            {"action": "accept", "protocol": "udp",
             "destination_port": 5000}, *outbound])

    def start_daemon(self):
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()

    def underlay_up(self):
        """What the host's own network set-up does when br-phy returns."""
        self.switch.underlay_up()
        for collector in self.lab.collectors.values():
            self.lab.route(collector, True)

    def judge(self, lanes, *policies, **more):
        """No copy outside of the policies, no guest harmed."""
        lanes.end()
        self.lab.settle()
        wrong = lanes.wrong_copies(*policies, **more)
        self.assertEqual(wrong[:5], [], f"{len(wrong)} in all")
        harm = lanes.harmed_guests(
            [lane for lane in lanes.talks if not lane.startswith("twin")],
            [lane for lane in lanes.talks if lane.startswith("twin")])
        self.assertEqual(harm[:5], [], f"{len(harm)} in all")

    def assert_no_gap(self, lanes, *policies):
        """Every frame that passed the switch was copied."""
        for policy in policies:
            gaps = lanes.not_copied(policy, 0)
            self.assertEqual(gaps, [], f"VNI {policy.vni} at "
                             f"{policy.collector.name} missed frames")

    def say(self, text):
        """A figure for the log of the suite."""
        print(f"     {text}", flush=True)

    def heals(self, lanes, what, since_s, *policies, within_s=2.0):
        """Waits for whole copies again; prints and judges how long copies
        were missing since the moment 'since_s'."""
        for policy in policies:
            lanes.wait_whole(policy)
            seconds, frames = lanes.healed_after(policy, since_s)
            self.say(f"{what}: VNI {policy.vni} whole after "
                     f"{1000 * seconds:.0f} ms, {frames} frames not copied")
            self.assertLess(seconds, within_s, what)
        return time.monotonic() - since_s

    # What is on the switch.

    def rows(self):
        """All that is configured on the switch, row for row."""
        found = {table: sorted(
            ({name: value for name, value in row.items()
              if name not in _VOLATILE} for row in self.switch.rows(table)),
            key=lambda row: row["_uuid"]) for table in _CONFIGURED}
        found["Open_vSwitch"] = [
            {"bridges": sorted(row["bridges"]), "next_cfg": row["next_cfg"]}
            for row in self.switch.rows("Open_vSwitch")]
        return found

    def counted_flows(self, bridge="br-mirror"):
        """What each flow is -> (seconds that it has been there, packets)."""
        found = {}
        for line in self.switch.ofctl("--no-names", "dump-flows",
                                      bridge).splitlines():
            if "cookie=" not in line:
                continue    # The heading, of each part of a long answer.
            duration, = re.findall(r"duration=([\d.]+)s", line)
            packets, = re.findall(r"n_packets=(\d+)", line)
            bare = re.sub(r" (duration|n_packets|n_bytes|idle_age|hard_age)="
                          r"[^ ]*", "", line)
            found[bare] = float(duration), int(packets)
        return found

    def lasting_flows(self):
        """What each flow is, but for the one that turns with every bundle."""
        return {flow for flow in self.counted_flows()
                if "priority=400" not in flow}

    def groups_and_meters(self):
        # The number of a reply is the request's own.
        return [re.sub(r"\(xid=\w+\)", "", self.switch.ofctl(
            command, "br-mirror"))
                for command in ("dump-groups", "dump-meters")]

    def on_switch(self):
        return {"at": time.monotonic(), "flows": self.counted_flows(),
                "rows": self.rows(), "groups": self.groups_and_meters()}

    def assert_untouched(self, before, after):
        """Not a flow, row, group or meter was written in between: durations
        went on and no counter fell."""
        self.assertEqual(set(after["flows"]), set(before["flows"]))
        self.assert_flows_went_on(before, after, before["flows"])
        self.assertEqual(after["rows"], before["rows"])
        self.assertEqual(after["groups"], before["groups"])

    def assert_flows_went_on(self, before, after, flows):
        elapsed = after["at"] - before["at"]
        for flow in flows:
            (duration, packets), (later, more) = (before["flows"][flow],
                                                  after["flows"][flow])
            self.assertGreater(later, duration + elapsed - 1.0,
                               f"written again: {flow}")
            self.assertGreaterEqual(more, packets, flow)

    def wait_rows(self, wanted, what, timeout=10):
        """Waits until rows() less 'next_cfg' are as 'wanted' says."""
        wait_until(lambda: wanted(self.rows()), what, timeout)
