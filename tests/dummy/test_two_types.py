"""A switch with bridges of two datapath types, on which vswitchd refuses to
wait for its revalidators."""

import threading
import unittest

from cases.product import ProductCases
from lab import DummyLab
from lab.unixctl import UnixctlError


class TwoTypes(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    @classmethod
    def prepare_switch(cls):
        cls.lab.switch.vsctl("add-br", "br-other", "--", "set", "Bridge",
                             "br-other", "datapath_type=netdev")

    def setUp(self):
        super().setUp()
        with self.assertRaisesRegex(UnixctlError, "multiple"):
            self.switch.appctl("revalidator/wait")

    def go_on(self, talk):
        """Sends frames of 'talk', so that its datapath flow is always
        there."""
        stopped = threading.Event()

        def send():
            while not stopped.is_set():
                talk.a.send(*[talk.frame(1, 120)] * 20)
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stopped.set)

    def test_a_stop_is_proven_though_another_sends_to_the_same_place(self):
        other = self.lab.talk("other1", "db1")
        self.tunnel("one", self.ids4, 7001)
        self.tunnel("other", self.ids4, 7001, source="other1")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)
        self.go_on(other)
        self.lab.wait_copied(other, self.ids4, 7001)
        self.remove("one")

    def test_stops_are_proven_while_frames_go_on(self):
        talks = [self.lab.talk(name, "db1") for name in ("web1", "other1")]
        self.tunnel("one", self.ids4, 7001)
        self.tunnel("other", self.other4, 7002, source="other1")
        self.lab.wait_copied(talks[0], self.ids4, 7001)
        self.lab.wait_copied(talks[1], self.other4, 7002)
        for talk in talks:
            self.go_on(talk)
        self.remove("one", "other")
