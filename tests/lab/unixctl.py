"""A client for the control sockets of OVS daemons (as ovs-appctl(8))."""

import json
import os
import socket

from lab.waiting import SLOWNESS


class UnixctlError(Exception):
    """The daemon's own error reply."""


def listens(path):
    """Whether somebody takes connections there: a socket can be seen before
    that is so."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        return s.connect_ex(path) == 0


def call(rundir, daemon, command, *args, **options):
    """Calls 'command' of the daemon found by its pidfile in 'rundir'."""
    with open(os.path.join(rundir, f"{daemon}.pid"), encoding="ascii") as f:
        path = os.path.join(rundir, f"{daemon}.{f.read().strip()}.ctl")
    return call_at(path, command, *args, **options)


def call_at(path, command, *args, timeout=60, meanwhile=None):
    """Calls 'command' of the daemon that has the socket 'path'; once it is
    sent, 'meanwhile', before the answer is waited for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(timeout * SLOWNESS)
        s.connect(path)
        s.sendall(json.dumps({"method": command, "id": 0,
                              "params": [str(a) for a in args]}).encode())
        if meanwhile:
            meanwhile()
        data = b""
        while True:
            piece = s.recv(1 << 20)
            if not piece:
                raise ConnectionError(f"{path} hung up on {command}")
            data += piece
            try:
                reply = json.loads(data)
            except ValueError:
                continue
            if reply.get("error") is not None:
                raise UnixctlError(reply["error"])
            return reply["result"]
