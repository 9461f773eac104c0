"""A tunnel that is gone copies nothing, however many datapath flows there
were and however hot they are."""

import json
import os
import re
import statistics
import threading
import time

from cases.constant import ConstantCases
from lab.frames import Talk
from lab.row_watch import RowWatch
from lab.vxlan import decode
from lab.waiting import wait_until

FLOWS = 10000
VNI = 7009
UDP_9 = {"action": "accept", "protocol": "udp", "destination_port": 9}


class Rush(threading.Thread):
    """Sends a frame of each conversation in turn, 'rate' a second, until
    stop()."""

    def __init__(self, talks, rate):
        super().__init__(daemon=True)
        self._a, self._rate = talks[0].a, rate
        self._frames = [talk.frame(i, 60) for i, talk in enumerate(talks)]
        self._stop_asked = threading.Event()
        self.sent = 0

    def run(self):
        burst = max(1, self._rate // 500)
        started = time.monotonic()
        while not self._stop_asked.is_set():
            for _ in range(burst):
                self._a.offer(self._frames[self.sent % len(self._frames)])
                self.sent += 1
            early = started + self.sent / self._rate - time.monotonic()
            if early > 0:
                self._stop_asked.wait(early)

    def stop(self):
        self._stop_asked.set()
        self.join()


class RevocationCases(ConstantCases):
    """Trials in the suite; OVS_MIRROR_TRIALS asks for more."""

    trials = int(os.environ.get("OVS_MIRROR_TRIALS", "3"))
    rate = 10000

    def setUp(self):
        super().setUp()
        for guest in self.lab.guests.values():
            guest.set_deaf(True)
            self.addCleanup(guest.set_deaf, False)

    def rush(self, talks, rate):
        rush = Rush(talks, rate)
        rush.start()
        self.addCleanup(rush.stop)
        return rush

    def trial(self, passes):
        """Deletes a tunnel while 'passes' goes on.  Returns when the last
        copy arrived and when the tunnel had gone, since its deletion."""
        self.create()
        wait_until(lambda: len(self.ids4.wire()) > 500,
                   "copies of what never pauses", 30)
        with RowWatch(self.control.socket, "Packet_Mirroring",
                      "Tunnel_Status") as watch:
            deleted = time.time()
            self.control.ctl("tunnel-del", "revoked")
            wait_until(lambda: watch.gone, "the tunnel to be gone", 30)
        (gone, _), = watch.gone
        passes()
        last = next((at for at, frame in reversed(self.ids4.timed())
                     if decode(frame)), deleted)
        self.ids4.clear()
        return last - deleted, gone - deleted

    def create(self):
        self.tunnel("revoked", self.ids4, VNI)

    def run_trials(self, what, passes):
        silent, gone, late = [], [], 0
        for _ in range(self.trials):
            one, other = self.trial(passes)
            silent.append(one)
            gone.append(other)
            late += one > other
        for word, values in (("silence", silent), ("gone", gone)):
            self.say(f"{what}: {len(values)} trials, delete to {word} "
                     f"{1000 * statistics.median(values):.0f} ms (median), "
                     f"{1000 * max(values):.0f} ms (most)")
        self.assertEqual(late, 0, "trials with copies after Shutting down")

    def test_a_connection_that_never_pauses(self):
        self.warm_up()
        rush = self.rush([self.lab.talk("web1", "db1")], 1000)

        def passes():
            goal = rush.sent + 500
            wait_until(lambda: rush.sent >= goal, "500 more frames", 30)
        self.run_trials("one hot connection", passes)

    def warm_up(self):
        self.tunnel("warm", self.ids4, 1)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 1)
        self.remove("warm")
        self.lab.clear()

    def test_datapath_flows_that_overlap(self):
        """Those of a former filter go on beside the wider ones of none."""
        self.warm_up()
        ports = range(5000, 5024)
        narrow = self.rush([self.lab.talk("web1", "db1", dport=port)
                            for port in ports], 500)
        wide = self.rush([Talk(self.web1, self.db1, sport=1024 + i, dport=9)
                          for i in range(2000)], 2000)

        def goes_on(frames):
            for rush in narrow, wide:
                goal = rush.sent + frames
                wait_until(lambda rush=rush, goal=goal: rush.sent >= goal,
                           f"{frames} more frames", 30)

        def create():
            self.filter("ports", outbound=[
                {"action": "accept", "protocol": "udp",
                 "destination_port": str(port)} for port in ports])
            self.tunnel("revoked", self.ids4, VNI, filter="ports")
            goes_on(100)
            self.control.apply({"mirror_tunnels": [
                {"name": "revoked", "account": "default", "source": "web1-src",
                 "destination": "ids4", "vni": VNI}]}, "--wait=hv")
            goes_on(2000)
        self.create = create
        self.run_trials("datapath flows that overlap",
                        lambda: goes_on(500))

    def test_each_change_renews_the_datapath_flows(self):
        """On a switch that may modify the wrong one, those of a mirrored NIC
        are of the last change, and none is of an earlier one."""
        self.warm_up()
        self.rush([self.lab.talk("web1", "db1", dport=port)
                   for port in range(5000, 5020)], 500)
        self.tunnel("revoked", self.ids4, VNI)
        if "reg7=0x1" not in self.switch.ofctl("dump-flows", "br-mirror"):
            self.skipTest("this Open vSwitch modifies the right one")
        seen = set()
        for length in (100, 200, 300):
            self.tunnel("revoked", self.ids4, VNI, packet_length=length)
            self.control.ctl("--wait=hv", "sync")

            def renewed():
                turn = re.search(
                    r"priority=400,.*pkt_mark=(\w+)/",
                    self.switch.ofctl("dump-flows", "br-mirror"))[1]
                dump = self.switch.appctl("dpctl/dump-flows", "-m", "--names")
                marks = {int(mark, 16) for mark in re.findall(
                    r"skb_mark\(0/(\w+)\).*in_port\(web1\).*tnl_push", dump)}
                told[:] = [f"turn {turn}, marks {marks}, seen {seen}"]
                # What is translated while the classifier still holds the
                # last turn's flow looks at that bit too.
                return (marks and all(m & int(turn, 16) for m in marks)
                        and turn not in seen and turn)
            told = []
            seen.add(wait_until(renewed, lambda told=told: "datapath flows of "
                                f"a new turn: {told}", 10))
        self.assertEqual(len(seen), 3)

    def many_flows(self):
        """Traffic that has a datapath flow each: it is hashed on ports."""
        self.switch.ofctl(
            "add-flow", "br-int", "priority=9,udp,tp_dst=9,actions="
            "multipath(symmetric_l3l4+udp,0,modulo_n,4,0,reg0[0..1]),"
            "normal")
        self.addCleanup(self.switch.ofctl, "del-flows", "br-int",
                        "udp,tp_dst=9")
        self.warm_up()
        rush = self.rush([Talk(self.web1, self.db1, sport=1024 + i, dport=9)
                          for i in range(FLOWS)], self.rate)
        self.wait_flows()

        def passes():
            goal = rush.sent + 2 * FLOWS
            wait_until(lambda: rush.sent >= goal, "every flow twice", 60)
        return rush, passes

    def wait_flows(self):
        wait_until(lambda: self.datapath_flows() >= FLOWS,
                   lambda: f"{FLOWS} datapath flows; there are "
                   f"{self.datapath_flows()}", 60, 0.2)

    def datapath_flows(self):
        shown = self.switch.appctl("upcall/show")
        return int(shown.split("flows         : (current ")[1].split(")")[0])

    def test_ten_thousand_datapath_flows_at_rate(self):
        rush, passes = self.many_flows()

        def create():
            self.tunnel("revoked", self.ids4, VNI)
            passes()
            self.wait_flows()
        self.create = create
        start, then = rush.sent, time.monotonic()
        self.run_trials(f"{FLOWS} datapath flows", passes)
        self.say(f"{(rush.sent - start) / (time.monotonic() - then):.0f} "
                 f"frames a second, {self.datapath_flows()} datapath flows")

    def test_a_filter_that_is_said_to_be_in_force_is(self):
        """What it refuses from now on is no longer copied by then, however
        many datapath flows there are."""
        _, passes = self.many_flows()
        late, told_ms = 0, []
        edits = [["rule-add", "ports", "outbound", "1", "reject"],
                 ["rule-del", "ports", "outbound", "100"]]
        for edit in edits[:self.trials] + edits[:1] * (self.trials - 2):
            self.filter("ports", outbound=[UDP_9])
            self.tunnel("revoked", self.ids4, VNI, filter="ports")
            passes()
            self.wait_flows()
            with RowWatch(self.control.socket, "Packet_Mirroring",
                          "Filter_Status") as watch:
                asked = time.time()
                self.control.ctl(*edit)
                wanted = json.loads(self.control.ctl(
                    "--format=json", "filter-show", "ports"))["generation"]
                told = wait_until(lambda: next(
                    (at for at, row in watch.changed
                     if row["observed_generation"] == wanted), None),
                    "the filter to be in force", 30)
            passes()
            last = next((at for at, frame in reversed(self.ids4.timed())
                         if decode(frame)), asked)
            late += last > told
            told_ms.append(1000 * (told - asked))
            self.say(f"{edit[0]}: told {told_ms[-1]:.0f} ms after, last copy "
                     f"{1000 * (last - told):.0f} ms after that")
            self.remove("revoked")
            self.ids4.clear()
        self.assertEqual(late, 0, "trials with copies after that")
