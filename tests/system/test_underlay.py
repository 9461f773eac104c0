#!/usr/bin/env python3
"""Underlay against a real kernel and a real ovs-vswitchd, in network
namespaces.  Needs root; skipped without.

The hypervisor is a namespace with a bridge of the userspace datapath, br-phy,
and a plain link, k0; both lead to a second namespace.  The program under test
is "underlay-tester" in $OVS_MIRROR_BUILD/tests."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILDDIR = os.path.abspath(
    os.environ.get("OVS_MIRROR_BUILD")
    or ("." if os.path.exists("tests/underlay-tester") else HERE + "/../../_build"))
SCHEMA = os.path.join(os.environ.get("OVS_PKGDATADIR",
                                     "/usr/share/openvswitch"),
                      "vswitch.ovsschema")
HOST = "un-host-%d" % os.getpid()
PEER = "un-peer-%d" % os.getpid()
EVENT_S = 1    # By when a change that raises an event must be seen.
TICK_S = 2.5   # By when one that raises none, with few destinations.
SLOW_S = 8     # Operators' own routes; a restart of the switch.


def run(*words):
    result = subprocess.run(words, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    if result.returncode:
        raise AssertionError("%s: %s" % (" ".join(words),
                                         result.stdout.decode()))
    return result.stdout.decode()


def host(command):
    return run("ip", "netns", "exec", HOST, *command.split())


def peer(command):
    return run("ip", "netns", "exec", PEER, *command.split())


class Tester:
    """Drives underlay-tester and remembers the last value of each path."""

    def __init__(self, env):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", HOST,
             os.path.join(BUILDDIR, "tests", "underlay-tester")],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.paths = {}
        self.answers = True
        self.n_changes = 0
        self.unread = b""

    def close(self):
        """Lets it end by itself, so that sanitizers have their say."""
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.stdout.close()
        if self.process.wait():
            raise AssertionError("underlay-tester failed")

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def read(self, seconds):
        """Takes in output that comes within 'seconds'."""
        fd = self.process.stdout.fileno()
        if not select.select([fd], [], [], seconds)[0]:
            return
        chunk = os.read(fd, 1 << 20)
        if not chunk:
            raise AssertionError("underlay-tester ended")
        *lines, self.unread = (self.unread + chunk).split(b"\n")
        for line in lines:
            change = json.loads(line)
            if "answers" in change:
                self.answers = change["answers"]
            else:
                self.paths[change["type"], change["destination"]] = change
                self.n_changes += 1

    def wait(self, condition, seconds, what):
        begin = time.monotonic()
        while not condition():
            left = begin + seconds - time.monotonic()
            if left <= 0:
                raise AssertionError("not within %s s: %s; have %s"
                                     % (seconds, what, self.paths))
            self.read(left)
        return time.monotonic() - begin

    def expect(self, key, seconds, **values):
        def holds():
            path = self.paths.get(key, {})
            return all(path.get(k, "absent") == v for k, v in values.items())
        return self.wait(holds, seconds, "%s %s" % (key, values))


@unittest.skipIf(os.geteuid(), "needs root")
class UnderlayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="un-underlay-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.env = dict(os.environ, OVS_RUNDIR=cls.dir)
        for name in HOST, PEER:
            run("ip", "netns", "add", name)
            cls.addClassCleanup(run, "ip", "netns", "del", name)
        for do in host, peer:
            do("ip link set lo up")
            do("sysctl -qw net.ipv6.conf.all.accept_dad=0 "
               "net.ipv6.conf.default.accept_dad=0")
        for name in "p0", "k0":
            host("ip link add %s type veth peer name %s netns %s"
                 % (name, name, PEER))
            host("ip link set %s up" % name)
            peer("ip link set %s up" % name)
        peer("ethtool -K p0 tx off")
        peer("ip addr add 10.9.0.2/24 dev p0")
        peer("ip addr add fd09::2/64 dev p0 nodad")
        peer("ip addr add 10.8.0.2/24 dev k0")
        peer("ip addr add fd08::2/64 dev k0 nodad")

        conf = os.path.join(cls.dir, "conf.db")
        cls.db = "unix:" + os.path.join(cls.dir, "db.sock")
        run("ovsdb-tool", "create", conf, SCHEMA)
        cls.database = subprocess.Popen(
            ["ovsdb-server", "--remote=p" + cls.db, "-voff", conf],
            env=cls.env)
        cls.addClassCleanup(cls.end, cls.database)
        cls.switch = None
        cls.addClassCleanup(lambda: cls.end(cls.switch))
        cls.start_switch()
        cls.vsctl("init")
        cls.vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy",
                  "datapath_type=netdev", "--", "add-port", "br-phy", "p0")

    @staticmethod
    def end(process):
        if process:
            process.kill()
            process.wait()

    @classmethod
    def start_switch(cls):
        cls.switch = subprocess.Popen(
            ["ip", "netns", "exec", HOST, "ovs-vswitchd", "--pidfile",
             "--overwrite-pidfile", "-voff", "--disable-system", cls.db],
            env=cls.env)

    @classmethod
    def vsctl(cls, *words):
        deadline = time.monotonic() + 10
        while not os.path.exists(os.path.join(cls.dir, "db.sock")):
            assert time.monotonic() < deadline
            select.select([], [], [], .02)
        if words == ("init",):
            return run("ovs-vsctl", "--db=" + cls.db, "--no-wait", "init")
        return run("ovs-vsctl", "--db=" + cls.db, "-t", "10", *words)

    def appctl(self, *words):
        return run("ovs-appctl", "-t", os.path.join(
            self.dir, "ovs-vswitchd.%d.ctl" % self.switch.pid), *words)

    def set_addresses(self):
        """The state that each test starts from."""
        for dev, net in ("br-phy", "9"), ("k0", "8"):
            host("ip link set %s up mtu 1500" % dev)
            for command in (
                    "ip addr flush dev %s" % dev,
                    "ip addr add 10.%s.0.1/24 dev %s" % (net, dev),
                    "ip addr add fd0%s::1/64 dev %s nodad" % (net, dev),
                    "ip neigh flush dev %s nud all" % dev):
                host(command)

    def setUp(self):
        self.set_addresses()
        self.tester = Tester(self.env)
        self.addCleanup(self.tester.close)

    def watch(self, *keys):
        self.tester.tell(watch=keys)

    def timed(self, key, seconds=EVENT_S, **values):
        took = self.tester.expect(key, seconds, **values)
        if "-v" in sys.argv:
            print("  %s %s: %.0f ms" % (key, values, took * 1000))

    @staticmethod
    def give_up_soon(device):
        """Makes the kernel not look for a neighbour for long."""
        host("sysctl -qw net.ipv4.neigh.%s.mcast_solicit=1 "
             "net.ipv4.neigh.%s.retrans_time_ms=100" % (device, device))

    def speak_to(self, address, device):
        """Makes the kernel look for a neighbour."""
        self.give_up_soon(device)
        run("ip", "netns", "exec", HOST, sys.executable, "-c",
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
            ".sendto(b'x', (%r, 9))" % address)

    # The userspace datapath.

    def check_route_comes_and_goes(self, key, address, prefix, gateway,
                                   device, source):
        def route(verb):
            host("ip route %s %s via %s" % (verb, prefix, gateway))
        self.watch(key)
        self.timed(key, known=True, routed=False)
        route("add")
        self.addCleanup(subprocess.run, [
            "ip", "netns", "exec", HOST, "ip", "route", "del", prefix],
            stderr=subprocess.DEVNULL, check=False)
        self.timed(key, routed=True, device=device, source=source, mtu=1500,
                   device_up=True, port_taken="")
        route("del")
        self.timed(key, routed=False)
        route("add")
        self.timed(key, routed=True)
        host("ip addr del %s dev %s" % (address, device))
        self.timed(key, routed=False)

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

    def test_userspace_neighbour_is_what_the_switch_knows(self):
        key = "netdev", "10.9.0.2"
        host("ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 "
             "nud permanent dev br-phy")
        self.addCleanup(host, "ip neigh del 10.9.0.2 dev br-phy")
        self.watch(key)
        self.timed(key, routed=True, neighbour="unknown")
        self.appctl("tnl/neigh/set", "br-phy", "10.9.0.2",
                    "02:00:00:00:00:02")
        self.timed(key, neighbour="reachable", seconds=TICK_S)
        self.appctl("tnl/neigh/flush")
        self.timed(key, neighbour="unknown", seconds=TICK_S)

    def test_userspace_neighbour_that_is_silent_is_looked_for(self):
        self.give_up_soon("br-phy")
        key = "netdev", "10.9.0.77"
        self.watch(key)
        self.timed(key, routed=True, neighbour="failed", seconds=SLOW_S)
        host("ip neigh replace 10.9.0.77 lladdr 02:00:00:00:00:02 "
             "nud permanent dev br-phy")
        self.addCleanup(host, "ip neigh del 10.9.0.77 dev br-phy")
        self.timed(key, neighbour="unknown")

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

    # The kernel datapath.

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


if __name__ == "__main__":
    unittest.main()
