"""Waiting for conditions, the only place where the lab passes time."""

import os
import threading
import time

# How many times slower than usual the processes are, as under valgrind:
# deadlines are later by that.
SLOWNESS = float(os.environ.get("OVS_MIRROR_SLOWNESS", "1"))
_never = threading.Event()


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Polls 'condition' until it returns something true, and returns that.

    After 'timeout' seconds, or SLOWNESS times that, raises TimeoutError,
    naming 'what' was waited for; 'what' may be a function, called only then.
    """
    timeout *= SLOWNESS
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise TimeoutError(f"not within {timeout:g} s: {text}")
        _never.wait(interval)
