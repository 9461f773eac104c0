"""Point 2: what a copy looks like on the wire."""

from cases.product import ProductCases
from lab.traffic import Stream


class WireCases(ProductCases):
    def test_keeps_n_bytes_of_each_frame_over_ipv4_and_ipv6(self):
        for n, (collector, around) in [(64, (self.ids4, 50)),
                                       (128, (self.ids4, 50)),
                                       (1000, (self.ids4, 50)),
                                       (64, (self.ids6, 70)),
                                       (129, (self.ids6, 70))]:
            with self.subTest(length=n, collector=collector.name):
                self.tunnel("cut", collector, 7001, packet_length=n)
                talk = self.lab.talk("web1", "db1")
                self.lab.wait_copied(talk, collector)
                self.lab.clear()
                long = talk.frames(range(20), 1514)
                long += talk.back().frames(range(20, 40), n + 1)
                self.lab.exchange((self.web1, long[:20]),
                                  (self.db1, long[20:]))
                self.assertEqual({len(c.wire) for c in collector.copies()},
                                 {n + around})
                self.assert_copied(collector, 7001, long, n)
                self.assert_sound(collector)
                self.remove("cut")

    def test_copies_shorter_frames_whole(self):
        self.tunnel("cut", self.ids4, 7001, packet_length=128)
        self.tunnel("cut6", self.ids6, 7002, packet_length=256)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.wait_copied(talk, self.ids6)
        self.lab.clear()
        frames = [talk.frame(n, length)
                  for n, length in enumerate(range(60, 129))]
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids4, 7001, frames)
        self.assert_copied(self.ids6, 7002, frames)
        self.assert_sound(self.ids4, self.ids6)

    def test_without_a_length_copies_whole_frames(self):
        self.tunnel("whole", self.ids4, 16777215)
        self.tunnel("whole6", self.ids6, 1)
        talk = self.lab.talk("web1", "db1", "tcp")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.wait_copied(talk, self.ids6)
        self.lab.clear()
        frames = [talk.frame(n, length)
                  for n, length in enumerate([70, 200, 1000, 1513, 1514])]
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids4, 16777215, frames)
        self.assert_copied(self.ids6, 1, frames)
        self.assertEqual({c.source for c in self.ids4.copies()},
                         {self.switch.ip})
        self.assertEqual({c.source for c in self.ids6.copies()},
                         {self.switch.ip6})
        self.assert_sound(self.ids4, self.ids6)

    def test_a_new_length_vni_and_destination_lose_nothing(self):
        """Each frame arrives once: as the old or as the new wish has it."""
        self.tunnel("edit", self.ids4, 1000, packet_length=100)
        self.tunnel("warm", self.other4, 1001)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4, 1000)
        self.lab.wait_copied(talk, self.other4, 1001)
        self.remove("warm")
        self.lab.clear()
        with Stream(talk) as stream:
            stream.wait_sent(100)
            for vni, collector, length in [(1001, self.ids4, 100),
                                           (1001, self.ids4, 150),
                                           (1001, self.other4, 150),
                                           (1002, self.ids4, 64)]:
                self.tunnel("edit", collector, vni, packet_length=length)
                stream.wait_sent(100)
        self.lab.settle()
        copies = self.ids4.numbered() + self.other4.numbered()
        self.assertEqual(sorted(c.number for c in copies),
                         list(range(stream.next)))
        self.assertEqual({(c.vni, c.destination, len(c.inner))
                          for c in copies},
                         {(1000, self.ids4.address, 100),
                          (1001, self.ids4.address, 100),
                          (1001, self.ids4.address, 150),
                          (1001, self.other4.address, 150),
                          (1002, self.ids4.address, 64)})


class MarkCases(ProductCases):
    """Of a switch that does not need datapath flows made anew: it is told
    that it is one."""

    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4}

    @classmethod
    def prepare_switch(cls):
        cls.lab.switch.vsctl("set", "Open_vSwitch", ".", "ovs_version=3.1.3")

    def test_what_production_marks_is_copied_and_delivered(self):
        self.tunnel("first", self.ids4, 7001)
        talk = self.lab.talk("db1", "web1")
        self.lab.wait_copied(talk, self.ids4)
        self.switch.ofctl("add-flow", "br-int",
                          "priority=9,in_port=db1,"
                          "actions=set_field:5->pkt_mark,NORMAL", "--names")
        self.lab.clear()
        frames = talk.frames(range(20))
        self.lab.exchange((self.db1, frames))
        self.assert_copied(self.ids4, 7001, frames)
        self.assert_received(self.web1, frames)
