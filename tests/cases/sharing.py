"""More mirrored NICs on a bridge than it has Mirrors for each: the late ones
share a pair.  Forty NICs, all access ports of one VLAN."""

from cases.product import ProductCases
from lab.control import MirrorDaemon
from lab.frames import mac_bytes
from lab.waiting import wait_until

NICS = 40
OWN = 13        # Pairs of their own: 28 slots, less one pair to share.
FIRST_VNI = 8000
TO_ALL = b"\xff" * 6
TO_MANY = mac_bytes("01:00:5e:00:00:05")


def name(i):
    return f"vm{i:02}"


class SharingCases(ProductCases):
    """vm00 ... vm39; NICs get seats in the order of their iface-ids."""

    guests = {name(i): ("tag=7",) for i in range(NICS)}
    links = [(name(0), name(1))]
    collectors = {"ids6": 6}

    @classmethod
    def inventory(cls):
        document = super().inventory()
        for nic in document["network_interfaces"]:
            nic["subnet"] = "front"
        return {
            "vpcs": [{"name": "vpc", "account": "default", "region": "kr"}],
            "subnets": [{"name": "front", "vpc": "vpc",
                         "cidr": "10.0.0.0/24"},
                        {"name": "back", "vpc": "vpc",
                         "cidr": "10.0.1.0/24"}],
            **document}

    def mirror_all(self):
        self.control.apply({"mirror_tunnels": [
            {"name": name(i), "account": "default",
             "source": f"{name(i)}-src", "destination": "ids6",
             "vni": FIRST_VNI + i} for i in range(NICS)]})
        self.control.wait_running(*map(name, range(NICS)))
        for i in (0, NICS - 1):
            self.lab.wait_copied(self.lab.talk(name(i), name(1)), self.ids6,
                                 FIRST_VNI + i)
        self.daemon.wait_settled()
        self.lab.clear()

    def vm(self, i):
        return self.lab.guests[name(i)]

    def group(self, sender, to, number):
        """A frame of 'sender' to a group."""
        frame = self.lab.talk(name(sender), name(1)).frame(number)
        return to + frame[6:]

    def shared_members(self):
        """NICs that the shared inbound Mirror names."""
        for row in self.switch.rows("Mirror", "name", "external_ids"):
            ids = row["external_ids"]
            if ids.get("ovs-mirrord") == "shared" and "-in-" in row["name"]:
                return {value for key, value in ids.items()
                        if key.startswith("ovs-mirrord-nic-")}
        return set()

    def copied(self, vni_of):
        """Numbers of frames that were copied for one NIC, sorted."""
        return self.ids6.numbers(FIRST_VNI + vni_of)

    def why(self, i):
        """What condition Installed says of it."""
        return next(c["reason"] for c in
                    self.control.tunnel(name(i))["conditions"]
                    if c["type"] == "Installed")

    def test_forty_nics_each_get_their_own_frames_and_no_others(self):
        self.mirror_all()
        self.assertEqual(len(self.switch.rows("Mirror", "name")),
                         2 * OWN + 2)
        self.assertEqual(self.shared_members(),
                         {name(i) for i in range(OWN, NICS)})
        # A ring, twice: the first round teaches the bridge where all are.
        for round_ in range(2):
            self.lab.clear()
            sent = [self.lab.talk(name(i), name((i + 1) % NICS)).frame(i)
                    for i in range(NICS)]
            self.lab.exchange(*((self.vm(i), [sent[i]])
                                for i in range(NICS)))
        for i in range(NICS):
            self.assert_received(self.vm(i), [sent[i - 1]])
            self.assert_copied(self.ids6, FIRST_VNI + i,
                               [sent[i], sent[i - 1]])
        self.assert_sound(self.ids6)
        self.assertIn("SHARED_MIRRORS", self.why(OWN))
        self.assertEqual(self.why(OWN - 1), "")

    def test_a_frame_for_all_is_copied_for_all_but_its_sender(self):
        self.mirror_all()
        for to in (TO_ALL, TO_MANY):
            for sender in (0, NICS - 1):
                self.lab.clear()
                frame = self.group(sender, to, 5)
                self.lab.exchange((self.vm(sender), [frame]))
                for i in range(NICS):
                    self.assertEqual(self.copied(i), [5], name(i))
                    self.assert_received(self.vm(i),
                                         [] if i == sender else [frame])

    def put_in_subnet(self, i, subnet):
        guest = self.vm(i)
        self.control.apply({"network_interfaces": [
            {"name": f"{name(i)}-eth0", "iface_id": guest.iface_id,
             "mac": guest.mac, "addresses": [guest.ip, guest.ip6],
             "subnet": subnet}]})

    def test_with_a_second_subnet_nobody_who_shares_gets_frames_for_all(self):
        self.mirror_all()
        self.put_in_subnet(NICS - 1, "back")
        self.addCleanup(self.put_in_subnet, NICS - 1, "front")
        wait_until(lambda: "not of one subnet" in self.why(OWN),
                   "the status to say so")
        self.daemon.wait_settled()
        self.lab.clear()
        self.lab.exchange((self.vm(0), [self.group(0, TO_ALL, 6)]))
        for i in range(NICS):
            self.assertEqual(self.copied(i), [6] if i < OWN else [], name(i))
        self.remove(name(NICS - 1))
        wait_until(lambda: "not of one subnet" not in
                   self.why(OWN), "the status to say so")
        self.daemon.wait_settled()
        self.lab.clear()
        self.lab.exchange((self.vm(0), [self.group(0, TO_ALL, 7)]))
        for i in range(NICS - 1):
            self.assertEqual(self.copied(i), [7], name(i))
        self.assertEqual(self.copied(NICS - 1), [])

    def test_who_joins_and_leaves_costs_the_others_nothing(self):
        self.mirror_all()
        a, b, other = NICS - 1, NICS - 2, NICS - 3
        sent = []

        def talk_on():
            some = self.lab.talk(name(a), name(b)).frames(
                range(len(sent), len(sent) + 100))
            self.lab.exchange((self.vm(a), some))
            sent.extend(some)
        for _ in range(3):
            talk_on()
            self.control.ctl("tunnel-del", name(other))
            talk_on()
            self.control.wait_gone(name(other))
            self.assertEqual(len(self.shared_members()), NICS - OWN - 1)
            talk_on()
            self.tunnel(name(other), self.ids6, FIRST_VNI + other,
                        source=name(other))
            talk_on()
        self.assert_copied(self.ids6, FIRST_VNI + a, sent)
        self.assert_copied(self.ids6, FIRST_VNI + b, sent)
        self.assertEqual(self.vm(b).received(), sent)

    def test_a_restart_changes_nothing_for_those_who_share(self):
        self.mirror_all()

        def installed():
            return (self.switch.rows("Mirror", "_uuid", "name",
                                     "select_src_port", "select_dst_port",
                                     "external_ids"),
                    self.lasting_flows())
        before = installed()
        self.daemon.kill()
        self.daemon.wait()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.daemon.wait_settled()
        self.assertEqual(installed(), before)
        # One with a pair of its own goes: who shares goes on to.
        self.remove(name(0))
        self.daemon.wait_settled()
        self.assertEqual(self.shared_members(),
                         {name(i) for i in range(OWN, NICS)})

    def test_a_broadcast_is_copied_so_often_and_no_guest_misses_it(self):
        """Eight NICs with sixteen tunnels each, one of which sends: sixteen
        copies of that, and of what the others receive ninety-six."""
        every = {"number": 1, "action": "accept", "protocol": "any"}
        busy, each, most = 8, 16, 96
        self.control.apply({
            "mirror_filters": [
                {"name": f"all{f:02}", "account": "default",
                 "inbound": [every], "outbound": [every]}
                for f in range(each)],
            "mirror_tunnels": [
                {"name": f"{name(i)}-{f:02}", "account": "default",
                 "source": f"{name(i)}-src", "destination": "ids6",
                 "filter": f"all{f:02}", "vni": FIRST_VNI + each * i + f}
                for i in range(busy) for f in range(each)]})
        names = [f"{name(i)}-{f:02}" for i in range(busy)
                 for f in range(each)]
        for tunnel in names:
            self.control.wait_tunnel(
                tunnel, lambda t: t["state"] == "Running", "to run")
        self.lab.wait_copied(self.lab.talk(name(0), name(1)), self.ids6)
        self.daemon.wait_settled()
        tunnels = self.control.tunnels()
        narrow = {tunnels[n]["vni"] for n in names
                  if tunnels[n]["reasons"]}
        self.assertEqual(len(narrow), busy * each - most)
        self.assertEqual({r["code"] for n in names
                          for r in tunnels[n]["reasons"]}, {"BRIDGE_FANOUT"})
        sender = busy - 1
        own = {FIRST_VNI + each * sender + f for f in range(each)}
        for number in range(3):
            self.lab.clear()
            frame = self.group(sender, TO_ALL, number)
            self.lab.exchange((self.vm(sender), [frame]))
            for i in range(NICS):
                self.assert_received(self.vm(i),
                                     [] if i == sender else [frame])
            self.assertEqual(sorted(c.vni for c in self.ids6.numbered()),
                             sorted(own | {tunnels[n]["vni"] for n in names}
                                    - (narrow - own)))
        # What is for one of them alone comes to all of its tunnels.
        one = next(i for i in range(busy) if i != sender and
                   narrow & {FIRST_VNI + each * i + f for f in range(each)})
        self.lab.clear()
        frame = self.lab.talk(name(sender), name(one)).frame(7)
        self.lab.exchange((self.vm(sender), [frame]))
        copied = sorted(c.vni for c in self.ids6.numbered())
        for f in range(each):
            self.assertIn(FIRST_VNI + each * one + f, copied)

    def test_a_nic_of_another_mac_shares_neither_it_nor_its_frames(self):
        """Frames that a NIC sends from a MAC not its own are nobody's."""
        self.mirror_all()
        stranger = b"\x52\x54\x00\x99\x99\x99"
        for i, numbers in ((0, [9]), (NICS - 1, [])):
            frame = self.lab.talk(name(i), name(1)).frame(9)
            self.lab.clear()
            self.lab.exchange((self.vm(i),
                               [frame[:6] + stranger + frame[12:]]))
            self.assertEqual(self.copied(i), numbers)

    def test_a_stranger_who_empties_the_shared_mirror_is_healed(self):
        self.mirror_all()
        mirrors = [row["name"] for row in self.switch.rows(
            "Mirror", "name", "external_ids")
            if row["external_ids"].get("ovs-mirrord") == "shared"]
        for mirror in mirrors:
            self.switch.vsctl("--no-wait", "clear", "Mirror", mirror,
                              "select_src_port", "--", "clear", "Mirror",
                              mirror, "select_dst_port")
        self.lab.wait_copied(self.lab.talk(name(NICS - 1), name(1)),
                             self.ids6, FIRST_VNI + NICS - 1)
        self.daemon.wait_settled()
        self.lab.clear()
        frame = self.lab.talk(name(NICS - 1), name(NICS - 2)).frame(3)
        self.lab.exchange((self.vm(NICS - 1), [frame]))
        self.assertEqual(self.copied(NICS - 1), [3])
        self.assertEqual(self.copied(NICS - 2), [3])
