"""What was installed stays right while everything round it is restarted, cut
off, cleared and changed."""

import socket
import unittest

from cases.away import AwayCases
from cases.dead import DeadCases
from cases.faulty_rows import FaultyRowCases
from cases.healing import HealingCases
from cases.leaks import LeakCases
from cases.outage import OutageCases
from cases.reasons import ReasonCases
from cases.refused import RefusedCases
from cases.restart import RestartCases
from cases.revocation import RevocationCases
from lab import RealLab


class Restart(RestartCases, unittest.TestCase):
    make_lab = RealLab


class Outage(OutageCases, unittest.TestCase):
    make_lab = RealLab


class Away(AwayCases, unittest.TestCase):
    make_lab = RealLab


class Healing(HealingCases, unittest.TestCase):
    make_lab = RealLab


class Revocation(RevocationCases, unittest.TestCase):
    make_lab = RealLab


class Reason(ReasonCases, unittest.TestCase):
    make_lab = RealLab
    port_type = "internal"

    def listener(self):
        """Somebody who has the VXLAN port."""
        listener = self.switch.namespace.socket(socket.AF_INET,
                                                socket.SOCK_DGRAM)
        listener.bind(("0.0.0.0", 4789))
        return listener


class Refused(RefusedCases, unittest.TestCase):
    make_lab = RealLab


class Dead(DeadCases, unittest.TestCase):
    make_lab = RealLab
    port_type = "internal"


class Leak(LeakCases, unittest.TestCase):
    make_lab = RealLab


class FaultyRow(FaultyRowCases, unittest.TestCase):
    make_lab = RealLab
