"""Filters as people use them, on the dummy datapath."""

import unittest

from cases.explain import ExplainCases
from cases.filter_counts import FilterCountCases
from cases.megaflows import MegaflowCases
from cases.random_traffic import RandomTrafficCases
from lab import DummyLab


class Explain(ExplainCases, unittest.TestCase):
    make_lab = DummyLab


class FilterCount(FilterCountCases, unittest.TestCase):
    make_lab = DummyLab


class Megaflow(MegaflowCases, unittest.TestCase):
    make_lab = DummyLab


class RandomTraffic(RandomTrafficCases, unittest.TestCase):
    make_lab = DummyLab
