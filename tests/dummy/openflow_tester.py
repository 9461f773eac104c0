"""tests/openflow-tester, the process that uses flows/openflow.h."""

import os
import subprocess
import threading

# Beside the working directory in "make check", else where the lab looks.
BUILD_DIR = os.environ.get("OVS_MIRROR_BUILD") or (
    "." if os.path.exists("tests/openflow-tester") else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "../../_build"))
PROGRAM = os.path.abspath(os.path.join(BUILD_DIR, "tests/openflow-tester"))
COOKIE = 0x5ed1000000000001


class Tester:
    """One such process, connected to one bridge."""

    def __init__(self, target, env=None):
        self.process = subprocess.Popen(
            [PROGRAM, target], env=env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def hear(self):
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("the tester ended: %s" % lines)
            if line == ".\n":
                return lines
            lines.append(line.rstrip("\n"))

    def ask(self, line):
        self.tell(line)
        self.process.stdin.flush()
        return self.hear()

    def edit(self, lines):
        """Sends many edits and returns the bundle's result."""
        # The answers are read while the edits are written: either pipe
        # may fill.
        def write():
            for line in lines:
                self.tell(line)
            self.process.stdin.flush()
        writer = threading.Thread(target=write)
        writer.start()
        for _ in lines:
            self.hear()
        writer.join()
        return self.ask("bundle")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)


def flow_words(table, priority, match, actions, cookie=COOKIE):
    return "%d %d %x %s %s" % (table, priority, cookie, match, actions)
