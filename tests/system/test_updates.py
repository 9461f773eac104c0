"""Updates in place under traffic at rate."""

import unittest

from cases.updates import UpdateCases
from lab import RealLab


class Update(UpdateCases, unittest.TestCase):
    make_lab = RealLab
