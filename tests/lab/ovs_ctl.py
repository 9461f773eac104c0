"""The distribution's own way to restart Open vSwitch, inside a lab."""

import contextlib
import os

from lab.process import OVS_SHARE, Adopted
from lab.waiting import wait_until

_SCRIPTS = f"{OVS_SHARE}/scripts"
# In place of the script that loads kernel modules, which comes just before
# ovs-vswitchd is started: lets a test do something while it is away.
_HOLD = """#!/bin/sh
: > "$OVS_RUNDIR/vswitchd-away"
while [ -e "$OVS_RUNDIR/hold-vswitchd" ]; do sleep 0.02; done
"""


def _scripts(switch):
    """The distribution's scripts, but for the one that loads kernel
    modules."""
    directory = f"{switch.rundir}/scripts"
    if not os.path.isdir(directory):
        os.mkdir(directory)
        for name in os.listdir(_SCRIPTS):
            if name != "ovs-kmod-ctl":
                os.symlink(f"{_SCRIPTS}/{name}", f"{directory}/{name}")
        with open(f"{directory}/ovs-kmod-ctl", "w", encoding="ascii") as f:
            f.write(_HOLD)
        os.chmod(f"{directory}/ovs-kmod-ctl", 0o755)
    return directory


def restart(switch, processes, while_away=None):
    """"ovs-ctl restart": saves the flows of all bridges, restarts both
    daemons, restores the flows.  'processes' are the former daemons by name;
    'while_away' is called after ovs-vswitchd has ended and before it is
    started.  Returns the new daemons, in order, and what was said."""
    # The shell script waits for the processes to vanish, which ours do only
    # once they have been waited for.
    for process in processes.values():
        process.reap()
    away, hold = (f"{switch.rundir}/{name}"
                  for name in ("vswitchd-away", "hold-vswitchd"))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(away)
    if while_away:
        with open(hold, "w", encoding="ascii"):
            pass
    log = f"{switch.rundir}/ovs-ctl.out"
    script = switch.lab.process(
        [f"{_scripts(switch)}/ovs-ctl", "restart",
         f"--system-id={switch.name}", "--no-monitor", "--no-mlockall",
         "--no-record-hostname"], log,
        env=dict(switch.env, TMPDIR=switch.rundir),
        namespace=switch.namespace)
    wait_until(lambda: os.path.exists(away) or not script.alive(),
               "ovs-vswitchd to be away", 60)
    if while_away:
        while_away()
        os.unlink(hold)
    wait_until(lambda: not script.alive(), "ovs-ctl to end", 60)
    if script.returncode:
        raise RuntimeError(f"ovs-ctl: {script.last_words()}")
    started = []
    for name in processes:
        with open(f"{switch.rundir}/{name}.pid", encoding="ascii") as f:
            started.append(Adopted(name, int(f.read())))
        switch.lab.processes.append(started[-1])
    return started, script.last_words()
