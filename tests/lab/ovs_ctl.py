"""The distribution's own way to restart Open vSwitch, inside a lab."""

import os

from lab.process import Adopted, run

_SCRIPTS = "/usr/share/openvswitch/scripts"


def _scripts_without_modules(switch):
    """The distribution's scripts, but for the one that loads kernel modules,
    which the userspace datapath does not need."""
    directory = f"{switch.rundir}/scripts"
    if not os.path.isdir(directory):
        os.mkdir(directory)
        for name in os.listdir(_SCRIPTS):
            if name != "ovs-kmod-ctl":
                os.symlink(f"{_SCRIPTS}/{name}", f"{directory}/{name}")
        with open(f"{directory}/ovs-kmod-ctl", "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 0\n")
        os.chmod(f"{directory}/ovs-kmod-ctl", 0o755)
    return directory


def restart(switch, processes):
    """"ovs-ctl restart": saves the flows of all bridges, restarts both
    daemons, restores the flows.  'processes' are the former daemons by name.
    Returns the new ovsdb-server and ovs-vswitchd."""
    # The shell script waits for the processes to vanish, which ours do only
    # once they have been waited for.
    for process in processes.values():
        process.reap()
    command = [f"{_scripts_without_modules(switch)}/ovs-ctl", "restart",
               f"--system-id={switch.name}", "--no-monitor",
               "--no-mlockall", "--no-record-hostname"]
    env = dict(switch.env, TMPDIR=switch.rundir)
    if switch.namespace:
        command = ["nsenter", f"--net={switch.namespace.path}",
                   "--"] + command
    result = run(command, env=env, timeout=120)
    started = []
    for name in processes:
        with open(f"{switch.rundir}/{name}.pid", encoding="ascii") as f:
            started.append(Adopted(name, int(f.read())))
        switch.lab.processes.append(started[-1])
    return started, result.stdout
