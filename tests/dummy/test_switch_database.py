"""The switch's own database refuses rows of ours."""

import json
import time
import unittest

from cases.product import ProductCases
from lab import DummyLab
from lab.process import run
from lab.switch import SCHEMA
from lab.waiting import wait_until


class SwitchDatabase(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    def set_mirrors_max(self, most):
        """From now on the database takes so many Mirrors; None: any."""
        with open(SCHEMA, encoding="utf-8") as f:
            schema = json.load(f)
        if most is not None:
            schema["tables"]["Mirror"]["maxRows"] = most
        path = f"{self.lab.top}/schema"
        with open(path, "w", encoding="utf-8") as f:
            json.dump(schema, f)
        run(["ovsdb-client", "convert", self.switch.database, path])

    def refusals(self):
        return int(self.daemon.appctl("coverage/read-counter", "txn_error"))

    def test_what_it_refuses_is_tried_ever_more_seldom_and_said(self):
        self.set_mirrors_max(1)
        self.addCleanup(self.set_mirrors_max, None)
        self.wish("first", self.ids4, 7001)
        first = wait_until(self.refusals, "a transaction to be refused")
        began = time.monotonic()
        wait_until(lambda: self.refusals() >= first + 6, "six more")
        self.assertGreater(time.monotonic() - began, 0.5)
        words = "the switch database refuses our rows"
        self.assertIn(words, self.daemon.appctl("mirror/list"))
        self.assertIn("Mirror", self.daemon.appctl("mirror/plan"))
        self.set_mirrors_max(None)
        self.control.wait_running("first")
        self.daemon.wait_settled()
        self.assertNotIn(words, self.daemon.appctl("mirror/list"))
