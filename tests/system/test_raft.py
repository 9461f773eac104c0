"""A control database of three servers."""

import unittest

from cases.raft import RaftCases
from lab import RealLab


class Raft(RaftCases, unittest.TestCase):
    make_lab = RealLab
