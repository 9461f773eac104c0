"""The oracles that never rest: guests' frames, and each copy.

Frames that guests receive are looked at as they come.  Copies wait a second,
so that it is known by then what the guests received; what is missing is
looked for after three.
"""

import collections
import threading

from chaos.book import LOOSE, LOST, TAGGED, UNCOPIED, now
from chaos.floods import Floods
from chaos.members import Members
from chaos.policy import IN, OUT
from lab.frames import mac_bytes
from lab.vxlan import decode

SETTLED, OVERDUE = 1.0, 3.0
# How long a frame may be under way, and how long after the report of an end
# a copy may still be on the wire.
UNDER_WAY, ON_THE_WIRE = 0.6, 0.05


class Judge:
    """Takes in what arrives; the story is told each violation."""

    def __init__(self, world, book, ledger, story):
        self._world, self._book, self._ledger = world, book, ledger
        self._say, self._tell = story.violation, story.tell
        self._copies = collections.deque()
        self._frames_due = 0.0
        self._late_ones = []
        self._macs = {n: mac_bytes(g.mac) for n, g in world.guests.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._last_copy = {}
        self.counts = collections.Counter()
        self.latest = 0.0       # Seconds after the report of its end.
        self.floods = Floods(book, self.counts, self._say)
        self._members = Members(book, self.counts)

    def __enter__(self):
        self._frames_due = now()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.wait(OVERDUE + 0.5)  # What was sent last is judged too.
        self._stop.set()
        self._thread.join()

    def last_copy(self, name, direction):
        """When the last frame was sent of which the tunnel's copy of its
        present policy has come."""
        return self._last_copy.get((name, direction), 0.0)

    def _run(self):
        try:
            while not self._stop.wait(0.1):
                self._pass()
        except Exception as e:
            self._say(f"the judge itself failed: {e!r}")
            raise

    def _pass(self):
        for name, guest in self._world.guests.items():
            for moment, frame in guest.take():
                copy = decode(frame)
                if copy:
                    self.floods.saw(name, moment, copy)
                elif not self._world.is_chatter(frame):
                    self._frame(name, moment, frame)
        for name, collector in self._world.collectors.items():
            for moment, wire in collector.take():
                copy = decode(wire)
                if not copy:
                    continue
                if (copy.destination == collector.address
                        and wire[:6] in collector.macs):
                    self._copies.append((moment, name, copy))
                elif name in self._world.on_fabric:
                    self.floods.saw(name, moment, copy)
        limit = now() - SETTLED
        while self._copies and self._copies[0][0] < limit:
            self._copy(*self._copies.popleft())
        begin, self._frames_due = self._frames_due, now() - OVERDUE
        due = self._late_ones + self._ledger.between(begin, self._frames_due)
        self._late_ones = []
        for entry in due:
            # A switch that stood still delivered it just now: its copies,
            # which came with it, have not been looked at yet.
            if entry.received.get(entry.receiver.name,
                                  0.0) > limit - SETTLED:
                self._late_ones.append(entry)
            else:
                self._overdue(entry)
        self._ledger.forget()
        self._book.forget(now() - 90)

    # (a) What guests receive.

    def _frame(self, guest, moment, frame):
        self.counts["frames received"] += 1
        entries = self._ledger.find(frame)
        if not entries:
            self._say(f"{guest} received a frame that nobody sent: "
                      f"{len(frame)} bytes {frame[:80].hex()}")
            return
        entry = entries[0]
        tagged = self._book.excused(TAGGED, entry.time, moment, guest)
        if frame not in entry.forms(tagged):
            self._say(f"{guest} received {len(frame)} bytes of frame "
                      f"{entry.number} as {frame[:80].hex()}, sent were "
                      f"{len(entry.frame)} bytes {entry.frame[:80].hex()}")
        if (entry.pair == "twin") != guest.startswith("twin"):
            self._say(f"{guest} received frame {entry.number} of another "
                      f"VLAN, from {entry.sender.name}")
        if guest in entry.received and not self._book.excused(
                LOST, entry.time, moment, guest):
            self._say(f"{guest} received frame {entry.number} twice")
        entry.received[guest] = moment

    # (b) What collectors receive.

    def _copy(self, moment, collector, copy):
        self.counts["copies"] += 1
        what = (f"a copy at {collector}, VNI {copy.vni}, {len(copy.inner)} "
                f"bytes, at {moment:.3f}")
        for fault in copy.faults:
            self._say(f"{what}: {fault}")
        if self._world.is_chatter(copy.inner):
            self.counts["copies of the network's own frames"] += 1
            return
        entries = [e for e in self._ledger.find(copy.inner)
                   if e.time <= moment]
        if not entries:
            self._say(f"{what} is of no frame that was sent: "
                      f"{copy.inner[:80].hex()}")
            return
        objections = []
        for entry in entries:
            objection = self._object(moment, collector, copy, entry)
            if not objection:
                return
            objections.append(objection)
        entry = entries[0]
        self._say(f"{what}, of {entry.pair} frame {entry.number} "
                  f"({entry.shape.facts}, {len(entry.frame)} bytes, "
                  f"{entry.sender.name} to {entry.receiver.name}), sent at "
                  f"{entry.time:.3f}: {objections[0]}")

    def _object(self, moment, collector, copy, entry):
        """Why this is no right copy of 'entry'; nothing if it is one."""
        policies = self._book.policies(copy.vni)
        if not policies:
            return "no tunnel ever had that VNI"
        reasons = []
        # What is in force has the first word, then what just ended.
        for era in sorted(policies, key=lambda e: e.end < entry.time):
            grace = self._book.grace(era)
            if not (era.begin <= moment and entry.time <= era.end + grace
                    and moment <= era.end + grace + ON_THE_WIRE):
                reasons.append(f"not in force: {era.words()}")
                continue
            direction, reason = self._against(era, moment, collector, copy,
                                              entry)
            if not reason:
                self._last_copy[era.name, direction] = entry.time
                self._late(era, entry)
                return (self._once(copy, entry, direction, moment)
                        or self._members.object(era, entry, collector))
            reasons.append(f"{reason}: {era.words()}")
        return "; ".join(reasons)

    def _late(self, era, entry):
        late = entry.time - era.end
        if late > 0:
            self.counts["copies by a former policy, late"] += 1
            self.latest = max(self.latest, late)
            self._tell(f"    late by {late:.3f} s: VNI {era.tunnel.vni} by "
                       f"{era.words()}")

    def _against(self, era, moment, collector, copy, entry):
        tunnel, guest = era.tunnel, era.tunnel.source
        mine = self._macs[guest]
        direction = OUT if entry.frame[6:12] == mine else IN
        if collector not in era.way.receivers:
            return direction, "another collector's"
        if era.way.source not in ("", copy.source):
            return direction, f"it comes from {copy.source}"
        if direction == IN and not self._given(entry, guest, mine, moment):
            return direction, f"ALIEN, {guest} never had this frame"
        if not tunnel.enabled:
            return direction, "disabled"
        if era.filter and not era.filter.admits(entry.shape.facts,
                                                direction):
            if not self._book.excused(LOOSE, entry.time, moment):
                return direction, f"{direction} not admitted by {era.filter}"
        tagged = self._book.excused(TAGGED, entry.time, moment, guest)
        if copy.inner not in [era.cut(f) for f in entry.forms(tagged)]:
            return direction, ("wrongly cut, or not as sent "
                               f"({copy.inner[:80].hex()})")
        return direction, ""

    def _given(self, entry, guest, mac, moment):
        """Whether the frame was the guest's to receive: what is flooded to
        it is its own."""
        if guest in entry.received or entry.frame[:6] == mac:
            return True
        if entry.pair == "twin":
            return False
        return self._book.excused(LOST, entry.time, moment, guest)

    @staticmethod
    def _once(copy, entry, direction, moment):
        key = copy.vni, direction
        if key in entry.copied:
            return (f"the second {direction} copy; the first came at "
                    f"{entry.copied[key]:.3f}")
        entry.copied[key] = moment
        return ""

    # What is missing.

    def _overdue(self, entry):
        begin, end = entry.time - 0.05, entry.time + UNDER_WAY
        who = entry.sender.name, entry.receiver.name
        if entry.receiver.name not in entry.received:
            self.counts[f"{entry.pair} frames lost"] += 1
            if entry.pair == "mirrored" and not self._book.excused(
                    LOST, begin, end, *who) and not self._twin_lost(entry):
                self._say(f"frame {entry.number} ({entry.shape.facts}, "
                          f"{len(entry.frame)} bytes) from {who[0]} at "
                          f"{entry.time:.3f} never reached {who[1]}, and its "
                          "twin lost nothing")
            return
        # A switch that stood still copies what waited when it goes on.
        end = max(end, entry.received[entry.receiver.name])
        for eras in ([[era] for era in self._book.stable(begin, end)]
                     + self._book.handed_over(begin, end)):
            guest = eras[0].tunnel.source
            if guest in who:
                self._must_be_copied(
                    eras, entry, OUT if guest == who[0] else IN, begin, end)

    def _twin_lost(self, entry):
        return any(e.pair == "twin" and e.receiver.name not in e.received
                   for e in self._ledger.between(entry.time - 1,
                                                 entry.time + 1))

    def _must_be_copied(self, eras, entry, direction, begin, end):
        """All 'eras' of a tunnel admit it: then one of them copied it."""
        tunnels = [era.tunnel for era in eras]
        if any((t.vni, direction) in entry.copied for t in tunnels):
            return
        if not all(e.copies() and (not e.filter or e.filter.admits(
                entry.shape.facts, direction)) for e in eras):
            return
        if self._book.excused(UNCOPIED, begin, end, tunnels[0].source,
                              *(t.destination for t in tunnels)):
            self.counts["copies missing, excused"] += 1
            return
        self.counts["copies missing"] += 1
        self._say(f"frame {entry.number} ({entry.shape.facts}), sent at "
                  f"{entry.time:.3f}, reached {entry.receiver.name} and was "
                  f"not copied {direction} by "
                  + " nor ".join(e.words() for e in eras))
