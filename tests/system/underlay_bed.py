"""A bed for Underlay against a real kernel and a real ovs-vswitchd, in network
namespaces.

The hypervisor is a namespace with a bridge of the userspace datapath, br-phy,
and a plain link, k0; both lead to a second namespace.  The program under test
is "underlay-tester" in $OVS_MIRROR_BUILD/tests."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

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


class UnderlayBed:
    """Mixed into a TestCase."""

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
