"""When rows of a table change and go, as the database server tells it."""

import json
import socket
import threading
import time


class RowWatch:
    """Monitors one table from a thread of its own; a context manager.

    'gone' has (time.time(), former row) of each row that was deleted,
    'changed' (time.time(), row) of each that came or was modified.
    """

    def __init__(self, path, database, table):
        self._table = table
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._send("monitor", [database, None, {table: {
            "select": {"delete": True, "insert": True, "modify": True,
                       "initial": False}}}])
        self.gone, self.changed = [], []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _send(self, method, params):
        self._socket.sendall(json.dumps(
            {"method": method, "params": params, "id": method}).encode())

    def _run(self):
        text, decoder = "", json.JSONDecoder()
        while True:
            data = self._socket.recv(1 << 16)
            now = time.time()
            if not data:
                return
            text += data.decode()
            while text:
                try:
                    message, end = decoder.raw_decode(text)
                except ValueError:
                    break   # Not all of it is here yet.
                text = text[end:].lstrip()
                self._take(message, now)

    def _take(self, message, now):
        if message.get("method") == "echo":
            self._socket.sendall(json.dumps(
                {"id": message["id"], "result": message["params"],
                 "error": None}).encode())
        elif message.get("method") == "update":
            for change in message["params"][1].get(self._table,
                                                   {}).values():
                if "new" in change:
                    self.changed.append((now, change["new"]))
                else:
                    self.gone.append((now, change["old"]))
