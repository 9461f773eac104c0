"""Two hypervisors of plain OVS with VLANs between them: the source is on the
one, the destination on the other."""

from cases.probe import Prober
from cases.vpc import VNI, PeeredCases
from lab.control import MirrorDaemon
from lab.netns import veth
from lab.tenant import add_vm
from lab.vxlan import decode
from lab.waiting import wait_until


class FabricCases(Prober, PeeredCases):
    @classmethod
    def place_of_ids(cls):
        lab = cls.lab
        cls.hv2 = lab.add_hypervisor("hv2")
        veth(lab.switch.namespace, "to-hv2", cls.hv2.namespace, "to-hv1",
             cls.mtu + 4)
        lab.switch.vsctl("add-port", "br-int", "to-hv2", "trunks=101,102")
        cls.hv2.vsctl("add-port", "br-int", "to-hv1", "trunks=101,102")
        cls.near = [add_vm(lab, f"near{tag}", tag, f"10.{tag - 100}.0.77/24",
                           None, hypervisor=cls.hv2) for tag in (101, 102)]
        return {"hypervisor": cls.hv2}

    @classmethod
    def start_product(cls):
        super().start_product()
        daemon = MirrorDaemon(cls.lab, cls.hv2, cls.lab.control).start()
        cls.addClassCleanup(daemon.stop)

    def moved(self):
        """MACs that br-int of either has seen move."""
        return [s.appctl("coverage/read-counter", "mac_learning_moved")
                for s in (self.switch, self.hv2)]

    def test_copies_cross_the_fabric_and_nobody_else_is_shown_them(self):
        before = self.moved()
        self.tunnel("first", self.receiver, VNI, packet_length=100)
        self.first_copy()
        frames = self.exchange()
        self.assert_all_copied(frames, 100)
        for guest in self.near:
            self.assertEqual([f for f in guest.received() if decode(f)], [])
        self.assertEqual(self.moved(), before)

    def test_a_probe_is_told_by_both_hypervisors(self):
        self.tunnel("first", self.receiver, VNI)
        told = self.probe("first")
        self.assertEqual(self.results(told), ["passed"] * 6)
        self.assertEqual([told["stations"][s]["chassis"] for s in
                          ("wire", "arrival")], ["hv1", "hv2"])
        # Which leaves for the router with its VLAN tag, and comes back.
        self.assertIn("to-hv2", told["stations"]["wire"]["detail"])
        wait_until(lambda: self.marked(self.receiver, VNI, told), "the copy",
                   5)
