"""tests/openflow-tester, the process that uses flows/openflow.h."""

import os
import subprocess
import threading

PROGRAM = os.path.abspath(os.environ.get("OPENFLOW_TESTER",
                                         "tests/openflow-tester"))
COOKIE = 0x5ed1000000000001


class Tester:
    """One such process, connected to one bridge."""

    def __init__(self, switch, bridge):
        self.process = subprocess.Popen(
            [PROGRAM, switch.target(bridge)], env=switch.env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

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
