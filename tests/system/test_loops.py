"""No copy is copied again, by real packets between two hypervisors."""

import unittest

from cases.loops import LoopCases


class Loop(LoopCases, unittest.TestCase):
    pass
