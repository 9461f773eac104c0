"""Point 3: only what the filter accepts, in each direction on its own."""

from cases.product import ProductCases
from lab.frames import (arp_request, ethernet, ip_packet,
                        payload, udp)


class FilterCases(ProductCases):
    guests = {"web1": (), "db1": (), "tagged1": ("tag=7",),
              "tagged2": ("tag=7",)}
    links = [("web1", "db1"), ("tagged1", "tagged2")]

    def sent_and_copied(self, frames, vni=7001):
        """Sends (guest, frame) pairs, numbered by their place in the list;
        returns the places of those that were copied."""
        self.lab.clear()
        for guest, frame in frames:
            guest.send(frame)
        self.lab.settle()
        self.assert_sound(self.ids4)
        return self.ids4.numbers(vni)

    def ready(self, vni=7001):
        """Lets the switch learn where the collector is, by way of a second
        tunnel that accepts all."""
        self.tunnel("warm-up", self.ids4, 1)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 1)
        self.remove("warm-up")

    def accepted(self, cases):
        """'cases' are (expected, direction, protocol, sport, dport[, version
        [, tags]]) as web1 sends ("out") or receives ("in") them."""
        frames, expected = [], []
        for i, (copied, direction, protocol, *rest) in enumerate(cases):
            sport, dport = rest[:2] if rest else (0, 0)
            more = dict(zip(("version", "tags"), rest[2:]))
            a, b = (("web1", "db1") if direction == "out"
                    else ("db1", "web1"))
            talk = self.lab.talk(a, b, protocol, sport, dport, **more)
            frames.append((talk.a, talk.frame(i)))
            if copied:
                expected.append(i)
        got = self.sent_and_copied(frames)
        wrong = [(cases[i], "copied" if i in got else "not copied")
                 for i in set(got) ^ set(expected)]
        self.assertEqual(wrong, [])
        self.assertEqual(got, expected)

    def test_each_direction_has_rules_of_its_own(self):
        self.ready()
        self.filter("web", inbound=[
            {"action": "accept", "protocol": "tcp",
             "destination_port": "80"}],
            outbound=[{"action": "accept", "protocol": "udp",
                       "source_port": "53"}])
        self.tunnel("filtered", self.ids4, 7001, filter="web")
        self.accepted([(True, "in", "tcp", 999, 80),
                       (False, "out", "tcp", 999, 80),
                       (False, "in", "tcp", 80, 999),
                       (False, "in", "udp", 999, 80),
                       (True, "out", "udp", 53, 999),
                       (False, "in", "udp", 53, 999),
                       (False, "out", "udp", 999, 53),
                       (False, "in", "icmp"), (False, "out", "icmp"),
                       (True, "in", "tcp", 999, 80, 6),
                       (True, "out", "udp", 53, 999, 6)])

    def test_a_direction_without_rules_is_not_mirrored(self):
        self.ready()
        self.filter("in-only", inbound=[{"action": "accept"}])
        self.tunnel("filtered", self.ids4, 7001, filter="in-only")
        self.accepted([(True, "in", "tcp", 1, 2), (False, "out", "tcp", 1, 2),
                       (True, "in", "icmp"), (False, "out", "icmp"),
                       (True, "in", "udp", 1, 2, 6)])

    def test_the_first_match_decides(self):
        self.ready()
        self.filter("order", inbound=[
            {"action": "reject", "protocol": "tcp",
             "destination_port": "443"},
            {"action": "accept", "protocol": "tcp",
             "destination_port": "80-1000"},
            {"action": "reject", "source": f"{self.db1.ip}/32"},
            {"action": "accept"}],
            outbound=[{"action": "accept", "protocol": 17},
                      {"action": "reject", "protocol": "udp"}])
        self.tunnel("filtered", self.ids4, 7001, filter="order")
        self.accepted([(False, "in", "tcp", 1, 443),
                       (True, "in", "tcp", 1, 442),
                       (True, "in", "tcp", 1, 444),
                       (True, "in", "tcp", 1, 80),
                       (False, "in", "tcp", 1, 79),
                       (True, "in", "tcp", 1, 1000),
                       (False, "in", "tcp", 1, 1001),
                       (True, "in", "tcp", 1, 79, 6),
                       (False, "in", "udp", 1, 2),
                       (True, "out", "udp", 1, 2),
                       (False, "out", "tcp", 1, 2)])

    def test_icmp_types_and_address_prefixes(self):
        self.ready()
        self.filter("ping", inbound=[
            {"action": "accept", "protocol": "icmp", "icmp_type": 8},
            {"action": "accept", "protocol": "icmpv6", "icmp_type": 128,
             "source": "fd00:10::/64"}],
            outbound=[{"action": "accept", "protocol": "icmp",
                       "icmp_type": 0},
                      {"action": "accept", "destination": "10.0.0.0/28"}])
        self.tunnel("filtered", self.ids4, 7001, filter="ping")
        self.accepted([(True, "in", "icmp"), (False, "out", "icmp"),
                       (True, "in", "icmpv6", 0, 0, 6),
                       (False, "out", "icmpv6", 0, 0, 6),
                       (False, "in", "udp", 8, 8)])

    def test_arp_and_others_come_only_when_asked_for(self):
        self.ready()
        everything = {"inbound": [{"action": "accept"}],
                      "outbound": [{"action": "accept"}]}
        self.filter("ip-only", **everything)
        self.filter("with-arp", non_ip="mirror", **everything)
        arp = arp_request(self.web1, "10.0.0.99")
        other = self.lab.talk("db1", "web1", "other").frame(1)
        ip = self.lab.talk("web1", "db1").frame(2)
        for name, wanted in [("ip-only", {ip}),
                             ("with-arp", {arp, other, ip}),
                             (None, {arp, other, ip})]:
            with self.subTest(filter=name):
                more = {"filter": name} if name else {}
                self.tunnel("arp-test", self.ids4, 7001, **more)
                self.lab.clear()
                self.lab.exchange((self.web1, [arp, ip]),
                                  (self.db1, [other]))
                self.assertEqual({c.inner for c in self.ids4.copies()},
                                 wanted)

    def test_copies_from_an_access_port_arrive_without_the_tag(self):
        self.tunnel("access", self.ids4, 7001, source="tagged1")
        talk = self.lab.talk("tagged1", "tagged2")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.clear()
        out = talk.frames(range(10))
        back = talk.back().frames(range(10, 20))
        self.lab.exchange((self.tagged1, out), (self.tagged2, back))
        self.assert_copied(self.ids4, 7001, out + back)
        self.assert_received(self.tagged2, out)
        self.assert_received(self.tagged1, back)

    def test_filters_look_through_the_access_ports_tag(self):
        self.filter("web", inbound=[
            {"action": "accept", "protocol": "udp",
             "destination_port": "5000"}])
        self.tunnel("access", self.ids4, 7001, source="tagged1",
                    filter="web")
        talk = self.lab.talk("tagged2", "tagged1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.clear()
        frames = talk.frames(range(5))
        others = self.lab.talk("tagged2", "tagged1", "udp", 40000,
                               5001).frames(range(5, 10))
        self.lab.exchange((self.tagged2, frames + others))
        self.assert_copied(self.ids4, 7001, frames)

    def test_later_fragments_follow_the_rule_that_errs_towards_sight(self):
        self.ready()
        self.filter("ports", outbound=[
            {"action": "reject", "protocol": "udp",
             "destination_port": "5000"},
            {"action": "accept", "protocol": "udp",
             "destination_port": "6000"}])
        self.tunnel("filtered", self.ids4, 7001, filter="ports")
        a, b = self.web1, self.db1

        def fragment(number, protocol, offset, more, body):
            return ethernet(a.mac, b.mac, 0x0800, ip_packet(
                a.ip, b.ip, protocol, body, ident=number,
                fragment=(0x2000 if more else 0) | offset))
        first = [udp(a.ip, b.ip, 1, port, payload(number, 100))
                 for number, port in ((0, 5000), (1, 6000))]
        frames = [(a, fragment(0, 17, 0, True, first[0])),
                  (a, fragment(1, 17, 0, True, first[1])),
                  (a, fragment(2, 17, 16, False, payload(2, 80))),
                  (a, fragment(3, 6, 16, False, payload(3, 80)))]
        self.assertEqual(self.sent_and_copied(frames), [1, 2])

    def test_a_guests_own_tag_is_kept_and_looked_through(self):
        self.filter("web", outbound=[
            {"action": "accept", "protocol": "udp",
             "destination_port": "5000"}])
        self.tunnel("own-tag", self.ids4, 7001, filter="web")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)
        self.lab.clear()
        talk = self.lab.talk("web1", "db1", tags=(9,))
        frames = talk.frames(range(5))
        others = self.lab.talk("web1", "db1", "udp", 40000, 5001,
                               tags=(9,)).frames(range(5, 10))
        self.lab.exchange((self.web1, frames + others))
        self.assert_copied(self.ids4, 7001, frames)

    def test_editing_a_shared_filter_changes_every_tunnel_at_once(self):
        def udp_port(port):
            return [{"action": "accept", "protocol": "udp",
                     "destination_port": str(port)}]
        self.filter("shared", outbound=udp_port(5000))
        self.tunnel("first", self.ids4, 7001, filter="shared")
        self.tunnel("second", self.ids6, 7002, filter="shared")
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.wait_copied(talk, self.ids6)
        self.filter("shared", outbound=udp_port(6000))
        self.control.ctl("--wait=hv", "sync")
        self.lab.clear()
        new = self.lab.talk("web1", "db1", "udp", 40000, 6000)
        self.lab.exchange((self.web1, talk.frames(range(5))
                           + new.frames(range(5, 10))))
        for collector, vni in ((self.ids4, 7001), (self.ids6, 7002)):
            self.assert_copied(collector, vni, new.frames(range(5, 10)))
