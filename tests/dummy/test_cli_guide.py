"""The product guide's sentences as commands, against a real ovsdb-server:
what they refuse, with the sentence that says how to mend it."""

from dummy.cli_case import CliTest

# Two VPCs of acme's and one of beta's, of each kind what the guide names.
CLOUD = (
    "vpc-add std account=acme region=kr",
    "vpc-add far account=acme region=jp",
    "vpc-add hub account=acme region=kr kind=transit",
    "vpc-add theirs account=beta region=kr",
    "subnet-add std-1 std 10.1.1.0/24", "subnet-add std-2 std 10.1.2.0/24",
    "subnet-add far-1 far 10.2.1.0/24", "subnet-add hub-1 hub 10.3.1.0/24",
    "subnet-add hub-2 hub 10.3.2.0/24",
    "subnet-add theirs-1 theirs 10.4.1.0/24",
    "lb-add balancer vpc=hub subnet=hub-2 members=10.3.2.9",
    "lb-add stray vpc=std subnet=std-2 members=10.1.2.9")
NICS = {
    # Name: subnet, device, hypervisor, last byte of its address.
    "src": ("std-1", "eth0", "kvm", 1), "near": ("std-1", "eth0", "kvm", 2),
    "dst": ("std-2", "eth0", "kvm", 3), "dst1": ("std-2", "eth1", "kvm", 4),
    "old": ("std-1", "eth0", "xen", 5), "old-dst": ("std-2", "eth0", "xen",
                                                    6),
    "away": ("far-1", "eth0", "kvm", 7), "hub0": ("hub-1", "eth0", "kvm", 8),
    "hub1": ("hub-2", "eth1", "kvm", 9), "hub2": ("hub-2", "eth2", "kvm", 10),
    "hub3": ("hub-2", "eth3", "kvm", 11),
    "hubx": ("hub-2", "eth1", "xen", 12),
    "theirs": ("theirs-1", "eth0", "kvm", 13)}
SOURCES = ("src", "old", "hub0")


class CloudTest(CliTest):
    def setUp(self):
        super().setUp()
        commands = list(CLOUD)
        for name, (subnet, device, hypervisor, last) in NICS.items():
            account = "beta" if name == "theirs" else "acme"
            purpose = "source" if name in SOURCES else "destination"
            net = {"std-1": "10.1.1", "std-2": "10.1.2", "far-1": "10.2.1",
                   "hub-1": "10.3.1", "hub-2": "10.3.2",
                   "theirs-1": "10.4.1"}[subnet]
            commands += [
                f"nic-add {name} iface-id={name} subnet={subnet} "
                f"device={device} hypervisor={hypervisor} "
                f"mac=52:54:00:00:00:{last:02x} addresses={net}.{last}",
                f"resource-add {account}/{name}-res {purpose} "
                f"network-interface {name}"]
        commands += [f"resource-add acme/{name} destination load-balancer "
                     f"{name}" for name in ("balancer", "stray")]
        self.ok(*" -- ".join(commands).split())

    def assert_mends(self, line):
        """The sentence says what is wrong and how to mend it."""
        self.assertRegex(line.split(": ", 3)[3], r"[:;,] \w", line)

    def connect_theirs(self):
        self.ok("peering-add", "peer", "std", "theirs", "--", "route-add",
                "std-1", "10.4.0.0/16", "peer")


class Guide(CloudTest):
    def tunnel(self, source, destination, *more):
        return ("--account=acme", "tunnel-add", "tun",
                f"source={source}-res", f"destination={destination}", *more)

    def codes(self, *args):
        """What is refused: codes, each with a sentence that mends."""
        result = self.run_cli("--dry-run", *args)
        if result.code == 0:
            return set()
        self.assertEqual(result.code, 1, result)
        for line in result.lines:
            self.assert_mends(line)
        dry = result.lines
        self.assertEqual(self.run_cli(*args).lines, dry)
        return {line.split(": ")[1] for line in result.lines}

    def test_resource_and_filter_come_before_the_tunnel(self):
        self.assertEqual(
            self.codes("--account=acme", "tunnel-add", "tun",
                       "source=none-1", "destination=none-2",
                       "filter=none-3"), {"NOT_FOUND"})
        self.assertEqual(
            self.codes(*self.tunnel("src", "dst-res", "filter=none")),
            {"NOT_FOUND"})

    def test_purpose_and_type_are_those_of_the_guide(self):
        self.ok("collector-add", "box", "192.0.2.1")
        for kind, target in (("load-balancer", "balancer"),
                             ("collector", "box")):
            self.assertIn("PURPOSE_MISMATCH", self.codes(
                "--account=acme", "resource-add", "new", "source", kind,
                target))
        self.assertEqual(self.codes(*self.tunnel("dst", "near-res")),
                         {"PURPOSE_MISMATCH"})

    def test_ends_are_in_one_region_and_two_subnets(self):
        self.assertEqual(self.codes(*self.tunnel("src", "near-res")),
                         {"SAME_SUBNET"})
        self.assertEqual(self.codes(*self.tunnel("src", "dst-res")), set())
        self.assertIn("REGION_MISMATCH",
                      self.codes(*self.tunnel("src", "away-res")))

    def test_destination_nics_are_those_of_the_guide(self):
        for source, destination, refused in (
                ("src", "dst", False), ("src", "dst1", True),
                ("hub0", "hub1", False), ("hub0", "hub2", False),
                ("hub0", "hub3", True), ("hub0", "hubx", True)):
            self.assertEqual(
                self.codes(*self.tunnel(source, destination + "-res")),
                {"NIC_NOT_ALLOWED"} if refused else set(), destination)

    def test_a_load_balancer_is_in_a_transit_vpc_and_connected(self):
        self.assertEqual(self.codes(*self.tunnel("src", "balancer")),
                         {"TRANSIT_CONNECT_MISSING", "ROUTE_MISSING"})
        self.assertEqual(self.codes(*self.tunnel("src", "stray")),
                         {"LB_NOT_TRANSIT"})
        self.assertEqual(self.codes(*self.tunnel("hub0", "balancer")), set())
        self.ok("connect-add", "link", "std", "hub", "--", "route-add",
                "std-1", "10.3.0.0/16", "link")
        self.assertEqual(self.codes(*self.tunnel("src", "balancer")), set())
        self.ok("connect-set", "link", "state=inactive")
        self.assertEqual(self.codes(*self.tunnel("src", "balancer")),
                         {"TRANSIT_CONNECT_MISSING"})

    def test_peering_and_route_come_before_the_tunnel_and_its_acceptance(
            self):
        wish = self.tunnel("src", "beta/theirs-res")
        self.assertEqual(self.codes(*wish),
                         {"PEERING_MISSING", "ROUTE_MISSING"})
        self.ok("peering-add", "back", "theirs", "std")
        self.assertIn("PEERING_MISSING", self.codes(*wish))
        self.ok("peering-add", "peer", "std", "theirs")
        self.assertEqual(self.codes(*wish), {"ROUTE_MISSING"})
        self.ok("route-add", "std-1", "10.4.0.0/16", "peer")
        self.ok(*wish)
        accept = ("--account=beta", "tunnel-accept", "tun")
        self.ok("peering-set", "peer", "state=inactive")
        self.assertEqual(self.codes(*accept), {"PEERING_MISSING"})
        self.ok("peering-set", "peer", "state=active", "--", "route-set",
                "std-1", "10.4.0.0/16", "local")
        self.assertEqual(self.codes(*accept), {"ROUTE_MISSING"})
        self.assertEqual(self.json("tunnel-list")[0]["state"], "Waiting")
        self.ok("route-set", "std-1", "10.4.0.0/16", "peer")
        self.ok(*accept)

    def test_network_costs_are_said_to_both_accounts(self):
        self.connect_theirs()
        for args in (self.tunnel("src", "beta/theirs-res"),
                     ("--account=beta", "tunnel-accept", "tun")):
            result = self.run_cli(*args)
            self.assertEqual(result.code, 0, result)
            self.assertIn("NETWORK_FEES", result.err)
            self.assertIn("cost network fees", result.err)

    def test_packet_lengths_are_those_of_the_guide(self):
        for source, destination, most in (
                ("src", "dst", 1450), ("old", "old-dst", 8900),
                ("src", "old-dst", 1450), ("old", "dst", 1450),
                ("hub0", "hub1", 8900)):
            with self.subTest(source=source, destination=destination):
                wish = self.tunnel(source, destination + "-res")
                self.ok(*wish)
                listed, = self.json("tunnel-list")
                self.assertEqual(listed["packet_length"], most)
                self.ok("tunnel-del", "acme/tun")
                for length, refused in (
                        (63, {"PACKET_LENGTH_RANGE"}), (64, set()),
                        (most, set()),
                        (most + 1, {"PACKET_LENGTH_RANGE"} if most == 8900
                         else {"PACKET_LENGTH_TOO_LARGE"}),
                        (8901, {"PACKET_LENGTH_RANGE"})):
                    self.assertEqual(
                        self.codes(*wish, f"length={length}"), refused,
                        length)

    def test_what_was_created_and_deleted_is_seen_in_the_lists(self):
        def listed(kind):
            return [o["name"] for o in self.json("--account=acme",
                                                 kind + "-list")]
        self.ok("--account=acme", "filter-add", "web", "--", "resource-del",
                "near-res", "--", "tunnel-add", "tun", "source=src-res",
                "destination=dst-res", "filter=web")
        self.assertEqual((listed("filter"), listed("tunnel")),
                         (["web"], ["tun"]))
        self.assertIn("src-res", listed("resource"))
        self.assertNotIn("near-res", listed("resource"))
        self.ok("--account=acme", "tunnel-del", "tun")
        self.ok("--account=acme", "filter-del", "web")
        self.assertEqual((listed("filter"), listed("tunnel")), ([], []))

    def test_a_dry_run_names_all_that_is_refused_at_once(self):
        self.assertEqual(
            self.codes(*self.tunnel(
                "src", "away-res", "vni=16777216", "length=63",
                "note=" + "x" * 1001, "filter=none", "colour=red")),
            {"REGION_MISMATCH", "PEERING_MISSING", "ROUTE_MISSING",
             "VNI_RANGE", "PACKET_LENGTH_RANGE", "NOTE_TOO_LONG",
             "NOT_FOUND", "UNKNOWN_KEY"})
