"""The lock by which hypervisors take turns at a control database's server."""

import json
import socket

LOCK = "ovs_mirrord_turn"


class Turn:
    """Held by the test from here on; a context manager."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(path)
        self.held = self._call("lock", LOCK)["locked"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _call(self, method, *params):
        self._socket.sendall(json.dumps(
            {"method": method, "params": params, "id": 1}).encode())
        text = ""
        while True:
            text += self._socket.recv(1 << 16).decode()
            try:
                return json.loads(text)["result"]
            except ValueError:
                continue
