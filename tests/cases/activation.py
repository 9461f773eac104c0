"""A tunnel copies while there is a way to its destination, and only then:
routes, neighbours and what the underlay's bridge has learned come, go and
move."""

import ipaddress
import struct
import time

from cases.product import ProductCases
from lab.frames import ethernet, mac_bytes
from lab.netns import veth
from lab.real import UNDERLAY_MTU
from lab.traffic import Stream
from lab.vxlan import decode
from lab.waiting import wait_until

# A second, and what this takes on a machine that is busy with other things.
FOLLOWS_S = 2.0
EVERYONE = "ff:ff:ff:ff:ff:ff"


def announcement(mac, address):
    """What a host sends that has taken over an address: an ARP reply that
    nobody asked for."""
    ip = ipaddress.ip_address(address).packed
    body = (struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + mac_bytes(mac) + ip
            + mac_bytes(EVERYONE) + ip)
    return ethernet(mac, EVERYONE, 0x0806, body)


class ActivationCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]

    def setUp(self):
        self.talk = self.lab.talk("web1", "db1")
        self.numbers = iter(range(1, 1 << 20))

    def sending(self):
        """Flows of ours that send anything."""
        if "br-mirror" not in self.switch.vsctl("list-br").split():
            return []
        return [f for f in self.switch.flows("br-mirror") if "clone(" in f]

    def assert_inactive(self, why):
        """It says so, nothing is programmed and nothing copied."""
        self.control.wait_tunnel("first", lambda t: why in {
            r["code"] for r in t["reasons"]}, f"to say {why}", 5)
        wait_until(lambda: not self.sending(), "flows to be gone", 5)
        self.lab.clear()
        self.lab.exchange((self.web1, self.talk.frames(range(5))))
        for collector in self.lab.collectors.values():
            self.assertEqual(collector.copies(), [])

    def becomes_active(self):
        """Returns after how many seconds."""
        since = time.monotonic()
        self.control.wait_running("first")
        took = time.monotonic() - since
        self.assertLess(took, FOLLOWS_S)
        return took

    def assert_copied_whole(self, collector):
        self.lab.wait_copied(self.talk, collector)
        self.lab.clear()
        frames = self.talk.frames(range(20))
        self.lab.exchange((self.web1, frames))
        self.assert_copied(collector, 7001, frames)

    def ip(self, *words):
        self.switch.namespace.ip(*words)

    # Routes.

    def stages(self, collector):
        """What is there before a route is; none of it is enough."""
        ns, v6 = self.switch.namespace, collector.version == 6
        own = self.switch.ip6 if v6 else self.switch.ip

        def port_up():
            ns.ip("link", "set", "br-phy", "up")
            ns.enable_ipv6("br-phy")

        def address():
            ns.ip("address", "replace", own + ("/64" if v6 else "/24"),
                  "dev", "br-phy", *(["nodad"] if v6 else []))

        def neighbour():
            ns.run(["ping", "-c", "1", "-W", "2", collector.link])
        return {"port up": port_up, "address": address,
                "neighbour": neighbour}

    def test_it_takes_a_route_and_nothing_less(self):
        for collector in (self.ids4, self.ids6):
            with self.subTest(version=collector.version):
                # A kernel takes routes away with the link.
                self.lab.route(collector, True)
                self.lab.route(collector, False)
                self.ip("address", "flush", "dev", "br-phy")
                self.ip("link", "set", "br-phy", "down")
                self.addCleanup(self.switch.underlay_up)
                self.wish("first", collector, 7001)
                self.assert_inactive("NO_ROUTE")
                for what, stage in self.stages(collector).items():
                    stage()
                    self.assert_inactive("NO_ROUTE")
                self.lab.route(collector, True)
                self.becomes_active()
                self.assert_copied_whole(collector)
                self.lab.route(collector, False)
                self.assert_inactive("NO_ROUTE")
                self.switch.underlay_up()
                self.remove("first")

    def test_a_route_withdrawn_and_back_many_times(self):
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        flows = [f for f in self.switch.flows("br-mirror")
                 if "priority=400" not in f]
        rows = self.switch.rows("Mirror", "_uuid", "name")
        slowest = 0
        for _ in range(10):
            self.lab.route(self.ids4, False)
            self.control.wait_tunnel(
                "first", lambda t: t["health"] == "degraded",
                "to be degraded", FOLLOWS_S)
            wait_until(lambda: not self.sending(), "flows to be gone", 2)
            self.lab.route(self.ids4, True)
            slowest = max(slowest, self.becomes_active())
        print(f"     10 times a route: active after {1000 * slowest:.0f} ms "
              "at most", flush=True)
        self.daemon.wait_settled()
        self.assertEqual([f for f in self.switch.flows("br-mirror")
                          if "priority=400" not in f], flows)
        self.assertEqual(self.switch.rows("Mirror", "_uuid", "name"), rows)
        self.assert_copied_whole(self.ids4)

    def arrives_at(self, where, collector):
        """Whether a probe's copy for 'collector' passes 'where's link."""
        first = self.lab.probe_number()
        self.web1.send(self.talk.frame(first, 120))
        self.lab.settle()
        return any(c and c.destination == collector.address
                   and (c.number or 0) >= first
                   for c in map(decode, where.wire()))

    def moves(self, what, act, where, collector):
        act()
        since = time.monotonic()
        wait_until(lambda: self.arrives_at(where, collector),
                   f"{what}: copies to arrive at {where.name}", 10)
        took = time.monotonic() - since
        print(f"     {what}: copies follow after {1000 * took:.0f} ms",
              flush=True)
        self.assertLess(took, FOLLOWS_S, what)

    def test_a_longer_prefix_takes_the_copies_to_its_own_next_hop(self):
        self.lab.route(self.ids4, False)
        self.ip("route", "replace", "198.51.100.0/24", "via", self.ids4.link,
                "dev", "br-phy")
        self.addCleanup(self.ip, "route", "del", "198.51.100.0/24")
        self.wish("first", self.ids4, 7001)
        self.becomes_active()
        self.assert_copied_whole(self.ids4)
        host = [f"{self.ids4.address}/32", "via", self.other4.link, "dev",
                "br-phy"]
        self.moves("a longer prefix", lambda: self.ip("route", "add", *host),
                   self.other4, self.ids4)
        self.moves("the shorter one again",
                   lambda: self.ip("route", "del", *host), self.ids4,
                   self.ids4)

    # Neighbours, and where they are.

    def announce(self, collector):
        collector.send(announcement(collector.namespace.mac("eth0"),
                                    collector.link))

    def test_copies_follow_the_next_hops_new_mac(self):
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        ns, old = self.ids4.namespace, self.ids4.namespace.mac("eth0")
        new = "02:00:00:00:77:01"

        def change(mac):
            ns.ip("link", "set", "eth0", "address", mac)
            self.announce(self.ids4)
        self.addCleanup(change, old)
        self.lab.clear()
        change(new)
        since = time.monotonic()

        def follows():
            self.arrives_at(self.ids4, self.ids4)
            return any(c.wire[:6] == mac_bytes(new)
                       for c in self.ids4.copies())
        wait_until(follows, "copies to go to the new MAC", 10)
        took = time.monotonic() - since
        print(f"     next hop's new MAC: copies follow after "
              f"{1000 * took:.0f} ms", flush=True)
        self.assertLess(took, FOLLOWS_S)
        self.assert_copied_whole(self.ids4)
        self.assertEqual({c.wire[:6] for c in self.ids4.copies()},
                         {mac_bytes(new)})

    def test_a_next_hop_that_the_switch_has_forgotten_is_known_again(self):
        """While the kernel trusts its own entry and the conversation goes on;
        over and over, so that answers meet datapath flows of earlier ones."""
        for collector in (self.ids4, self.ids6):
            self.tunnel("first", collector, 7001)
            self.assert_copied_whole(collector)
            with Stream(self.talk) as stream:
                for _ in range(4):
                    stream.wait_sent(50)
                    self.switch.appctl("tnl/neigh/flush")
                    # What was under way when it was flushed is copied.
                    self.switch.appctl("revalidator/wait")
                    since, first = time.monotonic(), stream.next
                    wait_until(lambda first=first, collector=collector: any(
                        n >= first for n in collector.numbers(7001)),
                        "copies to go on", 30)
                    took = time.monotonic() - since
                    print(f"     next hop forgotten, IPv{collector.version}: "
                          f"copies again after {1000 * took:.0f} ms",
                          flush=True)
                    self.assertLess(took, FOLLOWS_S)
            self.remove("first")

    def test_a_next_hop_that_somebody_set_is_used_and_left_alone(self):
        """One that answers nobody."""
        link, ns = self.ids4.link, self.ids4.namespace
        self.addCleanup(ns.ip, "link", "set", "eth0", "arp", "on")
        ns.ip("link", "set", "eth0", "arp", "off")
        self.addCleanup(self.ip, "neigh", "del", link, "dev", "br-phy")
        self.ip("neigh", "replace", link, "lladdr", ns.mac("eth0"), "dev",
                "br-phy", "nud", "permanent")
        self.switch.appctl("tnl/neigh/flush")
        self.wish("first", self.ids4, 7001)
        self.becomes_active()
        for _ in range(2):
            # Until then what is cached may go on for a moment.
            wait_until(lambda: link in self.switch.appctl("tnl/neigh/show"),
                       "the switch to be told of the next hop")
            self.assert_copied_whole(self.ids4)
            self.switch.appctl("tnl/neigh/flush")
        self.assertIn("PERMANENT", self.switch.namespace.ip(
            "neigh", "show", link, "dev", "br-phy").stdout)

    def second_link(self):
        """Another link to the underlay; not in use."""
        lab = self.lab
        veth(self.switch.namespace, "spare", lab.fabric, "hv1-spare",
             UNDERLAY_MTU)
        self.addCleanup(self.ip, "link", "del", "spare")

    def joined(self, link, present):
        self.lab.fabric.ip("link", "set", link,
                           *(["master", "fabric"] if present
                             else ["nomaster"]))

    def test_copies_follow_the_next_hop_to_another_port(self):
        self.second_link()
        self.switch.vsctl("add-port", "br-phy", "spare", "--", "set",
                          "Interface", "spare",
                          f"mtu_request={UNDERLAY_MTU}")
        self.addCleanup(self.switch.vsctl, "del-port", "spare")
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        self.addCleanup(self.joined, "hv1", True)

        def move(there, here):
            self.joined(there, False)
            self.joined(here, True)
            self.announce(self.ids4)
        self.moves("next hop behind another port",
                   lambda: move("hv1", "hv1-spare"), self.ids4, self.ids4)
        self.assert_copied_whole(self.ids4)
        self.moves("and back", lambda: move("hv1-spare", "hv1"), self.ids4,
                   self.ids4)

    def test_a_bridge_that_forgets_its_macs_loses_no_copy(self):
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        for _ in range(3):
            self.lab.clear()
            frames = self.talk.frames(range(20))
            self.web1.send(*frames[:10])
            self.switch.appctl("fdb/flush", "br-phy")
            self.web1.send(*frames[10:])
            self.lab.settle()
            self.assert_copied(self.ids4, 7001, frames)

    def test_copies_leave_a_bond_once_and_survive_a_member(self):
        self.second_link()
        self.joined("hv1-spare", True)
        self.switch.vsctl(
            "del-port", "uplink", "--", "add-bond", "br-phy", "bond0",
            "uplink", "spare", "bond_mode=active-backup", "--", "set",
            "Interface", "uplink", f"mtu_request={UNDERLAY_MTU}", "--", "set",
            "Interface", "spare", f"mtu_request={UNDERLAY_MTU}")
        self.addCleanup(
            self.switch.vsctl, "del-port", "bond0", "--", "add-port",
            "br-phy", "uplink", "--", "set", "Interface", "uplink",
            f"mtu_request={UNDERLAY_MTU}")
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        for active, other in (("uplink", "spare"), ("spare", "uplink")):
            self.ip("link", "set", other, "up")
            self.switch.appctl("bond/set-active-member", "bond0", active)
            self.assert_copied_whole(self.ids4)
            self.moves(f"{active} of the bond lost",
                       lambda down=active: self.ip("link", "set", down,
                                                   "down"),
                       self.ids4, self.ids4)
            self.assert_copied_whole(self.ids4)
            self.ip("link", "set", active, "up")

    # The same once more.

    def test_the_same_tunnel_applied_again_touches_nothing(self):
        def all_of_it():
            listed = self.listed("first")
            row, = self.switch.rows("Open_vSwitch", "next_cfg")
            return (listed["generation"], listed["updated"],
                    row["next_cfg"], self.switch.flows("br-mirror"))
        self.tunnel("first", self.ids4, 7001, packet_length=100)
        self.daemon.wait_settled()
        before = all_of_it()
        for _ in range(3):
            self.tunnel("first", self.ids4, 7001, packet_length=100)
        self.control.ctl("--wait=hv", "sync")
        self.assertEqual(all_of_it(), before)

    def test_a_length_taken_back_is_gone_from_copies_and_status(self):
        self.tunnel("first", self.ids4, 7001, packet_length=100)
        self.lab.wait_copied(self.talk, self.ids4)
        self.assertEqual(self.listed("first")["effective_packet_length"],
                         100)
        self.tunnel("first", self.ids4, 7001)
        listed = self.listed("first")
        self.assertIsNone(listed["packet_length"])
        # What the underlay's MTU leaves.
        self.assertEqual(listed["effective_packet_length"],
                         UNDERLAY_MTU - 36)
        self.assert_copied_whole(self.ids4)

    def test_a_refused_activation_leaves_nothing_behind(self):
        """Somebody bounds a table of ours."""
        self.tunnel("first", self.ids4, 7001)
        self.assert_copied_whole(self.ids4)
        before = len(self.sending())
        self.switch.vsctl("--", "--id=@t", "create", "Flow_Table",
                          "flow_limit=3", "overflow_policy=refuse", "--",
                          "set", "Bridge", "br-mirror", "flow_tables:2=@t")
        self.wish("second", self.other4, 7002)
        self.control.wait_tunnel("second", lambda t: "SWITCH_REFUSED" in {
            r["code"] for r in t["reasons"]}, "to be refused")
        self.assertEqual(len(self.sending()), before)
        self.assert_copied_whole(self.ids4)
        self.assertEqual(self.other4.copies(), [])
        self.switch.vsctl("clear", "Bridge", "br-mirror", "flow_tables")
        self.control.wait_running("second")
        self.lab.wait_copied(self.talk, self.other4)
