"""A conversation that never pauses, for as long as a test needs one."""

import threading

from lab.waiting import wait_until


class Stream:
    """Sends numbered frames of a Talk, about one a millisecond, from a thread
    of its own; a context manager."""

    def __init__(self, talk, first=0, length=200, interval=0.001):
        self._talk, self._length, self._interval = talk, length, interval
        self._stop = threading.Event()
        self._error = None
        self.first = first
        self.next = first   # Number of the next frame to be sent.
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stop.wait(self._interval):
                self._talk.a.send(self._talk.frame(self.next, self._length))
                self.next += 1
        except Exception as e:  # Told by wait_sent(), in the test's thread.
            self._error = e

    def wait_sent(self, count):
        """Waits until 'count' more frames have been sent; returns the number
        of the next one."""
        goal = self.next + count

        def sent():
            if self._error:
                raise self._error
            return self.next >= goal
        wait_until(sent, lambda: f"{goal - self.next} frames to be sent", 60,
                   0.005)
        return self.next
