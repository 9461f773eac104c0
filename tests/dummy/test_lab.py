"""The lab on the dummy datapath, tried on a mirror built by hand."""

import unittest

from cases.lab_itself import LabCases
from lab import DummyLab


class Lab(LabCases, unittest.TestCase):
    make_lab = DummyLab
