"""Filters as people use them, in namespaces."""

import unittest

from cases.explain import ExplainCases
from cases.filter_counts import FilterCountCases
from cases.megaflows import MegaflowCases
from cases.random_traffic import RandomTrafficCases
from lab import RealLab


class Explain(ExplainCases, unittest.TestCase):
    make_lab = RealLab


class FilterCount(FilterCountCases, unittest.TestCase):
    make_lab = RealLab


class Megaflow(MegaflowCases, unittest.TestCase):
    make_lab = RealLab


class RandomTraffic(RandomTrafficCases, unittest.TestCase):
    make_lab = RealLab
