"""A short run of random faults and edits, always the same one; the long one
is "make check-chaos"."""

import os
import unittest

from chaos.runner import Run
from lab import BUILD_DIR

SEED, STEPS = 1, 15


class Chaos(unittest.TestCase):
    def test_stays_right_under_random_faults_and_edits(self):
        run = Run(SEED, STEPS, os.path.join(BUILD_DIR, "chaos.log"))
        violations = run.run()
        print(f"     {run.summary()}")
        if violations:
            self.fail("\n".join(violations[:5]) + "\nagain with: "
                      f"tests/chaos/run --seed={SEED} --steps={STEPS}; what "
                      f"was done when: {run.story.path}")
