"""Copies that travel the tenant's own network, from NIC to NIC."""

from cases.product import ProductCases
from lab.tenant import Receiver, Router, add_vm
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


class VpcCases(TenantCases):
    """ids is in VPC b; a router joins the two."""

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
                         "fd00:b::9/64", "fd00:b::1", mtu=cls.mtu)
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

    def test_a_copy_goes_from_the_sources_address_to_the_destinations(self):
        self.tunnel("first", self.receiver, VNI, packet_length=100)
        listed = self.listed("first")
        self.assertEqual((listed["delivery"],
                          listed["effective_packet_length"]), ("vpc", 100))
        self.first_copy()
        frames = self.exchange()

        def arrived():
            return len(self.receiver.numbered(VNI)) >= len(frames)
        wait_until(arrived, "all copies to arrive", 5)
        self.assert_copied(self.receiver, VNI, frames, 100)
        copies = self.receiver.numbered(VNI)
        self.assertEqual({(c.source, c.destination, c.ttl) for c in copies},
                         {("10.1.0.5", "10.2.0.9", 63)})
        self.assertEqual({fault for c in copies for fault in c.faults},
                         set())
        self.assertEqual(self.listed("first")["reasons"], [])
