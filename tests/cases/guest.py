"""Points 5 and 6: the guest notices nothing, each collector gets exactly its
own, and no other NIC's frame is ever copied."""

from cases.product import ProductCases, difference
from lab.traffic import Stream
from lab.waiting import wait_until

NOBODY = type("Nobody", (), {"mac": "52:54:00:00:99:99", "ip": "10.0.0.99",
                             "ip6": "fd00:10::99"})


class GuestCases(ProductCases):
    # VLAN 9 does not reach web1: a copy of what is flooded there is alien
    # whatever one may think of flooding.
    guests = {"web1": ("trunks=0",), "db1": ("trunks=0",),
              "other1": ("trunks=0",), "hidden1": ("tag=9",),
              "hidden2": ("tag=9",)}
    links = [("web1", "db1"), ("other1", "db1"), ("hidden1", "hidden2")]
    routes_are_told = True  # To the daemon, when they change.

    def three_tunnels(self):
        """Different VNI, length and destination; two share a filter."""
        self.filter("udp-only", inbound=[{"action": "accept",
                                          "protocol": "udp"}],
                    outbound=[{"action": "accept", "protocol": "udp"}])
        self.tunnel("cut4", self.ids4, 7001, packet_length=100,
                    filter="udp-only")
        self.tunnel("cut6", self.ids6, 7002, packet_length=128,
                    filter="udp-only")
        self.tunnel("whole4", self.other4, 7003)
        talk = self.lab.talk("web1", "db1")
        for collector in (self.ids4, self.ids6, self.other4):
            self.lab.wait_copied(talk, collector)

    def traffic(self):
        """Frames out and in: UDP of several sizes, TCP, and what is not IP,
        also to everyone and between others."""
        talk = self.lab.talk("web1", "db1")
        tcp = self.lab.talk("web1", "db1", "tcp")
        odd = self.lab.talk("web1", "db1", "other")
        out = ([talk.frame(n, 60 + 37 * n) for n in range(39)]
               + [tcp.frame(n, 1514) for n in range(39, 45)]
               + [odd.frame(n, 60) for n in range(45, 50)])
        back = [talk.back().frame(n, 60 + 14 * (n - 100))
                for n in range(100, 200)]
        return out, back

    def check_guests(self, missing=()):
        """Sends the traffic; guests must receive it bit for bit, and each
        collector, those 'missing' excepted, exactly its own."""
        out, back = self.traffic()
        others = self.lab.talk("other1", "db1").frames(range(300, 320))
        self.lab.clear()
        for at in range(0, 50, 10):
            self.lab.exchange((self.web1, out[at:at + 10]),
                              (self.other1, others[at // 2:at // 2 + 5]),
                              (self.db1, back[2 * at:2 * at + 20]))
        self.assert_received(self.web1, back)
        got = self.db1.received()
        from_web = [f for f in got if f[6:12] == out[0][6:12]]
        # The userspace datapath sends each flow's frames of a batch together,
        # mirrored or not: order holds within a flow only.
        if sorted(from_web) != sorted(out):
            self.fail(difference("db1, from web1", sorted(from_web),
                                 sorted(out)))
        udp = out[:39] + back
        for collector, vni, frames, length in [
                (self.ids4, 7001, udp, 100), (self.ids6, 7002, udp, 128),
                (self.other4, 7003, out + back, None)]:
            if collector not in missing:
                self.assert_copied(collector, vni, frames, length)
                self.assert_sound(collector)
                self.assertEqual({c.vni for c in collector.copies()}, {vni})

    def test_three_tunnels_on_one_nic(self):
        self.three_tunnels()
        self.check_guests()

    def test_a_collector_without_a_route(self):
        self.three_tunnels()
        names = {t["destination"]: name
                 for name, t in self.control.tunnels().items()}
        for collector in (self.ids4, self.ids6, self.other4):
            with self.subTest(collector=collector.name):
                self.lab.route(collector, False)
                # What the daemon has not noticed it may still act on when
                # the route is there again.
                if self.routes_are_told:
                    self.control.wait_tunnel(
                        names[collector.name], lambda t: t["reasons"],
                        "to have no route")
                self.switch.purge()
                self.check_guests(missing=[collector])
                self.lab.route(collector, True)
                self.control.wait_running(names[collector.name])
                self.switch.purge()
                self.lab.wait_copied(self.lab.talk("web1", "db1"), collector)
        self.check_guests()

    def test_no_route_to_any_collector(self):
        self.three_tunnels()
        collectors = [self.ids4, self.ids6, self.other4]
        for collector in collectors:
            self.lab.route(collector, False)
        self.switch.purge()
        self.check_guests(missing=collectors)

    def vxlan_port(self):
        """Bridge and name of our VXLAN port."""
        name = next(i["name"] for i in self.switch.rows("Interface", "name",
                                                        "type")
                    if i["type"] == "vxlan")
        return self.switch.vsctl("iface-to-br", name).strip(), name

    def test_the_vxlan_port_down_or_not_forwarding(self):
        self.three_tunnels()
        collectors = [self.ids4, self.ids6, self.other4]
        bridge, port = self.vxlan_port()
        for off, on in (("no-forward", "forward"), ("down", "up")):
            with self.subTest(port=off):
                self.switch.ofctl("mod-port", bridge, port, off)
                try:
                    self.switch.purge()
                    self.check_guests(missing=collectors)
                finally:
                    self.switch.ofctl("mod-port", bridge, port, on)
                self.switch.purge()
                self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)
        self.check_guests()

    def send_strangers(self, first):
        """Frames between others, and to nobody, which are flooded."""
        for i, (a, b) in enumerate((("other1", "db1"),
                                    ("hidden1", "hidden2"))):
            talk = self.lab.talk(a, b)
            nowhere = self.lab.talk(a, b)
            nowhere.b = NOBODY
            at = first + 40 * i
            self.lab.exchange((talk.a, talk.frames(range(at, at + 20))
                               + nowhere.frames(range(at + 20, at + 40))))

    def assert_no_strangers(self):
        """Every copy is of a frame that web1 itself sent or was given.  What
        the bridge floods to web1 too is then its own, and copied once to
        each tunnel."""
        mine = bytes.fromhex(self.web1.mac.replace(":", ""))
        given = self.web1.received()
        for collector in self.lab.collectors.values():
            received = [c for c in collector.copies() if c.inner[6:12] != mine]
            alien = [c.inner for c in received
                     if not any(f.startswith(c.inner) for f in given)]
            self.assertEqual(alien, [], f"{collector.name} got frames of "
                             "another NIC")
            seen = [(c.vni, c.number) for c in received]
            self.assertEqual(len(seen), len(set(seen)),
                             f"{collector.name} got a frame twice")

    def our_mirrors(self):
        return [m for m in self.switch.rows("Mirror")
                if any("ovs-mirrord" in key for key in m["external_ids"])]

    def test_other_nics_stay_private_while_mirror_rows_are_tampered_with(
            self):
        self.three_tunnels()
        self.assertEqual(len(self.our_mirrors()), 2)
        tamperings = [
            ("unpatched", lambda m: ["remove", "Bridge", "br-int", "mirrors",
                                     m["_uuid"]]),
            ("no output", lambda m: ["clear", "Mirror", m["_uuid"],
                                     "output_port"]),
            ("no source", lambda m: ["clear", "Mirror", m["_uuid"],
                                     "select_src_port", "--", "clear",
                                     "Mirror", m["_uuid"],
                                     "select_dst_port"])]
        for name, tampering in tamperings:
            with self.subTest(tampering=name):
                self.daemon.appctl("mirror/pause")
                for mirror in self.our_mirrors():
                    self.switch.vsctl(*tampering(mirror))
                self.switch.purge()
                self.lab.clear()
                self.send_strangers(500)
                self.assert_no_strangers()
                self.daemon.appctl("mirror/resume")
                self.daemon.wait_settled()
                self.switch.purge()
                self.lab.clear()
                self.send_strangers(600)
                self.assert_no_strangers()
                for collector in (self.ids4, self.ids6, self.other4):
                    self.lab.wait_copied(self.lab.talk("web1", "db1"),
                                         collector)
                self.assertEqual(len(self.our_mirrors()), 2)
        self.check_guests()

    def test_other_nics_stay_private_while_tunnels_come_and_go(self):
        talk = self.lab.talk("hidden1", "hidden2")
        talk.b = NOBODY
        self.lab.clear()
        with Stream(talk, first=1000) as stream:
            for i in range(3):
                self.tunnel("come-and-go", self.ids4, 7000 + i)
                stream.wait_sent(50)
                self.remove("come-and-go")
                stream.wait_sent(50)
        self.lab.settle()
        self.assertEqual(self.ids4.copies(), [])

    def test_a_mirror_row_that_is_dead_copies_nothing_of_others(self):
        """The 33rd Mirror of a bridge is accepted and dead: with 32 of other
        people's there is no slot for ours."""
        commands = []
        for i in range(32):
            commands += ["--", f"--id=@m{i}", "create", "Mirror",
                         f"name=theirs{i}", "--", "add", "Bridge", "br-int",
                         "mirrors", f"@m{i}"]
        self.switch.vsctl(*commands)
        self.addCleanup(self.remove_theirs)
        self.wish("no-slot", self.ids4, 7001)
        self.control.wait_tunnel(
            "no-slot", lambda t: t["health"] != "ok" and t["reasons"],
            "to say that it has no slot")
        self.lab.clear()
        self.send_strangers(700)
        self.assert_no_strangers()
        self.assertEqual(self.our_mirrors(), [])
        self.remove_theirs()
        self.control.wait_running("no-slot")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)

    def remove_theirs(self):
        theirs = [m for m in self.switch.rows("Mirror", "_uuid", "name")
                  if m["name"].startswith("theirs")]
        if theirs:
            commands = []
            for m in theirs:
                commands += ["--", "remove", "Bridge", "br-int", "mirrors",
                             m["_uuid"]]
            self.switch.vsctl(*commands)
            wait_until(lambda: not [m for m in self.switch.rows("Mirror",
                                                                "name")
                                    if m["name"].startswith("theirs")],
                       "their mirrors to be gone")
