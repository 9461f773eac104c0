"""TLS to the control database, and roles."""

import unittest

from cases.security import SecurityCases
from lab import RealLab


class Security(SecurityCases, unittest.TestCase):
    make_lab = RealLab
