"""A copy against what Open vSwitch itself would make, and a frame that the
filter refuses against one that nobody mirrors."""

import collections

from bench.datapath.ground import SENDERS, WANTED_PORT, WrongCopies

CYCLES = "cycles a frame"
COPY, BUDGETED = "unfiltered copy", "unfiltered copy, host's budget on"
REFUSED = "frame that the filter refuses"
CASES = ["nothing mirrored", "bare Mirror", COPY, "refused"]
BUDGET_CONNECTIONS = 1000       # Where the host's budget is measured, too.

Traffic = collections.namedtuple("Traffic", "size connections nics")


def traffics(full):
    """Each size, each number of connections, each number of NICs."""
    if full:
        some = [Traffic(size, connections, 1) for size in (64, 256, 1500)
                for connections in (1, 1000, 100000)]
        return some + [Traffic(256, 64, nics) for nics in (4, 16, 64)]
    return [Traffic(64, 1, 1), Traffic(64, 1000, 1), Traffic(64, 100000, 1),
            Traffic(256, 1000, 1), Traffic(1500, 1000, 1),
            Traffic(256, 64, 64)]


def words(t):
    per_nic = " each" if t.nics > 1 else ""
    silent = (f" ({t.nics - SENDERS} of them silent)" if t.nics > SENDERS
              else "")
    return (f"{t.size} bytes, {t.nics} NIC" + "s" * (t.nics > 1) + silent
            + f", {t.connections:,} connection"
            + "s" * (t.connections > 1) + per_nic)


def budgeted(t):
    return t.connections == BUDGET_CONNECTIONS and t.nics == 1


def declare(rounds, full):
    wanted = traffics(full)
    of_bare = "cycles, of those of a bare Mirror"
    rounds.figure(COPY, of_bare, "bare Mirror",
                  {words(t): 1.05 for t in wanted})
    rounds.figure(BUDGETED, of_bare, "bare Mirror",
                  {words(t): 1.05 for t in wanted if budgeted(t)})
    rounds.figure(REFUSED, "cycles, of those with nothing mirrored",
                  "nothing mirrored", {words(t): 1.03 for t in wanted})


def run(ground, full):
    rounds = ground.rounds
    ground.filter("wanted", WANTED_PORT)
    for t in traffics(full):
        figure = rounds.figure(f"{CYCLES}: {words(t)}", "cycles",
                               "bare Mirror")
        with ground.traffic(t.size, t.connections, t.nics):
            for case in rounds.turns(CASES + [BUDGETED] * budgeted(t)):
                with rounds.attempt(f"{rounds.turn()}, {figure.name}, "
                                    f"{case}"):
                    rounds.note(figure.name, case, measure(ground, case))
        note_ratios(rounds, t, figure)


def measure(ground, case):
    if case == BUDGETED:
        with ground.budget(case):
            ground.mirror(case)
            cycles = ground.cycles(1)
            if "meter(" not in "".join(ground.switch.datapath_flows()):
                raise WrongCopies("copies pass no meter")
            return cycles
    if case == "nothing mirrored":
        ground.no_mirror()
    elif case == "bare Mirror":
        ground.bare_mirror()
    elif case == COPY:
        ground.mirror(case)
    else:
        ground.mirror(case, filter="wanted")
    return ground.cycles(1 if case in ("bare Mirror", COPY) else 0)


def note_ratios(rounds, t, cycles):
    for name, case in ((COPY, COPY), (BUDGETED, BUDGETED),
                       (REFUSED, "refused")):
        figure = rounds.figures[name]
        for number, ratio in cycles.ratios(case, figure.reference).items():
            figure.note(figure.reference, number, 1)
            figure.note(words(t), number, ratio)
