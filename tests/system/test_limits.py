"""Rate limits at rate: the limit holds, and nobody else notices."""

import re
import time
import unittest

from cases.limits import OF_ALL, LimitCases
from lab import RealLab
from lab.frames import number_of
from lab.waiting import wait_until

LENGTH = 1000
SECONDS = 4
# Of a low limit: what may pass at once, whatever the rate.
BURST_BITS = 525000


class Limit(LimitCases, unittest.TestCase):
    make_lab = RealLab

    def flood(self, seconds=SECONDS, first=0):
        """Sends about 20 Mbit/s from web1 to db1; returns the frames that
        were sent and for how long."""
        talk = self.lab.talk("web1", "db1")
        sent = []
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            due = int((time.monotonic() - began) * 2500)
            if len(sent) >= due:
                self.switch.wait_queues_empty()
                continue
            some = talk.frames(range(first + len(sent), first + due), LENGTH)
            self.web1.send(*some)
            sent += some
        took = time.monotonic() - began
        self.lab.settle()
        return sent, took

    def assert_rate(self, what, count, took, kbps):
        """So many copies in that time are as the limit says."""
        measured = (count * LENGTH * 8 - BURST_BITS) / took / 1000
        print(f"{what}: {measured:.0f} kbit/s of {kbps}", flush=True)
        self.assertAlmostEqual(measured / kbps, 1, delta=0.15)

    def limit_holds(self, collector, **more):
        """Two tunnels of one NIC, one of which is limited."""
        self.warm("limited", collector, 7001, rate_kbps=3000, **more)
        self.warm("free", self.other4, 7002)
        before = self.meter_stats(self.number("limited"))[1]
        sent, took = self.flood()
        self.assert_received(self.db1, sent)
        self.assert_copied(self.other4, 7002, sent)
        copied = collector.numbered(7001)
        self.assert_rate(f"{collector.name} {more}", len(copied), took, 3000)
        length = more.get("packet_length")
        self.assertLessEqual({c.inner for c in copied},
                             {f[:length] for f in sent})
        dropped = self.meter_stats(self.number("limited"))[1] - before
        self.assertEqual(dropped, len(sent) - len(copied))
        self.assert_sound(collector)

    def test_a_limit_holds_where_nothing_is_cut(self):
        self.limit_holds(self.ids4)

    def test_a_limit_counts_frames_before_the_cut(self):
        self.limit_holds(self.ids4, packet_length=100)

    def test_a_limit_holds_over_ipv6(self):
        self.limit_holds(self.ids6, packet_length=200)

    def test_a_limit_of_one_nic_leaves_the_others_alone(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=1)
        self.tunnel("other", self.other4, 7002, source="other1")
        talk = self.lab.talk("other1", "db1")
        self.lab.wait_copied(talk, self.other4)
        self.flood(1)
        self.lab.clear()
        frames = talk.frames(range(200), 1500)
        self.lab.exchange((self.other1, frames))
        self.assert_received(self.db1, frames)
        self.assert_copied(self.other4, 7002, frames)

    def test_the_budget_holds_for_all_tunnels_together(self):
        self.budget("4000")
        self.warm("first", self.ids4, 7001)
        self.warm("second", self.other4, 7002, packet_length=100)
        sent, took = self.flood()
        self.assert_received(self.db1, sent)
        counts = [len(self.ids4.numbered(7001)),
                  len(self.other4.numbered(7002))]
        self.assertGreater(min(counts), 0)
        self.assert_rate(f"budget {counts}", sum(counts), took, 4000)
        wait_until(lambda: "BUDGET_EXCEEDED" in self.reasons("first"),
                   "the list to say so", 10)
        dropped = self.meter_stats(OF_ALL)[1]
        self.assertGreaterEqual(dropped, 2 * len(sent) - sum(counts))
        found = re.search(r"(\d+) copies dropped by the budget",
                          self.daemon.appctl("mirror/list"))
        self.assertEqual(int(found[1]), dropped)
        self.control.wait_running("first", "second")

    def test_a_new_rate_comes_into_force_without_loss(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=90000)
        sent = []
        for rate in range(91000, 96000, 1000):
            sent += self.flood(0.3, len(sent))[0]
            self.wish("limited", self.ids4, 7001, rate_kbps=rate)
        sent += self.flood(0.3, len(sent))[0]
        self.control.wait_running("limited")
        self.assert_received(self.db1, sent)
        self.assert_copied(self.ids4, 7001, sent)

    def restart(self):
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        self.switch.underlay_up()
        for collector in self.lab.collectors.values():
            self.lab.route(collector, True)
        self.lab.wait_link("web1", "db1")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)
        self.control.wait_running("limited")

    def test_limits_are_back_after_vswitchd_restarted(self):
        self.warm("limited", self.ids4, 7001, rate_kbps=3000)
        flows, meters = self.lasting_flows(), self.dump_meters()
        self.flood(1)
        dropped = self.meter_stats(self.number("limited"))[1]
        wait_until(lambda: self.listed("limited")["dropped_packets"]
                   == dropped, "the drops to be listed", 10)
        self.restart()
        self.assertEqual(self.dump_meters(), meters)
        self.assertEqual(self.lasting_flows(), flows)
        self.lab.clear()
        sent, took = self.flood()
        self.assert_received(self.db1, sent)
        copied = len(self.ids4.numbered(7001))
        self.assert_rate("after the restart", copied, took, 3000)
        more = self.meter_stats(self.number("limited"))[1]
        wait_until(lambda: self.listed("limited")["dropped_packets"]
                   == dropped + more, "the drops to go on", 10)
        self.assertEqual({number_of(c.inner)
                          for c in self.ids4.numbered(7001)}
                         - {number_of(f) for f in sent}, set())
