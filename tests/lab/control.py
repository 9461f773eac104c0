"""The product itself in the lab: control database, daemon, console."""

import json
import os

from lab import connections, unixctl
from lab.process import run
from lab.switch import plain
from lab.waiting import SLOWNESS, wait_until


class ControlDatabase:
    """An ovsdb-server with our schema.

    It is in 'namespace', if one is given, and has 'options' besides its own.
    """

    def __init__(self, lab, namespace=None, options=(), name="control"):
        self.lab, self._namespace, self._options = lab, namespace, options
        self.rundir = lab.directory(name)
        self.socket = f"{self.rundir}/mirror.sock"
        # The console's way to it, and the daemons'.
        self.remote = self.daemon_remote = f"unix:{self.socket}"
        self.env = dict(os.environ, OVS_RUNDIR=self.rundir,
                        OVS_LOGDIR=self.rundir, OVS_DBDIR=self.rundir,
                        OVS_MIRROR_DB=self.remote)
        self._env = self.env    # Of the console.
        self._process = None

    def start(self, schema=None):
        schema = schema or os.path.join(self.lab.source_dir, "ovsdb",
                                        "packet-mirroring.ovsschema")
        run(["ovsdb-tool", "create", f"{self.rundir}/mirror.db", schema])
        self.restart()
        self.ctl("init")
        return self

    def restart(self, preload=None):
        """'preload' is a library to run it with."""
        env = dict(self.env, LD_PRELOAD=preload) if preload else self.env
        self._process = self.lab.process(
            ["ovsdb-server", f"{self.rundir}/mirror.db",
             f"--remote=p{self.remote}", "--pidfile",
             "--remote=db:Packet_Mirroring,Mirror_Global,connections",
             f"--log-file={self.rundir}/ovsdb-server.log", "-vconsole:off",
             *self._options], f"{self.rundir}/ovsdb-server.out",
            env=env, namespace=self._namespace)
        wait_until(lambda: unixctl.listens(self.socket),
                   "the control database's socket")

    def stop(self):
        self._process.stop()

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        self._process.kill()
        os.unlink(self.socket)

    def signal(self, number):
        self._process.signal(number)

    def hide(self):
        """Takes the database away from daemons; ctl() still reaches it."""
        self._appctl("ovsdb-server/add-remote", f"p{self.remote}.own")
        self._env = dict(self.env, OVS_MIRROR_DB=f"{self.remote}.own")
        self._appctl("ovsdb-server/remove-remote", f"p{self.remote}")

    def show(self):
        """Gives it back."""
        self._appctl("ovsdb-server/add-remote", f"p{self.remote}")
        self._env = self.env
        self._appctl("ovsdb-server/remove-remote", f"p{self.remote}.own")

    def hang_up(self):
        """Ends each connection; whoever had one may come again."""
        self._appctl("ovsdb-server/reconnect")

    def _appctl(self, command, *args):
        return unixctl.call(self.rundir, "ovsdb-server", command, *args)

    def ctl(self, *args, check=True, text_in=None, timeout=60):
        """Runs ovs-mirrorctl; returns its standard output, or with
        check=False the whole result."""
        result = run([self.lab.built("ovs-mirrorctl"),
                      f"--timeout={30 * SLOWNESS:.0f}"] + list(args),
                     env=self._env, check=check, text_in=text_in,
                     timeout=timeout)
        return result.stdout if check else result

    def apply(self, document, *options):
        """Applies a JSON document given as a dictionary."""
        return self.ctl(*options, "apply", "-", text_in=json.dumps(document))

    def tunnels(self):
        """What tunnel-list shows, by name (ACCOUNT/NAME where ambiguous)."""
        listed = json.loads(self.ctl("--format=json", "tunnel-list"))
        return {t["name"]: t for t in listed}

    def tunnel(self, name):
        return self.tunnels().get(name)

    def wait_tunnel(self, name, condition, what, timeout=15):
        """Waits until condition(tunnel) holds; tunnel is None when gone."""
        seen = []

        def holds():
            seen[:] = [self.tunnel(name)]
            return condition(seen[0])
        wait_until(holds, lambda: f"tunnel {name} {what}; it is {seen[0]}",
                   timeout, interval=0.05)
        return seen[0]

    def wait_running(self, *names, health="ok"):
        return [self.wait_tunnel(
            name, lambda t: t and t["state"] == "Running"
            and t["health"] == health
            and t["observed_generation"] == t["generation"],
            f"to be Running and {health}") for name in names]

    def wait_gone(self, *names):
        if names:
            wait_until(lambda: not set(names) & set(self.tunnels()),
                       lambda: f"{sorted(set(names) & set(self.tunnels()))} "
                       "to be gone", 15)

    def rows(self, table, *columns):
        """Rows of a table as dictionaries of plain Python values."""
        return [{name: plain(value) for name, value in row.items()
                 if not columns or name in columns}
                for row in self.select(table)]

    def transact(self, *operations):
        """A raw OVSDB transaction: rows that no console would write."""
        out = run(["ovsdb-client", "transact", self.remote, json.dumps(
            ["Packet_Mirroring"] + list(operations))]).stdout
        results = json.loads(out)
        for result in results:
            if result and "error" in result:
                raise RuntimeError(f"transaction refused: {result}")
        return results

    def select(self, table, where=()):
        """Rows of a table in OVSDB's own JSON form."""
        return self.transact({"op": "select", "table": table,
                              "where": list(where)})[0]["rows"]


class MirrorDaemon:
    """ovs-mirrord beside one switch.

    'wrapper' is a command that runs it, with less rights for instance;
    'rundir' is for its own files, by default the switch's run directory.
    """

    def __init__(self, lab, switch, control, wrapper=(), rundir=None):
        self.lab, self.switch, self.control = lab, switch, control
        self._wrapper, self._rundir = wrapper, rundir or switch.rundir
        self._process = None

    def start(self, *options):
        """Starts it and waits until it answers."""
        self.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                          "external_ids:mirror-remote="
                          f'"{self.control.daemon_remote}"')
        rundir = self._rundir
        own = ([] if rundir == self.switch.rundir else
               [f"--unixctl={rundir}/ovs-mirrord.ctl"])
        # A program to run it under, as valgrind, with its options.
        wrapper = os.environ.get("OVS_MIRROR_WRAPPER", "").split()
        self._process = self.lab.process(
            [*self._wrapper, *wrapper, self.lab.built("ovs-mirrord"),
             f"--pidfile={rundir}/ovs-mirrord.pid", *own,
             f"--log-file={rundir}/ovs-mirrord.log", "-vconsole:off",
             "-vfile:dbg", *options], f"{rundir}/ovs-mirrord.out",
            env=self.switch.env, namespace=self.switch.namespace)

        def answers():
            if not self._process.alive():
                raise RuntimeError("ovs-mirrord ended "
                                   f"({self._process.returncode}): "
                                   + self._process.last_words())
            try:
                return self.appctl("version")
            except (OSError, ValueError):
                return None
        wait_until(answers, "ovs-mirrord to answer")
        return self

    def appctl(self, command, *args, **options):
        """'options' are those of unixctl.call_at()."""
        if self._rundir == self.switch.rundir:
            return unixctl.call(self._rundir, "ovs-mirrord", command, *args,
                                **options)
        return unixctl.call_at(f"{self._rundir}/ovs-mirrord.ctl", command,
                               *args, **options)

    def alive(self):
        return self._process is not None and self._process.alive()

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        self._process.signal(number)

    def log(self, level="", since=0):
        """Lines of the log from byte 'since' on, without time and number:
        "module|LEVEL|text"; all, or those of INFO and above."""
        path = f"{self._rundir}/ovs-mirrord.log"
        with open(path, encoding="utf-8", errors="replace") as f:
            f.seek(since)
            lines = [line.rstrip().split("|", 2)[-1] for line in f]
        return [line for line in lines
                if not level or "|DBG|" not in line]

    def log_end(self):
        """Where the log ends now."""
        return os.path.getsize(f"{self._rundir}/ovs-mirrord.log")

    def cut_openflow(self, bridge="br-mirror"):
        """Breaks the OpenFlow connection to a bridge, both ways."""
        cut = connections.cut(self.pid,
                              f"{self.switch.rundir}/{bridge}.mgmt")
        if not cut:
            raise RuntimeError(f"ovs-mirrord is not connected to {bridge}")

    def wait_settled(self):
        """Waits until nothing is left to do on the switch."""
        last = []

        def settled():
            last[:] = [self.appctl("mirror/plan").strip()]
            return not last[0]
        wait_until(settled, lambda: f"mirror/plan to be empty: {last[0]}", 15)

    def stop(self):
        """Ends it as a service manager does; copies go on."""
        self._process.stop()

    def kill(self):
        """Ends it as the out-of-memory killer does."""
        self._process.kill()

    def wait(self, timeout=20):
        """Waits until the process has ended; returns its exit status."""
        return self._process.wait(timeout)

    def clean_up(self):
        """exit --cleanup: returns once the process has ended."""
        self.appctl("exit", "--cleanup")
        self.wait()
