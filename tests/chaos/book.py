"""The book of what should be: every policy with the time in which copies by
it are right, and every disturbance with the time in which something else
than the product explains what is missing."""

import dataclasses
import threading
import time

from chaos.policy import Underlay

# An edit that changes a tunnel is reported when the switch has acknowledged
# its flows, and ovs-vswitchd takes until its next round to look at the
# datapath flows that carry a conversation.  Copies by the former policy in
# that time are counted, and longer ones are wrong.  What is stopped is only
# reported when the datapath has been proven silent: no such time is given.
LATE = 0.5
now = time.time     # The clock of the kernel's receive stamps.


@dataclasses.dataclass
class Era:
    """One policy of one tunnel, from the moment its edit was begun until the
    hypervisor has reported that it is superseded."""

    name: str
    tunnel: object                  # policy.Tunnel, or None: deleted.
    filter: object                  # policy.Filter, or None.
    way: object                     # policy.Way, or None.
    begin: float
    written: float = float("inf")   # When the console had committed it.
    end: float = float("inf")
    confirmed: float = float("inf")  # When it was said to be installed.
    asked: int = 0      # What Chassis.cfg is when it is; 0: not asked for.

    def words(self):
        until = "" if self.end == float("inf") else f" to {self.end:.3f}"
        way = (f" by {self.way}" if self.way and
               self.way.delivery == "vpc" else "")
        return f"{self.name} {self.tunnel}{way} from {self.begin:.3f}{until}"

    def cut(self, frame):
        return self.way.cut(self.tunnel.cut(frame))

    def copies(self):
        """Whether there is anything that it may copy, and a way."""
        return self.tunnel and self.tunnel.enabled and not self.way.trouble


@dataclasses.dataclass
class Window:
    """A time in which a fault excuses something."""

    excuse: str     # LOST, UNCOPIED, LOOSE, TAGGED, GONE.
    whom: object    # A set of guests or collectors; None: all.
    why: str
    begin: float
    end: float = float("inf")
    undone: float = 0.0     # From when on the product can heal it.
    last: float = 0.0       # When it last excused something.
    held: bool = False      # The fault stands: quiet does not end it.

    def covers(self, begin, end, *whom):
        return (self.begin <= end and begin <= self.end
                and (self.whom is None or any(w in self.whom for w in whom)))


LOST = "guests' own frames are lost"
UNCOPIED = "copies are missing"
LOOSE = "somebody else changed what is admitted"
TAGGED = "frames bear the switch's tag"
GONE = "a next hop does not answer"


class Book:
    """Written by the edits and faults, read by the oracles."""

    def __init__(self):
        self.lock = threading.RLock()
        self.eras = {}          # Of each tunnel's name, oldest first.
        self.by_vni = {}
        self.windows = []
        self.crippled = 0

    # Policies.

    def begin_edit(self, tunnels, filters, network=Underlay()):
        """'tunnels' and 'filters' are all there will be, by name, in
        'network'; returns the eras that begin now."""
        with self.lock:
            moment, begun = now(), []
            for name in sorted(set(tunnels) | set(self.eras)):
                tunnel = tunnels.get(name)
                kept = filters.get(tunnel.filter) if tunnel else None
                way = network.way(tunnel) if tunnel else None
                last = self.eras.get(name, [None])[-1]
                if last and (last.tunnel, last.filter,
                             last.way) == (tunnel, kept, way):
                    continue
                if not last and not tunnel:
                    continue
                era = Era(name, tunnel, kept, way, moment)
                self.eras.setdefault(name, []).append(era)
                if tunnel:
                    self.by_vni.setdefault(tunnel.vni, []).append(era)
                begun.append(era)
            return begun

    def edit_written(self, begun, cfg=0):
        """With 'cfg' it is in force once a hypervisor has reported that."""
        with self.lock:
            for era in begun:
                era.written, era.asked = now(), cfg

    def confirm(self, name, asked, cfg=0):
        """The answer to a question of the time 'asked' says that what was
        written of 'name' last is all that is installed, and 'cfg'."""
        with self.lock:
            eras = self.eras.get(name)
            if (not eras or eras[-1].written > asked
                    or eras[-1].asked > cfg):
                return
            for era in eras[:-1]:
                if era.end == float("inf"):
                    era.end = now()
            eras[-1].confirmed = min(eras[-1].confirmed, now())

    def outstanding(self):
        """Names of which a former policy may still be in force."""
        with self.lock:
            return [name for name, eras in self.eras.items()
                    if eras[-1].written == float("inf")
                    or any(e.end == float("inf") for e in eras[:-1])
                    or eras[-1].confirmed == float("inf")]

    def wished(self):
        """The policy last written of every tunnel that should be there."""
        with self.lock:
            return {name: eras[-1] for name, eras in self.eras.items()
                    if eras[-1].tunnel}

    def stable(self, begin, end):
        """Tunnels of one policy, installed, throughout that time."""
        with self.lock:
            return [eras[i] for eras in self.eras.values()
                    for i in range(len(eras)) if eras[i].tunnel
                    and eras[i].confirmed + LATE <= begin
                    and all(later.begin > end for later in eras[i + 1:])
                    and all(e.end <= begin for e in eras[:i])]

    def handed_over(self, begin, end):
        """For each tunnel that changed within that time and ran before and
        after it: its policies of that time."""
        with self.lock:
            found = []
            for eras in self.eras.values():
                there = [e for e in eras
                         if e.begin <= end and begin <= e.end + LATE]
                if (len(there) > 1 and there[0].confirmed + LATE <= begin
                        and all(e.tunnel for e in there)):
                    found.append(there)
            return found

    def stays(self, era, end):
        """Whether 'era' is the tunnel's latest until then."""
        with self.lock:
            return all(e.begin > end for e in self.eras.get(era.name, ())
                       if e.begin > era.begin)

    def grace(self, era):
        """How long after its end copies by this policy may still come."""
        with self.lock:
            eras = self.eras.get(era.name, [])
            later = [e for e in eras if e.begin > era.begin]
            stopped = any(not e.copies() for e in later)
            return 0.0 if stopped else LATE

    def policies(self, vni):
        with self.lock:
            return list(self.by_vni.get(vni, ()))

    # Excuses.

    def open(self, excuse, whom, why, held=False):
        window = Window(excuse, whom, why, now(), held=held)
        with self.lock:
            self.windows.append(window)
        return window

    def close(self):
        """Quiet has come: no excuse is good any more but those of faults
        that stand.  Each tunnel copies by then; other conversations may
        have to wait for vswitchd's next look at their datapath flows."""
        with self.lock:
            for window in self.windows:
                if not window.held and window.end == float("inf"):
                    window.end = now() + LATE

    def healable(self, windows):
        """From now on the product can mend what these excuse, unless it is
        crippled itself."""
        for window in windows:
            window.undone = 0.0 if self.crippled else now()

    def cripple(self):
        """The product cannot mend anything until recover()."""
        with self.lock:
            self.crippled += 1
            for window in self.windows:
                if window.end == float("inf"):
                    window.undone = 0.0

    def recover(self):
        with self.lock:
            self.crippled -= 1

    def excused(self, excuse, begin, end, *whom):
        """Whether a window excuses what happened."""
        with self.lock:
            found = [w for w in self.windows if w.excuse == excuse
                     and w.covers(begin, end, *whom)]
            if found:   # The last to have begun is taken for the cause.
                found[-1].last = max(found[-1].last, begin)
            return bool(found)

    def is_moving(self, begin, end, guest, destination):
        """Whether a fault has next hops asked anew: of a guest that is
        plugged in somewhere else, or those of a destination."""
        with self.lock:
            return any(w.covers(begin, end, guest) if w.excuse == LOST else
                       w.excuse == UNCOPIED and w.whom
                       and w.covers(begin, end, destination)
                       for w in self.windows)

    def healed(self):
        """Takes (cause, seconds in which something was still excused after
        the product could heal it) of windows that have ended."""
        with self.lock:
            ended = [w for w in self.windows if w.undone and w.last
                     and w.end < float("inf")]
            times = [(w.why, max(0.0, w.last - w.undone)) for w in ended]
            for window in ended:
                window.last = 0.0
            return times

    def forget(self, before):
        """Drops what ended long ago, so that a long run stays quick."""
        with self.lock:
            self.windows = [w for w in self.windows if w.end > before]
            for name, eras in self.eras.items():
                self.eras[name] = [e for e in eras[:-1]
                                   if e.end > before] + eras[-1:]
