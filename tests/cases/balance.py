"""Copies spread over the members of an inline load balancer."""

from cases.vpc import TenantCases
from lab.frames import Talk
from lab.tenant import Receiver, Router, add_vm
from lab.waiting import wait_until

MEMBERS = 4
CONNECTIONS = 1000


class BalanceCases(TenantCases):
    """web1 and db1 are in VPC a; four members are in the transit VPC t."""

    @classmethod
    def prepare_switch(cls):
        lab = cls.lab
        cls.router = Router(lab, "rt", {
            "leg-a": (101, ["10.1.0.1/24"]), "leg-t": (103, ["10.9.0.1/24"])})
        for name, n in (("web1", 5), ("db1", 6)):
            setattr(cls, name, add_vm(lab, name, 101, f"10.1.0.{n}/24",
                                      "10.1.0.1"))
        cls.members = [Receiver(add_vm(lab, f"ids{n}", 103,
                                       f"10.9.0.{10 + n}/24", "10.9.0.1"))
                       for n in range(MEMBERS)]

    @classmethod
    def inventory(cls):
        return {
            "vpcs": [cls.vpc("vpc-a"), cls.vpc("vpc-t", "transit")],
            "transit_connects": [{"name": "a-to-t", "vpc": "vpc-a",
                                  "transit_vpc": "vpc-t"}],
            "subnets": [
                {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.1.0.0/24",
                 "gateway": "10.1.0.1",
                 "gateway_mac": cls.router.macs["leg-a"],
                 "routes": [{"to": "10.9.0.0/24", "via": "a-to-t"}]},
                {"name": "sn-t", "vpc": "vpc-t", "cidr": "10.9.0.0/24"}],
            "network_interfaces":
                [cls.nic(cls.web1, "sn-a"), cls.nic(cls.db1, "sn-a")]
                + [cls.nic(m.guest, "sn-t") for m in cls.members],
            "load_balancers": [cls.balancer()],
            "mirror_resources": [
                cls.resource(f"{name}-src", "source", f"{name}-eth0")
                for name in ("web1", "db1")]
                + [cls.resource("ids", "destination", "ids-lb",
                                "load-balancer")]}

    @classmethod
    def balancer(cls, down=()):
        return {"name": "ids-lb", "vpc": "vpc-t", "subnet": "sn-t",
                "members": [{"address": m.address,
                             "network_interface": f"{m.name}-eth0",
                             "state": "down" if i in down else "up"}
                            for i, m in enumerate(cls.members)]}

    # Numbers: connection i has 2 * i there and 2 * i + 1 back.

    def talk_of(self, i):
        return Talk(self.web1, self.db1, "tcp", sport=20000 + i, dport=443)

    def connect(self, connections=range(CONNECTIONS), length=200):
        """One frame each way of each connection."""
        self.lab.clear()
        self.lab.exchange(
            (self.web1, [self.talk_of(i).frame(2 * i, length)
                         for i in connections]),
            (self.db1, [self.talk_of(i).back().frame(2 * i + 1, length)
                        for i in connections]))

    def seen(self, vni):
        """Connection -> members that got copies of it with this VNI, and how
        many copies there are."""
        by, count = {}, 0
        for i, member in enumerate(self.members):
            for copy in member.numbered(vni):
                by.setdefault(copy.number // 2, set()).add(i)
                count += 1
        return by, count

    def all_seen(self, vni, connections=range(CONNECTIONS)):
        """The same once every copy has come; each at one member."""
        wait_until(lambda: self.seen(vni)[1] >= 2 * len(connections),
                   f"all copies with VNI {vni}", 20, 0.2)
        by, count = self.seen(vni)
        self.assertEqual(count, 2 * len(connections))
        self.assertEqual(set(by), set(connections))
        self.assertEqual({len(members) for members in by.values()}, {1})
        return {i: members.pop() for i, members in by.items()}

    def balance(self, name, vni, source="web1", **more):
        self.control.apply({"mirror_tunnels": [
            {"name": name, "account": "default", "source": f"{source}-src",
             "destination": "ids", "vni": vni, **more}]})
        self.control.wait_running(name)
        # Each member's way is known to the switch once a copy went it.
        for first in range(0, 10 * CONNECTIONS, 200):
            self.connect(range(first, first + 200))
            if len(set().union(*self.seen(vni)[0].values())) == MEMBERS:
                break
        self.lab.clear()

    def set_down(self, *down):
        self.control.apply({"load_balancers": [self.balancer(down)]},
                           "--wait=hv")

    def test_both_directions_and_both_ends_reach_one_member(self):
        self.balance("there", 7001, packet_length=128)
        self.balance("back", 7002, source="db1")
        self.connect()
        there, back = self.all_seen(7001), self.all_seen(7002)
        self.assertEqual(there, back)
        shares = [list(there.values()).count(i) for i in range(MEMBERS)]
        print(f"     {CONNECTIONS} connections over {MEMBERS} members: "
              f"{shares}")
        self.assertGreater(min(shares), CONNECTIONS / MEMBERS / 3)
        for i, member in enumerate(self.members):
            copies = member.numbered(7001)
            self.assertEqual({(c.source, c.destination) for c in copies},
                             {("10.1.0.5", member.address)})
            self.assertEqual({len(c.inner) for c in copies}, {128})
            self.assertEqual({f for c in copies for f in c.faults}, set())

    def test_the_daemon_tells_where_the_copies_go(self):
        self.balance("there", 7001, packet_length=128)
        members = [m.address for m in self.members]
        told = dict(line.split(": ", 1) for line in self.daemon.appctl(
            "mirror/trace", "there", "out",
            "tcp,nw_src=10.1.0.5,nw_dst=10.1.0.6,tp_dst=443").splitlines())
        self.assertEqual((told["mirrored"], told["kept"],
                          sorted(told["destination"].split(","))),
                         ("true", "128 bytes", members))
        shown = self.daemon.appctl("mirror/show", "there")
        flows = self.daemon.appctl("mirror/flows", "there")
        for member in members:
            self.assertRegex(shown, rf"delivery \d+: 10.1.0.5>{member} via")
            self.assertIn(f"->10.1.0.5->ip_src,set_field:{member}->ip_dst"
                          .replace("->10.1.0.5", "10.1.0.5", 1), flows)
        self.assertIn("group_id=", flows)

    def test_a_member_that_goes_down_moves_its_share_only(self):
        self.balance("there", 7001)
        self.connect()
        before = self.all_seen(7001)
        self.addCleanup(self.set_down)
        self.set_down(1)
        self.connect()
        after = self.all_seen(7001)
        moved = {i for i in before if before[i] != after[i]}
        self.assertEqual(moved, {i for i in before if before[i] == 1})
        print(f"     member 1 of {MEMBERS} down: {len(moved)} of "
              f"{CONNECTIONS} connections moved")
        self.set_down()
        self.connect()
        self.assertEqual(self.all_seen(7001), before)

    def test_without_a_member_nothing_is_sent_and_all_is_counted(self):
        self.balance("there", 7001)
        self.addCleanup(self.set_down)
        self.connect(range(100))
        self.switch.purge()     # Its flows know of them.
        self.set_down(*range(MEMBERS))
        # The group goes, and takes no flow with it that has counted.
        self.assertGreaterEqual(self.counted("there", "outbound_packets"),
                                100)
        listed = self.control.wait_tunnel(
            "there", lambda t: t["health"] == "degraded", "to be degraded")
        self.assertEqual([r["code"] for r in listed["reasons"]],
                         ["MEMBERS_DOWN"])
        self.control.ctl("--wait=hv", "sync")
        before = self.daemon.appctl("mirror/show", "there")
        self.connect(range(100))
        self.assertEqual(self.seen(7001)[1], 0)
        # The switch's counters follow within half a second or so.
        wait_until(lambda: self.daemon.appctl("mirror/show", "there")
                   != before, "the frames to be counted", 5)
        self.set_down()
        self.control.wait_running("there")
        self.connect(range(100))
        self.all_seen(7001, range(100))

    def test_the_cap_of_a_member_elsewhere_is_known_to_the_hypervisor(self):
        """By its NIC's VPC, which nothing else leads to."""
        self.control.apply({
            "vpcs": [self.vpc("vpc-b")],
            "subnets": [{"name": "sn-b", "vpc": "vpc-b",
                         "cidr": "10.2.0.0/24"}],
            "network_interfaces": [
                dict(self.nic(self.web1, "sn-a"), hypervisor="xen"),
                {"name": "far", "iface_id": "far", "subnet": "sn-b"}]})
        self.addCleanup(self.set_down)
        balancer = self.balancer()
        balancer["members"].append({"address": "10.9.0.99",
                                    "network_interface": "far"})
        self.control.apply({"load_balancers": [balancer]})
        self.balance("there", 7001)
        self.control.transact({"op": "update", "table": "Mirror_Tunnel",
                               "where": [], "row": {"packet_length": 5000}})
        wait_until(lambda: self.control.rows("Tunnel_Status", "health")
                   == [{"health": "error"}], "the row to be refused")

    def test_the_guests_frames_are_whole(self):
        """A group that starves others, or a cut that hits the guest's own
        output, would show here."""
        self.balance("there", 7001, packet_length=100, rate_kbps=1000000)
        self.balance("back", 7002, source="db1", packet_length=64)
        frames = [self.talk_of(i).frame(i, 1200) for i in range(300)]
        self.lab.clear()
        self.lab.exchange((self.web1, frames))
        got = [f for f in self.db1.received() if f[12:14] == b"\x08\x00"]
        self.assertEqual(got, frames)

    def chosen(self):
        """Which bucket of production's group each connection's frame from
        web1 took, by the TOS that db1 sees."""
        frames = [self.talk_of(i).frame(i, 200) for i in range(200)]
        self.lab.clear()
        self.lab.exchange((self.web1, frames))
        got = [f for f in self.db1.received() if f[12:14] == b"\x08\x00"]
        self.assertEqual(len(got), len(frames))
        # Whatever order they come in: source ports are their numbers.
        return {int.from_bytes(f[34:36], "big"): f[15] for f in got}

    def test_productions_groups_choose_as_they_did(self):
        """By dp_hash, behind a recirculation of production's own."""
        self.switch.ofctl(
            "add-group", "br-int",
            "group_id=8,type=select,selection_method=dp_hash,"
            + ",".join(f"bucket=bucket_id:{i},actions=mod_nw_tos:{tos},normal"
                       for i, tos in enumerate((32, 64))))
        self.addCleanup(self.switch.ofctl, "del-groups", "br-int",
                        "group_id=8")
        for flow in (f"priority=9,tcp,dl_src={self.web1.mac},"
                     "actions=ct(table=1)", "table=1,actions=group:8"):
            self.switch.ofctl("add-flow", "br-int", "cookie=0xc8," + flow)
        self.addCleanup(self.switch.ofctl, "del-flows", "br-int",
                        "cookie=0xc8/-1")
        before = self.chosen()
        self.assertEqual(set(before.values()), {32, 64})
        self.balance("there", 7001, packet_length=128)
        self.balance("back", 7002, source="db1", packet_length=200)
        self.assertEqual(self.chosen(), before)
        for vni in (7001, 7002):
            wait_until(lambda vni=vni: self.seen(vni)[1] >= len(before),
                       f"all copies with VNI {vni}", 20, 0.2)
            self.assertEqual(self.seen(vni)[1], len(before))
            self.assertGreater(len(set().union(*self.seen(vni)[0].values())),
                               1)

    def test_the_pair_that_leads_to_groups_heals(self):
        for what, change in {
                "its port deleted": ("del-port", "mbal-out"),
                "the other end deleted": ("del-port", "mbal-in"),
                "led to nowhere": ("set", "Interface", "mbal-out",
                                   "options:peer=nobody")}.items():
            with self.subTest(what):
                if "there" not in self.control.tunnels():
                    self.balance("there", 7001)
                self.switch.vsctl(*change)
                self.control.ctl("--wait=hv", "sync")
                self.control.wait_running("there")
                self.connect(range(100))
                self.all_seen(7001, range(100))
