"""Network namespaces and the links between them (root)."""

import ctypes
import os
import socket
import subprocess

from lab.process import Process, program, run

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "setns")


class Namespace:
    """One network namespace, made and removed by us."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        run(["ip", "netns", "add", name])
        # Links get no IPv6 address unless one is asked for: the kernel's own
        # chatter (MLD, router solicitations) would show in captures.
        self.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        self.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.sysctl("net.ipv6.conf.default.router_solicitations", 0)
        self.ip("link", "set", "lo", "up")

    def delete(self):
        run(["ip", "netns", "delete", self.name], check=False)

    def run(self, argv, **kwargs):
        """Runs a command inside to its end."""
        return run(["nsenter", f"--net={self.path}", "--"] + list(argv),
                   **kwargs)

    def popen(self, argv, **kwargs):
        """Starts a command inside whose pipes the caller wants."""
        return subprocess.Popen(
            [program("setpriv"), "--pdeathsig", "KILL", program("nsenter"),
             f"--net={self.path}", "--"] + [str(a) for a in argv], **kwargs)

    def start(self, argv, log, **kwargs):
        return Process(argv, log, netns=self.path, **kwargs)

    def ip(self, *args, check=True):
        # Not "ip -n", which wants to mount as well.
        return self.run(["ip", *args], check=check)

    def sysctl(self, key, value):
        self.run(["sysctl", "-qw", f"{key}={value}"])

    def socket(self, *args):
        """A socket that lives in this namespace; the caller stays outside."""
        with open("/proc/thread-self/ns/net", "rb") as home, \
                open(self.path, "rb") as there:
            _setns(there.fileno())
            try:
                return socket.socket(*args)
            finally:
                _setns(home.fileno())

    def enable_ipv6(self, device):
        self.sysctl(f"net.ipv6.conf.{device}.disable_ipv6", 0)

    def mac(self, device):
        out = self.ip("-o", "link", "show", "dev", device).stdout.split()
        return out[out.index("link/ether") + 1]


def veth(near, near_name, far, far_name, mtu=1500, mac=None):
    """Joins two namespaces; 'mac' is of the far end.  Both ends come up."""
    # Long queues: a burst must not be lost.
    run(["ip", "link", "add", near_name, "netns", near.name, "mtu", mtu,
         "txqueuelen", 10000, "type", "veth", "peer", "name", far_name,
         "netns", far.name, "mtu", mtu, "txqueuelen", 10000]
        + (["address", mac] if mac else []))
    for space, device in ((near, near_name), (far, far_name)):
        # Without this the kernel hands over super-frames and leaves
        # checksums to hardware that does not exist.
        space.run(["ethtool", "-K", device, "tx", "off", "rx", "off",
                   "tso", "off", "gso", "off", "gro", "off"])
        space.ip("link", "set", device, "up")
