"""Tunnels and the way to their destinations, in namespaces."""

import unittest

from cases.activation import ActivationCases
from lab import RealLab


class Activation(ActivationCases, unittest.TestCase):
    make_lab = RealLab
