"""No copy inside of a tenant's network is copied again: NICs that receive
copies, or carry them, and are mirrored themselves, on three hypervisors."""

from cases.loops import Loops
from cases.vpc import TenantCases
from lab import RealLab
from lab.netns import veth
from lab.tenant import Receiver, add_vm

SEGMENT = 103
ROUTED = 104


def three_hosts():
    """Their br-int share a segment that carries the tenants' VLANs."""
    lab = RealLab()
    lab.add_hypervisor("hv2")
    lab.add_hypervisor("hv3")
    lab.fabric.ip("link", "add", "tenants", "mtu", "9000", "type", "bridge",
                  "forward_delay", "0", "mcast_snooping", "0")
    lab.fabric.ip("link", "set", "tenants", "up")
    for host in lab.hypervisors.values():
        end = f"{host.name}-int"
        veth(host.namespace, "trunk", lab.fabric, end, 9000)
        lab.fabric.ip("link", "set", end, "master", "tenants")
        host.vsctl("add-port", "br-int", "trunk")
    return lab


class VpcLoopCases(TenantCases, Loops):
    """m1 and also1 are on hv1, m2 on hv2, m3 on hv3: members of load
    balancers.  r1 on hv1 and r2 on hv2 route, each for the other; the
    receiver "ids" is on hv3.  "peer" on hv1 is nobody's."""

    links = []
    make_lab = staticmethod(three_hosts)
    balancers = {"lb-1": ("m1",), "lb-2": ("m2",), "lb-3": ("m3",),
                 "lb-here": ("m1", "also1")}

    @classmethod
    def prepare_switch(cls):
        cls.bound()
        hosts = cls.lab.hypervisors

        def vm(name, host, address, tag=SEGMENT):
            guest = add_vm(cls.lab, name, tag, f"{address}/24", None,
                           hypervisor=hosts[host])
            setattr(cls, name, Receiver(guest))
            return guest
        for n, (name, host) in enumerate((("m1", "hv1"), ("also1", "hv1"),
                                          ("m2", "hv2"), ("m3", "hv3"),
                                          ("peer", "hv1"))):
            vm(name, host, f"10.9.{n}.10")
        for name, host, own, other in (("r1", "hv1", "10.21.0.5", "10.22.0"),
                                       ("r2", "hv2", "10.22.0.6", "10.21.0")):
            ns = vm(name, host, own, ROUTED).namespace
            last = own.split(".")[-1]
            for address in (f"{other}.{last}/24", f"10.23.0.{last}/24"):
                ns.ip("address", "add", address, "dev", "eth0")
            ns.sysctl("net.ipv4.ip_forward", 1)
            for device in ("all", "eth0"):
                ns.sysctl(f"net.ipv4.conf.{device}.send_redirects", 0)
        vm("ids", "hv3", "10.23.0.9", ROUTED)
        vm("routed", "hv1", "10.21.0.7", ROUTED)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.start_others()
        for a, b in (("peer", "m1"), ("peer", "also1"), ("peer", "m2"),
                     ("peer", "m3"), ("routed", "r1"), ("routed", "r2"),
                     ("r2", "ids")):
            cls.lab.wait_link(a, b)

    @classmethod
    def inventory(cls):
        members = {name: getattr(cls, name).guest
                   for name in ("m1", "also1", "m2", "m3")}
        subnets = [{"name": f"sn-{name}", "vpc": "vpc-t",
                    "cidr": guest.ip.rsplit(".", 1)[0] + ".0/24"}
                   for name, guest in members.items()]
        subnets += [{"name": "sn-lb", "vpc": "vpc-t", "cidr": "10.8.0.0/24"},
                    {"name": "sn-1", "vpc": "vpc-t", "cidr": "10.21.0.0/24",
                     "gateway": "10.21.0.6"},
                    {"name": "sn-2", "vpc": "vpc-t", "cidr": "10.22.0.0/24",
                     "gateway": "10.22.0.5"},
                    {"name": "sn-3", "vpc": "vpc-t", "cidr": "10.23.0.0/24"}]
        return {
            "vpcs": [cls.vpc("vpc-t", "transit")],
            "subnets": subnets,
            "network_interfaces":
                [cls.nic(guest, f"sn-{name}")
                 for name, guest in members.items()]
                + [cls.nic(cls.r1.guest, "sn-1"),
                   cls.nic(cls.r2.guest, "sn-2"),
                   cls.nic(cls.ids.guest, "sn-3")],
            # Members whose NICs are not named: a source is refused that is
            # known to be one of its destination's.
            "load_balancers": [
                {"name": name, "vpc": "vpc-t", "subnet": "sn-lb",
                 "members": [members[m].ip for m in among]}
                for name, among in cls.balancers.items()],
            "mirror_resources":
                [cls.resource(f"{name}-src", "source", f"{name}-eth0")
                 for name in (*members, "r1", "r2")]
                + [cls.resource(name, "destination", name, "load-balancer")
                   for name in cls.balancers]
                + [cls.resource("ids", "destination", "ids-eth0")]}

    def mirror(self, ways):
        """'ways' are source -> destination; returns source -> VNI."""
        vnis = {source: 7001 + i for i, source in enumerate(ways)}
        names = [f"{source}-{ways[source]}" for source in ways]
        self.control.apply({"mirror_tunnels": [
            {"name": name, "account": "default", "source": f"{source}-src",
             "destination": ways[source], "vni": vnis[source]}
            for name, source in zip(names, ways)]})
        self.control.wait_running(*names)
        return vnis

    def close(self, what, sender, ways, receivers, **more):
        """Sends to the first source, whose copies reach some of
        'receivers'."""
        vnis = self.mirror(ways)
        for source, vni in vnis.items():
            # The switch knows the way once a copy came it.
            self.first_copy(self.lab.talk(sender, source, "other"),
                            receivers, vni)
        first, vni = next(iter(vnis.items()))
        talk = self.lab.talk(sender, first, "other")
        self.loop(what, receivers, lambda n: talk.a.send(talk.frame(n)),
                  **more)
        self.assertEqual(sorted(n for r in receivers for n in r.numbers(vni)),
                         list(range(20)))
        self.assertEqual({c.vni for r in receivers for c in r.copies()},
                         {vni})

    def first_copy(self, talk, receivers, vni):
        class Any:
            name = " or ".join(r.name for r in receivers)

            @staticmethod
            def copies():
                return [c for r in receivers for c in r.copies()]
        self.lab.wait_copied(talk, Any, vni)

    def test_members_of_a_load_balancer_here_that_are_mirrored_to_it(self):
        self.close("load balancer on this host", "peer",
                   {"m1": "lb-here", "also1": "lb-here"},
                   [self.m1, self.also1], deep=3)

    def test_two_hypervisors_that_mirror_who_receives_the_others_copies(self):
        self.close("two hypervisors, each other's receiver", "peer",
                   {"m1": "lb-2", "m2": "lb-1"}, [self.m1, self.m2])

    def test_three_hypervisors_in_a_ring(self):
        self.close("three hypervisors in a ring", "peer",
                   {"m1": "lb-2", "m2": "lb-3", "m3": "lb-1"},
                   [self.m1, self.m2, self.m3])

    def test_two_routers_of_each_others_copies_to_a_third_hypervisor(self):
        self.close("two hypervisors' routers, to a NIC of a third", "routed",
                   {"r1": "ids", "r2": "ids"}, [self.ids])

    def test_a_members_own_vxlan_is_mirrored(self):
        self.mirror({"m1": "lb-2"})
        self.first_copy(self.lab.talk("peer", "m1", "other"), [self.m2], 7001)
        self.lab.clear()
        talk = self.lab.talk("m1", "m3", sport=55555, dport=4789)
        marked = self.lab.talk("m1", "m3", sport=55555, dport=4789, tos=12)
        frames = talk.frames(range(20)) + marked.frames(range(20, 40))
        back = talk.back().frames(range(40, 60))
        self.lab.exchange((self.m1.guest, frames), (self.m3.guest, back))
        self.assert_copied(self.m2, 7001, frames + back)
