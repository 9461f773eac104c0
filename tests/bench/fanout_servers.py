"""Ways to serve the control database, and what its servers have done."""

import json
import os
import re
import shutil
import socket

from bench.rounds import Processes, line_of
from lab import unixctl
from lab.process import run
from lab.waiting import wait_until

NAME = "Packet_Mirroring"
START_S = 120       # Reading the file takes its time.
# Of address space, for each server: one that wants all there is must not take
# the machine down.
LIMIT_MB = 6144


class Server:
    """One ovsdb-server, also a relay, with two TCP ports: one for the many
    sessions, one for the one that is watched."""

    def __init__(self, kind, name, port, database):
        self.kind, self.name = kind, name
        self.rundir = kind.lab.directory(name)
        self.socket = f"{self.rundir}/mirror.sock"
        self.port, self.database = port, database
        self._process = None

    def start(self):
        kind = self.kind
        env = dict(os.environ, OVS_RUNDIR=self.rundir,
                   OVS_LOGDIR=self.rundir, OVS_DBDIR=self.rundir)
        if kind.preload:
            env["LD_PRELOAD"] = kind.preload
        self._process = kind.lab.process(
            ["prlimit", f"--as={LIMIT_MB << 20}", "ovsdb-server",
             self.database, f"--remote=punix:{self.socket}",
             f"--remote=ptcp:{self.port}:127.0.0.1",
             f"--remote=ptcp:{self.port + 100}:127.0.0.1", "--pidfile",
             f"--log-file={self.rundir}/ovsdb-server.log", "-vconsole:off"],
            f"{self.rundir}/ovsdb-server.out", env=env,
            namespace=kind.namespace)

    def wait(self):
        def ready():
            if not self._process.alive():
                raise RuntimeError(self._process.last_words())
            return unixctl.listens(self.socket) and self.kind.is_ready(self)
        wait_until(ready, f"{self.name} to serve", START_S)
        preload = self.kind.preload
        if preload and not Processes.has_loaded(self.pid, preload):
            raise RuntimeError(f"{self.name} has not loaded {preload}")
        self.kind.commands.append(
            Processes.command_line(self.pid, self.kind.lab.top))

    def appctl(self, command, *args):
        return unixctl.call(self.rundir, "ovsdb-server", command, *args)

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process is not None and self._process.alive()

    def kill(self):
        if self._process:
            self._process.kill()
        for name in ("mirror.sock", "raft.sock"):
            if os.path.exists(f"{self.rundir}/{name}"):
                os.unlink(f"{self.rundir}/{name}")

    def remote(self, watched):
        return f"tcp:127.0.0.1:{self.port + (100 if watched else 0)}"


class Servers:
    """Base of the ways; 'servers' hold the database, 'fronts' are what
    hypervisors connect to."""

    def __init__(self, lab, namespace, template, preload=None):
        self.lab, self.namespace, self.template = lab, namespace, template
        self.preload = preload
        self.servers, self.fronts = [], []
        self.commands = []          # By which they came to be.

    def start(self):
        raise NotImplementedError

    def is_ready(self, _server):
        return True

    def all(self):
        return [*self.servers, *(f for f in self.fronts
                                 if f not in self.servers)]

    def remote(self, watched=False):
        return ",".join(front.remote(watched) for front in self.fronts)

    def editor(self):
        """The server that edits are sent to."""
        return self.servers[0]

    def pids(self):
        return [server.pid for server in self.all()]

    def restart(self):
        """Kills all servers at once and starts them anew; returns when the
        last of them serves."""
        for server in self.all():
            server.kill()
        for server in self.all():
            server.start()
        for server in self.all():
            server.wait()

    def stop(self):
        for server in self.all():
            server.kill()
            shutil.rmtree(server.rundir)

    def file_bytes(self):
        """Of the first server's file: all of a cluster write the same."""
        return os.path.getsize(self.servers[0].database)

    def sent(self, watched):
        """Bytes that hypervisors have been sent on connections that stand,
        and how many of these there are."""
        ports = {str(front.port + (100 if watched else 0))
                 for front in self.fronts}
        lines = self.namespace.run(
            ["ss", "-tinHO", "state", "established"]).stdout.splitlines()
        found = [re.search(r"bytes_sent:(\d+)", line) for line in lines
                 if line.split()[2].rpartition(":")[2] in ports]
        return sum(int(f.group(1)) for f in found if f), len(found)


class Alone(Servers):
    def start(self):
        server = Server(self, "alone", 6641, None)
        server.database = f"{server.rundir}/mirror.db"
        shutil.copyfile(self.template, server.database)
        self.servers = self.fronts = [server]
        server.start()
        server.wait()
        return self


class Relays(Servers):
    """Three relays of one server; hypervisors know only the relays."""

    def start(self):
        server = Server(self, "main", 6641, None)
        server.database = f"{server.rundir}/mirror.db"
        shutil.copyfile(self.template, server.database)
        self.servers = [server]
        self.fronts = [
            Server(self, f"relay{n}", 6641 + n,
                   f"relay:{NAME}:unix:{server.socket}") for n in (1, 2, 3)]
        for each in self.all():
            each.start()
            each.wait()
        return self

    def is_ready(self, server):
        if server in self.servers:
            return True
        with Editor(server.socket) as editor:
            rows = editor.call("transact", "_Server", {
                "op": "select", "table": "Database",
                "where": [["name", "==", NAME]],
                "columns": ["connected"]})[0]["rows"]
        return bool(rows) and rows[0]["connected"]


class Raft(Servers):
    """A cluster of three; hypervisors know all of them."""

    def start(self):
        self.servers = self.fronts = [
            Server(self, f"raft{n}", 6640 + n, None) for n in (1, 2, 3)]
        addresses = [f"unix:{server.rundir}/raft.sock"
                     for server in self.servers]
        for n, server in enumerate(self.servers):
            server.database = f"{server.rundir}/mirror.db"
            words = ["ovsdb-tool", *(
                ["create-cluster", server.database, self.template,
                 addresses[0]] if n == 0 else
                ["join-cluster", server.database, NAME, addresses[n],
                 addresses[0]])]
            run(words)
            self.commands.append(line_of(words, self.lab.top))
            server.start()
            server.wait()
        return self

    def is_ready(self, server):
        try:
            status = server.appctl("cluster/status", NAME)
        except (OSError, ValueError, unixctl.UnixctlError):
            return False
        return ("Status: cluster member" in status
                and "Leader: unknown" not in status)

    def editor(self):
        return wait_until(lambda: [s for s in self.servers if "Role: leader"
                                   in s.appctl("cluster/status", NAME)],
                          "a leader", 30)[0]


class Editor:
    """A connection to one server that asks and waits for the answer."""

    def __init__(self, path, patience=START_S):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(patience)
        self._socket.connect(path)
        self._text, self._id = "", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def _read(self):
        while True:
            try:
                message, end = json.JSONDecoder().raw_decode(self._text)
                self._text = self._text[end:].lstrip()
                return message
            except ValueError:
                piece = self._socket.recv(1 << 20)
                if not piece:
                    raise ConnectionError("the server hung up") from None
                self._text += piece.decode()

    def _send(self, message):
        self._socket.sendall(json.dumps(message).encode())

    def call(self, method, *params):
        self._id += 1
        self._send({"method": method, "params": params, "id": self._id})
        while True:
            message = self._read()
            if message.get("method") == "echo":
                self._send({"result": message["params"], "error": None,
                            "id": message["id"]})
            elif message["id"] == self._id:
                if message["error"]:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def transact(self, *operations):
        results = self.call("transact", NAME, *operations)
        for result in results:
            if result and "error" in result:
                raise RuntimeError(f"transaction refused: {result}")
        return results
