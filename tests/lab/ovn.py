"""OVN as the distribution ships it: central databases and northd, and an
ovn-controller beside a hypervisor's switch."""

import os

from lab import unixctl
from lab.process import run
from lab.waiting import wait_until

_SCHEMAS = "/usr/share/ovn"


class OvnCentral:
    """Northbound and southbound database, ovn-northd."""

    def __init__(self, lab):
        self.lab = lab
        self.rundir = lab.directory("ovn")
        self.env = dict(os.environ, OVN_RUNDIR=self.rundir,
                        OVN_LOGDIR=self.rundir, OVN_DBDIR=self.rundir,
                        OVS_RUNDIR=self.rundir)
        self.remotes = {kind: f"unix:{self.rundir}/{kind}.sock"
                        for kind in ("nb", "sb")}

    def start(self):
        for kind in self.remotes:
            base = f"{self.rundir}/{kind}"
            run(["ovsdb-tool", "create", f"{base}.db",
                 f"{_SCHEMAS}/ovn-{kind}.ovsschema"])
            self._process(["ovsdb-server", f"{base}.db",
                           f"--remote=p{self.remotes[kind]}",
                           f"--unixctl={base}.ctl", f"--pidfile={base}.pid",
                           f"--log-file={base}.log"])
            wait_until(lambda base=base: unixctl.listens(f"{base}.sock"),
                       f"OVN's {kind} database")
        self.nbctl("init")
        self.sbctl("init")
        self._process(["ovn-northd", f"--ovnnb-db={self.remotes['nb']}",
                       f"--ovnsb-db={self.remotes['sb']}", "--pidfile",
                       f"--log-file={self.rundir}/ovn-northd.log"])
        return self

    def _process(self, argv):
        return self.lab.process([*argv, "-vconsole:off"],
                                f"{self.rundir}/{argv[0]}.out", env=self.env)

    def nbctl(self, *args):
        return self._ctl("nb", args)

    def sbctl(self, *args):
        return self._ctl("sb", args)

    def _ctl(self, kind, args):
        return run([f"ovn-{kind}ctl", f"--db={self.remotes[kind]}",
                    "--timeout=30", *args], env=self.env).stdout

    def wait_installed(self, *args):
        """Runs an ovn-nbctl command and waits until every ovn-controller has
        installed what it comes to."""
        return self.nbctl("--wait=hv", *(args or ["sync"]))


class OvnController:
    """ovn-controller on one hypervisor of the lab."""

    def __init__(self, lab, central, switch, encap="geneve"):
        self.lab, self.central, self.switch = lab, central, switch
        self._env = dict(switch.env, OVN_RUNDIR=switch.rundir,
                         OVN_LOGDIR=switch.rundir)
        self._process = None
        ids = {"ovn-remote": central.remotes["sb"], "ovn-encap-type": encap,
               "ovn-encap-ip": switch.ip, "ovn-bridge": "br-int",
               "ovn-bridge-datapath-type": "netdev"}
        switch.vsctl("set", "Open_vSwitch", ".", *(
            f'external_ids:{key}="{value}"' for key, value in ids.items()))

    def start(self):
        rundir = self.switch.rundir
        self._process = self.lab.process(
            ["ovn-controller", self.switch.database, "--pidfile",
             f"--log-file={rundir}/ovn-controller.log", "-vconsole:off"],
            f"{rundir}/ovn-controller.out", env=self._env,
            namespace=self.switch.namespace)

        def answers():
            if not self.alive():
                raise RuntimeError("ovn-controller ended: "
                                   + self._process.last_words())
            try:
                return self.appctl("version")
            except (OSError, ValueError):
                return None
        wait_until(answers, "ovn-controller to answer")
        return self

    def appctl(self, command, *args):
        return unixctl.call(self.switch.rundir, "ovn-controller", command,
                            *args)

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process.alive()

    def leave(self, *options):
        """Ends it; with "--restart" it leaves everything as it is, else it
        takes its flows, ports and tunnels along."""
        self.appctl("exit", *options)
        self._process.wait()

    def kill(self):
        self._process.kill()
