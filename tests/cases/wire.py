"""Point 2: what a copy looks like on the wire."""

from cases.product import ProductCases
from lab.traffic import Stream
from lab.waiting import wait_until


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

    def test_a_cut_costs_no_recirculation(self):
        """Each copy would pass the datapath's tables once more."""
        self.tunnel("cut", self.ids4, 7001, packet_length=128)
        self.tunnel("cut6", self.ids6, 7002, packet_length=256)
        talk = self.lab.talk("web1", "db1")
        for collector in (self.ids4, self.ids6):
            self.lab.wait_copied(talk, collector)
        self.switch.purge()
        self.lab.exchange((self.web1, talk.frames(range(20), 300)))

        def flows():
            return [line for line in self.switch.appctl(
                "dpctl/dump-flows", "--names").splitlines()
                if "in_port(web1)" in line and "tnl_push" in line]
        wait_until(flows, "datapath flows of copies", 5)
        for flow in flows():
            self.assertIn("clone(trunc(128),", flow)
            self.assertIn("clone(trunc(256),", flow)
            self.assertNotIn(",recirc(", flow.split("actions:")[1])

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
