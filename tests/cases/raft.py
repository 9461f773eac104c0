"""Three control database servers: what their leader's change costs, while
edits and traffic go on."""

import collections
import threading
import time

from cases.product import ProductCases
from lab.control import MirrorDaemon
from lab.lanes import Lanes, Policy
from lab.raft import NAME, Cluster
from lab.waiting import wait_until

UNKNOWN = "whether it was written is not known"


class Edits:
    """Edits by the console, one after the other, from a thread of its own;
    a context manager.

    A tunnel of other1 is created, changed twice and deleted, then the next:
    each of these edits leaves one Event of its own.  'said' has for each
    edit the console's error, or "" where it said that it was done.
    """

    STEPS = [("created", "tunnel-add", "{}", "source=other1-src",
              "destination=ids6", "vni=9001"),
             ("updated", "tunnel-set", "{}", "vni=9002"),
             ("updated", "tunnel-set", "{}", "vni=9003"),
             ("deleted", "tunnel-del", "{}")]

    def __init__(self, control, prefix):
        self._control, self._prefix = control, prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.said = []  # (tunnel, event, error, seconds)
        self._fault = None

    def __enter__(self):
        self._thread.start()
        self.wait_done(4)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self._fault:
            raise self._fault

    def done(self):
        return [edit for edit in self.said if not edit[2]]

    def wait_done(self, count):
        """Waits until so many more edits are done."""
        goal = len(self.done()) + count
        wait_until(lambda: len(self.done()) >= goal or self._fault,
                   lambda: f"{count} more edits: {self.said[-3:]}", 30)

    def _run(self):
        try:
            number = 0
            while not self._stop.is_set():
                number += 1
                self._one_tunnel(f"{self._prefix}-{number}")
        except Exception as fault:  # For who waits for this thread.
            self._fault = fault

    def _one_tunnel(self, name):
        for event, *words in self.STEPS:
            error = self._edit(name, event, words)
            # Of a failed deletion the rest is in the way of the next tunnel.
            while error and event == "deleted" and "NOT_FOUND" not in error:
                error = self._edit(name, event, words)

    def _edit(self, name, event, words):
        began = time.monotonic()
        result = self._control.ctl(*[word.format(name) for word in words],
                                   check=False)
        error = result.stderr if result.returncode else ""
        self.said.append((name, event, error, time.monotonic() - began))
        return error

    def faults(self):
        """Edits of which the database has another number of Events than the
        console said."""
        written = collections.Counter(
            (row["object"].split("/")[-1], row["event"])
            for row in self._control.rows("Event", "object", "event"))
        wrong = []
        for edit in {(name, event) for name, event, *_ in self.said}:
            errors = [error for *told, error, _ in self.said
                      if tuple(told) == edit]
            done = errors.count("")
            perhaps = sum(UNKNOWN in error for error in errors)
            if not done <= written[edit] <= done + perhaps:
                wrong.append((edit, errors, written[edit]))
        return wrong


class RaftCases(ProductCases):
    @classmethod
    def start_product(cls):
        cls.lab.control = Cluster(cls.lab).start()
        cls.lab.daemon = MirrorDaemon(cls.lab, cls.lab.switch,
                                      cls.lab.control).start()

    def traffic(self):
        talk = self.lab.talk("web1", "db1")
        return Lanes(self.lab, {"out": talk, "in": talk.back()})

    def mirror(self):
        self.tunnel("steady", self.ids6, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids6, 7001)
        self.daemon.wait_settled()
        return Policy(self.ids6, 7001, ("out", "in"))

    def killed(self):
        leader = self.control.leader
        leader.kill()
        return leader.start

    def left(self):
        leader, others = self.control.leader, self.control.followers()
        leader.appctl("cluster/leave", NAME)
        wait_until(lambda: "Status: left cluster" in leader.status()
                   or not leader.status(), lambda: leader.status(), 20)
        leader.kill()
        return lambda: leader.join(others)

    def transferred(self):
        leader = self.control.leader
        leader.appctl("cluster/failure-test", "transfer-leadership")
        wait_until(lambda: not leader.leads(), "another leader", 10)
        return lambda: None

    def changes(self, how):
        """The leader goes under edits and traffic, and comes back."""
        steady = self.mirror()
        with self.traffic() as lanes, Edits(
                self.control, how.__name__) as edits:
            began = time.monotonic()
            come_back = how()
            self.assertTrue(self.control.leader)
            elected = time.monotonic() - began
            edits.wait_done(8)
            come_back()
            self.control.wait_whole()
            edits.wait_done(8)
            lanes.wait_whole(steady)
        lanes.end()
        self.lab.settle()
        self.assertEqual(lanes.wrong_copies(steady), [])
        self.assertEqual(lanes.not_copied(steady, 0), [])
        failed = [error for _, _, error, _ in edits.said if error]
        print(f"     leader {how.__name__}: another after {elected:.2f} s; "
              f"{len(edits.done())} edits done, {len(failed)} not: "
              f"{sorted(set(failed))}; the longest took "
              f"{max(took for *_, took in edits.said):.2f} s; "
              f"{lanes.tick} ticks copied without a gap", flush=True)
        self.assertEqual(edits.faults(), [])
        # An election, and what the lab's own machine adds to it.
        self.assertLess(max(took for *_, took in edits.said), 6)
        self.control.ctl("--wait=hv", "sync")
        self.control.wait_running("steady")
        self.assertEqual(set(self.control.tunnels()), {"steady"})
        self.daemon.wait_settled()

    def test_a_killed_leader_costs_no_copy_and_no_edit(self):
        self.changes(self.killed)

    def test_a_leader_that_leaves_costs_no_copy_and_no_edit(self):
        self.changes(self.left)

    def test_a_leader_that_hands_over_costs_no_copy_and_no_edit(self):
        self.changes(self.transferred)

    def test_without_a_quorum_what_is_installed_stays_and_edits_say_so(self):
        steady = self.mirror()
        stopped = self.control.servers[:2]
        with self.traffic() as lanes:
            for server in stopped:
                server.kill()
            wait_until(lambda: "control database unreachable"
                       in self.daemon.appctl("mirror/list"),
                       "the daemon to notice", 20)
            # Before it knows, it takes an edit, which comes with the quorum.
            wait_until(lambda: "Leader: unknown"
                       in self.control.servers[2].status(),
                       "the one that is left to notice", 20)
            result = self.control.ctl("--timeout=5", "tunnel-set", "steady",
                                      "vni=7002", check=False)
            print(f"     without a quorum: {result.stderr.strip()}",
                  flush=True)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr, "nothing was written|not known")
            lanes.wait_ticks(100)
            for server in stopped:
                server.start()
            self.control.wait_whole()
            self.control.wait_running("steady")
            self.control.ctl("--wait=hv", "tunnel-set", "steady", "note=x")
            lanes.wait_whole(steady)
        lanes.end()
        self.lab.settle()
        self.assertEqual(lanes.not_copied(steady, 0), [])
        self.assertEqual(lanes.wrong_copies(steady), [])
