"""The oracle of quiet: once nothing more is done to it, the product has what
the book says, on the switch and in what it lists, and nothing else."""

import json
import os

from chaos.book import now
from chaos.faults_by_hand import DELIVERY, OURS, our_mirrors
from chaos.policy import IN, OUT
from chaos.world import WHOLE_LENGTH
from lab.process import CommandFailed
from lab.unixctl import UnixctlError
from lab.waiting import wait_until

PATIENCE = 12       # Seconds until all must be right.
DESCRIPTORS_MAX = 64
TURN = 3            # Seconds in which every entry of the mix is said.


class Quiet:
    """Looks everything over; the story is told each violation."""

    def __init__(self, world, book, judge, ledger, story):
        self._world, self._book, self._judge = world, book, judge
        self._ledger, self._story = ledger, story
        self._say = story.violation
        self._since = None      # From when on frames must be copied.

    def look(self, standing):
        """All is to be right but for the faults that stand.  Returns whether
        it was."""
        self._since = None
        steps = [self._settled, self._listed, self._copying, self._rows,
                 self._again, self._descriptors]
        for step in steps:
            wrong = []

            def right(step=step, wrong=wrong):
                wrong[:] = step(standing)
                return not wrong
            try:
                wait_until(right, "", PATIENCE, 0.1)
            except TimeoutError:
                for text in wrong:
                    self._say(f"not right {PATIENCE} s after all was left "
                              f"alone: {text}")
                self._evidence()
                return False
        self._book.close()
        return True

    def _evidence(self):
        """What the daemon and the switch have to say of themselves."""
        asked = [("mirror/list", lambda: self._world.daemon.appctl(
            "mirror/list"))]
        asked += [(name, lambda name=name: self._world.switch.appctl(name))
                  for name in ("tnl/neigh/show", "ovs/route/show",
                               "dpctl/dump-flows")]
        asked += [("Mirrors", lambda: self._world.switch.vsctl(
            "--columns=name,select_src_port,select_dst_port,output_port,"
            "statistics", "list", "Mirror")),
            ("ports", lambda: self._world.switch.vsctl("show")),
            ("flows", lambda: "\n".join(self.flows()))]
        for what, ask in asked:
            try:
                self._story.tell(f"{what}:\n{ask()}")
            except (OSError, ValueError, UnixctlError, CommandFailed) as e:
                self._story.tell(f"{what}: {e}")

    def _plan(self):
        try:
            return self._world.daemon.appctl("mirror/plan").strip()
        except (OSError, ValueError, UnixctlError) as e:
            return f"the daemon does not answer: {e}"

    def _ailing(self, standing):
        """Name -> code of tunnels that faults which stand keep down."""
        codes = {}
        for name, era in self._book.wished().items():
            for code in ([fault.ails(era.tunnel) for fault in standing]
                         + [era.way.trouble]):
                if code:
                    codes.setdefault(name, set()).add(code)
        return codes

    def _settled(self, standing):
        plan = self._plan()
        if plan:
            return [f"mirror/plan has {plan}"]
        late = [n for n in self._book.outstanding()
                if n not in self._ailing(standing)]
        return [f"{name} is not reported installed or gone: "
                f"{self._row(name)}" for name in late]

    def _tunnels(self):
        return {t["name"]: t for t in json.loads(
            self._world.control.ctl("--format=json", "tunnel-list"))}

    def _row(self, name):
        try:
            return self._tunnels().get(name)
        except CommandFailed as e:
            return str(e)

    def _listed(self, standing):
        """What tunnel-list says of each tunnel."""
        try:
            listed = self._tunnels()
        except CommandFailed as e:
            return [str(e)]
        wished, ailing = self._book.wished(), self._ailing(standing)
        wrong = [f"tunnel-list has {sorted(listed)}, wished are "
                 f"{sorted(wished)}"] if set(listed) != set(wished) else []
        for name in set(listed) & set(wished):
            tunnel, seen = wished[name].tunnel, listed[name]
            codes = {r["code"] for r in seen["reasons"]}
            health = ("disabled" if not tunnel.enabled else
                      "degraded" if name in ailing else "ok")
            expected = {"vni": tunnel.vni, "health": health,
                        "packet_length": (tunnel.length
                                          or WHOLE_LENGTH),
                        "enabled": tunnel.enabled}
            if tunnel.enabled and name not in ailing:
                expected["delivery"] = wished[name].way.delivery
            room = wished[name].way.room
            if room and health == "ok":
                expected["effective_packet_length"] = min(
                    room, tunnel.length or WHOLE_LENGTH)
            if name not in ailing and (tunnel.enabled
                                       or seen["observed_generation"]):
                expected["state"] = "Running"
                expected["observed_generation"] = seen["generation"]
            differ = {k: seen[k] for k in expected if seen[k] != expected[k]}
            if differ:
                wrong.append(f"{name} is listed with {differ}, not "
                             f"{ {k: expected[k] for k in differ} }, "
                             f"reasons {seen['reasons']}")
            if tunnel.enabled and name in ailing and not (codes
                                                          & ailing[name]):
                wrong.append(f"{name} gives {seen['reasons']} and not one of "
                             f"{ailing[name]}")
            if health == "ok" and codes:
                wrong.append(f"{name} is ok and gives {seen['reasons']}")
        return wrong

    def _copying(self, standing):
        """A frame sent from now on is copied, each way that is admitted."""
        if self._since is None:
            self._since = now()
        ailing, wrong = self._ailing(standing), []
        for name, era in self._book.wished().items():
            tunnel = era.tunnel
            if name in ailing or not tunnel.enabled:
                continue
            for direction in (IN, OUT):
                if (self._judge.last_copy(name, direction) < self._since
                        and self._asked_for(era, direction)):
                    wrong.append(f"nothing sent since {self._since:.3f} is "
                                 f"copied {direction} by {era.words()}")
        return wrong

    def _asked_for(self, era, direction):
        """Has a frame been sent, and received, that it should have copied?"""
        for entry in self._ledger.between(self._since, now() - 1.2):
            who = entry.sender if direction == OUT else entry.receiver
            if (who.name == era.tunnel.source
                    and entry.receiver.name in entry.received
                    and (not era.filter or era.filter.admits(
                        entry.shape.facts, direction))):
                return True
        # Nothing yet: wait for a whole turn of the mix.
        return now() < self._since + TURN

    def _rows(self, standing):
        """Rows of ours: no more and no fewer than the tunnels need."""
        switch, wrong = self._world.switch, []
        mirrored = {e.tunnel.source
                    for n, e in self._book.wished().items()
                    if e.tunnel.enabled and n not in self._ailing(standing)}
        maybe = {e.tunnel.source for e in self._book.wished().values()}
        ports = [p["name"] for p in switch.rows("Port", "name")]
        counts = {"Mirrors": len(our_mirrors(self._world)),
                  "tap ports": sum(p.startswith("mtap-") for p in ports),
                  "NIC ports": sum(p.startswith("mnic-") for p in ports)}
        least = min(len(mirrored), 1) if self._world.shared else len(mirrored)
        for what, count in counts.items():
            if not 2 * least <= count <= 2 * len(maybe):
                wrong.append(f"{count} {what} for {len(mirrored)} mirrored "
                             "NICs")
        if ports.count("mirror-vxlan") > 1:
            wrong.append("more than one VXLAN port")
        bridges = set(switch.vsctl("list-br").split())
        if not bridges <= {"br-int", "br-phy", "br-alt", OURS, DELIVERY}:
            wrong.append(f"bridges {sorted(bridges)}")
        named = {m["name"] for m in switch.rows("Mirror", "name")}
        if not self._world.theirs <= named:
            wrong.append("Mirrors of somebody else are gone: "
                         f"{sorted(self._world.theirs - named)}")
        return wrong

    def _descriptors(self, _standing):
        """The daemon holds no more of them than it has uses for."""
        held = len(os.listdir(f"/proc/{self._world.daemon.pid}/fd"))
        return ([f"the daemon holds {held} descriptors"]
                if held > DESCRIPTORS_MAX else [])

    def flows(self):
        """Flows and groups of our bridges, as far as there are any."""
        switch, found = self._world.switch, []
        for bridge in switch.vsctl("list-br").split():
            if bridge in (OURS, DELIVERY):
                found += switch.flows(bridge)
                found += [line.strip() for line in switch.ofctl(
                    "dump-groups", bridge).splitlines() if "type=" in line]
        return found

    def _again(self, _standing):
        """A look at everything anew finds nothing to do."""
        before = self.flows()
        self._world.daemon.appctl("mirror/resync")

        def judged():
            """The plan, once it rests on what has been read anew."""
            plan = self._plan()
            return "" if "have been read" in plan else plan or "none"
        plan = wait_until(judged, "the flows to be read again")
        after = self.flows()
        if plan != "none":
            return [f"mirror/resync found {plan}"]
        if after != before:
            return ["mirror/resync changed flows: "
                    f"{sorted(set(before) ^ set(after))}"]
        return []
