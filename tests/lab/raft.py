"""A control database of three servers (RAFT) that elect a leader."""

import os

from lab import unixctl
from lab.control import ControlDatabase
from lab.process import run
from lab.waiting import wait_until

NAME = "Packet_Mirroring"


class Server:
    """One of them, with a directory of its own."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.rundir = lab.directory(name)
        self.raft = f"unix:{self.rundir}/raft.sock"
        self.remote = f"unix:{self.rundir}/mirror.sock"
        self.file = f"{self.rundir}/mirror.db"
        self._process = None

    def create(self, schema):
        run(["ovsdb-tool", "create-cluster", self.file, schema, self.raft])
        return self.start()

    def join(self, others):
        """Joins anew: what it may have known of the cluster is forgotten."""
        if os.path.exists(self.file):
            os.unlink(self.file)
        run(["ovsdb-tool", "join-cluster", self.file, NAME, self.raft,
             *[other.raft for other in others]])
        return self.start()

    def start(self):
        env = dict(os.environ, OVS_RUNDIR=self.rundir,
                   OVS_LOGDIR=self.rundir, OVS_DBDIR=self.rundir)
        self._process = self.lab.process(
            ["ovsdb-server", self.file, f"--remote=p{self.remote}",
             "--pidfile", f"--log-file={self.rundir}/ovsdb-server.log",
             "-vconsole:off"], f"{self.rundir}/ovsdb-server.out", env=env)
        wait_until(lambda: self.status() or not self._process.alive(),
                   f"{self.name} to answer")
        return self

    def appctl(self, command, *args):
        return unixctl.call(self.rundir, "ovsdb-server", command, *args)

    def status(self):
        """What cluster/status says, or "" while it cannot be asked."""
        try:
            return self.appctl("cluster/status", NAME)
        except (OSError, ValueError, unixctl.UnixctlError):
            return ""

    def leads(self):
        return "Role: leader" in self.status()

    def is_member(self):
        status = self.status()
        return ("Status: cluster member" in status
                and "Leader: unknown" not in status)

    def kill(self):
        self._process.kill()
        for path in ("mirror.sock", "raft.sock"):
            if os.path.exists(f"{self.rundir}/{path}"):
                os.unlink(f"{self.rundir}/{path}")

    def stop(self):
        self._process.stop()


class Cluster(ControlDatabase):
    """Stands where a single control database would."""

    def __init__(self, lab):
        super().__init__(lab)
        self.servers = [Server(lab, f"raft{i}") for i in (1, 2, 3)]
        self.remote = ",".join(server.remote for server in self.servers)
        self.daemon_remote = self.remote
        self.env["OVS_MIRROR_DB"] = self.remote

    def start(self, schema=None):
        first, *others = self.servers
        first.create(schema or os.path.join(
            self.lab.source_dir, "ovsdb", "packet-mirroring.ovsschema"))
        for server in others:
            server.join([first])
        self.wait_whole()
        self.ctl("init")
        return self

    def wait_whole(self):
        wait_until(lambda: all(s.is_member() for s in self.servers)
                   and any(s.leads() for s in self.servers),
                   lambda: "three members: " + "\n".join(
                       s.status() for s in self.servers), 30)

    @property
    def leader(self):
        return wait_until(lambda: [s for s in self.servers if s.leads()],
                          "a leader", 20)[0]

    def followers(self):
        leader = self.leader
        return [s for s in self.servers if s is not leader]
