"""Runs a schedule against a world, with the oracles over it."""

import collections
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

from chaos import schedule
from chaos.book import UNCOPIED, Book, now
from chaos.edits import Editor, Wishes, make
from chaos.judge import Judge
from chaos.ledger import Ledger, Traffic
from chaos.quiet import Quiet
from chaos.story import Story
from chaos.tenant import TenantWorld
from chaos.tenant_edits import TenantEditor
from chaos.watch import Watch
from chaos.world import PAIRS, World
from lab.process import CommandFailed

_never = threading.Event()


def _without_numbers(flow):
    """A flow's text without the numbers of NICs, filters and tunnels, nor the
    order of its actions, which follows from them."""
    flow = re.sub(r"cookie=0x6d72(.).{6}", r"cookie=0x6d72\1", flow)
    # Which turn the renewal of datapath flows is at.
    flow = re.sub(r"cookie=0x6d726\w*|pkt_mark=\w+/\w+", "", flow)
    flow = re.sub(r"0x[0-9a-f]+(/0x3fff)?->(reg[1-4]|pkt_mark)", "->reg",
                  flow)
    flow = re.sub(r"reg[1-4]=0x[0-9a-f]+|in_port=\d+", "", flow)
    # Handles, groups, and ports of the delivery bridge.
    flow = re.sub(r"169\.254\.\d+\.\d+|fd6d:7200::[0-9a-f]*", "HANDLE",
                  flow)
    flow = re.sub(r"group(_id=|:)\d+|(?<=->eth_dst,)output:\d+", "", flow)
    match, _, actions = flow.partition("actions=")
    return match + ",".join(sorted(re.split(r",(?![^(]*\))", actions)))


def editor_of(vpc):
    """The class that draws the edits."""
    return TenantEditor if vpc else Editor


class Run:
    """One run of one schedule."""

    def __init__(self, seed, steps, log, only=None, kinds=None,
                 stop_early=False, shared=False, vpc=False):
        editor = editor_of(vpc)
        self.first, drawn = schedule.draw(
            seed, steps, kinds or (schedule.TENANT_KINDS if vpc
                                   else schedule.KINDS), editor)
        self.steps = [s for s in drawn if not only or s.number in only
                      or s is drawn[-1]]
        self.story = Story(log)
        self.book = Book()
        self.counts = collections.Counter()
        self.faults = collections.Counter()
        self.heals = {}
        self.latest = 0.0
        self._wishes = Wishes({}, {}, network=editor.first_network)
        self._world_class = TenantWorld if vpc else World
        self.flooded = 0.0
        self._standing = []
        self._stop_early = stop_early
        self._shared = shared
        self._tolerant = bool(only)
        self.seed, self.drawn = seed, steps

    def run(self):
        """Returns the violations."""
        say = self.story.violation
        self.story.tell(f"seed {self.seed}, {self.drawn} steps")
        # One set of threads for the whole run: the kernel ends a child of
        # the lab when the thread ends that started it.
        with ThreadPoolExecutor(8) as self._pool, \
                self._world_class(shared=self._shared) as world:
            self._world = world
            ledger = Ledger()
            judge = Judge(world, self.book, ledger, self.story)
            quiet = Quiet(world, self.book, judge, ledger, self.story)
            self._edit(self.first)
            pairs = {name: tuple(world.guests[g] for g in pair)
                     for name, pair in PAIRS.items()}
            with Watch(self.book, world.control.socket), judge:
                with Traffic(ledger, pairs) as traffic:
                    for step in self.steps:
                        self._step(step, quiet)
                        if traffic.error:
                            say(f"the traffic failed: {traffic.error!r}")
                            break
                        if self._stop_early and self.story.violations:
                            break
                    else:
                        self._last_look(quiet)
            self.counts.update(judge.counts)
            self.counts["frames"] = ledger.total
            self.latest = judge.latest
            self.flooded = judge.floods.longest
            try:
                world.lab.settle()
            except (AssertionError, OSError, TimeoutError) as e:
                say(f"the captures: {e}")
            if self.story.violations:
                self._keep_logs(world)
        self.story.tell(self.summary())
        self.story.close()
        return self.story.violations

    def summary(self):
        faults = ", ".join(f"{kind} {n}" for kind, n in
                           sorted(self.faults.items()))
        heals = ", ".join(f"{kind} {max(times):.2f}" for kind, times in
                          sorted(self.heals.items()))
        rest = ", ".join(f"{n} {what}" for what, n in
                         sorted(self.counts.items()))
        return (f"seed {self.seed}: {rest}; faults: {faults}; longest "
                f"seconds to heal: {heals or 'none seen'}; latest copy by a "
                f"former policy {self.latest:.3f} s after the report; longest "
                f"flooding {self.flooded:.3f} s; "
                f"{len(self.story.violations)} violations")

    # One step.

    def _step(self, step, quiet):
        self.story.tell(step.words())
        self.counts["steps"] += 1
        ending = [f for f in step.end if f in self._standing]
        acts = [(self._begin, f) for f in step.begin]
        acts += [(self._end, f) for f in ending]
        acts += [(self._edit, step.edit)] if step.edit else []
        for done in [self._pool.submit(self._act, delay, *act)
                     for delay, act in zip(step.delays, acts)]:
            done.result()
        _never.wait(step.hold)
        for fault in step.brief:
            self._act(0, self._end, fault)
        if step.quiet:
            self._quiet(quiet)

    def _quiet(self, quiet):
        # With some steps left out ends may be missing.
        for fault in [f for f in self._standing if not f.stands_in_quiet]:
            self._act(0, self._end, fault)
        begin = now()
        right = quiet.look(self._standing)
        for kind, seconds in self.book.healed():
            self.heals.setdefault(kind, []).append(seconds)
        self.story.tell(f"quiet: {'right' if right else 'WRONG'} after "
                        f"{now() - begin:.2f} s")
        self.counts["quiets"] += 1

    def _act(self, delay, act, what):
        _never.wait(delay)
        try:
            act(what)
        except Exception as e:  # A thread's end must not be silent.
            self.story.violation(f"{act.__name__} {what.kind} failed: {e!r}")

    def _begin(self, fault):
        self.faults[fault.kind] += 1
        self._standing.append(fault)
        begun = now()
        fault.begin(self._world, self.book)
        self.story.tell(f"    {fault.kind} begun in {now() - begun:.2f} s")

    def _end(self, fault):
        self._standing.remove(fault)
        begun = now()
        fault.end(self._world, self.book)
        self.story.tell(f"    {fault.kind} ended in {now() - begun:.2f} s")

    def _edit(self, edit):
        self.counts["edits"] += 1
        after = edit.applied(self._wishes)
        begun = self.book.begin_edit(after.tunnels, after.filters,
                                     after.network)
        try:
            make(edit, self._wishes.tunnels, self._world)
        except CommandFailed as e:
            # What was never written is in force until the next report only.
            if not self._tolerant:
                self.story.violation(f"the edit was refused: {e}")
            self.book.edit_written(self.book.begin_edit(
                self._wishes.tunnels, self._wishes.filters,
                self._wishes.network))
            return
        self._wishes = after
        self.book.edit_written(begun, self._world.ask_installed())
        self.story.tell(f"    edit written: {edit.words}")

    # The end.

    def _last_look(self, quiet):
        """A daemon that begins anew changes nothing, one that cleans up
        leaves nothing, and then all comes to what it was."""
        world, say = self._world, self.story.violation
        for fault in list(self._standing):
            self._act(0, self._end, fault)
        self._quiet(quiet)
        before = quiet.flows()
        world.daemon.kill()
        world.daemon.start()
        self._quiet(quiet)
        if quiet.flows() != before:
            say("a daemon that began anew changed flows: "
                f"{sorted(set(quiet.flows()) ^ set(before))}")
        self.book.open(UNCOPIED, None, "cleanup")
        world.daemon.clean_up()
        left = [(table, row["name"]) for table in
                ("Bridge", "Port", "Interface", "Mirror")
                for row in world.switch.rows(table, "name", "external_ids")
                if any(k.startswith("ovs-mirrord")
                       for k in row["external_ids"])]
        if left:
            say(f"exit --cleanup left {left}")
        world.daemon.start()
        self._quiet(quiet)
        differ = collections.Counter(map(_without_numbers, before))
        differ.subtract(map(_without_numbers, quiet.flows()))
        if any(differ.values()):
            say("a switch that begins anew has other flows: "
                f"{ {flow: n for flow, n in differ.items() if n} }")

    def _keep_logs(self, world):
        """The daemon's and the switch's logs, beside the story."""
        for name in ("ovs-mirrord.log", "ovs-vswitchd.log"):
            source = os.path.join(world.switch.rundir, name)
            if os.path.exists(source):
                with open(source, "rb") as f, open(
                        f"{self.story.path}.{name}", "wb") as to:
                    to.write(f.read())
