"""A control database that refuses one of the daemon's rows."""

import json
import os
import tempfile
import unittest

from cases.product import ProductCases
from lab import DummyLab


class RefusedRow(ProductCases, unittest.TestCase):
    make_lab = DummyLab

    @classmethod
    def start_product(cls):
        """Of a schema that has no room for a whole frame, nor for a filter
        with a long name."""
        with open(os.path.join(cls.lab.source_dir, "ovsdb",
                               "packet-mirroring.ovsschema"),
                  encoding="utf-8") as f:
            schema = json.load(f)
        columns = schema["tables"]["Tunnel_Status"]["columns"]
        columns["effective_packet_length"]["type"]["key"]["maxInteger"] = 100
        columns = schema["tables"]["Filter_Status"]["columns"]
        columns["name"] = {"type": {"key": {"type": "string",
                                            "maxLength": 4}}}
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "narrow.ovsschema")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(schema, f)
            cls.lab.start_product(path)

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
        self.assertEqual(self.listed("one-1")["state"], "Setting")
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
        # Nor is any other edit's answer, be it that one which runs waits for
        # a filter's row.
        self.control.ctl("--wait=hv", "tunnel-set", "by-new", "vni=7777")
        self.control.ctl("tunnel-del", "by-long-name", "--", "tunnel-set",
                         "by-old", "filter=long-name")
        self.control.ctl("--wait=hv", "tunnel-set", "by-new", "vni=7778")
        # But that it stops is.
        vni = f"{self.listed('by-old')['vni']:#x}->tun_id"
        self.assertIn(vni, str(self.switch.flows("br-mirror")))
        self.control.ctl("--wait=hv", "tunnel-set", "by-old", "enabled=false")
        self.assertNotIn(vni, str(self.switch.flows("br-mirror")))
