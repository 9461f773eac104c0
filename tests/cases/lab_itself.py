"""What must hold of the lab before any test's result means something."""

from lab.handmade import HandmadeMirror


class LabCases:
    """Mixed into a TestCase that gives 'make_lab'."""

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.make_lab()
        cls.addClassCleanup(cls.lab.close)
        cls.web, cls.db = cls.lab.add_guest("web1"), cls.lab.add_guest("db1")
        cls.other = cls.lab.add_guest("other1")
        cls.v4 = cls.lab.add_collector("c4")
        cls.v6 = cls.lab.add_collector("c6", 6)
        cls.lab.wait_link("web1", "db1")
        cls.lab.wait_link("db1", "web1")
        cls.lab.wait_link("other1", "web1")
        cls.out = cls.lab.talk("web1", "db1")

    def mirror(self, **kwargs):
        made = HandmadeMirror(self.lab, self.web, **kwargs)
        self.addCleanup(self.lab.switch.vsctl, "--", "clear", "Bridge",
                        "br-int", "mirrors", "--", "del-br", "br-mirror",
                        "--", "del-port", "hm-in", "--", "del-port", "hm-out")
        return made

    def test_carries_a_thousand_frames_bit_for_bit(self):
        self.lab.clear()
        sent = self.out.frames(range(500), 1514)
        back = self.out.back().frames(range(500, 1000), 60)
        self.lab.exchange((self.web, sent), (self.db, back))
        self.assertEqual(self.db.received(), sent)
        self.assertEqual(self.web.received(), back)
        self.assertEqual(self.v4.copies() + self.v6.copies(), [])

    def test_collects_copies_of_known_form_over_ipv4_and_ipv6(self):
        mirror = self.mirror()
        mirror.set_flows(mirror.copy_to(self.v4, 7, 128),
                         mirror.copy_to(self.v6, 0xabcdef))
        self.lab.wait_copied(self.out, self.v4, 7)
        self.lab.wait_copied(self.out, self.v6, 0xabcdef)
        self.lab.clear()
        sent = self.out.frames(range(300), 200)
        back = self.out.back().frames(range(300, 600), 100)
        self.lab.exchange((self.web, sent), (self.db, back))
        for collector in (self.v4, self.v6):
            self.assertEqual(collector.numbers(), list(range(600)))
            self.assertEqual({f for c in collector.copies()
                              for f in c.faults}, set())
        self.assertEqual({len(c.wire) for c in self.v4.copies()}, {178, 150})
        self.assertEqual({len(c.wire) for c in self.v6.copies()}, {270, 170})
        self.assertEqual({c.inner for c in self.v6.numbered()},
                         set(sent + back))
        self.assertEqual({c.inner for c in self.v4.numbered()},
                         {f[:128] for f in sent + back})
        self.assertEqual(self.db.received(), sent)

    def test_sees_a_guest_cut_by_a_truncation_outside_a_clone(self):
        mirror = self.mirror()
        mirror.set_flows(mirror.copy_to(self.v4, 7, 100, clone=False))
        self.addCleanup(self.lab.route, self.v4, True)
        self.lab.route(self.v4, False)
        self.lab.switch.purge()
        self.lab.clear()
        sent = self.out.frames(range(10), 170)
        self.lab.exchange((self.web, sent))
        self.assertEqual(self.db.received(), [f[:100] for f in sent])

    def test_sees_frames_of_another_nic_leak_through_a_bare_patch_port(self):
        mirror = self.mirror(trunks=False)
        mirror.set_flows(mirror.copy_to(self.v4, 7))
        self.lab.wait_copied(self.out, self.v4, 7)
        mirror.remove_rows()
        self.lab.clear()
        unknown = self.lab.talk("other1", "db1")
        unknown.b = type("Nobody", (), {"mac": "52:54:00:00:99:99",
                                        "ip": "10.0.0.99"})
        self.lab.exchange((self.other, unknown.frames(range(10))))
        self.assertEqual(set(self.v4.numbers()), set(range(10)))
