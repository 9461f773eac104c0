"""Delivery in tenants' own networks, in namespaces."""

import unittest

from cases.balance import BalanceCases
from cases.fabric import FabricCases
from cases.vpc import MtuMixCases, OverlapCases, VpcCases
from cases.vpc_faults import VpcOutageCases, VpcRestartCases
from lab import RealLab


class Vpc(VpcCases, unittest.TestCase):
    make_lab = RealLab


class Fabric(FabricCases, unittest.TestCase):
    make_lab = RealLab


class Balance(BalanceCases, unittest.TestCase):
    make_lab = RealLab


class VpcRestart(VpcRestartCases, unittest.TestCase):
    make_lab = RealLab


class VpcOutage(VpcOutageCases, unittest.TestCase):
    make_lab = RealLab


class Overlap(OverlapCases, unittest.TestCase):
    make_lab = RealLab


class MtuMix(MtuMixCases, unittest.TestCase):
    make_lab = RealLab
