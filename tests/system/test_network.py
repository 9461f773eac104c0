"""Peerings, routes and connects come and go under a tunnel, in namespaces."""

import unittest

from cases.network import NetworkCases
from lab import RealLab


class Network(NetworkCases, unittest.TestCase):
    make_lab = RealLab
