"""Filters as people use them, on the dummy datapath."""

import unittest

from cases.explain import ExplainCases
from lab import DummyLab


class Explain(ExplainCases, unittest.TestCase):
    make_lab = DummyLab
