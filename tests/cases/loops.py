"""A copy is never copied again, whoever sent it: shown with each loop closed,
with its guards taken away by hand and with them in place."""

from cases.product import ProductCases
from lab import RealLab
from lab.base import CollectorBase
from lab.control import MirrorDaemon
from lab.real import discard
from lab.vxlan import COPY_TOS, decode
from lab.waiting import wait_until

GUARDS = "cookie=0x6d72500000000000/0xfffff00000000000"
DEEP = 4    # A copy of a copy of a copy of a copy goes round.


def depth(frame):
    """How many copies of copies deep a frame is; 0 if it is none."""
    layers, copy = 0, decode(frame)
    while copy:
        layers, copy = layers + 1, decode(copy.inner)
    return layers


class Box(CollectorBase):
    """A collector that is a VM: a NIC on a hypervisor's underlay bridge."""

    def __init__(self, lab, name, hypervisor, last):
        super().__init__(name, f"172.31.0.{last}")
        self.guest = lab.add_guest(name, hypervisor=hypervisor,
                                   bridge="br-phy", mtu=9000)
        self.guest.ip = self.address
        space = self.guest.namespace
        space.ip("address", "add", f"{self.address}/24", "dev", "eth0")
        listener = discard(space, 4)
        lab.undo.callback(listener.close)

    def wire(self):
        return self.guest.received()


def two_hosts():
    lab = RealLab()
    lab.add_hypervisor("hv2")
    return lab


class Loops(ProductCases):
    """What it takes to close a loop; 'daemons' are all there are."""

    def mirroring(self):
        """The daemons that have something to do."""
        return [d for d in self.daemons
                if "br-mirror" in d.switch.vsctl("list-br").split()]

    def take_guards_away(self):
        for daemon in self.mirroring():
            daemon.appctl("mirror/pause")
            daemon.switch.ofctl("del-flows", "br-mirror", GUARDS)
            daemon.switch.purge()

    def put_guards_back(self):
        for daemon in self.mirroring():
            daemon.appctl("mirror/resume")
            daemon.wait_settled()
            self.assertTrue(
                [f for f in daemon.switch.flows("br-mirror")
                 if "tp_dst=4789" in f], "the guards are back")
            daemon.switch.purge()

    def quiet(self, places):
        """Waits until nothing more arrives: what went round has died."""
        seen = []

        def still():
            self.lab.settle()
            now = [len(place.wire()) for place in places]
            same, seen[:] = now == seen, now
            return same
        wait_until(still, "the loop to die", 20, 0.2)

    def loop(self, what, places, send, deep=DEEP):
        """One frame goes round without guards; with them nothing does.
        Then the captures hold what 'send' caused with guards in place."""
        self.addCleanup(self.put_guards_back)
        self.lab.clear()
        self.take_guards_away()

        def depths():
            return [depth(f) for p in places for f in p.wire() if depth(f)]
        send(900)
        try:
            wait_until(lambda: max(depths(), default=0) >= deep,
                       lambda: f"{what}: the loop to be {deep} deep; it is "
                       f"{max(depths(), default=0)}", 10)
        finally:
            self.put_guards_back()
        self.quiet(places)
        loose = depths()
        self.lab.clear()
        for number in range(20):
            send(number)
        self.lab.settle()
        guarded = depths()
        print(f"     {what}: of 1 frame, unguarded, {len(loose)} copies up to "
              f"{max(loose)} deep; of 20, guarded, {len(guarded)} copies up "
              f"to {max(guarded)} deep", flush=True)
        self.assertEqual(max(guarded), 1, what)

    @classmethod
    def bound(cls):
        """A loop between hypervisors has no end: what goes round is bounded,
        so that it can be looked at."""
        for host in cls.lab.hypervisors.values():
            host.vsctl("set", "Open_vSwitch", ".",
                       "external_ids:mirror-rate-kbps=1000")

    @classmethod
    def start_others(cls):
        """A daemon on each hypervisor but the first, which has one."""
        cls.daemons = [cls.lab.daemon] + [
            MirrorDaemon(cls.lab, host, cls.control).start()
            for host in list(cls.lab.hypervisors.values())[1:]]


class LoopCases(Loops):
    """box1 and box2 are collectors and sources, each on its hypervisor;
    nic1 and nic2 are NICs that are destinations; uplink1 and uplink2 are the
    hypervisors' own ports to the underlay."""

    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4}
    make_lab = staticmethod(two_hosts)

    @classmethod
    def prepare_switch(cls):
        hosts = cls.lab.hypervisors
        cls.boxes = {}
        cls.bound()
        for name, host, last in (("box1", "hv1", 51), ("box2", "hv2", 52),
                                 ("nic1", "hv1", 53), ("nic2", "hv2", 54)):
            cls.boxes[name] = Box(cls.lab, name, hosts[host], last)
            setattr(cls, name, cls.boxes[name])
        for number in "12":
            hosts["hv" + number].vsctl(
                "set", "Interface", "uplink",
                f"external_ids:iface-id=uplink{number}")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_others()
        for a, b in (("box1", "box2"), ("box2", "box1"), ("nic1", "nic2"),
                     ("nic2", "nic1")):
            cls.lab.wait_link(a, b)

    @classmethod
    def inventory(cls):
        """The two "nic" are destinations of type network-interface."""
        document = super().inventory()
        document["mirror_resources"] = [
            r for r in document["mirror_resources"]
            if not r["name"].startswith("nic")]

        def resource(name, purpose, kind, target):
            document["mirror_resources"].append(
                {"name": name, "account": "default", "purpose": purpose,
                 "type": kind, "target": target})
        for name, box in cls.boxes.items():
            if name.startswith("nic"):
                resource(name, "destination", "network-interface",
                         f"{name}-eth0")
                continue
            document["collectors"].append(
                {"name": f"{name}-box", "address": box.address})
            resource(name, "destination", "collector", f"{name}-box")
        for number in "12":
            name = f"uplink{number}"
            document["network_interfaces"].append(
                {"name": name, "iface_id": name, "addresses": [],
                 "mac": cls.lab.hypervisors[f"hv{number}"].namespace.mac(
                     "uplink")})
            resource(f"{name}-src", "source", "network-interface", name)
        return document

    def tunnel_of(self, source, destination, vni):
        name = f"{source}-{destination.name}"
        self.control.apply({"mirror_tunnels": [
            {"name": name, "account": "default", "source": f"{source}-src",
             "destination": destination.name, "vni": vni}]})
        self.control.wait_running(name)

    def numbers(self, box, vni):
        return sorted(c.number for c in box.numbered(vni))

    def test_a_collector_that_is_mirrored_to_itself(self):
        self.tunnel_of("web1", self.box1, 7001)
        self.tunnel_of("box1", self.box1, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.box1, 7001)
        self.loop("collector's NIC is a source", [self.box1],
                  lambda n: talk.a.send(talk.frame(n)))
        self.assertEqual(self.numbers(self.box1, 7001), list(range(20)))
        self.assertEqual(self.numbers(self.box1, 7002), [])
        # What is no copy is mirrored.
        self.lab.clear()
        talk = self.lab.talk("box2", "box1", "other")
        self.lab.exchange((talk.a, talk.frames(range(20))))
        self.assertEqual(self.numbers(self.box1, 7002), list(range(20)))

    def test_tunnel_endpoints_on_a_mirrored_bridge(self):
        """The port by which the copies leave."""
        self.tunnel_of("web1", self.ids4, 7001)
        self.tunnel_of("uplink1", self.ids4, 7002)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.loop("uplink mirrored", [self.ids4],
                  lambda n: talk.a.send(talk.frame(n)))
        self.assertEqual(self.ids4.numbers(7001), list(range(20)))
        self.assertEqual(self.ids4.numbers(7002), [])
        self.lab.clear()
        talk = self.lab.talk("box1", "box2", "other")
        self.lab.exchange((talk.a, talk.frames(range(20))))
        self.assertEqual(self.ids4.numbers(7002), list(range(20)))

    def test_two_hypervisors_that_mirror_each_others_collectors(self):
        self.tunnel_of("box1", self.box2, 7001)
        self.tunnel_of("box2", self.box1, 7002)
        talk = self.lab.talk("box2", "box1", "other")
        self.lab.wait_copied(talk, self.box2, 7001)
        self.loop("two hypervisors, each other's collector",
                  [self.box1, self.box2],
                  lambda n: talk.a.send(talk.frame(n)))
        # Each end's copy goes to the other.
        self.assertEqual(self.numbers(self.box2, 7001), list(range(20)))
        self.assertEqual(self.numbers(self.box1, 7002), list(range(20)))

    def mirrored_uplinks(self, here, there, a, b):
        """Both see what goes from 'a' to 'b'."""
        self.tunnel_of("uplink1", there, 7001)
        self.tunnel_of("uplink2", here, 7002)
        talk = self.lab.talk(a, b, "other")
        self.lab.wait_copied(talk, here, 7002)
        self.lab.wait_copied(talk, there, 7001)
        self.loop(f"two hypervisors' uplinks, to {here.name} and "
                  f"{there.name}", [here, there],
                  lambda n: talk.a.send(talk.frame(n)))
        self.assertEqual(self.numbers(there, 7001), list(range(20)))
        self.assertEqual(self.numbers(here, 7002), list(range(20)))

    def test_two_hypervisors_that_mirror_their_uplinks_to_each_other(self):
        self.mirrored_uplinks(self.box1, self.box2, "nic1", "nic2")

    def test_two_hypervisors_that_mirror_their_uplinks_to_nics(self):
        self.mirrored_uplinks(self.nic1, self.nic2, "box1", "box2")

    # What is no copy.

    def test_a_guests_own_vxlan_is_mirrored(self):
        self.tunnel_of("web1", self.ids4, 7001)
        talk = self.lab.talk("web1", "db1", sport=55555, dport=4789)
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.lab.clear()
        out = talk.frames(range(20))
        back = self.lab.talk("db1", "web1", sport=55556,
                             dport=4789).frames(range(20, 40))
        self.lab.exchange((self.web1, out), (self.db1, back))
        self.assert_copied(self.ids4, 7001, out + back)
        self.assert_received(self.db1, out)
        self.assert_received(self.web1, back)

    def test_a_guest_that_marks_its_own_vxlan_as_copies_are_is_mirrored(self):
        """Else it could hide by it what it sends."""
        self.tunnel_of("web1", self.ids4, 7001)
        talk = self.lab.talk("web1", "db1", sport=55555, dport=4789,
                             tos=COPY_TOS)
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.lab.clear()
        out = talk.frames(range(20))
        self.lab.exchange((self.web1, out))
        self.assert_copied(self.ids4, 7001, out)
        self.assert_received(self.db1, out)
