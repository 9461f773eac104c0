"""Copies that travel the tenant's own network, from NIC to NIC."""

import re
import signal
import subprocess

from cases.product import ProductCases
from lab.frames import arp_reply, number_of
from lab.tenant import Receiver, Router, add_vm
from lab.traffic import Stream
from lab.vxlan import decode
from lab.waiting import wait_until

VNI = 7001


class TenantCases(ProductCases):
    """web1 and db1 talk in a subnet of VPC a."""

    collectors = {}
    guests = {}
    links = [("web1", "db1")]
    mtu = 1500

    @staticmethod
    def nic(guest, subnet, **more):
        return {"name": f"{guest.name}-eth0", "iface_id": guest.iface_id,
                "mac": guest.mac, "addresses": [guest.ip], "subnet": subnet,
                "device": "eth0", **more}

    @staticmethod
    def resource(name, purpose, target, kind="network-interface"):
        return {"name": name, "account": "default", "purpose": purpose,
                "type": kind, "target": target}

    @staticmethod
    def vpc(name, kind="standard"):
        return {"name": name, "account": "default", "region": "kr",
                "kind": kind}

    def exchange(self, numbers=range(50), length=200):
        """A frame of each number, and one back; returns them."""
        talk = self.lab.talk("web1", "db1")
        count = len(numbers)
        out = talk.frames(numbers, length)
        back = talk.back().frames(
            range(numbers.start + count, numbers.start + 2 * count), length)
        self.lab.exchange((talk.a, out), (talk.b, back))
        return out + back


class PeeredCases(TenantCases):
    """ids is in VPC b; a router joins the two."""

    @classmethod
    def place_of_ids(cls):
        """Where it is, as add_guest() takes it."""
        return {}

    @classmethod
    def prepare_switch(cls):
        lab = cls.lab
        cls.router = Router(lab, "rt", {
            "leg-a": (101, ["10.1.0.1/24", "fd00:a::1/64"]),
            "leg-b": (102, ["10.2.0.1/24", "fd00:b::1/64"])}, mtu=cls.mtu)
        for name, n in (("web1", 5), ("db1", 6)):
            setattr(cls, name, add_vm(
                lab, name, 101, f"10.1.0.{n}/24", "10.1.0.1",
                f"fd00:a::{n}/64", "fd00:a::1", mtu=cls.mtu))
        cls.ids = add_vm(lab, "ids", 102, "10.2.0.9/24", "10.2.0.1",
                         "fd00:b::9/64", "fd00:b::1", mtu=cls.mtu,
                         **cls.place_of_ids())
        cls.receiver = Receiver(cls.ids)

    @classmethod
    def inventory(cls):
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
                cls.nic(cls.web1, "sn-a"), cls.nic(cls.db1, "sn-a"),
                cls.nic(cls.ids, "sn-b", permits_vxlan_from=["10.1.0.5/32"])],
            "mirror_resources": [
                cls.resource("web1-src", "source", "web1-eth0"),
                cls.resource("ids", "destination", "ids-eth0")]}

    def first_copy(self, vni=VNI):
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.receiver,
                             vni)
        self.lab.clear()

    def assert_all_copied(self, frames, length=None, vni=VNI):
        wait_until(lambda: len(self.receiver.numbered(vni)) >= len(frames),
                   "all copies to arrive", 5)
        self.assert_copied(self.receiver, vni, frames, length)
        self.assertEqual({f for c in self.receiver.numbered(vni)
                          for f in c.faults}, set())

    def tearDown(self):
        self.ids.ip = "10.2.0.9"
        super().tearDown()
        self.control.apply(self.inventory())

    def set_nic(self, name, **more):
        """Changes a NIC of the inventory."""
        document = self.inventory()
        nic, = [n for n in document["network_interfaces"]
                if n["name"] == f"{name}-eth0"]
        nic.update(more)
        self.control.apply({"network_interfaces": [nic]}, "--wait=hv")



class VpcCases(PeeredCases):
    def test_a_copy_goes_from_the_sources_address_to_the_destinations(self):
        self.tunnel("first", self.receiver, VNI, packet_length=100)
        listed = self.listed("first")
        self.assertEqual((listed["delivery"],
                          listed["effective_packet_length"]), ("vpc", 100))
        self.first_copy()
        frames = self.exchange()
        self.assert_all_copied(frames, 100)
        self.assertEqual({(c.source, c.destination, c.ttl)
                          for c in self.receiver.numbered(VNI)},
                         {("10.1.0.5", "10.2.0.9", 63)})
        self.assertIn("to=10.2.0.9", self.daemon.appctl("mirror/list"))
        self.assertEqual({c["type"]: c["status"] for c in
                          self.listed("first")["conditions"]}, {
            "Peering": "True", "Route": "True", "SourceBound": "True",
            "DestinationPermitsVxlan": "True", "MtuSufficient": "True",
            "DestinationReachable": "True", "Installed": "True",
            "HostAlive": "True"})

    def test_ipv6_where_the_destination_has_nothing_else(self):
        self.set_nic("web1", addresses=["10.1.0.5", "fd00:a::5"])
        self.set_nic("ids", addresses=["fd00:b::9"],
                     permits_vxlan_from=["fd00:a::5/128"])
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        frames = self.exchange(length=1000)
        self.assert_all_copied(frames)
        self.assertEqual({(c.source, c.destination)
                          for c in self.receiver.numbered(VNI)},
                         {("fd00:a::5", "fd00:b::9")})

    def test_no_tenants_address_is_in_a_routing_table_of_the_host(self):
        self.tunnel("first", self.receiver, VNI)
        routes = "".join(self.switch.namespace.ip(
            version, "route", "show", "table", "all").stdout
            for version in ("-4", "-6"))
        self.assertIn("169.254.192.0/18 via 169.254.192.2", routes)
        for word in ("10.1.0.", "10.2.0.", "fd00:a", "fd00:b"):
            self.assertNotIn(word, routes)

    def test_the_private_legs_address_is_put_back(self):
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        for words in (("address", "del", "169.254.192.1/30"),
                      ("link", "set", "down")):
            self.switch.namespace.ip(*words, "dev", "br-mirror-dlv")
            self.first_copy()
            self.control.wait_running("first")
            self.assert_all_copied(self.exchange())

    def test_a_private_range_that_somebody_takes_is_told_and_taken_back(self):
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        ip = self.switch.namespace.ip
        taken = ("169.254.192.0/18", "dev", "br-phy")
        ip("route", "replace", *taken)
        self.control.wait_tunnel("first", lambda t: any(
            r["code"] == "DELIVERY_NOT_ROUTED" and "something else" in
            r["message"] for r in t["reasons"]), "to say who has it", 5)
        self.assertIn("169.254.192.0/18 dev br-phy", ip("route").stdout)
        # To try to take it back is news of its own, and no reason to go on.
        begun = self.daemon.log_end()

        def lines(words):
            return sum(words in line for line in self.daemon.log(since=begun))
        wait_until(lambda: lines("OFPST_AGGREGATE request") >= 6,
                   "three looks at bridges, of which there is one a second",
                   20, 0.2)
        self.assertLess(lines("wakeup due to"), 500)
        ip("route", "del", *taken)
        self.control.wait_tunnel("first", lambda t: t["health"] == "ok"
                                 and t["state"] == "Running", "to heal", 5)
        self.first_copy()

    def test_a_vm_that_answers_without_end_is_cut_short(self):
        """Each answer that comes to the daemon takes the processor that moves
        frames."""
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        macs = {mac for flow in self.switch.flows("br-mirror-dlv")
                for mac in re.findall(r"arp.*dl_dst=([0-9a-f:]+)", flow)}
        answers = [arp_reply(self.db1, mac, "10.1.0.5") for mac in macs]
        self.assertTrue(answers)

        def cut():
            self.db1.send(*(500 * answers))
            text = self.switch.ofctl("meter-stats", "br-mirror-dlv")
            return int(re.search(r"bands:\s*0: packet_count:(\d+)",
                                 text).group(1)) > 1000
        wait_until(cut, "answers to be cut", 20)
        self.assertNotIn("budget", self.daemon.appctl("mirror/list"))
        self.first_copy()

    def test_cleaning_up_leaves_nothing(self):
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        self.daemon.clean_up()
        self.assertNotIn("br-mirror", self.switch.vsctl("list-br"))
        self.assertNotIn("mdlv", self.switch.vsctl("list-ports", "br-int"))
        self.assertNotIn("169.254", self.switch.namespace.ip(
            "route", "show", "table", "all").stdout)

    def test_a_receiver_that_moves_to_another_address_is_followed(self):
        """Old way and new: no copy to neither, and the old handle goes."""
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        self.ids.namespace.ip("address", "add", "10.2.0.10/24", "dev", "eth0")
        self.addCleanup(self.ids.namespace.ip, "address", "del",
                        "10.2.0.10/24", "dev", "eth0")
        self.set_nic("ids", addresses=["10.2.0.10"])
        self.receiver.guest.ip = "10.2.0.10"
        self.assert_all_copied(self.exchange())
        self.assertEqual({c.destination for c in
                          self.receiver.numbered(VNI)}, {"10.2.0.10"})
        self.daemon.wait_settled()
        delivered = [f for f in self.switch.flows("br-mirror-dlv")
                     if "tp_dst=4789" in f]
        self.assertEqual(len(delivered), 1, delivered)
        wait_until(lambda: [len(row["handles"]) for row in
                            self.control.rows("Tunnel_Status", "handles")]
                   == [1], "the old handle to be given back", 5)

    def test_a_gateway_without_a_mac_in_the_inventory_is_asked(self):
        document = self.inventory()
        del document["subnets"][0]["gateway_mac"]
        self.control.apply({"subnets": document["subnets"]})
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        self.assert_all_copied(self.exchange())

    def test_a_gateway_that_is_not_there_gets_nothing(self):
        """Its MAC would be flooded to the whole segment."""
        document = self.inventory()
        document["subnets"][0].update(gateway="10.1.0.77")
        self.control.apply({"subnets": document["subnets"]})
        self.wish("first", self.receiver, VNI)
        # Until its hypervisor says anything the NIC is on none.
        self.control.wait_tunnel(
            "first", lambda t: t["health"] == "degraded" and
            [r["code"] for r in t["reasons"]] == ["NEXT_HOP_SILENT"],
            "to be degraded by that alone")
        self.lab.clear()
        self.exchange()
        self.assertEqual(self.receiver.copies(), [])
        self.assertEqual([f for f in self.db1.received()
                          if decode(f)], [])

    def test_copies_of_a_native_tagged_port_enter_its_vlan(self):
        """And not that of frames without a tag, another's network."""
        self.switch.vsctl("set", "Port", "web1", "vlan_mode=native-tagged")
        self.addCleanup(self.switch.vsctl, "clear", "Port", "web1",
                        "vlan_mode")
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        self.assertIn("on br-int tag 101",
                      self.daemon.appctl("mirror/show", "first"))

    def learned(self):
        """How often br-int has learned where the gateway's MAC is, and does
        know it."""
        known = self.router.macs["leg-a"] in self.switch.appctl("fdb/show",
                                                                "br-int")
        return known and int(self.switch.appctl(
            "coverage/read-counter", "mac_learning_learned"))

    def test_copies_are_not_flooded_for_long_once_a_bridge_forgot_its_macs(
            self):
        """As it does when a port goes that somebody mirrors."""
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()
        ports = []
        for name in ("sink", "vm"):
            ports += ["--", "add-port", "br-int", name, "tag=4000", "--",
                      "set", "Interface", name, "type=internal", "--",
                      f"--id=@{name}", "get", "Port", name]
        self.switch.vsctl(
            *ports[1:], "--", "--id=@m", "create", "Mirror", "name=theirs",
            "select_src_port=@vm", "output_port=@sink", "--", "add",
            "Bridge", "br-int", "mirrors", "@m")
        self.addCleanup(self.switch.vsctl, "--id=@m", "get", "Mirror",
                        "theirs", "--", "remove", "Bridge", "br-int",
                        "mirrors", "@m", "--", "del-port", "sink")
        self.daemon.wait_settled()
        forgotten = self.learned()
        self.switch.vsctl("del-port", "vm")
        wait_until(lambda: self.learned() > forgotten,
                   "the gateway to be heard again", 3)
        self.lab.clear()
        self.assert_all_copied(self.exchange())
        self.assertEqual([f for f in self.db1.received() if decode(f)], [])

    def test_a_gateway_whose_port_is_gone_gets_nothing_for_long(self):
        """Its MAC goes with the port, and copies would be flooded."""
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()

        def plug():
            self.switch.vsctl("--may-exist", "add-port", "br-int",
                              "rt-leg-a", "tag=101")
        self.addCleanup(plug)
        self.switch.vsctl("del-port", "rt-leg-a")
        listed = self.control.wait_tunnel(
            "first", lambda t: t["health"] == "degraded", "to be degraded",
            5)
        self.assertEqual([r["code"] for r in listed["reasons"]],
                         ["NEXT_HOP_SILENT"])
        self.daemon.wait_settled()
        self.lab.clear()
        self.exchange()
        self.assertEqual([f for f in self.db1.received() if decode(f)], [])
        plug()
        self.control.wait_running("first")
        self.first_copy()
        self.assert_all_copied(self.exchange())

    def test_the_destinations_acg_admits_the_source_only(self):
        """The guide's own scenario."""
        acg = """
table inet acg {
    chain input {
        type filter hook input priority filter - 1; policy accept;
        udp dport 4789 ip saddr 10.1.0.5 counter accept
        udp dport 4789 counter drop
    }
}
"""
        nft = self.ids.namespace.run
        nft(["nft", "-f", "-"], text_in=acg)
        self.addCleanup(nft, ["nft", "delete", "table", "inet", "acg"])
        self.tunnel("first", self.receiver, VNI)
        self.first_copy()

        def counted():
            """Packets that the ACG admitted and dropped."""
            out = nft(["nft", "list", "table", "inet", "acg"]).stdout
            return [int(n) for n in re.findall(r"packets (\d+)", out)]
        before = counted()
        frames = self.exchange()
        self.assert_all_copied(frames)
        after = counted()
        self.assertGreaterEqual(after[0] - before[0], len(frames))
        self.assertEqual(after[1], before[1])
        self.set_nic("ids", permits_vxlan_from=["203.0.113.0/24"])
        told = {c["type"]: c for c in self.listed("first")["conditions"]}[
            "DestinationPermitsVxlan"]
        self.assertEqual(told["status"], "False")
        self.assertIn("from 10.1.0.5", told["reason"])

    def test_nobody_loses_a_frame_or_sees_a_mac_move(self):
        """Of web1, db1 and ids, while tunnels come and go."""
        def moves():
            return int(self.switch.appctl(
                "coverage/read-counter", "mac_learning_moved"))
        ping = self.ids.namespace.popen(
            ["ping", "-i", "0.01", "-q", "10.2.0.1"], stdout=subprocess.PIPE,
            text=True)
        self.addCleanup(ping.wait)
        self.addCleanup(ping.kill)
        talk = self.lab.talk("web1", "db1")
        self.lab.clear()
        before = moves()
        # Slow enough for the queue between router and switch, which also has
        # the answers to ping: without PMD threads nobody reads it while
        # vswitchd changes its ports.
        with Stream(talk, interval=0.01) as there, \
                Stream(talk.back(), 1 << 20, interval=0.01) as back:
            for n in range(4):
                self.tunnel("first", self.receiver, VNI + n,
                            packet_length=100 + n)
                there.wait_sent(50)
                self.control.ctl("tunnel-del", "first")
                self.control.wait_gone("first")
            there.wait_sent(20)
            ping.send_signal(signal.SIGINT)
            said = ping.communicate()[0]
        self.lab.settle()
        for guest, first, stream in ((self.db1, 0, there),
                                     (self.web1, 1 << 20, back)):
            numbers = [number_of(f) for f in guest.received()]
            got = [n for n in numbers if n is not None and
                   first <= n < first + (1 << 20)]
            self.assertEqual(got, list(range(first, stream.next)))
        self.assertIn(" 0% packet loss", said)
        self.assertEqual(moves(), before)


class OverlapCases(TenantCases):
    """Two tenants of the same addresses, each with a receiver of its own."""

    @classmethod
    def prepare_switch(cls):
        cls.routers, cls.tenants = {}, {}
        for tenant, tag in (("red", 110), ("blue", 120)):
            cls.routers[tenant] = Router(cls.lab, f"rt{tag}", {
                "leg-a": (tag, ["10.1.0.1/24"]),
                "leg-b": (tag + 1, ["10.2.0.1/24"])})
            cls.tenants[tenant] = [
                add_vm(cls.lab, f"{name}-{tag}", tag + subnet,
                       f"10.{1 + subnet}.0.{n}/24", f"10.{1 + subnet}.0.1")
                for name, subnet, n in (("web", 0, 5), ("db", 0, 6),
                                        ("ids", 1, 9))]
        cls.links = [(vms[0].name, vms[1].name)
                     for vms in cls.tenants.values()]

    @classmethod
    def inventory(cls):
        document = {kind: [] for kind in (
            "vpcs", "peerings", "subnets", "network_interfaces",
            "mirror_resources")}
        for tenant, (web, db, ids) in cls.tenants.items():
            a, b = f"{tenant}-a", f"{tenant}-b"
            document["vpcs"] += [cls.vpc(a), cls.vpc(b)]
            document["peerings"].append(
                {"name": f"{tenant}-ab", "from": a, "to": b})
            document["subnets"] += [
                {"name": f"sn-{a}", "vpc": a, "cidr": "10.1.0.0/24",
                 "gateway": "10.1.0.1",
                 "routes": [{"to": "10.2.0.0/24", "via": f"{tenant}-ab"}]},
                {"name": f"sn-{b}", "vpc": b, "cidr": "10.2.0.0/24"}]
            document["network_interfaces"] += [
                cls.nic(web, f"sn-{a}"), cls.nic(db, f"sn-{a}"),
                cls.nic(ids, f"sn-{b}")]
            document["mirror_resources"] += [
                cls.resource(f"{tenant}-src", "source", f"{web.name}-eth0"),
                cls.resource(f"{tenant}-ids", "destination",
                             f"{ids.name}-eth0")]
        return document

    def test_no_copy_crosses_from_one_to_the_other(self):
        for n, tenant in enumerate(self.tenants):
            self.control.ctl("tunnel-add", tenant, f"source={tenant}-src",
                             f"destination={tenant}-ids", f"vni={7001 + n}")
        self.control.wait_running(*self.tenants)
        receivers = {t: Receiver(vms[2]) for t, vms in self.tenants.items()}
        sent = {}
        for n, (tenant, (web, db, _)) in enumerate(self.tenants.items()):
            talk = self.lab.talk(web.name, db.name)
            self.lab.wait_copied(talk, receivers[tenant], 7001 + n)
        self.lab.clear()
        for n, (tenant, (web, db, _)) in enumerate(self.tenants.items()):
            talk = self.lab.talk(web.name, db.name)
            numbers = range(1000 * n, 1000 * n + 200)
            sent[tenant] = talk.frames(numbers)
            self.lab.exchange((web, sent[tenant]))
        for n, (tenant, receiver) in enumerate(receivers.items()):
            wait_until(lambda r=receiver: len(r.numbered()) >= 200,
                       f"copies of {tenant}", 5)
            self.assert_copied(receiver, 7001 + n, sent[tenant])
            self.assertEqual({c.vni for c in receiver.copies()}, {7001 + n})
            # Not so much as a flooded one.
            for other, (web, db, ids) in self.tenants.items():
                if other != tenant:
                    seen = [decode(f) for g in (web, db, ids)
                            for f in g.received()]
                    self.assertNotIn(7001 + n, [c.vni for c in seen if c])


class MtuMixCases(PeeredCases):
    """A jumbo source, a way of 1,500 bytes, both IP versions."""

    mtu = 9000

    @classmethod
    def inventory(cls):
        document = super().inventory()
        for nic in document["network_interfaces"]:
            nic["hypervisor"] = "xen"   # Which admits 8,900 bytes.
            if nic["name"] == "ids-eth0":
                nic["mtu"] = 1500
        return document

    def fits(self, overhead):
        self.tunnel("first", self.receiver, VNI)
        room = 1500 - overhead
        listed = self.listed("first")
        self.assertEqual(listed["effective_packet_length"], room)
        told = {c["type"]: c for c in listed["conditions"]}["MtuSufficient"]
        self.assertEqual(told["status"], "False")
        self.first_copy()
        for length in (64, room - 1, room, room + 1, 1514, 9014):
            self.lab.clear()
            frames = self.exchange(range(5), length)
            self.assert_all_copied(frames, room)
            biggest = max(len(c.wire) for c in self.receiver.copies())
            self.assertLessEqual(biggest, 1514)

    def test_copies_are_cut_to_what_the_way_carries(self):
        self.fits(36)

    def test_copies_over_ipv6_are_cut_to_what_the_way_carries(self):
        self.set_nic("web1", addresses=["fd00:a::5"])
        self.set_nic("ids", addresses=["fd00:b::9"], mtu=1500)
        self.fits(56)

    def test_the_ways_mtu_is_followed(self):
        self.set_nic("ids", mtu=8000)
        self.tunnel("first", self.receiver, VNI)
        self.assertEqual(self.listed("first")["effective_packet_length"],
                         8000 - 36)
        self.set_nic("ids", mtu=1400)
        self.assertEqual(self.listed("first")["effective_packet_length"],
                         1400 - 36)
