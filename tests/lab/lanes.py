"""Constant traffic of which every frame that arrives and every copy is
judged."""

import dataclasses
import threading
import time

from lab.frames import number_of
from lab.vxlan import decode
from lab.waiting import wait_until

_TICK_BITS = 20


def _is_arp(frame):
    """Neighbours may look for each other."""
    return frame[12:14] == b"\x08\x06"


@dataclasses.dataclass(frozen=True)
class Policy:
    """What one tunnel may copy: frames of these lanes, cut to 'length', to
    this collector.  'until' is the last tick whose frames it may copy.

    A switch that does not know where a frame should go floods it, and what
    is delivered to the mirrored NIC then is copied as well: 'flooded' are
    the lanes that the filter admits in this way.
    """

    collector: object
    vni: int
    lanes: tuple
    length: int = None
    until: int = None
    nic: str = "web1"
    flooded: tuple = ()


class Lanes:
    """Sends one frame of each talk ("lane") a tick, from a thread of its own;
    a context manager.

    It sends whether or not the switch takes it.  A frame's number names its
    lane and its tick, so that whatever arrives anywhere can be told.  The
    captures must not be cleared while it lives.
    """

    def __init__(self, lab, talks, interval=0.004, length=200):
        self.lab, self.talks, self.length = lab, dict(talks), length
        self._names = list(self.talks)
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.times = []     # When each tick was sent.
        self._taken = {}    # Capture -> how much of it has been looked at.
        self._arrived = {name: {} for name in self._names}
        self._flooded = set()   # (guest, lane, tick) of others' frames
        self._copies = []   # (collector, Copy, lane, tick)
        self._ticks = {}    # (collector, VNI, lane) -> ticks copied
        self._wrong = []

    def __enter__(self):
        self.lab.clear()
        self._thread.start()
        self.wait_ticks(5)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self):
        while not self._stop.wait(self._interval):
            tick = len(self.times)
            for lane in self._names:
                self.talks[lane].a.offer(self.frame(lane, tick))
            self.times.append(time.monotonic())

    def frame(self, lane, tick):
        number = self._names.index(lane) << _TICK_BITS | tick
        return self.talks[lane].frame(number, self.length)

    @property
    def tick(self):
        """The tick to come."""
        return len(self.times)

    def wait_ticks(self, count):
        goal = self.tick + count
        wait_until(lambda: self.tick >= goal, f"{count} ticks", 60, 0.005)
        return self.tick

    # What arrived.

    def _of(self, frame):
        number = number_of(frame)
        if number is None or number >> _TICK_BITS >= len(self._names):
            return None, None
        return (self._names[number >> _TICK_BITS],
                number & (1 << _TICK_BITS) - 1)

    def _new(self, place, frames):
        start = self._taken.get(place.name, 0)
        self._taken[place.name] = len(frames)
        return frames[start:]

    def look(self):
        """Takes in everything that has arrived anywhere by now."""
        # Guests first: a copy leaves before its frame does.
        for guest in self.lab.guests.values():
            for frame in self._new(guest, guest.received()):
                if _is_arp(frame):
                    continue
                lane, tick = self._of(frame)
                if lane and self.talks[lane].b is guest:
                    self._arrived[lane].setdefault(tick, []).append(frame)
                elif lane is None:
                    self._wrong.append(f"{guest.name} received a frame that "
                                       f"nobody sent: {frame.hex()}")
                else:
                    self._flooded.add((guest.name, lane, tick))
        for collector in self.lab.collectors.values():
            for wire in self._new(collector, collector.wire()):
                copy = decode(wire)
                if (not copy or copy.destination != collector.address
                        or _is_arp(copy.inner)):
                    continue
                lane, tick = self._of(copy.inner)
                self._copies.append((collector, copy, lane, tick))
                self._ticks.setdefault((collector.name, copy.vni, lane),
                                       []).append(tick)

    def copies(self):
        """All copies as (collector, Copy, lane, tick)."""
        return list(self._copies)

    def copied(self, policy, lane):
        """Ticks of which 'policy's collector has a copy, as last looked."""
        return self._ticks.get((policy.collector.name, policy.vni, lane), [])

    def arrived(self, lane):
        """Ticks whose frames passed the switch, as last looked."""
        return sorted(self._arrived[lane])

    def not_copied(self, policy, since):
        """Ticks from 'since' on whose frames passed the switch and were not
        copied.  What is on its way is left out: ticks later than the latest
        that was copied at all."""
        self.look()
        copied = {lane: set(self.copied(policy, lane))
                  for lane in policy.lanes}
        latest = max(max(ticks, default=-1) for ticks in copied.values())
        return sorted({tick for lane in policy.lanes
                       for tick in self._arrived[lane]
                       if since <= tick < latest
                       and tick not in copied[lane]})

    def wait_whole(self, policy, count=50, timeout=20):
        """Waits until 'count' ticks from now on have been copied without a
        gap; returns the first of them."""
        start = [self.tick]

        def whole():
            gaps = self.not_copied(policy, start[0])
            if gaps:
                start[0] = gaps[-1] + 1
            return all(sum(t >= start[0] for t in self.copied(policy, lane))
                       >= count for lane in policy.lanes)
        wait_until(whole, lambda: f"VNI {policy.vni} to be copied without a "
                   f"gap; missing {self.not_copied(policy, start[0])[-5:]}, "
                   + ", ".join(f"{lane} has {len(self.copied(policy, lane))}"
                               for lane in policy.lanes), timeout, 0.02)
        return start[0]

    def healed_after(self, policy, since_s):
        """Seconds from the moment 'since_s' to the end of the last gap in the
        copies, and how many frames were not copied.  0 if there is none."""
        since = next((i for i, t in enumerate(self.times) if t >= since_s),
                     self.tick)
        gaps = self.not_copied(policy, since)
        if not gaps:
            return 0.0, 0
        after = min(gaps[-1] + 1, len(self.times) - 1)
        return self.times[after] - since_s, len(gaps)

    # Judgement.

    def wrong_copies(self, *policies, tag=None):
        """What is wrong with any copy that arrived, in words.  Where the
        switch tags frames for its own use, a copy may carry 'tag'."""
        self.look()
        wrong, seen = [], set()
        for collector, copy, lane, tick in self._copies:
            where = f"{collector.name}, VNI {copy.vni}, {lane} {tick}"
            told = [p for p in policies
                    if p.collector is collector and p.vni == copy.vni]
            if copy.faults:
                wrong.append(f"{where}: {copy.faults}")
            if lane is None:
                wrong.append(f"{where}: not of a lane: {copy.inner.hex()}")
                continue
            if not any(self._admits(p, lane, tick) for p in told):
                wrong.append(f"{where}: no policy admits it")
                continue
            frame = self.frame(lane, tick)
            allowed = [frame] if tag is None else [
                frame, frame[:12] + b"\x81\x00" + tag.to_bytes(2, "big")
                + frame[12:]]
            if copy.inner not in [f[:p.length] for f in allowed
                                  for p in told]:
                wrong.append(f"{where}: not the NIC's frame: "
                             f"{copy.inner.hex()}")
            if (collector.name, copy.vni, lane, tick) in seen:
                wrong.append(f"{where}: copied twice")
            seen.add((collector.name, copy.vni, lane, tick))
        return wrong

    def _admits(self, policy, lane, tick):
        if policy.until is not None and tick > policy.until:
            return False
        return lane in policy.lanes or (
            lane in policy.flooded
            and (policy.nic, lane, tick) in self._flooded)

    def harmed_guests(self, mirrored, twin, slack=100, tolerance=5):
        """What happened to frames of the 'mirrored' lanes that did not happen
        to the 'twin's, in words.  A switch that is away, or short of
        processor time, loses frames of everybody: a lost frame is harm only
        if the twin lost none within 'slack' ticks; 'tolerance' of a lane are
        forgiven, since two queues do not overflow at one moment."""
        self.look()
        last = self.tick - 1
        harm = list(self._wrong)
        for lane in mirrored:
            harm += self._spoilt(lane)
        outages = set()
        for lane in twin:
            harm += self._spoilt(lane)
            for tick in set(range(last)) - set(self._arrived[lane]):
                outages.update(range(tick - slack, tick + slack))
        for lane in mirrored:
            lost = sorted(set(range(last)) - set(self._arrived[lane])
                          - outages)
            if len(lost) > tolerance:
                harm.append(f"{lane}: {len(lost)} frames lost that the twin "
                            f"did not lose, {lost[0]} to {lost[-1]} of "
                            f"{last}")
        return harm

    def _spoilt(self, lane):
        for tick, frames in self._arrived[lane].items():
            bare = {f[:12] + f[16:] if f[12:14] == b"\x81\x00" else f
                    for f in frames}
            if bare != {self.frame(lane, tick)}:
                yield f"{lane} {tick}: arrived as {frames[0].hex()}"
            if len(frames) > 1:
                yield f"{lane} {tick}: arrived {len(frames)} times"
