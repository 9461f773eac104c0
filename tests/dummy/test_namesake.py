"""Two hypervisors with one system-id, as a cloned image has it."""

import unittest

from cases.product import ProductCases
from lab import DummyLab, wait_until
from lab.control import MirrorDaemon
from lab.dummy import DummySwitch

SAYS = "by which an ovs-mirrord on host"


class Namesake(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    @classmethod
    def prepare_switch(cls):
        cls.twin = DummySwitch(cls.lab, "twin").start()
        cls.twin.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                       f"external_ids:system-id={cls.lab.switch.name}")

    def setUp(self):
        super().setUp()
        self.tunnel("one", self.ids4, 7001)
        self.second = MirrorDaemon(self.lab, self.twin, self.control).start()
        self.addCleanup(self.second.stop)

    def wait_left(self, daemon):
        wait_until(lambda: SAYS in daemon.appctl("mirror/list"),
                   "one to let go of the name")

    def call(self, name):
        """Has the first hypervisor go by 'name'."""
        self.switch.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                          f"external_ids:system-id={name}")

    def test_who_came_first_stops_and_says_so(self):
        self.wait_left(self.daemon)
        wait_until(lambda: not self.switch.rows("Mirror", "name"),
                   "no Mirror to be there")
        self.control.wait_tunnel("one", lambda t: "NIC_UNBOUND" in {
            reason["code"] for reason in t["reasons"]}, "to be nobody's")
        self.assertNotIn(SAYS, self.second.appctl("mirror/list"))
        self.assertEqual(len(self.control.rows("Chassis", "name")), 1)
        self.call("another")
        self.addCleanup(self.call, self.switch.name)
        self.control.wait_running("one")
        self.assertNotIn(SAYS, self.daemon.appctl("mirror/list"))

    def test_a_restart_takes_the_name_back(self):
        self.wait_left(self.daemon)
        self.daemon.stop()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.wait_running("one")
        self.wait_left(self.second)
        self.assertNotIn(SAYS, self.daemon.appctl("mirror/list"))
