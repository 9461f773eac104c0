"""The lab on the dummy datapath, tried on a mirror built by hand."""

import unittest

from cases.lab_itself import LabCases
from lab import DummyLab


class Lab(LabCases, unittest.TestCase):
    make_lab = DummyLab
    # The dummy lab's underlay is IPv6 only: see DummyLab.add_collector().
    test_collects_copies_of_known_form_over_ipv4_and_ipv6 = None
