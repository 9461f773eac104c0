"""What benchmarks judge, and how they end."""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import bench.rounds
from bench.rounds import Figure, Rounds, numbers, summary


def rounds(strict=False, output=""):
    return Rounds("test", types.SimpleNamespace(
        rounds=1, output=output, strict=strict))


@contextlib.contextmanager
def quiet():
    """What was said meanwhile, on either."""
    with io.StringIO() as said, contextlib.redirect_stdout(said), \
            contextlib.redirect_stderr(said):
        yield said


class FigureTest(unittest.TestCase):
    def setUp(self):
        self.figure = Figure("time", "ms", "few", {"many": 2}, {"many": 50})
        self.figure.note("few", 0, 10)

    def test_a_goal_is_of_the_ratio_and_a_limit_of_the_value(self):
        self.figure.note("many", 0, 30)
        self.assertEqual(self.figure.verdict("many"),
                         "at most 2: NOT HELD, at most 50 ms: held")
        self.assertEqual(self.figure.json()["cases"]["many"]["held"],
                         {"at most 2": False, "at most 50 ms": True})

    def test_a_limit_is_of_each_round(self):
        for number, value in enumerate([15, 16, 60]):
            self.figure.note("few", number, 10)
            self.figure.note("many", number, value)
        self.assertEqual(self.figure.verdict("many"),
                         "at most 2: held, at most 50 ms: NOT HELD")

    def test_what_was_not_measured_is_told(self):
        self.assertEqual(self.figure.verdict("many"),
                         "at most 2: NOT MEASURED, "
                         "at most 50 ms: NOT MEASURED")
        self.assertRegex(list(self.figure.lines())[-1], "many .*- .*- .*NOT")
        self.assertEqual(self.figure.json()["cases"]["many"]["rounds"], [])
        self.assertEqual(list(Figure("nothing", "s").lines()),
                         ["nothing (s)", "  not measured"])

    def test_without_its_reference_a_ratio_is_not_judged(self):
        figure = Figure("time", "ms", "few", {"many": 2})
        figure.note("many", 0, 30)
        self.assertEqual(figure.verdict("many"), "at most 2: NOT MEASURED")


class RoundsTest(unittest.TestCase):
    def test_a_part_that_failed_is_the_exit_status(self):
        some = rounds()
        self.assertEqual(some.status(), 0)
        with quiet() as said:
            some.fail("a part")
            self.assertIn("a part", said.getvalue())
        self.assertEqual(some.status(), 1)

    def test_a_goal_that_is_not_held_is_so_only_where_that_is_asked(self):
        for value, strict in ((1, 0), (3, 1)):
            for asked in (False, True):
                some = rounds(asked)
                some.figure("time", "s", limit={"all": 2})
                some.figures["time"].note("all", 0, value)
                self.assertEqual(some.status(), strict if asked else 0)
                self.assertEqual(
                    some.judged(False),
                    ["time, all: at most 2 s"] if strict else [])

    def test_a_goal_that_was_not_measured_is_not_held(self):
        some = rounds(True)
        some.figure("time", "s", limit={"all": 2})
        self.assertEqual(some.judged(None), ["time, all: at most 2 s"])
        self.assertEqual(some.status(), 1)


class RunTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "test.json")
        self.rounds = rounds(output=directory.name)
        self.rounds.figure("time", "s", limit={"few": 2, "many": 2})

    def run_it(self, measure):
        """Exit status, what was said, and what was written."""
        # Who draws is not there wherever this suite runs.
        with quiet() as said, mock.patch("bench.rounds.plot"):
            status = self.rounds.run(measure)
            text = said.getvalue()
        with open(self.path, encoding="utf-8") as f:
            return status, text, json.load(f)

    def test_what_was_measured_is_written_whatever_comes_after_it(self):
        def measure():
            self.rounds.figures["time"].note("few", 0, 1)
            raise RuntimeError("the switch fell over")
        status, said, written = self.run_it(measure)
        self.assertEqual(status, 1)
        self.assertIn("Traceback", said)
        self.assertEqual(written["failed"], [
            "bench-test: RuntimeError: the switch fell over"])
        self.assertEqual(written["held"], ["time, few: at most 2 s"])
        self.assertEqual(written["not_measured"], ["time, many: at most 2 s"])
        self.assertEqual(written["figures"]["time"]["cases"]["few"]["rounds"],
                         [1])

    def test_what_fails_in_an_attempt_keeps_nothing_else_from_going_on(self):
        def measure():
            for case in ("few", "many"):
                with self.rounds.attempt(case):
                    self.rounds.figures["time"].note(case, 0, 1)
                    raise TimeoutError("too late")
        status, _, written = self.run_it(measure)
        self.assertEqual(status, 1)
        self.assertEqual(written["failed"], ["few: TimeoutError: too late",
                                             "many: TimeoutError: too late"])
        self.assertEqual(written["not_measured"], [])

    def test_a_command_line_is_told_once_of_each_case(self):
        def measure():
            for case, line in (("few", "run"), ("few", "run"),
                               ("many", "run")):
                self.rounds.command(case, line)
        _, said, written = self.run_it(measure)
        self.assertEqual(written["commands"],
                         [{"case": "few", "command": "run"},
                          {"case": "many", "command": "run"}])
        self.assertEqual(said.count("measured, few: run"), 1)

    def test_what_was_written_can_be_had_as_a_table(self):
        def measure():
            figure = self.rounds.figure("work", "ms", "few")
            for number, (few, many) in enumerate(((1, 3), (2, 4), (4, 4))):
                figure.note("few", number, few)
                figure.note("many", number, many)
            figure.note("one", 0, 5)
            figure.note("apart", 3, 5)
        self.run_it(measure)

        def table(*options):
            return subprocess.run(
                [sys.executable, "-B", os.path.join(
                    os.path.dirname(bench.rounds.__file__), "tables"),
                 *options, self.path, "work"], check=True,
                capture_output=True, text=True).stdout.splitlines()
        self.assertEqual(table(), [
            "|  | few | many | one | apart |",
            "| --- | --- | --- | --- | --- |",
            "| work (ms) | 2 [1, 4] | 4 [3, 4] (2) | 5 (5) | 5 |"])
        self.assertEqual(table("--ratios")[2:], [
            "| work (ratio to few) | 1 | 2 [1, 3] | 5 [5, 5] | - |"])
        self.assertEqual(table("--case=many")[2:], [
            "| work (ms) | 4 [3, 4] (2) |"])

    def test_an_earlier_run_s_figures_are_gone_from_the_start(self):
        with open(self.path, "w", encoding="utf-8"):
            pass
        seen = []
        self.run_it(lambda: seen.append(os.path.exists(self.path)))
        self.assertEqual(seen, [False])

    def test_who_interrupts_it_ends_it(self):
        def measure():
            raise KeyboardInterrupt
        with self.assertRaises(KeyboardInterrupt):
            self.rounds.run(measure)


class SummaryTest(unittest.TestCase):
    def test_each_part_is_told_of_also_one_that_wrote_nothing(self):
        *told, head, control, datapath = summary({
            "control": (1, {"held": ["a", "b"], "not_held": ["c"],
                            "not_measured": [], "failed": ["d"]}),
            "datapath": (2, {})})
        self.assertEqual(head.split(), ["part", "held", "not", "held", "not",
                                        "measured", "failed", "exit",
                                        "status"])
        self.assertEqual(control.split(),
                         ["control", "2", "1", "0", "1", "1"])
        self.assertEqual(datapath.split(),
                         ["datapath", "-", "-", "-", "-", "2"])
        self.assertEqual(told, ["control: not held: c", "control: failed: d"])


class NumbersTest(unittest.TestCase):
    def test_the_least_is_first_which_others_are_held_against(self):
        self.assertEqual(numbers("1000,10,10"), [10, 1000])
        self.assertEqual(numbers("0"), [])

    def test_what_is_no_number_is_refused(self):
        for text in ("", "10,", "10,0", "-1", "ten"):
            with self.assertRaises(argparse.ArgumentTypeError):
                numbers(text)
