"""No copy in a tenant's network is copied again, by real packets between three
hypervisors."""

import unittest

from cases.vpc_loops import VpcLoopCases


class VpcLoop(VpcLoopCases, unittest.TestCase):
    pass
