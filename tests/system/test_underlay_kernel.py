"""What Underlay tells of the kernel's datapath."""

import os
import unittest

from system.underlay_bed import UnderlayBed, host, peer


@unittest.skipIf(os.geteuid(), "needs root")
class UnderlayKernelTest(UnderlayBed, unittest.TestCase):
    def test_kernel_route_comes_and_goes(self):
        self.check_route_comes_and_goes(
            ("system", "10.77.0.1"), "10.8.0.1/24", "10.77.0.0/16",
            "10.8.0.2", "k0", "10.8.0.1")

    def test_kernel_route_of_ipv6_comes_and_goes(self):
        key = "system", "fd77::1"
        self.watch(key)
        self.timed(key, known=True, routed=False)
        host("ip route add fd77::/16 via fd08::2")
        self.timed(key, routed=True, device="k0", source="fd08::1", mtu=1500)
        host("ip route del fd77::/16")
        self.timed(key, routed=False)

    def test_kernel_routes_that_lead_nowhere_are_none(self):
        for address, prefix in ("10.77.0.1", "10.77.0.0/16"), \
                               ("fd77::1", "fd77::/16"):
            key = "system", address
            self.watch(key)
            for kind in "blackhole", "unreachable", "prohibit":
                with self.subTest("%s %s" % (kind, prefix)):
                    via = "fd08::2" if ":" in address else "10.8.0.2"
                    host("ip route add %s via %s" % (prefix, via))
                    self.timed(key, routed=True)
                    host("ip route del %s" % prefix)
                    host("ip route add %s %s" % (kind, prefix))
                    self.timed(key, routed=False)
                    host("ip route del %s %s" % (kind, prefix))

    def test_kernel_path_mtu_is_the_lesser_of_route_and_link(self):
        key = "system", "10.77.0.1"
        self.watch(key)
        host("ip route add 10.77.0.0/16 via 10.8.0.2 mtu 1300")
        self.timed(key, routed=True, mtu=1300)
        host("ip link set k0 mtu 1200")
        self.timed(key, mtu=1200)
        host("ip link set k0 mtu 1500")
        self.timed(key, mtu=1300)
        host("ip route change 10.77.0.0/16 via 10.8.0.2")
        self.timed(key, mtu=1500)
        host("ip route del 10.77.0.0/16")

    def test_kernel_link_down_without_and_with_its_routes(self):
        key = "system", "10.8.0.2"
        self.watch(key)
        self.timed(key, routed=True, device_up=True)
        peer("ip link set k0 down")
        self.timed(key, routed=True, device_up=False)
        peer("ip link set k0 up")
        self.timed(key, routed=True, device_up=True)
        host("ip link set k0 down")
        self.timed(key, routed=False)
        host("ip link set k0 up")
        self.timed(key, routed=True, device_up=True)

    def test_kernel_renamed_link(self):
        key = "system", "10.8.0.2"
        self.watch(key)
        self.timed(key, device="k0")

        def rename(before, after):
            host("ip link set %s down" % before)
            host("ip link set %s name %s" % (before, after))
            host("ip link set %s up" % after)
        rename("k0", "k1")
        try:
            self.timed(key, device="k1", device_up=True)
        finally:
            rename("k1", "k0")
        self.timed(key, device="k0", device_up=True)

    def test_kernel_neighbour(self):
        for address in "10.8.0.2", "fd08::2":
            with self.subTest(address):
                key = "system", address
                self.watch(key)
                self.timed(key, routed=True, neighbour="unknown")
                neigh = "ip neigh replace %s dev k0 " % address
                host(neigh + "lladdr 02:00:00:00:00:02 nud stale")
                self.timed(key, neighbour="reachable")
                host(neigh + "nud failed")
                self.timed(key, neighbour="failed")
                host("ip neigh del %s dev k0" % address)
                self.timed(key, neighbour="unknown")

    def test_kernel_neighbour_that_is_silent(self):
        key = "system", "10.8.0.99"
        self.watch(key)
        self.timed(key, routed=True, neighbour="unknown")
        self.speak_to("10.8.0.99", "k0")
        self.timed(key, neighbour="failed")

    def test_policy_rule_moves_a_path(self):
        key = "system", "10.77.0.1"
        host("ip route add 10.77.0.0/16 via 10.8.0.2")
        host("ip route add unreachable default table 77")
        self.watch(key)
        self.timed(key, routed=True)
        host("ip rule add to 10.77.0.0/16 table 77")
        self.timed(key, routed=False)
        host("ip rule del to 10.77.0.0/16 table 77")
        self.timed(key, routed=True)
        host("ip route del 10.77.0.0/16")
        host("ip route flush table 77")
