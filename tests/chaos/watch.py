"""Reads the control database as it stands, quickly and over one connection:
the book is told what a hypervisor has reported."""

import json
import socket
import threading

from chaos.book import now
from lab.switch import plain

TABLES = {
    "Mirror_Tunnel": ["_uuid", "name", "generation", "filter", "enabled"],
    "Mirror_Filter": ["_uuid", "name", "generation"],
    "Tunnel_Status": ["tunnel", "name", "observed_generation",
                      "observed_filter_generation"],
    "Chassis": ["cfg"],
}


class Reader:
    """A client of one ovsdb-server that may come and go."""

    def __init__(self, path):
        self._path = path
        self._socket = None

    def read(self):
        """Rows by table; raises OSError while there is no answer."""
        try:
            if not self._socket:
                self._socket = socket.socket(socket.AF_UNIX)
                self._socket.settimeout(2)
                self._socket.connect(self._path)
            return self._ask()
        except (OSError, ValueError) as e:
            self.close()
            raise OSError(str(e)) from e

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = None

    def _ask(self):
        selects = [{"op": "select", "table": table, "where": [],
                    "columns": columns} for table, columns in TABLES.items()]
        self._socket.sendall(json.dumps(
            {"method": "transact", "id": 1,
             "params": ["Packet_Mirroring"] + selects}).encode())
        data, decoder = "", json.JSONDecoder()
        while True:
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise OSError("the server hung up")
            data += piece.decode()
            try:
                reply, used = decoder.raw_decode(data)
            except ValueError:
                continue
            data = data[used:].lstrip()
            if reply.get("method") == "echo":
                self._socket.sendall(json.dumps(
                    {"result": reply["params"], "id": reply["id"],
                     "error": None}).encode())
                if not data:
                    continue
                reply, _ = decoder.raw_decode(data)
            if reply.get("error"):
                raise OSError(f"refused: {reply['error']}")
            return {table: [{k: plain(v) for k, v in row.items()}
                            for row in result["rows"]]
                    for table, result in zip(TABLES, reply["result"])}


def reported(rows):
    """Returns (names of tunnels of which the last policy written is what is
    installed, names of tunnels that are not gone yet).

    Installed: its generation and its filter's are observed.  One that was
    never enabled is never installed, and observes nothing.  Gone: without a
    status row too."""
    filters = {f["_uuid"]: f for f in rows["Mirror_Filter"]}
    statuses = {}
    for status in rows["Tunnel_Status"]:
        statuses.setdefault(status["name"], []).append(status)
    live = set()
    for tunnel in rows["Mirror_Tunnel"]:
        known = statuses.pop(tunnel["name"], [])
        kept = filters.get(tunnel["filter"]) if tunnel["filter"] else None
        if len(known) != 1 or known[0]["tunnel"] != tunnel["_uuid"]:
            continue
        observed = known[0]["observed_generation"]
        if (observed == tunnel["generation"]
                and (not kept or known[0]["observed_filter_generation"]
                     == kept["generation"])
                or not observed and not tunnel["enabled"]):
            live.add(tunnel["name"])
    there = {t["name"] for t in rows["Mirror_Tunnel"]} | set(statuses)
    return live, there


class Watch:
    """Tells the book, for as long as something is outstanding."""

    def __init__(self, book, path):
        self._book, self._reader = book, Reader(path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._reader.close()

    def _run(self):
        while not self._stop.wait(0.03):
            names = self._book.outstanding()
            if names:
                try:
                    self._tell(names)
                except OSError:     # The server is away: asked again.
                    pass

    def _tell(self, names):
        asked = now()
        rows = self._reader.read()
        live, there = reported(rows)
        cfg = max((c["cfg"] for c in rows["Chassis"]), default=0)
        wished = self._book.wished()
        for name in names:
            if (name in live or wished[name].way.trouble
                    if name in wished else name not in there):
                self._book.confirm(name, asked, cfg)
