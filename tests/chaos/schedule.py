"""From a seed to a schedule: what is done when, and nothing but the seed
decides it."""

import dataclasses
import random

from chaos import (faults_around, faults_by_hand, faults_product,
                   faults_tenant)
from chaos.edits import Editor
from chaos.fault import CONTROL

KINDS = [*faults_product.ALL, *faults_by_hand.ALL, *faults_around.ALL]
# Of a world with tenants' networks.
TENANT_KINDS = [*KINDS, *faults_tenant.ALL]
STEPS_TO_QUIET = 5


@dataclasses.dataclass
class Step:
    """What happens in one moment, and how long it is left alone then."""

    number: int
    begin: list         # Faults.
    brief: list         # Those of 'begin' that end in this very step.
    end: list           # Faults of former steps.
    edit: object        # Or None.
    delays: list        # Seconds before each of the above is begun.
    hold: float
    quiet: bool         # Is everything looked over after it?

    def words(self):
        doing = ([f"begin {f.kind} ({f.words})" for f in self.begin]
                 + [f"end {f.kind}" for f in self.end]
                 + ([f"edit: {self.edit.words}"] if self.edit else []))
        return (f"step {self.number}: {' + '.join(doing) or 'nothing'}; "
                f"{self.hold:.2f} s" + ("; quiet" if self.quiet else ""))


def _drawn(rng, kinds, standing, moving):
    """A fault that can be begun beside those that stand and those that begin
    or end in this step; or None, since one draw decides."""
    fault = rng.choice(kinds)(rng)
    taken = {t for f in [*standing, *moving] for t in f.takes}
    needed = {n for f in moving for n in f.needs}
    if taken & {*fault.takes, *fault.needs} or needed & {*fault.takes}:
        return None
    return fault


def draw(seed, steps, kinds=None, editor=Editor):
    """Returns (the filters' first edit, the steps).  'editor' is the class
    that draws the edits."""
    rng = random.Random(seed)
    editor = editor(rng)
    kinds = kinds or KINDS
    drawn, standing = [], {}        # Fault -> number of its last step.
    for number in range(1, steps + 1):
        final = number == steps
        quiet = final or number % STEPS_TO_QUIET == 0
        ending = [f for f, last in standing.items() if final
                  or last <= number or quiet and not f.stands_in_quiet]
        for fault in ending:
            del standing[fault]
        begin, brief = [], []
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            fault = _drawn(rng, kinds, standing, begin + ending)
            if fault:
                begin.append(fault)
        busy = {t for f in [*standing, *begin, *ending] for t in f.takes}
        edit = (editor.draw() if rng.random() < 0.6 and CONTROL not in busy
                else None)
        for fault in begin:
            last = number + rng.randint(0, fault.longest)
            if (last == number or final
                    or quiet and not fault.stands_in_quiet):
                brief.append(fault)
            else:
                standing[fault] = last
        delays = [rng.uniform(0, 0.1)
                  for _ in range(len(begin) + len(ending) + 1)]
        drawn.append(Step(number, begin, brief, ending, edit, delays,
                          rng.uniform(0.05, 0.8), quiet))
    return editor.first, drawn
