"""tunnel-probe, in namespaces."""

import unittest

from cases.probe import ProbeCases, VpcProbeCases
from lab import RealLab


class Probe(ProbeCases, unittest.TestCase):
    make_lab = RealLab


class VpcProbe(VpcProbeCases, unittest.TestCase):
    make_lab = RealLab
