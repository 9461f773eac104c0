"""What both kinds of lab share: directories, processes, an orderly end."""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile

from lab.control import ControlDatabase, MirrorDaemon
from lab.frames import Talk
from lab.process import OVS_PATH, Process
from lab.vxlan import decode
from lab.waiting import wait_until

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD_DIR = os.environ.get("OVS_MIRROR_BUILD") or os.path.join(SOURCE_DIR,
                                                               "_build")
# Numbers from here on mark the lab's own probes.
FIRST_PROBE = 0xf0000000
_open_labs = []


STOP_SCRIPT = """#!/bin/sh
# Ends this lab: its processes (each looked at first: an id may have been
# used again), its namespaces, its directory.
ours() {{ grep -qs '{top}/' "/proc/$1/cmdline"; }}
for pid in {pids}; do
    ours $pid && kill $pid
done
for pid in {pids}; do
    tries=0
    while ours $pid && [ $tries -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    ours $pid && kill -KILL $pid
done
for namespace in $(ip netns list 2>/dev/null | cut -d' ' -f1); do
    case $namespace in {prefix}-*) ip netns delete "$namespace" ;; esac
done
rm -rf '{top}'
"""


class LabError(Exception):
    """The lab cannot be built on this machine, and why."""


@atexit.register
def _close_all():
    while _open_labs:
        _open_labs[-1].close()


def _end_orderly(number, _frame):
    # The first signal starts the clean-up; more of them must not stop it.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    # Not by an exception: unittest would take that for a failed test and go
    # on with the next.
    _close_all()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + number)


class Guest:
    """A VM's network interface as tests see it; 'lab' decides what it is.

    Subclasses have send(*frames), received() and clear().
    """

    def __init__(self, name, index):
        self.name = self.iface_id = name
        self.mac = f"52:54:00:00:00:{index:02x}"
        self.ip, self.ip6 = f"10.0.0.{index}", f"fd00:10::{index:x}"


class CollectorBase:
    """Where copies arrive.  Subclasses have wire(), every frame received."""

    def __init__(self, name, address):
        self.name, self.address = name, address

    def copies(self):
        """All copies addressed to this collector."""
        decoded = (decode(frame) for frame in self.wire())
        return [c for c in decoded if c and c.destination == self.address]

    def numbered(self, vni=None):
        """Copies of a test's own frames: those with numbers, no probes."""
        return [c for c in self.copies() if (vni is None or c.vni == vni)
                and c.number is not None and c.number < FIRST_PROBE]

    def numbers(self, vni=None):
        """Sorted numbers of the copies of a test's own frames."""
        return sorted(c.number for c in self.numbered(vni))


class Lab:
    """Base of RealLab and DummyLab; a context manager."""

    source_dir = SOURCE_DIR

    def __init__(self, build_dir=None, keep=False):
        self.build_dir = build_dir or BUILD_DIR
        self.keep = keep
        self._left = False      # Running, for somebody else to end.
        self.prefix = "pm" + secrets.token_hex(3)
        self.top = tempfile.mkdtemp(prefix=self.prefix + "-")
        os.chmod(self.top, 0o755)
        self.processes = []
        self.undo = contextlib.ExitStack()
        self.switch = self.control = self.daemon = None
        self.guests, self.collectors = {}, {}
        self._probe = FIRST_PROBE
        _open_labs.append(self)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _end_orderly)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every process, removes every namespace and directory."""
        if self not in _open_labs:
            return
        if self._left:
            _open_labs.remove(self)
            return
        for process in reversed(self.processes):
            process.stop()
        self.undo.close()
        if os.environ.get("OVS_MIRROR_KEEP_LOGS"):
            print(f"logs kept in {self.top}", file=sys.stderr)
        else:
            shutil.rmtree(self.top, ignore_errors=True)
        _open_labs.remove(self)

    def leave_running(self):
        """For a lab made with 'keep': returns the paths of a file of shell
        variables to talk to it and of a script that ends it."""
        environment = os.path.join(self.top, "environment")
        with open(environment, "w", encoding="utf-8") as f:
            f.write("".join(f"export {key}='{value}'\n" for key, value in
                            self.environment().items()))
        stop = os.path.join(self.top, "stop")
        pids = " ".join(str(p.pid) for p in reversed(self.processes))
        with open(stop, "w", encoding="utf-8") as f:
            f.write(STOP_SCRIPT.format(top=self.top, pids=pids,
                                       prefix=self.prefix))
        os.chmod(stop, 0o755)
        self._left = True
        return environment, stop

    def environment(self):
        """Variables with which OVS's tools and ours find this lab."""
        return {"OVS_RUNDIR": self.switch.rundir,
                "OVS_MIRROR_DB": self.control.remote,
                "PATH": os.pathsep.join([self.build_dir, OVS_PATH])}

    def directory(self, name):
        path = os.path.join(self.top, name)
        os.mkdir(path)
        return path

    def process(self, argv, log, env=None, namespace=None):
        started = Process(argv, log, env=env, outlive=self.keep,
                          netns=namespace.path if namespace else None)
        self.processes.append(started)
        return started

    def built(self, name):
        path = os.path.join(self.build_dir, name)
        if not os.path.exists(path):
            raise LabError(f"{path} does not exist: build first, or set "
                           "OVS_MIRROR_BUILD to the build directory")
        return path

    def start_product(self, schema=None):
        """Control database (of today's schema, or another), console and
        daemon on the first switch."""
        self.control = ControlDatabase(self).start(schema)
        self.daemon = MirrorDaemon(self, self.switch, self.control).start()

    # Guests and traffic.

    def talk(self, a, b, *args, **kwargs):
        return Talk(self.guests[a], self.guests[b], *args, **kwargs)

    def probe_number(self):
        """A number that no test uses for its own frames."""
        self._probe += 1
        return self._probe

    def wait_link(self, a, b):
        """Waits until frames pass from guest 'a' to guest 'b': the first
        ones after a link comes up are lost."""
        sender, receiver = self.guests[a], self.guests[b]
        talk = self.talk(a, b, "other")

        def passes():
            sender.send(talk.frame(self.probe_number(), 60))
            return any(f[12:14] == b"\x88\xb5" and f[:6] == talk.frame(0)[:6]
                       for f in receiver.received())
        wait_until(passes, f"a frame to pass from {a} to {b}", 20, 0.1)

    def wait_copied(self, talk, collector, vni=None, timeout=15):
        """Sends frames of 'talk' until a copy of one arrives: the collector
        is known to the switch then and nothing more is lost.  Copies of
        probes that were sent before do not count."""
        first = self.probe_number()

        def copied():
            talk.a.send(talk.frame(self.probe_number(), 120))
            return any(c.number and c.number >= first
                       for c in collector.copies()
                       if vni is None or c.vni == vni)
        wait_until(copied, f"a copy of a probe at {collector.name}", timeout,
                   0.1)

    def settle(self):
        """Waits until all frames sent so far have gone where they go."""
        raise NotImplementedError

    def clear(self):
        """Forgets everything captured so far."""
        self.settle()
        for place in [*self.guests.values(), *self.collectors.values()]:
            place.clear()

    def exchange(self, *sends):
        """Sends pairs of (guest, frames) and returns when all have gone
        where they go."""
        for guest, frames in sends:
            guest.send(*frames)
        self.settle()
