"""The recipes for receivers, in namespaces."""

import unittest

from cases.receiving import ReceivingCases
from lab import RealLab


class Receiving(ReceivingCases, unittest.TestCase):
    make_lab = RealLab
