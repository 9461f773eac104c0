"""The whole product on the dummy datapath, without root."""

import unittest

from cases.daemon import DaemonCases
from cases.faults import FaultCases
from cases.filters import FilterCases
from cases.guest import GuestCases
from cases.order import OrderCases
from cases.others import OthersCases
from cases.wire import WireCases
from lab import DummyLab


class Wire(WireCases, unittest.TestCase):
    make_lab = DummyLab


class Filter(FilterCases, unittest.TestCase):
    make_lab = DummyLab


class Order(OrderCases, unittest.TestCase):
    make_lab = DummyLab


class Guest(GuestCases, unittest.TestCase):
    make_lab = DummyLab


class Others(OthersCases, unittest.TestCase):
    make_lab = DummyLab


class Fault(FaultCases, unittest.TestCase):
    make_lab = DummyLab


class Daemon(DaemonCases, unittest.TestCase):
    make_lab = DummyLab
