"""Waiting for conditions, the only place where the lab passes time."""

import threading
import time

_never = threading.Event()


def wait_until(condition, what, timeout=10.0, interval=0.02):
    """Polls 'condition' until it returns something true, and returns that.

    After 'timeout' seconds raises TimeoutError, naming 'what' was waited
    for; 'what' may be a function, called only then.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise TimeoutError(f"not within {timeout:g} s: {text}")
        _never.wait(interval)
