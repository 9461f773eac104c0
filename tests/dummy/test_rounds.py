"""What benchmarks judge, and how they end."""

import contextlib
import io
import types
import unittest

from bench.rounds import Figure, Rounds


def rounds(strict=False):
    return Rounds("test", types.SimpleNamespace(
        rounds=1, output="", strict=strict))


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
        with contextlib.redirect_stdout(io.StringIO()) as said:
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
