"""One Open vSwitch: its database server, its daemon, its tools."""

import json
import os

from lab import ovs_ctl, unixctl
from lab.process import OVS_SHARE, run
from lab.waiting import wait_until

SCHEMA = f"{OVS_SHARE}/vswitch.ovsschema"
OPENFLOW = ["-O", "OpenFlow15"]


def release():
    """The version of the switch that is installed."""
    return run(["ovs-vswitchd", "--version"]).stdout.split()[3]


class Switch:
    """ovsdb-server and ovs-vswitchd of the distribution, run privately.

    In 'namespace' with the userspace datapath; without one on the dummy
    datapath, which needs no rights.
    """

    def __init__(self, lab, name, namespace=None):
        self.lab, self.name, self.namespace = lab, name, namespace
        self.datapath_type = "netdev" if namespace else "dummy"
        self.rundir = lab.directory(name)
        self.env = dict(os.environ, OVS_RUNDIR=self.rundir,
                        OVS_LOGDIR=self.rundir, OVS_DBDIR=self.rundir,
                        OVS_SYSCONFDIR=self.rundir)
        self.database = f"unix:{self.rundir}/db.sock"
        self._ovsdb = self._vswitchd = None

    def start(self):
        run(["ovsdb-tool", "create", f"{self.rundir}/conf.db", SCHEMA])
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                   f"external_ids:system-id={self.name}",
                   # As ovs-ctl does.
                   f"ovs_version={release()}")
        self.start_vswitchd()
        return self

    def start_database(self):
        self._ovsdb = self._process(
            ["ovsdb-server", f"{self.rundir}/conf.db",
             f"--remote=p{self.database}"])
        wait_until(lambda: unixctl.listens(f"{self.rundir}/db.sock"),
                   f"{self.name}: ovsdb-server's socket")

    def stop_database(self):
        self._ovsdb.stop()

    def kill_database(self):
        self._ovsdb.kill()
        os.unlink(f"{self.rundir}/db.sock")

    def start_vswitchd(self):
        dummy = ([] if self.namespace else
                 ["--enable-dummy", "--disable-system",
                  "--disable-system-route"])
        self._vswitchd = self._process(["ovs-vswitchd", self.database] + dummy)
        self.wait_answering()

    def wait_answering(self):
        def answers():
            if not self._vswitchd.alive():
                raise RuntimeError("ovs-vswitchd ended: "
                                   + self._vswitchd.last_words())
            try:
                return self.appctl("version")
            except (OSError, ValueError):
                return None
        wait_until(answers, f"{self.name}: ovs-vswitchd to answer")

    @property
    def vswitchd_pid(self):
        return self._vswitchd.pid

    def signal_vswitchd(self, number):
        self._vswitchd.signal(number)

    def signal(self, number):
        """Both its servers."""
        for process in (self._ovsdb, self._vswitchd):
            process.signal(number)

    def restart_by_ovs_ctl(self, while_away=None):
        """As the distribution does it: flows are saved and restored.
        Returns what it said."""
        (self._ovsdb, self._vswitchd), said = ovs_ctl.restart(
            self, {"ovsdb-server": self._ovsdb,
                   "ovs-vswitchd": self._vswitchd}, while_away)
        self.wait_answering()
        return said

    def stop_vswitchd(self, kill=False):
        if kill:
            self._vswitchd.kill()
        else:
            self._vswitchd.stop()

    def _process(self, argv):
        name = os.path.basename(argv[0])
        return self.lab.process(
            argv + ["--pidfile", f"--log-file={self.rundir}/{name}.log",
                    "-vconsole:off"],
            f"{self.rundir}/{name}.out", env=self.env,
            namespace=self.namespace)

    def vsctl(self, *args, **kwargs):
        """Runs ovs-vsctl, which waits for the switch to follow."""
        argv = ["ovs-vsctl", f"--db={self.database}", "--timeout=20"]
        return run(argv + list(args), env=self.env, **kwargs).stdout

    def transact(self, *operations):
        """A raw OVSDB transaction, for what ovs-vsctl cannot say."""
        out = run(["ovsdb-client", "transact", self.database, json.dumps(
            ["Open_vSwitch"] + list(operations))]).stdout
        for result in json.loads(out):
            if result and "error" in result:
                raise RuntimeError(f"transaction refused: {result}")

    def ofctl(self, *args, **kwargs):
        return run(["ovs-ofctl"] + OPENFLOW + list(args), env=self.env,
                   **kwargs).stdout

    def appctl(self, command, *args):
        return unixctl.call(self.rundir, "ovs-vswitchd", command, *args)

    def purge(self):
        """Makes the switch forget its cached datapath flows."""
        self.appctl("revalidator/purge")

    def flows(self, bridge):
        """Flows of a bridge, without what changes by itself."""
        # With --no-stats there is no heading.
        return sorted(line for line in self.ofctl(
            "--no-stats", "--no-names", "dump-flows", bridge).splitlines()
            if "actions=" in line)

    def rows(self, table, *columns):
        """Rows of a table of the switch's database, as dictionaries."""
        argv = ["ovs-vsctl", f"--db={self.database}", "--timeout=20",
                "--no-wait", "--format=json", "--data=json"]
        if columns:
            argv.append("--columns=" + ",".join(columns))
        listed = json.loads(run(argv + ["list", table], env=self.env).stdout)
        return [{heading: plain(value)
                 for heading, value in zip(listed["headings"], row)}
                for row in listed["data"]]

    def log(self):
        with open(f"{self.rundir}/ovs-vswitchd.log", encoding="utf-8",
                  errors="replace") as f:
            return f.read()


def plain(value):
    """An OVSDB JSON value as a str, int, bool, list or dict."""
    if isinstance(value, list) and len(value) == 2:
        kind, content = value
        if kind in ("uuid", "named-uuid"):
            return content
        if kind == "set":
            return [plain(v) for v in content]
        if kind == "map":
            return {plain(k): plain(v) for k, v in content}
    return value
