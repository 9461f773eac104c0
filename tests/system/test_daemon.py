"""The daemon among things that come, go and break, in namespaces."""

import socket
import unittest

from cases.daemon import DaemonCases
from cases.silent import SilentCases
from lab import RealLab


class Daemon(DaemonCases, unittest.TestCase):
    make_lab = RealLab

    def test_says_when_somebody_else_has_the_vtep_port(self):
        listener = self.switch.namespace.socket(socket.AF_INET,
                                                socket.SOCK_DGRAM)
        listener.bind(("0.0.0.0", 4789))
        self.wish("first", self.ids4, 7001)
        self.control.wait_tunnel(
            "first", lambda t: "VTEP_PORT_TAKEN" in {
                r["code"] for r in t["reasons"]},
            "to say that the port is taken")
        self.assertEqual(
            [i for i in self.switch.rows("Interface", "type")
             if i["type"] == "vxlan"], [])
        listener.close()
        self.control.wait_running("first")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)


class Silent(SilentCases, unittest.TestCase):
    make_lab = RealLab
