"""Point 4: a connection older than the tunnel, and never idle."""

from cases.product import ProductCases
from lab.traffic import Stream


class OrderCases(ProductCases):
    rounds = 5

    def test_a_hot_connection_is_mirrored_while_the_tunnel_is_there(self):
        talk = self.lab.talk("web1", "db1")
        self.tunnel("warm", self.ids4, 1)
        self.lab.wait_copied(talk, self.ids4, 1)
        self.remove("warm")
        with Stream(talk) as stream:
            for i in range(self.rounds):
                with self.subTest(round=i):
                    stream.wait_sent(200)
                    self.tunnel("hot", self.ids4, 7000 + i)
                    first = stream.next
                    last = stream.wait_sent(300)
                    self.remove("hot")
                    self.lab.clear()
                    gone = self.ids4
                    stream.wait_sent(500)
                    self.lab.settle()
                    self.assertEqual(gone.copies(), [],
                                     "copies after the tunnel had ended")
                    self.assertLess(first, last)

    def test_every_frame_from_running_on_is_mirrored(self):
        talk = self.lab.talk("web1", "db1")
        self.tunnel("warm", self.ids4, 1)
        self.lab.wait_copied(talk, self.ids4, 1)
        self.remove("warm")
        self.lab.clear()
        with Stream(talk) as stream:
            stream.wait_sent(300)
            self.tunnel("hot", self.ids4, 7001)
            first = stream.next
            last = stream.wait_sent(500)
        self.lab.settle()
        got = self.ids4.numbers(7001)
        self.assertEqual(got, list(range(got[0], stream.next)))
        self.assertLessEqual(got[0], first)
        self.assertGreaterEqual(got[-1], last - 1)
        self.assertEqual([f for f in self.db1.received()],
                         talk.frames(range(stream.next)))

    def test_two_tunnels_of_one_nic_end_one_without_the_other(self):
        talk = self.lab.talk("web1", "db1")
        self.tunnel("stays", self.ids4, 7001)
        self.tunnel("goes", self.other4, 7002)
        self.lab.wait_copied(talk, self.ids4)
        self.lab.wait_copied(talk, self.other4)
        self.lab.clear()
        with Stream(talk) as stream:
            stream.wait_sent(200)
            self.remove("goes")
            self.lab.settle()
            self.other4.clear()
            stream.wait_sent(300)
        self.lab.settle()
        self.assertEqual(self.other4.copies(), [])
        self.assertEqual(self.ids4.numbers(7001), list(range(stream.next)))
