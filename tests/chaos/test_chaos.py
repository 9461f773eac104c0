"""Short runs of random faults and edits, always the same ones; the long one
is "make check-chaos"."""

import os
import unittest

from chaos.runner import Run
from lab import BUILD_DIR


class Chaos(unittest.TestCase):
    def stays_right(self, seed, steps, log, vpc=False):
        run = Run(seed, steps, os.path.join(BUILD_DIR, log), vpc=vpc)
        violations = run.run()
        print(f"     {run.summary()}")
        if violations:
            self.fail("\n".join(violations[:5]) + "\nagain with: "
                      f"tests/chaos/run --seed={seed} --steps={steps}"
                      + (" --vpc" if vpc else "") + "; what was done when: "
                      + run.story.path)

    def test_stays_right_under_random_faults_and_edits(self):
        self.stays_right(1, 15, "chaos.log")

    def test_stays_right_where_copies_go_to_vpcs(self):
        self.stays_right(146, 5, "chaos-vpc.log", vpc=True)
