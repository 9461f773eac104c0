"""What Underlay tells of the userspace datapath, and the whole of it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

from system.underlay_bed import (EVENT_S, HOST, SLOW_S, TICK_S, UnderlayBed,
                                 host)


@unittest.skipIf(os.geteuid(), "needs root")
class UnderlayTest(UnderlayBed, unittest.TestCase):
    def test_userspace_route_comes_and_goes(self):
        self.check_route_comes_and_goes(
            ("netdev", "10.77.0.1"), "10.9.0.1/24", "10.77.0.0/16",
            "10.9.0.2", "br-phy", "10.9.0.1")

    def test_userspace_route_of_ipv6_comes_and_goes(self):
        self.check_route_comes_and_goes(
            ("netdev", "fd77::1"), "fd09::1/64", "fd77::/16",
            "fd09::2", "br-phy", "fd09::1")

    def test_userspace_link_state_and_mtu(self):
        key = "netdev", "10.9.0.2"
        self.watch(key)
        self.timed(key, routed=True, mtu=1500, device_up=True)
        self.vsctl("set", "interface", "br-phy", "mtu_request=1400")
        self.timed(key, mtu=1400)
        self.vsctl("set", "interface", "br-phy", "mtu_request=1500")
        self.timed(key, mtu=1500)
        host("ip link set br-phy down")
        self.timed(key, device_up=False)
        host("ip link set br-phy up")
        self.timed(key, device_up=True, routed=True)

    def test_userspace_path_mtu_is_the_lesser_of_route_and_link(self):
        for address, prefix, via in (
                ("10.77.0.1", "10.77.0.0/16", "10.9.0.2"),
                ("fd77::1", "fd77::/16", "fd09::2")):
            with self.subTest(address):
                key = "netdev", address
                self.watch(key)
                host("ip route add %s via %s mtu 1300" % (prefix, via))
                self.timed(key, routed=True, mtu=1300)
                self.vsctl("set", "interface", "br-phy", "mtu_request=1290")
                self.timed(key, mtu=1290)
                self.vsctl("set", "interface", "br-phy", "mtu_request=1500")
                # The kernel has an IPv6 route follow its device.
                self.timed(key, mtu=1300 if "." in address else 1500)
                host("ip route del %s" % prefix)
                host("ip route add %s via %s mtu lock 1400" % (prefix, via))
                self.timed(key, mtu=1400)
                host("ip route del %s" % prefix)
                host("ip route add %s via %s" % (prefix, via))
                self.timed(key, mtu=1500)
                host("ip route del %s" % prefix)

    def test_the_kernels_mtu_is_of_the_way_by_its_own_device_only(self):
        key = "netdev", "10.77.0.1"
        self.watch(key)
        host("ip route add 10.77.0.0/16 via 10.8.0.2 mtu 1300")
        self.appctl("ovs/route/add", "10.77.0.0/16", "br-phy", "10.9.0.2")
        self.timed(key, routed=True, device="br-phy", mtu=1500,
                   seconds=SLOW_S)
        self.appctl("ovs/route/del", "10.77.0.0/16")
        host("ip route del 10.77.0.0/16")

    def test_broadcast_addresses_of_the_host_are_told(self):
        for key in ("netdev", "10.9.0.255"), ("system", "10.8.0.255"):
            with self.subTest(key):
                self.watch(key)
                self.timed(key, routed=True, broadcast=True)
                self.watch(("netdev", "10.9.0.254"))
                self.timed(("netdev", "10.9.0.254"), broadcast=False)

    def is_told(self, address, mac):
        """The switch knows that neighbour, or comes to."""
        def holds():
            return any(line.split()[:2] == [address, mac] for line in
                       self.appctl("tnl/neigh/show").splitlines())
        self.tester.wait(holds, TICK_S, "the switch to know " + address)

    def test_the_switch_is_told_of_neighbours_that_the_kernel_knows(self):
        for address in "10.9.0.66", "fd09::66":
            for state in "permanent", "noarp", "reachable":
                with self.subTest(address + " " + state):
                    key, mac = ("netdev", address), "02:00:00:00:00:66"
                    host("ip neigh replace %s lladdr %s nud %s dev br-phy"
                         % (address, mac, state))
                    self.watch(key)
                    self.timed(key, neighbour="reachable", seconds=TICK_S)
                    self.is_told(address, mac)
                    self.appctl("tnl/neigh/flush")
                    self.is_told(address, mac)
                    host("ip neigh del %s dev br-phy" % address)
                    self.appctl("tnl/neigh/flush")
                    self.watch()

    def test_a_neighbour_that_somebody_set_stays_as_it_is(self):
        """Also if nobody answers there."""
        self.give_up_soon("br-phy")
        fixed, silent = ("netdev", "10.9.0.66"), ("netdev", "10.9.0.77")
        host("ip neigh replace 10.9.0.66 lladdr 02:00:00:00:00:66 "
             "nud permanent dev br-phy")
        self.addCleanup(host, "ip neigh del 10.9.0.66 dev br-phy")
        self.watch(fixed)
        self.timed(fixed, routed=True)
        self.watch(fixed, silent)
        # By then all that are watched have been looked for.
        self.timed(silent, neighbour="failed", seconds=SLOW_S)
        self.assertIn("PERMANENT", host("ip neigh show dev br-phy 10.9.0.66"))

    def test_userspace_neighbour_that_is_silent_is_looked_for(self):
        self.give_up_soon("br-phy")
        key = "netdev", "10.9.0.77"
        self.watch(key)
        self.timed(key, routed=True, neighbour="failed", seconds=SLOW_S)
        host("ip neigh replace 10.9.0.77 lladdr 02:00:00:00:00:02 "
             "nud permanent dev br-phy")
        self.addCleanup(host, "ip neigh del 10.9.0.77 dev br-phy")
        self.timed(key, neighbour="reachable", seconds=TICK_S)

    def test_route_that_an_operator_gave_the_switch(self):
        key = "netdev", "10.66.0.1"
        self.watch(key)
        self.timed(key, routed=False)
        self.appctl("ovs/route/add", "10.66.0.0/16", "br-phy", "10.9.0.2")
        self.timed(key, routed=True, source="10.9.0.1", seconds=SLOW_S)
        self.appctl("ovs/route/del", "10.66.0.0/16")
        self.timed(key, routed=False, seconds=SLOW_S)

    # Somebody else at UDP port 4789.

    def test_port_taken_by_a_kernel_vxlan_device(self):
        for family, local in ("4", "10.9.0.1"), ("6", "fd09::1"):
            with self.subTest(family):
                key = "netdev", "10.9.0.2"
                self.watch(key)
                self.timed(key, port_taken="")
                host("ip link add vx-un type vxlan id 5 dstport 4789 "
                     "local %s dev br-phy" % local)
                host("ip link set vx-un up")
                self.timed(key, port_taken="kernel vxlan device vx-un "
                                           "has UDP port 4789")
                host("ip link del vx-un")
                self.timed(key, port_taken="", seconds=TICK_S)

    def udp_socket(self, family, address):
        """A socket of the host namespace, opened by a thread in it."""
        program = ("import socket, sys; s = socket.socket(%d, "
                   "socket.SOCK_DGRAM); s.bind((%r, 4789)); print(flush=True);"
                   "sys.stdin.read()" % (family, address))
        process = subprocess.Popen(
            ["ip", "netns", "exec", HOST, sys.executable, "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdout.readline()

        def close():
            process.stdout.close()
            process.stdin.close()
            process.wait()
        return close

    def test_port_taken_by_a_listener(self):
        key = "netdev", "10.9.0.2"
        self.watch(key)
        self.timed(key, port_taken="")
        for family, address in ((socket.AF_INET, "0.0.0.0"),
                                (socket.AF_INET, "10.9.0.1"),
                                (socket.AF_INET6, "::")):
            with self.subTest(address):
                close = self.udp_socket(family, address)
                self.timed(key, seconds=TICK_S, port_taken=(
                    "a local socket bound to %s has UDP port 4789" % address))
                close()
                self.timed(key, port_taken="", seconds=TICK_S)

    def test_port_is_free_with_a_listener_on_loopback(self):
        key = "netdev", "10.9.0.2"
        close4 = self.udp_socket(socket.AF_INET, "127.0.0.1")
        close6 = self.udp_socket(socket.AF_INET6, "::1")
        self.watch(key)
        self.timed(key, known=True, port_taken="")
        close4()
        close6()

    # The whole.

    def test_paths_come_once_and_only_changes_follow(self):
        keys = [("netdev", "10.9.0.2"), ("system", "10.8.0.2"),
                ("netdev", "10.77.0.1")]
        self.watch(*keys)
        for key in keys:
            self.timed(key, known=True)
        n = self.tester.n_changes
        self.tester.tell(refresh=True)
        host("ip link add un-v0 type veth peer name un-v1")
        host("ip link set un-v0 up")
        host("ip link del un-v0")
        self.vsctl("set", "interface", "br-phy", "mtu_request=1450")
        self.timed(keys[0], mtu=1450)
        self.assertEqual(self.tester.n_changes, n + 1)
        self.vsctl("set", "interface", "br-phy", "mtu_request=1500")
        self.timed(keys[0], mtu=1500)

    def test_a_path_no_longer_watched_is_told_anew_when_it_returns(self):
        key = "netdev", "10.9.0.2"
        self.watch(key)
        self.timed(key, routed=True)
        self.watch()
        self.tester.paths.clear()
        self.watch(key)
        self.timed(key, routed=True)

    def test_lost_events_make_it_read_all_anew(self):
        key = "system", "10.77.0.1"
        self.watch(key)
        self.timed(key, routed=False)
        os.kill(self.tester.process.pid, 19)  # SIGSTOP
        batch = os.path.join(self.dir, "batch")
        with open(batch, "w") as f:
            for i in range(60000):
                f.write("route %s 10.50.%d.%d/32 dev lo table 50\n"
                        % ("add" if i < 30000 else "del",
                           i % 30000 // 256, i % 30000 % 256))
        host("ip -batch " + batch)
        host("ip link set k0 mtu 1250")
        host("ip route add 10.77.0.0/16 via 10.8.0.2")
        os.kill(self.tester.process.pid, 18)  # SIGCONT
        self.timed(key, routed=True, mtu=1250, device="k0")
        host("ip route del 10.77.0.0/16")
        self.timed(key, routed=False)

    def test_a_thousand_destinations(self):
        keys = [(kind, "10.77.%d.%d" % (i // 250, i % 250 + 1))
                for i in range(1000) for kind in ("netdev", "system")]
        self.watch(*keys)

        def all_are(routed):
            return lambda: len(self.tester.paths) == 2000 and all(
                p["routed"] == routed for p in self.tester.paths.values())
        took = [self.tester.wait(all_are(False), 5, "2000 paths, no route")]
        host("ip route add 10.77.0.0/16 via 10.9.0.2")
        took.append(self.tester.wait(all_are(True), EVENT_S, "routed"))
        host("ip route del 10.77.0.0/16")
        took.append(self.tester.wait(all_are(False), EVENT_S, "not routed"))
        if "-v" in sys.argv:
            print("  2000 paths:", ["%.0f ms" % (x * 1000) for x in took])

    def test_thousands_of_destinations_are_found_by_a_switch_that_is_slow(
            self):
        """It answers for a moment now and then; a call that it has not
        answered within five seconds is lost, with all after it."""
        keys = [("netdev", "10.9.%d.%d" % (i // 250, i % 250 + 1))
                for i in range(4000)]
        stop = threading.Event()

        def slow():
            while not stop.wait(0.002):
                self.switch.send_signal(signal.SIGSTOP)
                stop.wait(0.5)
                self.switch.send_signal(signal.SIGCONT)
        thread = threading.Thread(target=slow)
        thread.start()
        try:
            self.watch(*keys)
            self.tester.wait(lambda: len(self.tester.paths) == len(keys), 60,
                             "all of them")
        finally:
            stop.set()
            thread.join()

    def test_the_switch_restarts(self):
        key, kernel = ("netdev", "10.9.0.2"), ("system", "10.8.0.2")
        self.watch(key, kernel)
        self.timed(key, routed=True)
        self.assertTrue(self.tester.answers)
        self.switch.kill()
        self.switch.wait()
        self.tester.wait(lambda: not self.tester.answers, TICK_S, "lost")
        host("ip link set k0 mtu 1400")
        self.timed(kernel, mtu=1400)
        self.start_switch()
        self.tester.wait(lambda: self.tester.answers, SLOW_S, "found again")
        self.vsctl("--", "set", "bridge", "br-phy", "other_config:un=1")
        self.set_addresses()
        self.timed(key, routed=True, device_up=True, seconds=SLOW_S)

    def test_the_dummy_datapath_has_the_mtu_it_is_told(self):
        key = "dummy", "10.9.0.2"
        self.watch(key)
        close = self.udp_socket(socket.AF_INET, "0.0.0.0")
        self.timed(key, routed=True, mtu=None, device_up=True)
        self.tester.tell(mtus={"br-phy": 1234})
        self.timed(key, mtu=1234, port_taken="")
        close()
