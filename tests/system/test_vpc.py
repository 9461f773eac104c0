"""Delivery in tenants' own networks, in namespaces."""

import unittest

from cases.vpc import VpcCases
from lab import RealLab


class Vpc(VpcCases, unittest.TestCase):
    make_lab = RealLab
