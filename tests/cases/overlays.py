"""Other people's VXLAN on the same host: tunnels of the same switch in every
form, kernel devices, programs that listen.  None of their packets is ours,
and none of ours is theirs."""

import re
import socket

from cases.product import ProductCases
from lab import RealLab
from lab.waiting import wait_until

PROD_VNI = 5
# Of the production overlay's port; "peer" and "own" are the hosts' addresses.
FORMS = {
    "keyed": "remote_ip={peer} key=5",
    "keyed, own address named": "remote_ip={peer} local_ip={own} key=5",
    "VNI by flow": "remote_ip={peer} key=flow",
    "remote by flow, keyed": "remote_ip=flow key=5",
    "all by flow": "remote_ip=flow key=flow",
    "all by flow, own address named": "remote_ip=flow local_ip={own} "
                                      "key=flow",
    "source by flow as well": "remote_ip=flow local_ip=flow key=flow",
}


def two_hosts():
    lab = RealLab()
    lab.add_hypervisor("hv2")
    return lab


class OverlayCases(ProductCases):
    """prod1 on hv1 and prod2 on hv2 talk over a production overlay, bridges
    br-prod; web1 and db1 are on hv1, and web1 is mirrored."""

    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4}
    make_lab = staticmethod(two_hosts)

    @classmethod
    def prepare_switch(cls):
        cls.hosts = cls.lab.hypervisors
        for number in "12":
            host = cls.hosts["hv" + number]
            host.vsctl("add-br", "br-prod", "--", "set", "Bridge", "br-prod",
                       "datapath_type=netdev", "fail_mode=secure")
            guest = cls.lab.add_guest(f"prod{number}", hypervisor=host,
                                      bridge="br-prod")
            setattr(cls, guest.name, guest)

    def tearDown(self):
        for host in self.hosts.values():
            host.vsctl("--if-exists", "del-port", "br-prod", "vx-prod")
        super().tearDown()

    def overlay(self, host, form):
        """Adds the production port, and the flows of its bridge."""
        other = next(h for h in self.hosts.values() if h is not host)
        guest = "prod1" if host.name == "hv1" else "prod2"
        options = [f"options:{word}" for word in form.format(
            peer=other.ip, own=host.ip).split()]
        host.vsctl("add-port", "br-prod", "vx-prod", "--", "set",
                   "Interface", "vx-prod", "type=vxlan", *options)
        host.ofctl("del-flows", "br-prod")
        host.ofctl("add-flow", "br-prod",
                   f"in_port={guest},actions=set_field:{PROD_VNI}->tun_id,"
                   + (f"set_field:{host.ip}->tun_src,"
                      if "local_ip=flow" in form else "")
                   + (f"set_field:{other.ip}->tun_dst,"
                      if "remote_ip=flow" in form else "")
                   + "output:vx-prod", "--names")
        host.ofctl("add-flow", "br-prod", f"tun_id={PROD_VNI},"
                   f"in_port=vx-prod,actions=output:{guest}", "--names")

    def errors(self):
        """What the switch says is wrong with any port of hv1."""
        return {row["name"]: row["error"] for row in self.switch.rows(
            "Interface", "name", "error") if row["error"]}

    def strayed(self):
        """Packets that our VXLAN port took in."""
        shown = self.switch.ofctl("dump-ports", "br-mirror", "mirror-vxlan",
                                  "--names")
        return int(re.search(r"rx pkts=(\d+)", shown).group(1))

    def assert_each_has_its_own(self):
        """The overlay delivers, our copies arrive, and nothing strays."""
        talk = self.lab.talk("web1", "db1")
        there = self.lab.talk("prod1", "prod2")
        back = there.back()

        def passes(way):
            return lambda: (way.a.send(way.frame(self.lab.probe_number())),
                            way.b.received())[1]
        wait_until(passes(there), "the overlay to carry frames", 10, 0.1)
        wait_until(passes(back), "and back", 10, 0.1)
        self.lab.wait_copied(talk, self.ids4, 7001)
        # Neighbours on the underlay are known by now.
        self.lab.clear()
        frames, more = talk.frames(range(20)), there.frames(range(20, 40))
        answers = back.frames(range(40, 60))
        self.lab.exchange((self.web1, frames), (self.prod1, more),
                          (self.prod2, answers))
        self.lab.settle()
        self.assert_received(self.prod2, more)
        self.assert_received(self.prod1, answers)
        self.assert_copied(self.ids4, 7001, frames)
        self.assertEqual(self.strayed(), 0)

    def test_a_production_overlay_of_any_form_that_was_there_before(self):
        for name, form in FORMS.items():
            with self.subTest(form=name):
                for host in self.hosts.values():
                    self.overlay(host, form)
                self.tunnel("first", self.ids4, 7001)
                self.assertEqual(self.errors(), {})
                self.assert_each_has_its_own()
                self.tearDown()

    def test_a_production_overlay_of_any_form_that_comes_after(self):
        for name, form in FORMS.items():
            with self.subTest(form=name):
                self.tunnel("first", self.ids4, 7001)
                for host in self.hosts.values():
                    self.overlay(host, form)
                self.assertEqual(self.errors(), {})
                self.assert_each_has_its_own()
                self.tearDown()

    def test_frames_that_came_by_an_overlay_are_cut(self):
        """With routes to everywhere too."""
        self.control.apply({
            "network_interfaces": [
                {"name": "prod1-eth0", "iface_id": "prod1",
                 "mac": self.prod1.mac, "addresses": [self.prod1.ip]}],
            "mirror_resources": [
                {"name": "prod1-src", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": "prod1-eth0"}]})
        for host in self.hosts.values():
            self.overlay(host, "remote_ip={peer} key=5")
        peer = self.hosts["hv2"]
        for version, via in (("-4", peer.ip), ("-6", peer.ip6)):
            route = ("default", "via", via, "dev", "br-phy")
            self.switch.namespace.ip(version, "route", "add", *route)
            self.addCleanup(self.switch.namespace.ip, version, "route", "del",
                            *route)
        self.tunnel("cut", self.ids4, 7001, source="prod1", packet_length=100)
        back = self.lab.talk("prod2", "prod1")
        self.lab.wait_copied(back, self.ids4, 7001)
        self.lab.clear()
        frames = back.frames(range(20), 700)
        self.lab.exchange((self.prod2, frames))
        self.assert_received(self.prod1, frames)
        self.assert_copied(self.ids4, 7001, frames, 100)
        self.assert_sound(self.ids4)

    def test_what_no_overlay_wants_is_not_ours_either(self):
        """A stranger's VNI, and one that a tunnel of ours has."""
        self.tunnel("first", self.ids4, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)
        host = self.hosts["hv2"]
        self.overlay(host, "remote_ip={peer} key=flow")
        for vni in (5, 7001, 77, 16777215):
            host.ofctl("del-flows", "br-prod")
            host.ofctl("add-flow", "br-prod", "in_port=prod2,actions="
                       f"set_field:{vni}->tun_id,output:vx-prod", "--names")
            talk = self.lab.talk("prod2", "prod1")
            self.lab.exchange((self.prod2, talk.frames(range(10))))
        self.assertEqual(self.strayed(), 0)

    # The very tuple of ours.

    def test_a_port_of_our_very_tuple_is_said_to_be_in_the_way(self):
        tuple_of_ours = ("remote_ip=flow local_ip=flow in_key=16777216 "
                         "out_key=flow")
        self.overlay(self.hosts["hv1"], tuple_of_ours)
        self.wish("first", self.ids4, 7001)
        self.control.wait_tunnel(
            "first", lambda t: t["health"] == "degraded" and
            "VTEP_PORT_TAKEN" in {r["code"] for r in t["reasons"]},
            "to say that its port is taken")
        self.assertEqual(set(self.errors()), {"mirror-vxlan"})
        self.switch.vsctl("del-port", "br-prod", "vx-prod")
        self.control.wait_running("first")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)

    # The kernel, and programs.

    def kernel_overlay(self, namespace, own, peer, address):
        namespace.ip("link", "add", "vx0", "type", "vxlan", "id", "5",
                     "dstport", "4789", "local", own, "remote", peer)
        namespace.ip("address", "add", f"{address}/24", "dev", "vx0")
        namespace.ip("link", "set", "vx0", "up")
        self.addCleanup(namespace.ip, "link", "del", "vx0", check=False)

    def taken(self):
        self.control.wait_tunnel(
            "first", lambda t: "VTEP_PORT_TAKEN" in {
                r["code"] for r in t["reasons"]},
            "to say that the port is taken")

    def test_a_kernel_vxlan_device_goes_on_hearing(self):
        """Whichever came first."""
        here, there = (h.namespace for h in self.hosts.values())
        own, peer = (h.ip for h in self.hosts.values())
        for first in ("ours", "theirs"):
            with self.subTest(first=first):
                if first == "ours":
                    self.tunnel("first", self.ids4, 7001)
                self.kernel_overlay(here, own, peer, "10.5.0.1")
                self.kernel_overlay(there, peer, own, "10.5.0.2")
                if first == "theirs":
                    self.wish("first", self.ids4, 7001)
                self.taken()
                wait_until(lambda: here.run(
                    ["ping", "-c", "1", "-W", "1", "10.5.0.2"],
                    check=False).returncode == 0,
                    "the kernel's overlay to carry a ping", 10)
                for space in (here, there):
                    space.ip("link", "del", "vx0")
                self.control.wait_running("first")
                self.lab.wait_copied(self.lab.talk("web1", "db1"),
                                     self.ids4, 7001)
                self.remove("first")

    def hears(self, listener):
        """Whether what hv2 sends to hv1's UDP port 4789 arrives there."""
        sender = self.hosts["hv2"].namespace.socket(socket.AF_INET,
                                                    socket.SOCK_DGRAM)
        with sender:
            sender.sendto(b"hello", (self.hosts["hv1"].ip, 4789))
        listener.settimeout(0.2)
        try:
            return listener.recv(100) == b"hello"
        except TimeoutError:
            return False

    def test_a_program_that_listens_goes_on_hearing(self):
        for first in ("ours", "theirs"):
            with self.subTest(first=first):
                if first == "ours":
                    self.tunnel("first", self.ids4, 7001)
                listener = self.switch.namespace.socket(socket.AF_INET,
                                                        socket.SOCK_DGRAM)
                with listener:
                    listener.bind((self.hosts["hv1"].ip, 4789))
                    if first == "theirs":
                        self.wish("first", self.ids4, 7001)
                    self.taken()
                    wait_until(lambda: self.hears(listener),
                               "the program to hear", 10)
                self.control.wait_running("first")
                self.remove("first")
