"""The systemd unit, as far as systemd says without running it."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from lab import BUILD_DIR

SCORE = r"Overall exposure level for \S+: ([\d.]+)"


@unittest.skipUnless(shutil.which("systemd-analyze"),
                     "systemd-analyze is not installed")
class Service(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.unit = os.path.join(scratch.name, "ovs-mirrord.service")
        with open(os.path.join(BUILD_DIR, "utilities",
                               "ovs-mirrord.service"),
                  encoding="ascii") as f:
            text = f.read()
        self.assertNotIn("@sbindir@", text)
        # Installed or not, the program is there.
        text, found = re.subn(r"(?m)^ExecStart=\S+", "ExecStart="
                              + os.path.join(BUILD_DIR, "ovs-mirrord"), text)
        self.assertEqual(found, 1)
        with open(self.unit, "w", encoding="ascii") as f:
            f.write(text)

    def analyze(self, *args):
        return subprocess.run(["systemd-analyze", *args, self.unit],
                              text=True, capture_output=True, check=False)

    def test_systemd_understands_every_line(self):
        result = self.analyze("verify", "--man=no")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_systemd_finds_little_exposed(self):
        result = self.analyze("security", "--offline=yes", "--no-pager")
        score, = re.findall(SCORE, result.stdout)
        self.assertLessEqual(float(score), 2.0, result.stdout)


if __name__ == "__main__":
    unittest.main()
