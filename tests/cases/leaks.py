"""Churn, compressed: hundreds of edits, restarts and cuts later there is not
a row, flow, descriptor or byte more."""

import os
import re
import time

from cases.constant import ConstantCases

# Of eight edits each.
ROUNDS = 30 * max(1, int(os.environ.get("OVS_MIRROR_TRIALS", "3")) // 30)
# What an allocator keeps for itself varies; what leaks grows with the rounds.
RSS_MARGIN_KB = 2500


class LeakCases(ConstantCases):
    def test_churn_leaves_nothing_behind(self):
        self.mirror()
        with self.traffic(interval=0.01) as lanes:
            self.churn(ROUNDS // 4, lanes)      # Warm.
            before = self.measured()
            began = time.monotonic()
            self.churn(ROUNDS, lanes)
            took = time.monotonic() - began
            after = self.measured()
        self.judge(lanes, self.first, self.second)
        self.say(f"{8 * ROUNDS} edits and {ROUNDS // 10} restarts of each "
                 f"connection in {took:.0f} s")
        for name in ("ovs-mirrord", "ovs-vswitchd"):
            self.say(f"{name}: {before['rss_kb'][name]} kB and "
                     f"{before['descriptors'][name]} descriptors before, "
                     f"{after['rss_kb'][name]} kB and "
                     f"{after['descriptors'][name]} after")
            self.assertLess(after["rss_kb"][name],
                            before["rss_kb"][name] + RSS_MARGIN_KB, name)
        for what in ("flows", "groups", "rows", "control"):
            self.assertEqual(after[what], before[what], what)
        # The daemon's connection for questions to vswitchd comes and goes: one
        # more at either end.  A leak would be one a restart, of which there
        # were more.
        for name, count in after["descriptors"].items():
            self.assertLessEqual(count, before["descriptors"][name] + 1, name)
        self.assertEqual(self.daemon.appctl("mirror/plan").strip(), "")
        self.fresh_daemon_finds_nothing_to_do()

    def fresh_daemon_finds_nothing_to_do(self):
        before = self.on_switch()
        self.daemon.stop()
        self.start_daemon()
        log = self.daemon.log_end()
        self.control.ctl("--wait=hv", "sync")
        self.daemon.wait_settled()
        self.assert_untouched(before, self.on_switch())
        self.assertEqual([line for line in self.daemon.log(since=log)
                          if "bundle of" in line], [])

    def churn(self, rounds, lanes):
        for i in range(rounds):
            self.wish("third", self.ids6, 7003, filter="web", enabled=False)
            self.web_filter(inbound=[{"action": "accept",
                                      "protocol": "icmp"}])
            self.wish("third", self.ids6, 7003 + i, filter="web",
                      enabled=False)
            self.web_filter()
            self.tunnel("first", self.ids4, 7001, filter="web",
                        packet_length=100, note=f"round {i}")
            self.wish("third", self.ids6, 7003, packet_length=64 + i,
                      enabled=False, filter="web")
            self.remove("third")
            if i % 10 == 4:
                self.switch.vsctl("--no-wait", "clear", "Bridge", "br-int",
                                  "mirrors")
            if i % 10 == 9:
                self.daemon.cut_openflow()
                self.control.hang_up()
            lanes.wait_ticks(2)

    def measured(self):
        """All that could grow, when nothing is left to do."""
        self.control.ctl("--wait=hv", "sync")
        self.daemon.wait_settled()
        pids = {"ovs-mirrord": self.daemon.pid,
                "ovs-vswitchd": self.switch.vswitchd_pid}
        rows = self.rows()
        return {
            "rss_kb": {name: rss_kb(pid) for name, pid in pids.items()},
            "descriptors": {name: len(os.listdir(f"/proc/{pid}/fd"))
                            for name, pid in pids.items()},
            "flows": self.lasting_flows(),
            "groups": self.groups_and_meters(),
            "rows": {table: len(rows[table]) for table in rows},
            "control": {table: len(self.control.rows(table, "_uuid"))
                        for table in ("Tunnel_Status", "Filter_Status",
                                      "Chassis", "Mirror_Rule",
                                      "Mirror_Tunnel")}}


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))
