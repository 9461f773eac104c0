"""Rate limits: the meters that keep them, and what becomes of them."""

import re

from cases.product import ProductCases, difference
from lab.control import MirrorDaemon
from lab.waiting import wait_until

OF_ALL = 16777216   # The meter of all copies of a bridge.
DEFAULT_KBPS = 1000000
EVERYONE_MAC = b"\xff" * 6
EVERYONE = type("Everyone", (), {"mac": "ff:ff:ff:ff:ff:ff",
                                 "ip": "10.0.0.255", "ip6": "ff02::1"})


class LimitCases(ProductCases):
    @classmethod
    def prepare_switch(cls):
        cls.lab.switch.vsctl("set", "Open_vSwitch", ".",
                             "external_ids:mirror-stats-interval=1")

    def setUp(self):
        self.addCleanup(self.budget, None)

    def budget(self, value):
        key = "external_ids:mirror-rate-kbps"
        command = ["set", "Open_vSwitch", ".", f"{key}={value}"]
        if value is None:
            command = ["remove", "Open_vSwitch", ".", *key.split(":")]
        self.switch.vsctl(*command)
        self.control.ctl("--wait=hv", "sync")

    def dump_meters(self):
        """All that the switch says of the meters on our bridge."""
        lines = self.switch.ofctl("dump-meters", "br-mirror").split("\n", 1)
        return sorted(lines[1].split("\n\n"))

    def meters(self):
        """Rate by number of each meter on our bridge."""
        return {int(number): int(rate) for number, rate in re.findall(
            r"meter=(\d+) kbps burst stats bands=\s+type=drop rate=(\d+)",
            "\n".join(self.dump_meters()))}

    def meter_stats(self, number):
        """(frames that came, frames dropped) of a meter."""
        text = self.switch.ofctl("meter-stats", "br-mirror", f"meter={number}")
        came, dropped = re.search(
            r"packet_in_count:(\d+) .*?0: packet_count:(\d+)", text,
            re.S).groups()
        return int(came), int(dropped)

    def number(self, name):
        row, = [r for r in self.control.rows("Tunnel_Status", "name",
                                             "number") if r["name"] == name]
        return row["number"]

    def reasons(self, name):
        return {r["code"] for r in self.listed(name)["reasons"]}

    def warm(self, name, collector, vni, **more):
        self.tunnel(name, collector, vni, **more)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), collector, vni)
        self.lab.clear()

    def send(self, count=20, length=200):
        """Sends frames, all of which the receiver must get."""
        frames = self.lab.talk("web1", "db1").frames(range(count), length)
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        return frames

    def check_copies(self, collector, vni):
        self.lab.clear()
        self.assert_copied(collector, vni, self.send())

    def test_a_tunnels_meter_comes_changes_and_goes_with_its_rate(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=5000)
        number = self.number("limited")
        self.assertEqual(self.meters(), {number: 5000, OF_ALL: DEFAULT_KBPS})
        flows = self.lasting_flows()
        self.tunnel("limited", self.ids4, 7001, rate_kbps=6000)
        self.assertEqual(self.meters(), {number: 6000, OF_ALL: DEFAULT_KBPS})
        self.assertEqual(self.lasting_flows(), flows)
        self.check_copies(self.ids4, 7001)
        self.tunnel("limited", self.ids4, 7001)
        self.daemon.wait_settled()
        self.assertEqual(self.meters(), {OF_ALL: DEFAULT_KBPS})
        self.check_copies(self.ids4, 7001)

    def test_drops_before_the_first_count_of_a_changed_meter_are_counted(
            self):
        self.warm("limited", self.ids4, 7001, rate_kbps=1)
        self.count_seldom()

        def send(count):
            self.lab.exchange((self.web1, self.lab.talk("web1", "db1").frames(
                range(count), 1000)))
        send(150)
        before = self.counted("limited", "dropped_packets")
        self.assertGreater(before, 0)
        self.tunnel("limited", self.ids4, 7001, rate_kbps=2)
        # More than before, as if the meter had gone on.
        number = self.number("limited")

        def more_drops():
            send(50)
            dropped = self.meter_stats(number)[1]
            return dropped > before and dropped
        more = wait_until(more_drops, "more drops than before")
        self.assertEqual(self.counted("limited", "dropped_packets"),
                         before + more)

    def test_a_tunnel_that_ends_takes_its_meter_along(self):
        self.warm("stays", self.ids4, 7001)
        self.warm("limited", self.ids6, 7002, rate_kbps=5000)
        self.remove("limited")
        self.daemon.wait_settled()
        self.assertEqual(self.meters(), {OF_ALL: DEFAULT_KBPS})
        self.check_copies(self.ids4, 7001)

    def test_what_is_over_the_limit_is_dropped_and_counted(self):
        """A limit so low that only what may pass at once does."""
        self.warm("limited", self.ids4, 7001, rate_kbps=1)
        self.warm("free", self.ids6, 7002)
        frames = []
        for first in range(0, 150, 30):
            some = self.lab.talk("web1", "db1").frames(
                range(first, first + 30), 1500)
            self.lab.exchange((self.web1, some))
            frames += some
        self.assert_received(self.db1, frames)
        self.assert_copied(self.ids6, 7002, frames)
        copied = len(self.ids4.numbered(7001))
        self.assertIn(copied, range(20, 60))
        came, dropped = self.meter_stats(self.number("limited"))
        self.assertGreaterEqual(dropped, len(frames) - copied)
        wait_until(lambda: self.listed("limited")["dropped_packets"]
                   == dropped, f"the list to show {dropped} drops", 10)
        self.assertIsNone(self.listed("free")["dropped_packets"])
        self.assertIn(f"dropped={dropped}", self.daemon.appctl("mirror/list"))
        self.assertGreater(came, dropped)

    def test_a_used_up_limit_takes_nothing_from_whom_frames_are_for(self):
        """Also where the copy is made between two deliveries: the frames are
        for everyone, and for web1 that is mirrored."""
        self.warm("limited", self.ids4, 7001, rate_kbps=1)
        self.warm("free", self.ids6, 7002)
        talk, everyone = (self.lab.talk("db1", "web1") for _ in range(2))
        everyone.b = EVERYONE
        frames = []
        for first in range(0, 160, 40):
            some = (talk.frames(range(first, first + 20), 1500)
                    + everyone.frames(range(first + 20, first + 40), 1500))
            self.lab.exchange((self.db1, some))
            frames += some
        for guest, due in ((self.web1, frames), (self.other1, [
                f for f in frames if f[:6] == EVERYONE_MAC])):
            # Flooded frames come in batches of their own.
            got = sorted(f for f in guest.received() if f in due)
            if got != sorted(due):
                self.fail(difference(guest.name, got, sorted(due)))
        self.assert_copied(self.ids6, 7002, frames)
        self.assertLess(len(self.ids4.numbered(7001)), 60)

    def test_a_restart_of_the_daemon_rewrites_no_meter(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=1)
        for _ in range(5):
            self.send(30, 1500)
            self.lab.clear()
        number = self.number("limited")
        before = self.meter_stats(number)
        self.assertGreater(before[1], 0)
        wait_until(lambda: self.listed("limited")["dropped_packets"]
                   == before[1], "the drops to be listed", 10)
        self.daemon.kill()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.ctl("--wait=hv", "sync")
        self.daemon.wait_settled()
        # Rewritten, a meter begins to count anew.
        self.assertEqual(self.meter_stats(number), before)
        self.send(30, 1500)
        dropped = self.meter_stats(number)[1]
        self.assertGreater(dropped, before[1])
        wait_until(lambda: self.listed("limited")["dropped_packets"]
                   == dropped, "the drops to go on", 10)

    def test_meters_changed_or_deleted_by_hand_are_put_right(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=5000)
        number = self.number("limited")
        flows, meters = self.lasting_flows(), self.dump_meters()
        for what in [("del-meter", f"meter={number}"),
                     ("del-meter", f"meter={OF_ALL}"), ("del-meters",),
                     ("mod-meter", f"meter={number},kbps,band=type=drop,"
                      "rate=7"),
                     ("mod-meter", f"meter={number},kbps,burst,stats,"
                      "band=type=drop,rate=5000,burst_size=1"),
                     ("add-meter", "meter=4711,kbps,band=type=drop,"
                      "rate=7"),
                     ("add-meter", "meter=17000000,kbps,band=type=drop,"
                      "rate=7")]:
            with self.subTest(what=what):
                self.switch.ofctl(what[0], "br-mirror", *what[1:])
                wait_until(lambda: self.dump_meters() == meters
                           and self.lasting_flows() == flows,
                           "the meters and flows to be as they were", 10)
                self.daemon.wait_settled()
                self.check_copies(self.ids4, 7001)

    def test_a_meter_that_is_refused_is_said_and_heals(self):
        """One of that number is there that the daemon does not know of."""
        self.warm("stays", self.ids4, 7001)
        self.daemon.appctl("mirror/pause")
        free = self.number("stays") + 1
        self.switch.ofctl("add-meter", "br-mirror",
                          f"meter={free},kbps,band=type=drop,rate=7")
        self.wish("limited", self.ids6, 7002, rate_kbps=5000)
        wait_until(lambda: "PAUSED" in self.reasons("limited"),
                   "the tunnel to have its number")
        self.assertEqual(self.number("limited"), free)
        self.daemon.appctl("mirror/resume")
        self.control.wait_running("limited")
        self.assertEqual(self.meters(), {free: 5000, OF_ALL: DEFAULT_KBPS})
        self.assertIn("meter refused", "".join(self.daemon.log("WARN")))
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6)
        self.check_copies(self.ids4, 7001)

    def test_the_budget_of_the_host_follows_its_setting(self):
        self.warm("first", self.ids4, 7001)
        for value, meters in [("2000", {OF_ALL: 2000}), ("unlimited", {}),
                              ("3000", {OF_ALL: 3000}),
                              ("-1", {OF_ALL: DEFAULT_KBPS}),
                              ("plenty", {OF_ALL: DEFAULT_KBPS}),
                              ("99999999999", {OF_ALL: 2 ** 32 - 1})]:
            with self.subTest(value=value):
                self.budget(value)
                self.daemon.wait_settled()
                self.assertEqual(self.meters(), meters)
                self.check_copies(self.ids4, 7001)

    def test_without_a_budget_nothing_is_copied_and_the_list_says_so(self):
        self.warm("first", self.ids4, 7001)
        self.budget("0")
        wait_until(lambda: "BUDGET_ZERO" in self.reasons("first"),
                   "the list to say so", 5)
        self.daemon.wait_settled()
        self.send()
        self.assertEqual(self.ids4.numbered(7001), [])
        self.budget(None)
        self.control.wait_running("first")
        self.check_copies(self.ids4, 7001)
