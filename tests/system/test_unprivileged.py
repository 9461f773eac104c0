"""The daemon as a user without rights: which it needs, and that it needs no
others."""

import os
import shutil
import unittest

from cases.probe import Prober
from cases.product import ProductCases
from lab import RealLab
from lab.control import ControlDatabase, MirrorDaemon
from lab.waiting import wait_until

NOBODY = 65534
UMASK = 0o007
CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN = 10, 11, 12
CAP_NET_RAW, CAP_IPC_LOCK = 13, 14


def rights(pid):
    """What the kernel says of a process's user, groups and capabilities."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


class OpenLab(RealLab):
    """With programs where anybody may run them."""

    def built(self, name):
        path = os.path.join(self.top, name)
        if not os.path.exists(path):
            shutil.copy(super().built(name), path)
            os.chmod(path, 0o755)
        return path


class UnprivilegedCases(Prober, ProductCases):
    """Every socket of the switch and the database is of 'group', since
    the directories hand their group on; the daemon's own files are in a
    directory of its own."""

    wrapper, options = (), ()
    group = 1   # "daemon"
    capabilities = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW

    @classmethod
    def make_lab(cls):
        """OVS makes its sockets with mode 0770 less the umask, and who may
        not write to a socket may not connect to it."""
        cls.addClassCleanup(os.umask, os.umask(UMASK))
        return OpenLab()

    @classmethod
    def prepare_switch(cls):
        switch = cls.lab.switch
        for name in os.listdir(switch.rundir):
            os.chown(f"{switch.rundir}/{name}", -1, cls.group)
        os.chown(switch.rundir, -1, cls.group)
        os.chmod(switch.rundir, 0o2750)

    @classmethod
    def start_product(cls):
        cls.lab.control = ControlDatabase(cls.lab)
        os.chown(cls.lab.control.rundir, -1, cls.group)
        os.chmod(cls.lab.control.rundir, 0o2750)
        cls.lab.control.start()
        own = cls.lab.directory("mirrord")
        os.chown(own, NOBODY, NOBODY)
        os.chmod(own, 0o700)
        cls.lab.daemon = MirrorDaemon(
            cls.lab, cls.lab.switch, cls.lab.control, cls.wrapper,
            own).start(*cls.options)

    def assert_rights(self):
        now = rights(self.daemon.pid)
        self.assertEqual(set(now["Uid"].split()), {str(NOBODY)})
        self.assertIn(str(self.group),
                      now["Gid"].split() + now["Groups"].split())
        for which in ("CapEff", "CapPrm"):
            self.assertEqual(int(now[which], 16), self.capabilities, which)

    def neighbour(self):
        """What the kernel knows of the next hop to ids4."""
        return self.switch.namespace.ip("neigh", "show", self.ids4.link,
                                        "dev", "br-phy").stdout

    def forget_neighbour(self):
        self.tunnel("one", self.ids4, 7001)
        wait_until(self.neighbour, "the kernel to know the next hop")
        self.switch.namespace.ip("neigh", "del", self.ids4.link, "dev",
                                 "br-phy")

    def test_it_does_all_its_work(self):
        self.assert_rights()
        self.filter("web", outbound=[{"action": "accept",
                                      "protocol": "udp"}])
        self.tunnel("one", self.ids4, 7001, filter="web")
        self.tunnel("two", self.ids6, 7002, rate_kbps=100000)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.lab.wait_copied(talk, self.ids6, 7002)
        self.lab.clear()
        frames = talk.frames(range(50), 200)
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.db1, frames)
        self.assert_copied(self.ids4, 7001, frames)
        self.assert_copied(self.ids6, 7002, frames)
        # A new bundle, then the proof that nothing is copied any more, for
        # which vswitchd's control socket is asked.
        self.filter("web")
        self.control.ctl("--wait=hv", "sync")
        self.lab.clear()
        self.lab.exchange((self.web1, frames))
        self.assertEqual(self.ids4.numbered(7001), [])
        self.remove("one", "two")
        self.assertIn("trace", self.daemon.appctl("list-commands"))
        self.assertEqual([line for line in self.daemon.log("INFO")
                          if "ermi" in line or "|ERR|" in line], [])
        self.assert_rights()


    def test_a_probe_tells_what_it_may_see(self):
        self.tunnel("one", self.ids4, 7001)
        told = self.probe("one")
        may_see = self.capabilities & 1 << CAP_NET_RAW
        self.assertEqual(self.results(told), ["passed"] * 4 + [
            "passed" if may_see else "unknown", "unknown"])
        if not may_see:
            self.assertIn("not permitted",
                          told["stations"]["wire"]["detail"])


class NeighbourCases(UnprivilegedCases):
    """For the one thing that needs a capability."""

    def test_the_kernel_looks_for_a_next_hop_it_has_forgotten(self):
        self.forget_neighbour()
        wait_until(self.neighbour, "the kernel to know it again")


class Unprivileged(NeighbourCases, unittest.TestCase):
    """As the systemd unit runs it."""

    wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
               "--groups=1", "--inh-caps=-all,+net_admin,+net_raw",
               "--ambient-caps=-all,+net_admin,+net_raw",
               "--bounding-set=-all,+net_admin,+net_raw", "--no-new-privs",
               "--pdeathsig=KILL"]


class WithoutAnyCapability(UnprivilegedCases, unittest.TestCase):
    wrapper = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
               "--groups=1", "--inh-caps=-all",
               "--ambient-caps=-all", "--bounding-set=-all",
               "--no-new-privs", "--pdeathsig=KILL"]
    capabilities = 0


class ByTheOptionUser(NeighbourCases, unittest.TestCase):
    options = ["--user=nobody"]
    group = NOBODY
    # What OVS leaves to each daemon that works with a datapath.
    capabilities = sum(1 << c for c in (
        CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW,
        CAP_IPC_LOCK))
