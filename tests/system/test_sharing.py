"""More mirrored NICs than Mirrors, on the userspace datapath."""

import unittest

from cases.sharing import SharingCases
from lab import RealLab


class Sharing(SharingCases, unittest.TestCase):
    make_lab = RealLab
