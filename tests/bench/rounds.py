"""Interleaved rounds, and what came of them as table, JSON and plot."""

import argparse
import contextlib
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
import traceback

from lab.base import BUILD_DIR, SOURCE_DIR

# An allocator that servers may be started with.
JEMALLOC = "libjemalloc.so.2"


def positive(text):
    """An option's number, 1 at least."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is no number from 1 on')
    return int(text)


def numbers(text):
    """An option's numbers, each once, the least first, which others are held
    against; "0" is none at all."""
    return [] if text == "0" else sorted(set(map(positive, text.split(","))))


def parser(usage):
    """Options that every part of the benchmark has."""
    options = argparse.ArgumentParser(
        description=usage, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=positive, default=5)
    options.add_argument("--output", default=os.path.join(BUILD_DIR, "bench"),
                         help="directory of the JSON and the plot")
    options.add_argument("--strict", action="store_true",
                         help="a goal that is not held is a failure, too")
    return options


def path_of(output, part):
    """Of what a part writes, without what tells JSON from plot."""
    return os.path.join(output, part)


def line_of(words, top):
    """A command line as it is told: without the lab's directory 'top', which
    is another in each run."""
    return shlex.join(words).replace(f"{top}/", "")


def forget(output, part):
    """Removes what an earlier run has written, which nobody shall take for
    this one's."""
    for kind in (".json", ".svg"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path_of(output, part) + kind)


def shortened(error, most=800):
    """What an error says, without the middle: a command may have thousands
    of words."""
    text = str(error)
    return (text if len(text) <= most
            else f"{text[:most // 2]} ... {text[-(most // 2):]}")


class Spread:
    """Median, least and most of some values."""

    def __init__(self, values):
        self.median = statistics.median(values)
        self.least, self.most = min(values), max(values)

    def __str__(self):
        return (f"{short(self.median)} [{short(self.least)}, "
                f"{short(self.most)}]")

    def json(self):
        return {"median": self.median, "min": self.least, "max": self.most}


def short(value):
    if value and abs(value) < 0.001:
        return f"{value:.2g}"
    if 0.9 <= value < 2:    # Ratios near their goals.
        return f"{value:.4g}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


class Figure:
    """One thing measured of several cases, in rounds.

    'reference' is the case that the others are divided by; 'goal' is what
    the ratio's median is to be at most, and 'limit' what the value itself is
    in every round, of the cases that have one.
    """

    def __init__(self, name, unit, reference=None, goal=None, limit=None):
        self.name, self.unit = name, unit
        self.reference = reference
        self.goal, self.limit = dict(goal or {}), dict(limit or {})
        self.values = {}                                # Case, round.

    def note(self, case, number, value):
        self.values.setdefault(case, {})[number] = value

    def value(self, case):
        return Spread(list(self.values[case].values()))

    def ratios(self, case, reference):
        """To the reference of the same round, by round."""
        of = self.values.get(reference, {})
        return {number: value / of[number]
                for number, value in self.values.get(case, {}).items()
                if of.get(number)}

    def ratio(self, case):
        """Of all rounds, or None."""
        ratios = self.ratios(case, self.reference).values()
        return Spread(list(ratios)) if ratios else None

    def cases(self):
        """Those measured, then those that should have been."""
        return list(dict.fromkeys([*self.values, *self.goal, *self.limit]))

    def judged(self, case):
        """What a case is to hold, in words, each with whether it does, None
        where there is nothing to judge by."""
        ratio = self.ratio(case)
        if case in self.goal:
            yield (f"at most {self.goal[case]:g}",
                   ratio and ratio.median <= self.goal[case])
        if case in self.limit:
            yield (f"at most {self.limit[case]:g} {self.unit}",
                   self.value(case).most <= self.limit[case]
                   if case in self.values else None)

    def verdict(self, case):
        words = {True: "held", False: "NOT HELD", None: "NOT MEASURED"}
        return ", ".join(f"{goal}: {words[held]}"
                         for goal, held in self.judged(case))

    def lines(self):
        head = f"{self.name} ({self.unit}"
        head += f"; ratio to: {self.reference})" if self.reference else ")"
        yield head
        if not self.values:
            yield "  not measured"
        width = max(map(len, self.cases()), default=0) + 2
        for case in self.cases():
            value = self.value(case) if case in self.values else "-"
            columns = f"  {case:{width}}{str(value):27} "
            if self.reference:
                columns += f"{str(self.ratio(case) or '-'):25} "
            yield (columns + self.verdict(case)).rstrip()

    def json(self):
        cases = {}
        for case in self.cases():
            cases[case] = {"rounds": list(self.values[case].values()),
                           **self.value(case).json()} \
                if case in self.values else {"rounds": []}
            if ratio := self.ratio(case):
                cases[case]["ratio"] = ratio.json()
            if case in self.goal:
                cases[case]["goal"] = self.goal[case]
            if case in self.limit:
                cases[case]["limit"] = self.limit[case]
            if judged := dict(self.judged(case)):
                cases[case]["held"] = judged
        return {"unit": self.unit, "reference": self.reference,
                "cases": cases}


class Rounds:
    """A part of the benchmark while it runs."""

    def __init__(self, name, arguments):
        self.name, self.count = name, arguments.rounds
        self.output, self.strict = arguments.output, arguments.strict
        self.figures, self.commands, self.remarks = {}, [], []
        self.failures = []
        self.number = 0
        self._began = time.monotonic()
        self._of = {"began": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                           time.gmtime()),
                    "revision": revision()}

    def figure(self, name, unit, reference=None, goal=None, limit=None):
        return self.figures.setdefault(
            name, Figure(name, unit, reference, goal, limit))

    def note(self, figure, case, value):
        """What was measured of a case in this round."""
        self.figures[figure].note(case, self.number, value)
        print(f"{self.turn()}, {figure}, {case}: {value:.6g}", flush=True)

    def command(self, case, line):
        """A command line that was measured, told once of each case."""
        if (case, line) not in self.commands:
            self.commands.append((case, line))

    def remark(self, text):
        self.remarks.append(text)

    def fail(self, text):
        """A part could not be measured, or what was measured is not what it
        should be: the rest goes on, and finish() tells."""
        self.failures.append(text)
        print(f"FAILED: {text}", flush=True)

    @contextlib.contextmanager
    def attempt(self, what):
        """What is raised in here is a failure of this, and no more: what was
        measured before and is measured afterwards counts."""
        try:
            yield
        except Exception as error:  # Told here, and again at the end.
            traceback.print_exc()
            self.fail(f"{what}: {type(error).__name__}: {shortened(error)}")

    def run(self, measure):
        """Calls measure() and finish(), whatever the former raised.  Returns
        the exit status."""
        forget(self.output, self.name)
        with self.attempt(f"bench-{self.name}"):
            measure()
        return self.finish()

    def turn(self):
        """The round, in words."""
        return f"round {self.number + 1}"

    def turns(self, cases, count=None):
        """Every case in every round, or in 'count' of them; who is first
        takes turns."""
        cases = list(cases)
        for self.number in range(count or self.count):
            at = self.number % len(cases)
            yield from cases[at:] + cases[:at]

    def judged(self, held):
        """The goals of which that is so (True, False, or None: they were not
        measured)."""
        return [f"{figure.name}, {case}: {goal}"
                for figure in self.figures.values()
                for case in figure.cases()
                for goal, so in figure.judged(case) if so is held]

    def status(self):
        """The exit status: 1 if a part failed or, where that is asked for,
        a goal is not held or was not measured."""
        broken = self.judged(False) + self.judged(None)
        return 1 if self.failures or (self.strict and broken) else 0

    def finish(self):
        """Prints the tables; writes JSON and plot.  Returns the exit
        status."""
        print()
        for figure in self.figures.values():
            print("\n".join(figure.lines()), end="\n\n")
        for case, line in self.commands:
            print(f"measured, {case}: {line}")
        for text in self.remarks:
            print("note:", text)
        ends = {"Not held": self.judged(False),
                "Not measured": self.judged(None), "FAILED": self.failures}
        for word, texts in ends.items():
            for text in texts:
                print(f"{word}: {text}")
        os.makedirs(self.output, exist_ok=True)
        path = path_of(self.output, self.name)
        with open(path + ".json", "w", encoding="utf-8") as f:
            json.dump({"name": self.name, "of": self._of,
                       "machine": machine(),
                       "rounds": self.count,
                       "seconds": round(time.monotonic() - self._began),
                       "arguments": [word for word in sys.argv[1:]
                                     if not word.startswith("--output")],
                       "commands": [{"case": case, "command": line}
                                    for case, line in self.commands],
                       "notes": self.remarks,
                       "held": self.judged(True),
                       "not_held": ends["Not held"],
                       "not_measured": ends["Not measured"],
                       "failed": self.failures,
                       "figures": {f.name: f.json()
                                   for f in self.figures.values()}},
                      f, indent=1)
            f.write("\n")
        if drawn := [f for f in self.figures.values() if f.values]:
            plot(drawn, path + ".svg")
        print(f"written: {path}.json" + f", {path}.svg" * bool(drawn))
        return self.status()


def summary(ended):
    """Lines that tell of parts what came of their goals, a table of all parts
    at the end; 'ended' has the exit status of each and what it wrote, which
    is nothing where it did not come so far."""
    ends = {"held": "held", "not held": "not_held",
            "not measured": "not_measured", "failed": "failed"}
    for part, (_, written) in ended.items():
        for end, key in ends.items():
            if end != "held":
                yield from (f"{part}: {end}: {text}"
                            for text in written.get(key, ()))
    yield f"{'part':10}" + "".join(f"{end:>14}" for end in ends) \
        + f"{'exit status':>14}"
    for part, (status, written) in ended.items():
        counts = [len(written[key]) if written else "-"
                  for key in ends.values()]
        yield f"{part:10}" + "".join(f"{n:>14}" for n in [*counts, status])


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
        most_of = figure.goal if figure.reference else figure.limit
        for at, case in enumerate(cases):
            if case in most_of:
                panel.plot([most_of[case]] * 2, [at - 0.4, at + 0.4],
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


def revision():
    """Of the source, where it has come by git; else ""."""
    return subprocess.run(
        ["git", "-C", SOURCE_DIR, "describe", "--always", "--dirty"],
        check=False, capture_output=True, text=True).stdout.strip()


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
    def cpu_of_threads(pid):
        """The same of all threads that are there."""
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            # One that ends meanwhile.
            with contextlib.suppress(FileNotFoundError,
                                     ProcessLookupError):
                total += Processes.cpu_exact(f"{pid}/task/{thread}")
        return total

    @staticmethod
    def has_loaded(pid, library):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            return any(line.rstrip().endswith(f"/{library}") for line in f)

    @staticmethod
    def command_line(pid, top):
        """What a process of the lab in 'top' was started with, and the
        library that was loaded before its own."""
        def words(of):
            with open(f"/proc/{pid}/{of}", encoding="utf-8",
                      errors="replace") as f:
                return f.read().rstrip("\0").split("\0")
        line = [word for word in words("environ")
                if word.startswith("LD_PRELOAD=")]
        program, *arguments = words("cmdline")
        return line_of([*line, os.path.basename(program), *arguments], top)

    @staticmethod
    def resident_mb(pid, which="VmRSS"):
        """Now; with "VmHWM" the most that it ever was."""
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            line, = [li for li in f if li.startswith(which)]
        return int(line.split()[1]) / 1024
