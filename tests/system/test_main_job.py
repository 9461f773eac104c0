"""The main job by real packets in network namespaces."""

import unittest

from cases.faults import FaultCases
from cases.filters import FilterCases
from cases.guest import GuestCases
from cases.order import OrderCases
from cases.others import OthersCases
from cases.wire import MarkCases, WireCases
from lab import RealLab, tshark
from lab.waiting import wait_until


class Mark(MarkCases, unittest.TestCase):
    make_lab = RealLab


class Wire(WireCases, unittest.TestCase):
    make_lab = RealLab

    @unittest.skipUnless(tshark.installed(), "tshark is not installed")
    def test_tshark_says_of_a_copy_only_what_it_says_of_the_original(self):
        lab = self.lab
        client = lab.add_guest("client1", stack=True)
        server = lab.add_guest("server1", stack=True)
        self.control.apply(self.inventory())
        lab.wait_link("client1", "server1")
        self.tunnel("talk", self.ids4, 7001, source="server1")
        self.tunnel("talk6", self.ids6, 7002, source="server1")
        for collector in (self.ids4, self.ids6):
            lab.wait_copied(lab.talk("client1", "server1", "icmp"), collector)
        web = lab.process(["python3", "-m", "http.server", "80",
                           "--directory", lab.source_dir],
                          f"{lab.top}/http.log", namespace=server.namespace)
        self.addCleanup(web.stop)
        get = ("import urllib.request as r; r.urlopen("
               f"'http://{server.ip}/plugin/model.h', timeout=2).read()")
        lab.clear()
        wait_until(lambda: client.namespace.run(
            ["python3", "-c", get], check=False).returncode == 0,
            "the client to get a page")
        client.namespace.run(["ping", "-c", "2", "-i", "0.2", server.ip])
        lab.settle()
        for collector in (self.ids4, self.ids6):
            inner = [c.inner for c in collector.copies()]
            self.assertGreater(len(inner), 20)
            self.assertEqual(
                tshark.remarks(lab.top, [c.wire for c in collector.copies()]),
                tshark.remarks(lab.top, inner))
            self.assert_sound(collector)
            # The originals, as the guest itself had them.  Its kernel's ARP
            # comes when it likes, also while captures are being cleared.
            self.assertEqual(*(sorted(f for f in frames
                                      if f[12:14] != b"\x08\x06")
                               for frames in (inner, server.both_ways())))

    def test_the_effective_length_follows_the_underlays_mtu(self):
        self.addCleanup(self.switch.vsctl, "set", "Interface", "br-phy",
                        "mtu_request=9000")
        self.length_follows(
            self.ids4, lambda mtu: self.switch.vsctl(
                "set", "Interface", "br-phy", f"mtu_request={mtu}"),
            ((1400, 1364), (9000, None), (1300, 1264)))

    def test_the_effective_length_follows_the_mtu_of_the_route(self):
        for collector, extra in ((self.ids4, 36), (self.ids6, 56)):
            self.addCleanup(self.lab.route, collector, True)

            def route(mtu, collector=collector):
                self.switch.namespace.ip(
                    "route", "replace", collector.address, "via",
                    collector.link, "dev", "br-phy",
                    *(["mtu", *mtu.split()] if mtu else []))
            self.length_follows(collector, route, (
                ("1400", 1400 - extra), ("", None),
                ("lock 1300", 1300 - extra), ("20000", None)))
            self.remove("whole")

    def length_follows(self, collector, set_mtu, cases):
        """Each MTU leaves so many bytes of a full-sized frame, or all."""
        self.tunnel("whole", collector, 7001)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, collector)
        for mtu, kept in cases:
            set_mtu(mtu)

            def follows(tunnel, kept=kept):
                sufficient = {c["type"]: c["status"] for c in
                              tunnel["conditions"]}.get("MtuSufficient")
                if kept is None:
                    return sufficient == "True"
                return (sufficient == "False"
                        and tunnel["effective_packet_length"] == kept)
            self.control.wait_tunnel("whole", follows,
                                     f"to fit into {mtu} bytes")
            # Cached datapath flows follow a little later.
            self.daemon.wait_settled()
            self.switch.appctl("revalidator/wait")
            self.lab.clear()
            frames = talk.frames(range(10), 1514)
            self.lab.exchange((self.web1, frames))
            self.assert_copied(collector, 7001, frames, kept)
            self.assert_sound(collector)

    def set_mtu(self, mtu):
        """Of both guests, with both ends of their links."""
        for guest in (self.web1, self.db1):
            guest.namespace.ip("link", "set", "eth0", "mtu", str(mtu))
            self.switch.namespace.ip("link", "set", guest.name, "mtu",
                                     str(mtu))
            wait_until(
                lambda name=guest.name: {"name": name, "mtu": mtu}
                in self.switch.rows("Interface", "name", "mtu"),
                f"ovs-vswitchd to see the MTU of {guest.name}")

    def test_a_length_holds_when_the_mtu_rises_and_no_daemon_is_there(self):
        length = 1600
        self.tunnel("kept", self.ids4, 7001, packet_length=length)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.daemon.wait_settled()
        self.daemon.stop()
        self.addCleanup(self.set_mtu, 1500)
        self.set_mtu(9000)
        self.lab.clear()
        frames = talk.frames(range(10), 3000)
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids4, 7001, frames, length)


class Filter(FilterCases, unittest.TestCase):
    make_lab = RealLab


class Order(OrderCases, unittest.TestCase):
    make_lab = RealLab


class Guest(GuestCases, unittest.TestCase):
    make_lab = RealLab


class Others(OthersCases, unittest.TestCase):
    make_lab = RealLab


class Fault(FaultCases, unittest.TestCase):
    make_lab = RealLab
