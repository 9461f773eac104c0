"""Two accounts, two hypervisors, one control database."""

import unittest

from cases.accounts import AccountsCases, MigrationCases
from lab import RealLab


class Accounts(AccountsCases, unittest.TestCase):
    make_lab = RealLab


class Migration(MigrationCases, unittest.TestCase):
    make_lab = RealLab
