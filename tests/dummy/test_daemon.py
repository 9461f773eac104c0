"""The whole product on the dummy datapath, without root."""

import unittest

from cases.control_planes import ControlPlaneCases, has_idl
from cases.daemon import DaemonCases
from cases.faults import FaultCases
from cases.filters import FilterCases
from cases.guest import GuestCases
from cases.limits import LimitCases
from cases.order import OrderCases
from cases.others import OthersCases
from cases.silent import SilentCases
from cases.turns import TurnCases
from cases.wire import WireCases
from lab import DummyLab


class Wire(WireCases, unittest.TestCase):
    make_lab = DummyLab
    # IPv4's outer header cannot be had on the dummy datapath.
    test_keeps_n_bytes_of_each_frame_over_ipv4_and_ipv6 = None
    test_without_a_length_copies_whole_frames = None


class Filter(FilterCases, unittest.TestCase):
    make_lab = DummyLab


class Order(OrderCases, unittest.TestCase):
    make_lab = DummyLab
    # The system suite has it, with a datapath that is nobody's dummy.
    test_a_hot_connection_is_mirrored_while_the_tunnel_is_there = None


class Guest(GuestCases, unittest.TestCase):
    make_lab = DummyLab
    routes_are_told = False     # Asked for every few seconds.


class Others(OthersCases, unittest.TestCase):
    make_lab = DummyLab


class Fault(FaultCases, unittest.TestCase):
    make_lab = DummyLab


class Limit(LimitCases, unittest.TestCase):
    make_lab = DummyLab


class Daemon(DaemonCases, unittest.TestCase):
    make_lab = DummyLab
    # A restarted vswitchd makes its dummies anew, without the addresses and
    # neighbours that they were given by hand: the system suite has this case.
    test_copies_come_back_after_vswitchd_restarted = None


class Silent(SilentCases, unittest.TestCase):
    make_lab = DummyLab


class Turn(TurnCases, unittest.TestCase):
    make_lab = DummyLab


@unittest.skipUnless(has_idl(), "python3-openvswitch is not installed")
class ControlPlane(ControlPlaneCases, unittest.TestCase):
    make_lab = DummyLab
