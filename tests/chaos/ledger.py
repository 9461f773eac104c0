"""Every frame that was sent, and what became of it; and who sends them."""

import dataclasses
import threading

from chaos.book import now
from chaos.mix import shapes
from lab.frames import number_of

KEPT_SECONDS = 60
TAG = 7                 # The switch's own, when a fault gives ports one.


@dataclasses.dataclass
class Sent:
    number: int
    frame: bytes
    shape: object
    pair: str           # "mirrored", "twin" or "others".
    time: float
    received: dict = dataclasses.field(default_factory=dict)
    copied: dict = dataclasses.field(default_factory=dict)

    @property
    def sender(self):
        return self.shape.a

    @property
    def receiver(self):
        return self.shape.b

    def forms(self, tagged):
        """The frame as it may appear: as sent, and with the switch's tag."""
        return [self.frame] + (with_tags(self.frame) if tagged else [])


def with_tags(frame):
    """A frame as the switch tags it, for 802.1Q and for 802.1ad."""
    return [frame[:12] + ethertype + TAG.to_bytes(2, "big") + frame[12:]
            for ethertype in (b"\x81\x00", b"\x88\xa8")]


def _heads(frame):
    return [form[:64] for form in [frame, *with_tags(frame)]]


class Ledger:
    """Sent frames by number, the oldest first."""

    def __init__(self):
        self.lock = threading.Lock()
        self._by_number = {}
        self._by_head = {}
        self.total = 0

    def add(self, entry):
        with self.lock:
            self.total += 1
            self._by_number[entry.number] = entry
            for head in _heads(entry.frame):
                self._by_head.setdefault(head, []).append(entry)

    def find(self, frame):
        """What was sent and looks like this, whole or cut; of what is cut
        so short that several do, the latest first."""
        with self.lock:
            number = number_of(frame)
            if number is not None:
                entry = self._by_number.get(number)
                return [entry] if entry else []
            return self._by_head.get(frame[:64], [])[::-1]

    def between(self, begin, end):
        with self.lock:
            return [e for e in self._by_number.values()
                    if begin <= e.time <= end]

    def forget(self):
        """Drops what is older than anything can still arrive."""
        with self.lock:
            limit = now() - KEPT_SECONDS
            for number, entry in list(self._by_number.items()):
                if entry.time > limit:
                    break
                del self._by_number[number]
                for head in _heads(entry.frame):
                    alike = self._by_head[head]
                    alike.remove(entry)
                    if not alike:
                        del self._by_head[head]


class Traffic:
    """Sends the mix in both directions for as long as it is entered."""

    def __init__(self, ledger, pairs, rate=70):
        """'pairs': name -> (guest, guest), "mirrored" and "twin" among
        them; 'rate' is of frames a second and pair."""
        self._ledger, self._rate = ledger, rate
        self._turns = {name: [s for both in zip(shapes(a, b), shapes(b, a))
                              for s in both]
                       for name, (a, b) in pairs.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            number, turn = 0, 0
            next_time = now()
            while not self._stop.is_set():
                for name, mix in self._turns.items():
                    # The others speak less: they are there to be overheard.
                    if name == "others" and turn % 3:
                        continue
                    number += 1
                    self._send(number, name, mix[turn % len(mix)])
                turn += 1
                next_time = max(next_time + 1 / self._rate, now() - 0.1)
                self._stop.wait(max(0.0, next_time - now()))
        except Exception as e:  # Told by the judge, in its own words.
            self.error = e

    def _send(self, number, pair, shape):
        frame = shape.frame(number)
        self._ledger.add(Sent(number, frame, shape, pair, now()))
        shape.a.offer(frame)
