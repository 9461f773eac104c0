"""Filters as people use them, in namespaces."""

import unittest

from cases.explain import ExplainCases
from lab import RealLab


class Explain(ExplainCases, unittest.TestCase):
    make_lab = RealLab
