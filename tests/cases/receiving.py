"""What a receiver does with copies: the recipes of docs/receiving.md, which
are run as they are written there."""

import contextlib
import ipaddress
import json
import os
import re
import shutil
import socket
import struct
import unittest

from cases.vpc import TenantCases
from lab import tshark
from lab.capture import PacketSocket
from lab.frames import Talk, arp_request, mac_bytes, number_of
from lab.tenant import Receiver, Router, add_vm, drop, undrop
from lab.waiting import wait_until

VNI = 7001


class ReceivingCases(TenantCases):
    """web1 and db1 are in VPC a; in VPC b ids is reached over IPv4 and ids6
    over IPv6, with kernels that answer what nobody listens for."""

    @classmethod
    def prepare_switch(cls):
        lab = cls.lab
        cls.router = Router(lab, "rt", {
            "leg-a": (101, ["10.1.0.1/24", "fd00:a::1/64"]),
            "leg-b": (102, ["10.2.0.1/24", "fd00:b::1/64"])}, mtu=cls.mtu)
        for name, vlan, vpc, n in (("web1", 101, 1, 5), ("db1", 101, 1, 6),
                                   ("ids", 102, 2, 9), ("ids6", 102, 2, 10)):
            net = f"fd00:{'ab'[vpc - 1]}::"
            setattr(cls, name, add_vm(
                lab, name, vlan, f"10.{vpc}.0.{n}/24", f"10.{vpc}.0.1",
                f"{net}{n:x}/64", f"{net}1", mtu=cls.mtu))
        for guest in (cls.web1, cls.db1, cls.ids, cls.ids6):
            undrop(guest.namespace)
        # Their kernels have TCP, of which Suricata is to see both ways.
        for guest in (cls.web1, cls.db1):
            drop(guest.namespace, "meta l4proto udp")
        cls.receivers = {4: Receiver(cls.ids), 6: Receiver(cls.ids6)}

    @classmethod
    def inventory(cls):
        both = [cls.web1.ip, cls.web1.ip6]
        return {
            "vpcs": [cls.vpc("vpc-a"), cls.vpc("vpc-b")],
            "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b"}],
            "subnets": [
                {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.1.0.0/24",
                 "gateway": "10.1.0.1",
                 "gateway_mac": cls.router.macs["leg-a"],
                 "routes": [{"to": "10.2.0.0/24", "via": "a-to-b"},
                            {"to": "fd00:b::/64", "via": "a-to-b"}]},
                {"name": "sn-b", "vpc": "vpc-b", "cidr": "10.2.0.0/24"}],
            "network_interfaces": [
                {**cls.nic(cls.web1, "sn-a"), "addresses": both},
                cls.nic(cls.db1, "sn-a"), cls.nic(cls.ids, "sn-b"),
                {**cls.nic(cls.ids6, "sn-b"), "addresses": [cls.ids6.ip6]}],
            "mirror_resources": [
                cls.resource("web1-src", "source", "web1-eth0"),
                cls.resource("ids", "destination", "ids-eth0"),
                cls.resource("ids6", "destination", "ids6-eth0")]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Before anything is mirrored, so that no switch floods a copy for
        # want of the way.
        for guest, gateways in ((cls.web1, ("10.1.0.1", "fd00:a::1")),
                                (cls.ids, ("10.2.0.1", "fd00:b::1")),
                                (cls.ids6, ("10.2.0.1", "fd00:b::1"))):
            for gateway in gateways:
                wait_until(lambda: cls.pings(guest, gateway),
                           f"{guest.name} to reach {gateway}", 20)

    @staticmethod
    def pings(guest, address):
        return guest.namespace.run(["ping", "-c1", "-W1", address],
                                   check=False).returncode == 0

    def setUp(self):
        self.directory = self.lab.directory(self.id().rsplit(".", 1)[-1])
        for name, first in (("mirror.nft", "table inet mirror {"),
                            ("mirror0.nft", "table netdev mirror {"),
                            ("mirror.rules", "alert dns ")):
            with open(os.path.join(self.directory, name), "w",
                      encoding="ascii") as f:
                f.write(self.recipe(first))

    def recipe(self, first):
        """The block of the recipes that begins like this."""
        with open(os.path.join(self.lab.source_dir, "docs/receiving.md"),
                  encoding="ascii") as f:
            blocks = re.findall(r"(?:^    .*\n)+", f.read(), re.MULTILINE)
        plain = [re.sub(r"^    ", "", b, flags=re.MULTILINE) for b in blocks]
        return next(b for b in plain if b.startswith(first))

    def commands(self, first):
        """The commands of that block, without what they print."""
        return re.findall(r"^# ((?:.*\\\n)*.*)\n", self.recipe(first),
                          re.MULTILINE)

    def do(self, guest, commands):
        for command in commands:
            guest.namespace.run(["sh", "-c",
                                 f"cd {self.directory} && {command}"])

    def start(self, guest, command):
        """For a command that goes on; returns where it prints to."""
        log = os.path.join(self.directory, f"{guest.name}.log")
        process = self.lab.process(
            ["sh", "-c", f"cd {self.directory} && exec {command}"], log,
            namespace=guest.namespace)
        self.addCleanup(process.stop)
        return log

    def drop_copies(self, guest):
        self.do(guest, self.commands("# nft -f mirror.nft")[:1])
        self.addCleanup(guest.namespace.run,
                        ["nft", "delete", "table", "inet", "mirror"])

    def mirror_to(self, version):
        """A tunnel to the receiver of that IP version, and its VNI."""
        receiver = self.receivers[version]
        self.tunnel(f"to-{receiver.name}", receiver, VNI)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), receiver, VNI)
        return receiver

    def wait_arrived(self, receiver, count):
        wait_until(lambda: len(receiver.numbered(VNI)) >= count,
                   f"{count} copies at {receiver.name}", 10)

    def fetch(self):
        """web1 asks db1 for a page by HTTP."""
        def tcp(guest):
            made = guest.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.settimeout(5)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return made
        with tcp(self.db1) as listener, tcp(self.web1) as client:
            listener.bind((self.db1.ip, 80))
            listener.listen()
            client.connect((self.db1.ip, 80))
            server, _ = listener.accept()
            with server:
                client.sendall(b"GET /admin HTTP/1.1\r\nHost: db1\r\n\r\n")
                server.recv(1000)
                server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                               b"\r\nhello")
                client.recv(1000)

    def ask(self):
        """web1 asks db1 for a name by DNS: one packet."""
        query = (struct.pack(">HHHHHH", 0x1234, 0x100, 1, 0, 0, 0)
                 + b"\x04evil\x07example\0" + struct.pack(">HH", 1, 1))
        with self.web1.namespace.socket(socket.AF_INET,
                                        socket.SOCK_DGRAM) as client:
            client.sendto(query, (self.db1.ip, 53))

    def errors(self):
        """ICMP "port unreachable" that web1 got, of both versions."""
        return [f for f in self.web1.received()
                if (f[12:14], f[23:24], f[34:36]) ==
                (b"\x08\x00", b"\x01", b"\x03\x03")
                or (f[12:14], f[20:21], f[54:56]) ==
                (b"\x86\xdd", b"\x3a", b"\x01\x04")]

    def check_errors_end(self, version):
        receiver = self.mirror_to(version)
        gateway = "10.2.0.1" if version == 4 else "fd00:b::1"

        def complains():
            self.exchange(range(1))
            return self.errors()
        # The kernel sends few of them a second.
        wait_until(complains, "an ICMP error while there is no rule", 10)
        self.drop_copies(receiver.guest)
        # What it answered before has gone its way.
        self.assertTrue(self.pings(receiver.guest, gateway))
        self.lab.clear()
        frames = self.exchange()
        self.wait_arrived(receiver, len(frames))
        self.assert_copied(receiver, VNI, frames)

        def dropped():
            text = receiver.guest.namespace.run(
                ["nft", "list", "table", "inet", "mirror"]).stdout
            return int(re.search(r"packets (\d+)", text)[1])
        wait_until(lambda: dropped() >= len(frames), "the rule to drop all")
        self.assertTrue(self.pings(receiver.guest, gateway))
        self.assertEqual(self.errors(), [])

    def test_with_the_rule_the_mirrored_vm_gets_no_icmp_error(self):
        self.check_errors_end(4)

    def test_with_the_rule_the_mirrored_vm_gets_no_icmp_error_over_ipv6(self):
        self.check_errors_end(6)

    def test_the_receivers_nic_goes_on_working_while_copies_arrive(self):
        receiver = self.mirror_to(4)
        self.drop_copies(self.ids)
        self.lab.clear()
        pings = [self.ids.namespace.popen(
            ["ping", "-c", 100, "-i", "0.01", gateway], stdout=-1, text=True)
            for gateway in ("10.2.0.1", "fd00:b::1")]

        def made(kind, where):
            one = where.namespace.socket(socket.AF_INET, kind)
            self.addCleanup(one.close)
            one.settimeout(5)
            return one
        listener = made(socket.SOCK_STREAM, self.router)
        listener.bind(("10.2.0.1", 7777))
        listener.listen()
        near, udp_near = (made(kind, self.ids) for kind in
                          (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        undropped = made(socket.SOCK_DGRAM, self.router)
        undropped.bind(("10.2.0.1", 4788))
        near.connect(("10.2.0.1", 7777))
        far, _ = listener.accept()
        self.addCleanup(far.close)
        frames = []
        for i in range(10):
            frames += self.exchange(range(100 * i, 100 * i + 50))
            for a, b in ((near, far), (far, near)):
                sent, got = os.urandom(20000), b""
                a.sendall(sent)
                while len(got) < len(sent):
                    got += b.recv(len(sent) - len(got))
                self.assertEqual(got, sent)
            udp_near.sendto(b"there", ("10.2.0.1", 4788))
            _, back = undropped.recvfrom(100)
            undropped.sendto(b"back", back)
            self.assertEqual(udp_near.recv(100), b"back")
        for ping in pings:
            said, _ = ping.communicate(timeout=20)
            self.assertIn(" 100 received", said)
        self.wait_arrived(receiver, len(frames))
        self.assert_copied(receiver, VNI, frames)

    @unittest.skipUnless(tshark.installed(), "tshark is not installed")
    def test_tshark_shows_the_outer_and_the_inner_packet_and_the_vni(self):
        self.mirror_to(4)
        self.drop_copies(self.ids)
        command, = self.commands("# tshark -n -l -i eth0 ")
        log = self.start(self.ids, command)

        def rows():
            self.fetch()    # Until it has begun to listen.
            with open(log, encoding="utf-8") as f:
                return [line.split("\t") for line in f if "\t" in line]
        for row in wait_until(rows, "tshark to show a request", 15, 0.2):
            self.assertEqual(row, ["10.1.0.5,10.1.0.5", "10.2.0.9,10.1.0.6",
                                   "7001", "80", "/admin\n"])

    def suricata_alert(self, guest, first, provoke):
        """The one alert that Suricata, run by the command that begins like
        this, raises of what 'provoke' has web1 send."""
        if not shutil.which("suricata"):
            self.skipTest("suricata is not installed")
        command, = self.commands(first)
        log = self.start(guest, f"{command} -l {self.directory}")

        def started():
            with open(log, encoding="utf-8") as f:
                return "Engine started" in f.read()
        wait_until(started, "Suricata to start", 20)
        provoke()

        def alerts():
            with open(os.path.join(self.directory, "eve.json"),
                      encoding="utf-8") as f:
                events = [json.loads(line) for line in f
                          if line.endswith("\n")]
            return [e for e in events if e["event_type"] == "alert"]
        alert, = wait_until(alerts, "Suricata to raise an alert", 10)
        self.assertEqual((alert["src_ip"], alert["dest_ip"]),
                         (self.web1.ip, self.db1.ip))
        return alert

    def check_suricata(self, version):
        guest = self.mirror_to(version).guest
        self.drop_copies(guest)
        alert = self.suricata_alert(guest, "# suricata -i eth0 ", self.ask)
        self.assertEqual((alert["dest_port"],
                          alert["dns"]["query"][0]["rrname"]),
                         (53, "evil.example"))
        tunnel = alert["tunnel"]
        ends = [str(ipaddress.ip_address(tunnel[end]))
                for end in ("src_ip", "dest_ip")]
        self.assertEqual(ends, [self.web1.ip, guest.ip] if version == 4
                         else [self.web1.ip6, guest.ip6])
        self.assertEqual(tunnel["dest_port"], 4789)

    def test_suricata_as_debian_sets_it_up_alerts_on_an_inner_packet(self):
        self.check_suricata(4)

    def test_suricata_alerts_on_an_inner_packet_over_ipv6(self):
        self.check_suricata(6)

    def test_suricata_follows_inner_connections_on_a_vxlan_device(self):
        self.mirror_to(4)
        with self.vxlan_device(self.ids, self.commands(
                "# ip link add mirror0 ")):
            alert = self.suricata_alert(self.ids, "# suricata -i mirror0 ",
                                        self.fetch)
        self.assertEqual((alert["dest_port"], alert["http"]["url"]),
                         (80, "/admin"))

    @contextlib.contextmanager
    def vxlan_device(self, guest, commands):
        """mirror0, made by 'commands'; gives a capture on it."""
        self.do(guest, commands)
        capture = PacketSocket(guest.namespace, "mirror0")
        try:
            yield capture
        finally:
            capture.close()
            guest.namespace.ip("link", "delete", "mirror0")
            guest.namespace.run(["nft", "flush", "ruleset"])

    def check_vxlan_device(self, version):
        receiver = self.mirror_to(version)
        guest = receiver.guest
        commands = self.commands("# ip link add mirror0 ")
        if version == 6:
            commands = [c.replace("10.2.0.9", guest.ip6) for c in commands]
        with self.vxlan_device(guest, commands) as capture:
            self.assertTrue(self.pings(guest, "10.2.0.1"))
            self.lab.clear()
            capture.clear()
            frames = self.exchange() + self.exchange(range(100, 150), 1400)

            def inner():
                """But for what the guest's own kernel says meanwhile."""
                return sorted(f for f in capture.received()
                              if number_of(f) is not None)
            wait_until(lambda: len(inner()) >= len(frames),
                       "all inner frames on mirror0")
            self.assertEqual(inner(), sorted(frames))
            self.assertTrue(self.pings(guest, "10.2.0.1"))
            self.assertEqual(self.errors(), [])

    def test_a_vxlan_device_gives_the_frames_bit_for_bit(self):
        self.check_vxlan_device(4)

    def test_a_vxlan_device_gives_the_frames_bit_for_bit_over_ipv6(self):
        self.check_vxlan_device(6)

    def answers(self, capture):
        """Sends frames whose copies the receiver's kernel could take for its
        own; returns what it sent to web1's addresses then."""
        mac = self.ids.namespace.mac("mirror0")
        own = type("Own", (), {"mac": mac, "ip": self.ids.ip,
                               "ip6": self.ids.ip6})
        probes = [Talk(self.web1, own, protocol, dport=9999,
                       version=6 if protocol == "icmpv6" else 4)
                  .frame(n, 120) for n, protocol in
                  enumerate(("icmp", "udp", "tcp", "icmpv6"))]
        probes.append(arp_request(self.web1, self.ids.ip))
        self.lab.clear()
        capture.clear()
        self.web1.send(*probes)
        wait_until(lambda: set(probes) <= set(capture.received()),
                   "the probes on mirror0")
        # What it had to send before this it has sent then.
        self.assertTrue(self.pings(self.ids, "10.2.0.1"))
        sent = capture.sent() + [f for f in self.ids.both_ways()
                                 if f[6:12] == mac_bytes(self.ids.mac)]
        addresses = [ipaddress.ip_address(a).packed
                     for a in (self.web1.ip, self.web1.ip6)]
        return [f for f in sent if any(a in f for a in addresses)]

    def test_nothing_answers_what_a_vxlan_device_hands_out(self):
        self.mirror_to(4)
        with self.vxlan_device(self.ids, [
                "ip link add mirror0 type vxlan id 7001 dstport 4789",
                "ip link set mirror0 up"]) as capture:
            # ARP, echo and reset; ICMP errors the kernel may hold back.
            self.assertGreaterEqual(len(self.answers(capture)), 3)
        with self.vxlan_device(self.ids, self.commands(
                "# ip link add mirror0 ")) as capture:
            self.assertEqual(self.answers(capture), [])
