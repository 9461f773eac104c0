"""Beside other people's VXLAN."""

import unittest

from cases.overlays import OverlayCases


class Overlay(OverlayCases, unittest.TestCase):
    pass
