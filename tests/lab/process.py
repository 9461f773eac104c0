"""Processes with a known owner: each is ended by its own id."""

import os
import select
import shutil
import signal
import subprocess
import threading

from lab.waiting import SLOWNESS

# As Open vSwitch itself looks for what it shares.
OVS_SHARE = os.environ.get("OVS_PKGDATADIR", "/usr/share/openvswitch")
OVS_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin",
                            f"{OVS_SHARE}/scripts"])


class CommandFailed(Exception):
    """A command ended non-zero; carries what it said."""

    def __init__(self, argv, result):
        self.argv, self.result = argv, result
        said = (result.stderr or result.stdout or "").strip()
        super().__init__(f"{' '.join(map(str, argv))}: exit "
                         f"{result.returncode}: {said}")


def program(name):
    """Full path of a program, looked for in the sbin directories too."""
    path = shutil.which(name, path=OVS_PATH)
    if not path:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def run(argv, env=None, check=True, timeout=60, text_in=None):
    """Runs a command to its end and returns its subprocess result."""
    argv = [str(a) for a in argv]
    result = subprocess.run([program(argv[0])] + argv[1:], input=text_in,
                            text=True, capture_output=True, env=env,
                            timeout=timeout * SLOWNESS, check=False)
    if check and result.returncode:
        raise CommandFailed(argv, result)
    return result


class Process:
    """A long-running child.

    'netns' is the path of a network namespace to run in.  Unless 'outlive' is
    set the kernel ends the child should this program be killed outright.
    """

    def __init__(self, argv, log, env=None, netns=None, outlive=False):
        argv = [str(a) for a in argv]
        self.name = os.path.basename(argv[0])
        self.log = log
        command = [program(argv[0])] + argv[1:]
        if netns:
            command = [program("nsenter"), f"--net={netns}", "--"] + command
        if not outlive:
            command = [program("setpriv"), "--pdeathsig", "KILL"] + command
        with open(log, "ab") as output:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env=env, start_new_session=True)

    @property
    def pid(self):
        return self._child.pid

    @property
    def returncode(self):
        return self._child.poll()

    def alive(self):
        return self._child.poll() is None

    def last_words(self):
        """What the process printed last, for error messages."""
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")[-2000:].strip()

    def signal(self, number):
        if self.alive():
            self._child.send_signal(number)

    def wait(self, timeout=10):
        return self._child.wait(timeout * SLOWNESS)

    def reap(self):
        """Waits for the process from a thread: it vanishes when it ends, and
        not only when somebody asks."""
        threading.Thread(target=self._child.wait, daemon=True).start()

    def stop(self, timeout=5):
        """Ends the process: asked first, then made to."""
        self.signal(signal.SIGTERM)
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        self._child.wait()


class Adopted:
    """A daemon that somebody else started: no child of ours, and so not
    ended by the kernel should this program be killed outright."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid
        self._handle = os.pidfd_open(pid)

    returncode = None

    def last_words(self):
        return ""

    def reap(self):
        """Nothing is owed to a process that is not our child."""

    def alive(self):
        return not select.select([self._handle], [], [], 0)[0]

    def signal(self, number):
        if self.alive():
            signal.pidfd_send_signal(self._handle, number)

    def wait(self, timeout=10):
        if not select.select([self._handle], [], [],
                             timeout * SLOWNESS)[0]:
            raise subprocess.TimeoutExpired(self.name, timeout)

    def stop(self, timeout=5):
        self.signal(signal.SIGTERM)
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()
