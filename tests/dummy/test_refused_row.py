"""A control database that refuses one of the daemon's rows."""

import json
import os
import tempfile
import time
import unittest

from cases.product import ProductCases
from lab import DummyLab
from lab.waiting import wait_until


def start_narrow(lab, columns):
    """With a control database that has less room: 'columns' are given anew,
    by table and name."""
    with open(os.path.join(lab.source_dir, "ovsdb",
                           "packet-mirroring.ovsschema"),
              encoding="utf-8") as f:
        schema = json.load(f)
    for (table, column), kind in columns.items():
        schema["tables"][table]["columns"][column] = {"type": {"key": kind}}
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "narrow.ovsschema")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(schema, f)
        lab.start_product(path)


class RefusedRow(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    @classmethod
    def start_product(cls):
        """No room for a whole frame, nor for a filter with a long name."""
        start_narrow(cls.lab, {
            ("Tunnel_Status", "effective_packet_length"):
                {"type": "integer", "minInteger": 0, "maxInteger": 100},
            ("Filter_Status", "name"): {"type": "string", "maxLength": 4}})

    def test_holds_up_none_of_the_others(self):
        self.filter("web", inbound=[{"action": "accept", "protocol": "tcp"}])
        words = []
        for number, length in enumerate((64, 1000, 64, 1000, 64)):
            source = list(self.guests)[number % 3]
            box = ("ids4", "ids6")[number // 3]
            words += ["--", "tunnel-add", f"one-{number}",
                      f"source={source}-src", f"destination={box}",
                      "filter=web", f"vni={7001 + number}",
                      f"length={length}"]
        self.control.ctl(*words[1:])
        self.control.wait_running("one-0", "one-2", "one-4")
        wait_until(lambda: "refuses our status in 2 rows" in
                   self.daemon.appctl("mirror/list"), "the daemon to say so")
        self.remove("one-0")
        self.tunnel("one-5", self.other4, 7006, packet_length=64,
                    filter="web")

    def test_of_a_filter_holds_up_none_of_the_others(self):
        words = []
        for name in ("long-name", "new", "longer-name", "old"):
            words += ["--", "filter-add", name, "--", "rule-add", name,
                      "inbound", "100", "accept", "protocol=tcp", "--",
                      "tunnel-add", f"by-{name}", "source=web1-src",
                      "destination=ids6", f"filter={name}", "length=64"]
        self.control.ctl(*words[1:])
        self.control.wait_running("by-new", "by-old")
        self.assertEqual(self.listed("by-long-name")["state"], "Setting")
        # Nor is any other edit's answer, be it that one which ran waits for
        # a filter's row: it stops.
        self.control.ctl("--wait=hv", "tunnel-set", "by-new", "vni=7777")
        self.control.ctl("tunnel-del", "by-long-name", "--", "tunnel-set",
                         "by-old", "filter=long-name")
        self.control.ctl("--wait=hv", "tunnel-set", "by-new", "vni=7778")
        self.control.wait_tunnel("by-old", lambda t: "CONTROL_REFUSED" in {
            reason["code"] for reason in t["reasons"]}, "to be told why")
        self.assertNotIn(f"{self.listed('by-old')['vni']:#x}->tun_id",
                         str(self.switch.flows("br-mirror")))
        self.control.ctl("tunnel-set", "by-old", "filter=old")
        self.control.wait_running("by-old")


class RefusedHost(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    @classmethod
    def start_product(cls):
        """No room for a hypervisor's name."""
        start_narrow(cls.lab, {
            ("Chassis", "hostname"): {"type": "string", "maxLength": 1}})

    def test_is_in_no_tunnels_way(self):
        began = time.monotonic()
        for number in range(8):
            self.wish("one", self.ids4, 7001 + number)
            self.control.wait_tunnel(
                "one", lambda t: t and t["state"] == "Running", "to run")
            self.remove("one")
        # Mostly it would wait out a pause of up to 8 seconds.
        self.assertLess(time.monotonic() - began, 15)
