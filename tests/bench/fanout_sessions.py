"""Sessions of many hypervisors, in processes, and what they tell."""

import glob
import subprocess
import threading
import time

SESSIONS_A_PROCESS = 50


def cpu(pids):
    """Processor seconds that processes took, with all their threads."""
    nanoseconds = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as f:
                nanoseconds += int(f.read().split()[0])
    return nanoseconds / 1e9


class Sessions:
    """Hypervisors 'first' to 'first + count - 1', in processes that 'popen'
    makes."""

    def __init__(self, lab, popen, remote, first, count, nics):
        self.count = count
        self.up, self.written, self.changed = {}, {}, {}
        self.ups = {}               # How often each came up.
        self.refused = 0
        self._news = threading.Condition()
        self._children, self._threads = [], []
        for begin in range(first, first + count, SESSIONS_A_PROCESS):
            some = min(SESSIONS_A_PROCESS, first + count - begin)
            child = popen(
                [lab.built("tests/fanout-clients"), remote, str(begin),
                 str(some), str(nics)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True)
            thread = threading.Thread(target=self._read, args=[child],
                                      daemon=True)
            thread.start()
            self._children.append(child)
            self._threads.append(thread)

    def _read(self, child):
        for line in child.stdout:
            kind, name, *rest = line.split()
            with self._news:
                self._take(kind, name, *rest)
                self._news.notify_all()

    def _take(self, kind, name, *rest):
        at = float(rest[-1])
        if kind == "up":
            self.up[name] = at
            self.ups[name] = self.ups.get(name, 0) + 1
        elif kind == "down":
            self.up.pop(name, None)
        elif kind == "written":
            self.written[name] = at
        elif kind == "refused":
            self.refused += 1
        elif kind == "changed":
            self.changed[name, int(rest[0])] = at

    def wait(self, holds, what, timeout=600):
        with self._news:
            if not self._news.wait_for(holds, timeout):
                raise TimeoutError(f"not within {timeout} s: {what}; "
                                   f"{len(self.up)} of {self.count} are up")

    def wait_up(self, timeout=600):
        """Until all views are complete; returns when each came to be."""
        self.wait(lambda: len(self.up) == self.count, "all up", timeout)
        return sorted(self.up.values())

    def settle(self, since, patience):
        """Until all have come up after 'since', or patience is over."""
        with self._news:
            self._news.wait_for(
                lambda: sum(at > since for at in self.up.values())
                == self.count, patience)

    def wait_changed(self, tunnel, generation, timeout=600):
        """Returns when the change was known."""
        key = (tunnel, generation)
        self.wait(lambda: key in self.changed, f"{key} known", timeout)
        return self.changed[key]

    def write(self, spread_ms):
        """Has each write the status of all its tunnels."""
        with self._news:
            self.written.clear()
            self.refused = 0
        for child in self._children:
            child.stdin.write(f"write {spread_ms}\n")
            child.stdin.flush()

    def all_written(self):
        with self._news:
            return len(self.written) == self.count

    def wait_written(self, timeout=600):
        self.wait(lambda: len(self.written) == self.count, "all written",
                  timeout)
        return sorted(self.written.values())

    def pids(self):
        return [child.pid for child in self._children]

    def cpu(self):
        return cpu(self.pids())

    def stop(self):
        for child in self._children:
            child.stdin.close()
        for child in self._children:
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for thread in self._threads:
            thread.join()
        for child in self._children:
            child.stdout.close()


def now():
    """The clock that sessions use."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
