"""A copy against what Open vSwitch itself would make, and a frame that the
filter refuses against one that nobody mirrors."""

import collections

from bench.datapath.ground import SENDERS, WANTED_PORT, WrongCopies

CYCLES = "cycles a frame"
COPY, BUDGETED = "unfiltered copy", "unfiltered copy, host's budget on"
REFUSED = "frame that the filter refuses"
REFUSED_50 = "frame that a filter of 50 rules refuses"
# What refuses it: the filter's name, and the ports that it asks for.
REFUSE = {"refused": ("wanted", [WANTED_PORT]),
          "refused by 50 rules": ("wanted-50", range(1000, 1500, 10))}
CASES = ["nothing mirrored", "bare Mirror", COPY, *REFUSE]
BUDGET_CONNECTIONS = 1000       # Where the host's budget is measured, too.

Traffic = collections.namedtuple("Traffic", "size connections nics")


def traffics():
    """Each size with each number of connections, and numbers of NICs."""
    return [*(Traffic(size, connections, 1) for size in (64, 256, 1500)
              for connections in (1, 1000, 100000)),
            *(Traffic(256, 64, nics) for nics in (4, 16, 64))]


def words(t):
    per_nic = " each" if t.nics > 1 else ""
    silent = (f" ({t.nics - SENDERS} of them silent)" if t.nics > SENDERS
              else "")
    return (f"{t.size} bytes, {t.nics} NIC" + "s" * (t.nics > 1) + silent
            + f", {t.connections:,} connection"
            + "s" * (t.connections > 1) + per_nic)


def budgeted(t):
    return t.connections == BUDGET_CONNECTIONS and t.nics == 1


def declare(rounds):
    wanted = traffics()
    of_bare = "cycles, of those of a bare Mirror"
    rounds.figure(COPY, of_bare, "bare Mirror",
                  {words(t): 1.05 for t in wanted})
    rounds.figure(BUDGETED, of_bare, "bare Mirror",
                  {words(t): 1.05 for t in wanted if budgeted(t)})
    for refused in (REFUSED, REFUSED_50):
        rounds.figure(refused, "cycles, of those with nothing mirrored",
                      "nothing mirrored", {words(t): 1.03 for t in wanted})


def run(ground):
    rounds = ground.rounds
    for name, ports in REFUSE.values():
        ground.filter(name, *ports)
    for t in traffics():
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
        ground.mirror(case, filter=REFUSE[case][0])
    return ground.cycles(1 if case in ("bare Mirror", COPY) else 0)


def note_ratios(rounds, t, cycles):
    for name, case in ((COPY, COPY), (BUDGETED, BUDGETED),
                       (REFUSED, "refused"),
                       (REFUSED_50, "refused by 50 rules")):
        figure = rounds.figures[name]
        for number, ratio in cycles.ratios(case, figure.reference).items():
            figure.note(figure.reference, number, 1)
            figure.note(words(t), number, ratio)
