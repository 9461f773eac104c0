"""The control database, or the daemon, is away for long: what is installed
stays, and on return exactly what differs is done."""

import dataclasses
import time

from cases.constant import ConstantCases


class AwayCases(ConstantCases):
    hidden = False

    def hide(self):
        self.control.hide()
        self.hidden = True

    def show(self):
        self.control.show()
        self.hidden = False

    def tearDown(self):
        if self.hidden:
            self.show()
        super().tearDown()

    def test_what_is_installed_stays_and_the_difference_is_applied(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.hide()
            lanes.wait_ticks(500)
            self.web_filter(inbound=[{"action": "accept",
                                      "protocol": "icmp"}])
            self.wish("third", self.ids4, 7003)
            self.control.ctl("tunnel-del", "second")
            lanes.wait_ticks(250)
            self.assert_untouched(before, self.on_switch())
            self.assert_no_gap(lanes, self.first, self.second)
            back = time.monotonic()
            self.show()
            self.control.wait_running("first", "third")
            self.control.wait_gone("second")
            self.say("control database back: the difference applied within "
                     f"{1000 * (time.monotonic() - back):.0f} ms")
            last = lanes.tick
            self.daemon.wait_settled()
            third = dataclasses.replace(self.second, collector=self.ids4,
                                        vni=7003)
            lanes.wait_whole(third)
            after = self.on_switch()
        self.judge(lanes, self.first, third, dataclasses.replace(
            self.second, until=last))
        self.assert_no_gap(lanes, self.first)
        # The NIC is the same, so no row differs.
        self.assertEqual(after["rows"], before["rows"])
        kept = set(before["flows"]) & set(after["flows"])
        self.assert_flows_went_on(before, after, kept)
        # But for the flow that turns with every bundle.
        gone, new = ([f for f in one["flows"] if f not in other["flows"]
                      and "priority=400" not in f]
                     for one, other in ((before, after), (after, before)))
        # Egress of the tunnel that went; the NIC's two taps, and one more
        # for each of its two addresses.
        self.assertEqual(len(gone), 2 + 2 + 2, gone)
        # Egress of the new tunnel, the taps, ICMP of the filter.
        self.assertEqual(len(new), 2 + 2 + 2 + 1, new)

    def test_what_came_and_went_meanwhile_leaves_no_trace(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.hide()
            self.wish("third", self.ids4, 7003)
            lanes.wait_ticks(50)
            self.control.ctl("tunnel-del", "third")
            self.show()
            self.control.ctl("--wait=hv", "sync")
            self.control.wait_gone("third")
            self.daemon.wait_settled()
            lanes.wait_ticks(50)
            self.assert_untouched(before, self.on_switch())
        self.judge(lanes, self.first, self.second)
        self.assert_no_gap(lanes, self.first, self.second)

    def test_what_came_and_went_while_the_daemon_was_down(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.first)
            before = self.on_switch()
            self.daemon.kill()
            self.wish("third", self.ids4, 7003)
            lanes.wait_ticks(50)
            self.control.ctl("tunnel-del", "third")
            self.assertIsNone(self.listed("third"))
            self.start_daemon()
            self.control.ctl("--wait=hv", "sync")
            self.daemon.wait_settled()
            lanes.wait_ticks(50)
            self.assert_untouched(before, self.on_switch())
        self.judge(lanes, self.first, self.second)
        self.assert_no_gap(lanes, self.first, self.second)

    def test_deleted_while_the_daemon_was_down_ends_silent_and_gone(self):
        self.mirror()
        with self.traffic() as lanes:
            lanes.wait_whole(self.second)
            self.daemon.kill()
            self.control.ctl("tunnel-del", "second")
            lanes.wait_ticks(100)
            self.assertEqual(self.listed("second")["state"],
                             "Shutting down")
            back = time.monotonic()
            self.start_daemon()
            self.control.wait_gone("second")
            last = lanes.tick
            self.say("deleted while the daemon was down: gone "
                     f"{1000 * (time.monotonic() - back):.0f} ms after its "
                     "start")
            lanes.wait_ticks(200)
        self.judge(lanes, self.first, dataclasses.replace(
            self.second, until=last))
        self.assert_no_gap(lanes, self.first)
