"""The oracles of tests/chaos can fail: each is shown what it must object to,
and what it must not.  Nothing runs here but they."""

import struct
import types
import unittest

from chaos import schedule
from chaos.book import LOST, UNCOPIED, Book, now
from chaos.judge import Judge
from chaos.ledger import Ledger, Sent, with_tags
from chaos.mix import MIX, shapes
from chaos.policy import Filter, Rule, Tunnel
from lab.base import Guest
from lab.frames import ethernet, ip_packet
from lab.vxlan import COPY_TOS

COLLECTOR = "198.51.100.10"


class Place:
    """Somewhere that frames arrive."""

    def __init__(self, address=None):
        self.address, self.arrived = address, []

    def take(self):
        taken, self.arrived = self.arrived, []
        return taken


class Listener(Place, Guest):
    def __init__(self, name, index):
        Guest.__init__(self, name, index)
        Place.__init__(self)


def copy_of(frame, vni):
    """A copy on the wire."""
    vxlan = struct.pack(">II", 0x08000000, vni << 8) + frame
    udp = struct.pack(">HHHH", 50000, 4789, 8 + len(vxlan), 0) + vxlan
    return ethernet("02:00:00:00:00:01", "02:00:00:00:00:02", 0x0800,
                    ip_packet("172.31.0.1", COLLECTOR, 17, udp,
                              fragment=0x4000, tos=COPY_TOS))


class Oracles(unittest.TestCase):
    def setUp(self):
        names = ["web1", "db1", "other1", "other2", "twin1", "twin2"]
        self.guests = {n: Listener(n, 17 + i) for i, n in enumerate(names)}
        self.collector = Place(COLLECTOR)
        world = types.SimpleNamespace(guests=self.guests, collectors={
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

    def edit(self, tunnels, filters=None):
        begun = self.book.begin_edit(tunnels, filters or {})
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

    def test_a_change_during_which_neither_policy_copies(self):
        self.mirror()
        self.edit({"first": Tunnel("web1", "ids4", 1001)})
        self.book.wished()["first"].begin = now() - 4
        self.send()
        self.assertIn(" nor ", self.judged())


class Schedule(unittest.TestCase):
    def test_the_seed_alone_decides(self):
        def words(seed):
            first, steps = schedule.draw(seed, 60)
            return [first.filters] + [(s.words(), s.delays) for s in steps]
        self.assertEqual(words(7), words(7))
        self.assertNotEqual(words(7), words(8))

    def test_every_kind_of_fault_comes_up_and_ends(self):
        _, steps = schedule.draw(3, 1000)
        begun = [f for s in steps for f in s.begin]
        ended = [f for s in steps for f in s.brief + s.end]
        self.assertEqual({type(f) for f in begun}, set(schedule.KINDS))
        self.assertCountEqual(begun, ended)
