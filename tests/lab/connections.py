"""Breaking a connection that another process has, as a fault would."""

import ctypes
import os
import socket

_libc = ctypes.CDLL(None, use_errno=True)
_PIDFD_GETFD = 438


def _borrow(pidfd, number):
    """A socket that is descriptor 'number' of the process; None if it is no
    socket or has gone."""
    fd = _libc.syscall(_PIDFD_GETFD, pidfd, number, 0)
    if fd < 0:
        return None
    try:
        return socket.socket(fileno=fd)
    except OSError:
        os.close(fd)
        return None


def cut(pid, path):
    """Shuts down each connection of process 'pid' to the listener at 'path';
    returns how many.  What was sent and not yet read stays readable to the
    other side."""
    count = 0
    pidfd = os.pidfd_open(pid)
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            borrowed = _borrow(pidfd, int(entry))
            if borrowed is None:
                continue
            with borrowed:
                try:
                    peer = borrowed.getpeername()
                    if peer == path:
                        borrowed.shutdown(socket.SHUT_RDWR)
                        count += 1
                except OSError:
                    continue    # Not connected.
    finally:
        os.close(pidfd)
    return count
