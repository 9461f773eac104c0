"""The oracles of tests/chaos can fail: each is shown what it must object to,
and what it must not.  Nothing runs here but they."""

import struct
import types
import unittest

from chaos import schedule
from chaos.book import LOST, UNCOPIED, Book, now
from chaos.judge import Judge
from chaos.ledger import Ledger, Sent, with_tags
from chaos.members import conversation
from chaos.mix import MIX, shapes
from chaos.network import MEMBERS, Network
from chaos.policy import Filter, Rule, Tunnel
from chaos.tenant_edits import TenantEditor
from lab.base import Guest
from lab.frames import ethernet, ip_packet, mac_bytes
from lab.vxlan import COPY_TOS

COLLECTOR, RECEIVER = "198.51.100.10", "02:00:00:00:00:02"


class Place:
    """Somewhere that frames arrive."""

    def __init__(self, address=None):
        self.address, self.arrived = address, []
        self.macs = {mac_bytes(RECEIVER)}

    def take(self):
        taken, self.arrived = self.arrived, []
        return taken


class Listener(Place, Guest):
    def __init__(self, name, index):
        Guest.__init__(self, name, index)
        Place.__init__(self)


def copy_of(frame, vni, source="172.31.0.1", destination=COLLECTOR, ttl=64):
    """A copy on the wire."""
    vxlan = struct.pack(">II", 0x08000000, vni << 8) + frame
    udp = struct.pack(">HHHH", 50000, 4789, 8 + len(vxlan), 0) + vxlan
    return ethernet("02:00:00:00:00:01", RECEIVER, 0x0800,
                    ip_packet(source, destination, 17, udp, ttl=ttl,
                              fragment=0x4000, tos=COPY_TOS))


class Oracles(unittest.TestCase):
    def setUp(self):
        names = ["web1", "db1", "other1", "other2", "twin1", "twin2"]
        self.guests = {n: Listener(n, 17 + i) for i, n in enumerate(names)}
        self.collector = Place(COLLECTOR)
        world = types.SimpleNamespace(
            guests=self.guests, on_fabric=set(),
            is_chatter=lambda frame: False, collectors={
                "ids4": self.collector, "other4": Place("198.51.100.12")})
        self.book, self.ledger = Book(), Ledger()
        self.said = []
        story = types.SimpleNamespace(violation=self.said.append,
                                      tell=lambda text: None)
        self.judge = Judge(world, self.book, self.ledger, story)
        self.number = 0

    def mirror(self, filters=None, **tunnel):
        """A tunnel that has long been installed."""
        self.edit({"first": Tunnel("web1", "ids4", 1000, **tunnel)},
                  filters or {})
        era = self.book.wished()["first"]
        era.begin = era.written = era.confirmed = now() - 100

    def edit(self, tunnels, filters=None, network=Network()):
        begun = self.book.begin_edit(tunnels, filters or {}, network)
        self.book.edit_written(begun)

    def send(self, a="web1", b="db1", pair="mirrored", age=4.0, entry=0,
             arrives=True):
        """A frame, sent 'age' seconds ago; returns it."""
        self.number += 1
        shape = shapes(self.guests[a], self.guests[b])[entry]
        sent = Sent(self.number, shape.frame(self.number), shape, pair,
                    now() - age)
        self.ledger.add(sent)
        if arrives:
            self.guests[b].arrived.append((sent.time, sent.frame))
        return sent

    def copied(self, sent, frame=None, vni=1000, late=0.0):
        self.collector.arrived.append(
            (sent.time + late, copy_of(frame or sent.frame, vni)))

    def judged(self):
        self.judge._pass()
        return "\n".join(self.said)

    def test_what_is_right_is_not_objected_to(self):
        self.mirror(length=100)
        for entry in range(len(MIX)):
            sent = self.send(entry=entry)
            self.copied(sent, sent.frame[:100])
        self.assertEqual(self.judged(), "")
        self.assertEqual(self.judge.counts["copies"], len(MIX))

    def test_a_guests_frame_that_was_cut_or_changed(self):
        sent = self.send(arrives=False)
        self.guests["db1"].arrived.append((sent.time, sent.frame[:100]))
        self.assertIn("received 100 bytes", self.judged())

    def test_a_frame_of_another_vlan(self):
        sent = self.send()
        self.guests["twin1"].arrived.append((sent.time, sent.frame))
        self.assertIn("another VLAN", self.judged())

    def test_a_loss_that_the_twin_does_not_share(self):
        self.send("twin1", "twin2", "twin")
        self.send(arrives=False)
        self.assertIn("never reached db1", self.judged())

    def test_a_loss_that_the_twin_shares_or_a_fault_explains(self):
        self.send("twin1", "twin2", "twin", arrives=False)
        self.send(arrives=False)
        self.assertEqual(self.judged(), "")
        self.setUp()
        self.book.open(LOST, {"db1"}, "a fault").begin = now() - 5
        self.send(arrives=False)
        self.assertEqual(self.judged(), "")

    def test_a_frame_of_another_nic(self):
        self.mirror()
        self.copied(self.send("other1", "other2", "others"))
        self.assertIn("ALIEN", self.judged())

    def test_a_frame_that_was_flooded_to_the_nic_is_its_own(self):
        self.mirror()
        sent = self.send("other1", "other2", "others")
        self.guests["web1"].arrived.append((sent.time, sent.frame))
        self.copied(sent)
        self.assertEqual(self.judged(), "")

    def test_a_copy_that_the_filter_does_not_admit(self):
        self.mirror({"udp": Filter((), (Rule("accept", "udp"),))},
                    filter="udp")
        self.copied(self.send(entry=1))
        self.assertEqual(self.judged(), "")
        self.copied(self.send(entry=0))
        self.assertIn("outbound not admitted", self.judged())

    def test_a_copy_that_is_cut_wrongly_or_bears_the_switchs_tag(self):
        self.mirror(length=128)
        sent = self.send()
        self.copied(sent, sent.frame[:120])
        self.assertIn("wrongly cut", self.judged())
        self.setUp()
        self.mirror()
        sent = self.send()
        self.copied(sent, with_tags(sent.frame)[0])
        self.assertIn("wrongly cut, or not as sent", self.judged())

    def test_a_copy_at_a_wrong_vni_and_a_second_copy(self):
        self.mirror()
        sent = self.send()
        self.copied(sent)
        self.copied(sent, vni=7)
        self.assertIn("no tunnel ever had that VNI", self.judged())
        self.setUp()
        self.mirror()
        sent = self.send()
        self.copied(sent)
        self.copied(sent)
        self.assertIn("the second outbound copy", self.judged())

    def test_a_copy_of_a_tunnel_that_is_gone(self):
        self.mirror()
        self.edit({})
        self.copied(self.send(age=2.0))
        self.assertEqual(self.judged(), "", "its end is not reported yet")
        self.book.confirm("first", now())
        self.book.eras["first"][0].end = now() - 3
        self.copied(self.send(age=2.0))
        self.assertIn("not in force", self.judged())

    def test_a_copy_that_is_missing(self):
        self.mirror()
        self.send()
        self.assertIn("was not copied outbound", self.judged())
        self.setUp()
        self.mirror()
        self.book.open(UNCOPIED, {"ids4"}, "a fault").begin = now() - 5
        self.send()
        self.assertEqual(self.judged(), "")

    def test_a_copy_that_came_late_with_its_frame_is_not_missing(self):
        """The switch stood still meanwhile."""
        self.mirror()
        sent = self.send(arrives=False)
        self.guests["db1"].arrived.append((sent.time + 3.5, sent.frame))
        self.copied(sent, late=3.5)
        self.assertEqual(self.judged(), "")

    def test_a_change_during_which_neither_policy_copies(self):
        self.mirror()
        self.edit({"first": Tunnel("web1", "ids4", 1001)})
        self.book.wished()["first"].begin = now() - 4
        self.send()
        self.assertIn(" nor ", self.judged())


class TenantOracles(Oracles):
    """The same, and what holds where there are tenants' networks."""

    def setUp(self):
        super().setUp()
        world = self.judge._world
        self.members = {n: Place(a) for n, a in MEMBERS.items()}
        world.collectors.update(self.members)
        world.on_fabric = set(self.members)

    def balance(self, network=Network()):
        self.edit({"first": Tunnel("web1", "balancer", 1000)}, network=network)
        era = self.book.wished()["first"]
        era.begin = era.written = era.confirmed = now() - 100

    def delivered(self, sent, name, room=1464, source="10.0.0.17"):
        self.members[name].arrived.append((sent.time, copy_of(
            sent.frame[:room], 1000, source, MEMBERS[name])))

    def test_each_conversation_at_a_member_of_its_own_is_right(self):
        self.balance()
        known = {}
        for entry in range(len(MIX)):
            for a, b in (("web1", "db1"), ("db1", "web1")):
                sent = self.send(a, b, entry=entry)
                member = known.setdefault(conversation(sent),
                                          f"member{len(known) % 3}")
                self.delivered(sent, member)
        self.assertEqual(self.judged(), "")
        self.assertGreater(
            self.judge.counts["copies of a balanced conversation"], 20)

    def test_two_directions_of_a_conversation_at_two_members(self):
        self.balance()
        self.delivered(self.send("web1", "db1"), "member0")
        sent = self.send("db1", "web1", entry=2)    # Its answer.
        self.delivered(sent, "member1")
        self.assertIn("it belongs at member0", self.judged())

    def test_a_member_that_is_down_gets_nothing(self):
        self.balance(Network().with_member("member1", False))
        self.delivered(self.send(), "member1")
        self.assertIn("another collector's", self.judged())

    def test_without_a_member_nobody_gets_anything(self):
        network = Network()
        for name, _ in network.members:
            network = network.with_member(name, False)
        self.balance(network)
        self.send(age=4.0)
        self.assertEqual(self.judged(), "")
        self.delivered(self.send(age=3.0), "member0")
        self.assertIn("another collector's", self.judged())

    def test_a_copy_from_another_source_or_cut_to_another_mtu(self):
        self.balance(Network().with_mtu("member2", 300))
        self.delivered(self.send(entry=2), "member0", 264)
        self.assertEqual(self.judged(), "")
        sent = self.send(entry=2)
        self.delivered(sent, "member0")
        self.assertIn("wrongly cut", self.judged())
        self.delivered(self.send(entry=2), "member0", 264, "172.31.0.1")
        self.assertIn("it comes from 172.31.0.1", self.judged())

    def flood(self, seconds, ttl=64):
        sent = self.send()
        for tenth in range(int(10 * seconds) + 1):
            self.guests["other1"].arrived.append(
                (sent.time + tenth / 10, copy_of(
                    sent.frame, 1000, "10.0.0.17", MEMBERS["member0"], ttl)))
        self.delivered(sent, "member0")

    def test_copies_that_are_flooded_for_more_than_a_moment(self):
        self.balance()
        self.flood(0.4)
        self.assertEqual(self.judged(), "")
        self.assertEqual(self.judge.counts["copies flooded"], 5)
        self.setUp()
        self.balance()
        self.flood(0.8)
        self.assertIn("are flooded, to other1", self.judged())

    def test_what_the_router_floods_is_its_own_affair(self):
        self.balance()
        self.flood(2, ttl=63)
        self.assertEqual(self.judged(), "")

    def test_a_member_sees_anothers_copies(self):
        self.balance()
        sent = self.send()
        self.delivered(sent, "member0")
        for late in (0.0, 0.4, 0.8):
            self.members["member1"].arrived.append(
                (sent.time + late, copy_of(sent.frame, 1000, "10.0.0.17",
                                           MEMBERS["member0"])))
        self.assertIn("are flooded, to member1", self.judged())


class Schedule(unittest.TestCase):
    more = ()

    def kinds(self):
        return self.more[0] if self.more else schedule.KINDS

    def test_the_seed_alone_decides(self):
        def words(seed):
            first, steps = schedule.draw(seed, 60, *self.more)
            return [first.filters] + [(s.words(), s.delays) for s in steps]
        self.assertEqual(words(7), words(7))
        self.assertNotEqual(words(7), words(8))

    def test_every_kind_of_fault_comes_up_and_ends(self):
        _, steps = schedule.draw(3, 1000, *self.more)
        begun = [f for s in steps for f in s.begin]
        ended = [f for s in steps for f in s.brief + s.end]
        self.assertEqual({type(f) for f in begun}, set(self.kinds()))
        self.assertCountEqual(begun, ended)


class TenantSchedule(Schedule):
    more = (schedule.TENANT_KINDS, TenantEditor)
