"""Interleaved rounds, and what came of them as table, JSON and plot."""

import argparse
import collections
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from lab.base import BUILD_DIR


def parser(usage):
    """Options that every part of the benchmark has."""
    options = argparse.ArgumentParser(
        description=usage, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--output", default=os.path.join(BUILD_DIR, "bench"),
                         help="directory of the JSON and the plot")
    return options


class Spread:
    """Median, least and most of some values."""

    def __init__(self, values):
        self.median = statistics.median(values)
        self.least, self.most = min(values), max(values)

    def __str__(self):
        return (f"{_short(self.median)} [{_short(self.least)}, "
                f"{_short(self.most)}]")

    def json(self):
        return {"median": self.median, "min": self.least, "max": self.most}


def _short(value):
    if value and abs(value) < 0.001:
        return f"{value:.2g}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


class Figure:
    """One thing measured of several cases, in rounds.

    'reference' is the case that the others are divided by; 'goal' is what
    the ratio is to be at most, of the cases that have one.
    """

    def __init__(self, name, unit, reference=None, goal=None):
        self.name, self.unit = name, unit
        self.reference, self.goal = reference, dict(goal or {})
        self.values = collections.defaultdict(dict)     # Case, round.

    def note(self, case, number, value):
        self.values[case][number] = value

    def value(self, case):
        return Spread(list(self.values[case].values()))

    def ratio(self, case):
        """To the reference of the same round, or None."""
        of = self.values.get(self.reference, {})
        ratios = [value / of[number]
                  for number, value in self.values[case].items()
                  if of.get(number)]
        return Spread(ratios) if ratios else None

    def verdict(self, case):
        goal, ratio = self.goal.get(case), self.ratio(case)
        if goal is None or ratio is None:
            return ""
        return (f"at most {goal:g}: "
                + ("held" if ratio.median <= goal else "NOT HELD"))

    def lines(self):
        head = f"{self.name} ({self.unit}"
        head += f"; ratio to: {self.reference})" if self.reference else ")"
        width = max(len(case) for case in self.values) + 2
        yield head
        for case in self.values:
            ratio = self.ratio(case)
            columns = f"  {case:{width}}{str(self.value(case)):28}"
            if self.reference:
                columns += f"{str(ratio or '-'):26}{self.verdict(case)}"
            yield columns.rstrip()

    def json(self):
        cases = {}
        for case in self.values:
            cases[case] = {"rounds": list(self.values[case].values()),
                           **self.value(case).json()}
            if ratio := self.ratio(case):
                cases[case]["ratio"] = ratio.json()
            if case in self.goal:
                cases[case]["goal"] = self.goal[case]
        return {"unit": self.unit, "reference": self.reference,
                "cases": cases}


class Rounds:
    """A part of the benchmark while it runs."""

    def __init__(self, name, arguments):
        self.name, self.count = name, arguments.rounds
        self.output = arguments.output
        self.figures, self.commands, self.remarks = {}, [], []
        self.number = 0
        self._began = time.monotonic()

    def figure(self, name, unit, reference=None, goal=None):
        return self.figures.setdefault(
            name, Figure(name, unit, reference, goal))

    def note(self, figure, case, value):
        """What was measured of a case in this round."""
        self.figures[figure].note(case, self.number, value)
        print(f"round {self.number + 1}, {figure}, {case}: {value:.6g}",
              flush=True)

    def command(self, line):
        """A command line that was measured, told once."""
        if line not in self.commands:
            self.commands.append(line)

    def remark(self, text):
        self.remarks.append(text)

    def turns(self, cases, count=None):
        """Every case in every round, or in 'count' of them; who is first
        takes turns."""
        cases = list(cases)
        for self.number in range(count or self.count):
            at = self.number % len(cases)
            yield from cases[at:] + cases[:at]

    def finish(self):
        """Prints the tables; writes JSON and plot."""
        figures = [f for f in self.figures.values() if f.values]
        print()
        for figure in figures:
            print("\n".join(figure.lines()), end="\n\n")
        for line in self.commands:
            print("measured:", line)
        for text in self.remarks:
            print("note:", text)
        os.makedirs(self.output, exist_ok=True)
        path = os.path.join(self.output, self.name)
        with open(path + ".json", "w", encoding="utf-8") as f:
            json.dump({"name": self.name, "machine": machine(),
                       "rounds": self.count,
                       "seconds": round(time.monotonic() - self._began),
                       "arguments": sys.argv[1:],
                       "commands": self.commands, "notes": self.remarks,
                       "figures": {f.name: f.json() for f in figures}},
                      f, indent=1)
            f.write("\n")
        plot(figures, path + ".svg")
        print(f"written: {path}.json, {path}.svg")


def plot(figures, path):
    """A panel for each figure: bars of the ratios, or of the values where
    nothing is the reference, from least to most."""
    import matplotlib
    matplotlib.use("svg")
    # Text as text: a tenth of the size.
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot
    heights = [len(figure.values) + 1.6 for figure in figures]
    drawing, panels = pyplot.subplots(
        len(figures), 1, figsize=(9, 0.32 * sum(heights)), squeeze=False,
        height_ratios=heights, layout="constrained")
    for panel, figure in zip(panels[:, 0], figures):
        cases = list(figure.values)
        spreads = [(figure.ratio(case) if figure.reference else None)
                   or figure.value(case) for case in cases]
        panel.barh(cases, [s.median for s in spreads], height=0.6, xerr=[
            [s.median - s.least for s in spreads],
            [s.most - s.median for s in spreads]], capsize=2,
            color=["0.75" if case == figure.reference else "tab:blue"
                   for case in cases])
        panel.invert_yaxis()
        for at, case in enumerate(cases):
            if case in figure.goal and figure.reference:
                panel.plot([figure.goal[case]] * 2, [at - 0.4, at + 0.4],
                           color="tab:red")
        most, least = (max(s.most for s in spreads),
                       min(s.median for s in spreads))
        if least > 0 and most / least > 30:
            panel.set_xscale("log")
        panel.set_title(
            f"{figure.name}: " + (f"ratio to {figure.reference}"
                                  if figure.reference else figure.unit),
            fontsize=9, loc="left")
        panel.tick_params(labelsize=8)
    drawing.savefig(path, metadata={"Date": None})
    pyplot.close(drawing)


def machine():
    """What the figures were measured on."""
    with open("/proc/cpuinfo", encoding="ascii") as f:
        models = [line.split(":")[1].strip() for line in f
                  if line.startswith("model name")]
    version = subprocess.run(["ovs-vswitchd", "--version"], check=False,
                             capture_output=True, text=True).stdout
    return {"processor": models[0] if models else platform.machine(),
            "processors": os.cpu_count(),
            "memory_mb": os.sysconf("SC_PAGE_SIZE")
            * os.sysconf("SC_PHYS_PAGES") >> 20,
            "kernel": platform.release(),
            "switch": version.split("\n", maxsplit=1)[0]}


class Processes:
    """Processor time and memory of processes."""

    @staticmethod
    def cpu(pid):
        """Seconds of a processor so far."""
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def cpu_exact(pid):
        """The same by the scheduler's clock, of the main thread alone."""
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9

    @staticmethod
    def resident_mb(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            line, = [li for li in f if li.startswith("VmRSS")]
        return int(line.split()[1]) / 1024
