"""The lab of network namespaces (root): real links, real captures."""

import contextlib
import os
import socket

from lab.base import CollectorBase, Guest, Lab, LabError
from lab.capture import PacketSocket
from lab.frames import mac_bytes
from lab.netns import Namespace, veth
from lab.process import program
from lab.switch import Switch
from lab.waiting import wait_until

UNDERLAY_MTU = 9000


class RealGuest(Guest):
    """A VM: a namespace joined to the switch by a veth pair."""

    def __init__(self, lab, hypervisor, name, index, bridge, mtu, settings,
                 stack):
        super().__init__(name, index)
        self._hypervisor = hypervisor
        self._unwatched = 0
        self.namespace = lab.namespace(name)
        veth(hypervisor.namespace, name, self.namespace, "eth0", mtu,
             self.mac)
        if stack:
            self.namespace.ip("address", "add", f"{self.ip}/24", "dev",
                              "eth0")
        self._socket = PacketSocket(self.namespace, "eth0")
        lab.undo.callback(self._socket.close)
        self._bridge = bridge
        self._port = [name, *settings, "--", "set", "Interface", name,
                      f"external_ids:iface-id={self.iface_id}",
                      f'external_ids:attached-mac="{self.mac}"']
        self.plug()

    def plug(self, bridge=None):
        """Attaches the interface to its bridge, or to another."""
        self._bridge = bridge or self._bridge
        self._hypervisor.vsctl("add-port", self._bridge, *self._port)

    def unplug(self):
        """Takes the port away, as when the VM is moved."""
        self._hypervisor.vsctl("del-port", self.name)

    def send(self, *frames):
        """Sends no faster than the switch takes: its queue is short (some
        90 full-sized frames) and what it drops is not what we test."""
        for frame in frames:
            if self._unwatched == 32:
                self._hypervisor.wait_queues_empty()
                self._unwatched = 0
            self._unwatched += 1
            self._socket.send(frame)

    def offer(self, frame):
        """Sends one frame, and does not mind if nobody takes it."""
        with contextlib.suppress(OSError):
            self._socket.send(frame)

    def take(self):
        """What came since the last call, each with its time of arrival."""
        return self._socket.take()

    def received(self):
        return self._socket.received()

    def set_deaf(self, deaf):
        """Whether it captures nothing of what it receives."""
        self._socket.set_deaf(deaf)

    def both_ways(self):
        """Frames that this guest's kernel sent and received."""
        return self._socket.sent() + self._socket.received()

    def clear(self):
        self._socket.clear()

    def check_complete(self):
        self._socket.check_complete()


class RealCollector(CollectorBase):
    """A namespace on the underlay, reached by a host route.

    Its address is not that of its link, so that the route to it can be
    taken away while the link stays.
    """

    def __init__(self, lab, name, index, version):
        super().__init__(name, f"198.51.100.{index}" if version == 4
                         else f"2001:db8:100::{index:x}")
        self.version = version
        self.link = (f"172.31.0.{index}" if version == 4
                     else f"fd00:31::{index:x}")
        self.namespace = lab.namespace(name)
        veth(lab.fabric, name, self.namespace, "eth0", UNDERLAY_MTU)
        self.macs = {mac_bytes(self.namespace.mac("eth0"))}
        lab.fabric.ip("link", "set", name, "master", "fabric")
        if version == 6:
            self.namespace.enable_ipv6("eth0")
            self.namespace.enable_ipv6("lo")
        prefix, whole = (24, 32) if version == 4 else (64, 128)
        nodad = [] if version == 4 else ["nodad"]
        self.namespace.ip("address", "add", f"{self.link}/{prefix}", "dev",
                          "eth0", *nodad)
        self.namespace.ip("address", "add", f"{self.address}/{whole}", "dev",
                          "lo", *nodad)
        self._listener = discard(self.namespace, version)
        lab.undo.callback(self._listener.close)
        self._socket = PacketSocket(self.namespace, "eth0")
        lab.undo.callback(self._socket.close)

    def send(self, *frames):
        """By its link, as they are."""
        self._socket.send(*frames)

    def wire(self):
        return self._socket.received()

    def timed(self):
        """wire(), each frame with the time of its arrival."""
        return self._socket.timed()

    def set_deaf(self, deaf):
        """Whether it captures nothing of what it receives."""
        self._socket.set_deaf(deaf)

    def take(self):
        """What came since the last call, each with its time of arrival."""
        return self._socket.take()

    def clear(self):
        self._socket.clear()

    def check_complete(self):
        self._socket.check_complete()


def discard(namespace, version):
    """Takes UDP 4789 and throws it away: without a listener the kernel
    would answer each copy with an ICMP error."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    listener = namespace.socket(family, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    listener.bind(("0.0.0.0" if version == 4 else "::", 4789))
    return listener


def _backlog():
    """Frames on links of this machine that no socket has been given yet."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        return sum(int(line.split()[11], 16) for line in f)


class RealHypervisor(Switch):
    """A switch in a namespace, with an underlay bridge br-phy."""

    def __init__(self, lab, name, index):
        super().__init__(lab, name, lab.namespace(name))
        self.index = index
        self.ip, self.ip6 = f"172.31.0.{index}", f"fd00:31::{index:x}"

    def start(self):
        super().start()
        veth(self.namespace, "uplink", self.lab.fabric, self.name,
             UNDERLAY_MTU)
        self.lab.fabric.ip("link", "set", self.name, "master", "fabric")
        self.vsctl(
            "add-br", "br-int", "--", "set", "Bridge", "br-int",
            "datapath_type=netdev", "--", "add-br", "br-phy", "--", "set",
            "Bridge", "br-phy", "datapath_type=netdev", "--", "add-port",
            "br-phy", "uplink", "--", "set", "Interface", "br-phy",
            f"mtu_request={UNDERLAY_MTU}", "--", "set", "Interface",
            "uplink", f"mtu_request={UNDERLAY_MTU}")
        self.underlay_up()
        return self

    def underlay_up(self):
        """Gives br-phy its addresses; they vanish with its tap device."""
        ns = self.namespace
        ns.ip("link", "set", "br-phy", "up")
        ns.enable_ipv6("br-phy")
        ns.ip("address", "replace", f"{self.ip}/24", "dev", "br-phy")
        ns.ip("address", "replace", f"{self.ip6}/64", "dev", "br-phy",
              "nodad")

    def wait_queues_empty(self):
        """Waits until vswitchd has read all that its ports received."""
        def empty():
            if _backlog():
                return False
            with open(f"/proc/{self.vswitchd_pid}/net/packet",
                      encoding="ascii") as f:
                heading, *lines = f.read().splitlines()
            at = heading.split().index("Rmem")
            return all(line.split()[at] == "0" for line in lines)
        wait_until(empty, f"{self.name} to take in all frames",
                   interval=0.0005)

    def route(self, verb, collector):
        """'replace' or 'del' the host route to a collector."""
        self.namespace.ip("route", verb, collector.address, "via",
                          collector.link, "dev", "br-phy")


class RealLab(Lab):
    """One or more hypervisors on one underlay."""

    def __init__(self, **kwargs):
        if os.geteuid():
            raise LabError("network namespaces need root")
        for name in ("ip", "ethtool", "nsenter", "setpriv", "sysctl",
                     "ovs-vswitchd", "ovsdb-server"):
            program(name)
        super().__init__(**kwargs)
        self.fabric = self.namespace("fabric")
        self.fabric.ip("link", "add", "fabric", "mtu", str(UNDERLAY_MTU),
                       "type", "bridge", "forward_delay", "0",
                       "mcast_snooping", "0")
        self.fabric.ip("link", "set", "fabric", "up")
        self.hypervisors = {}
        self.switch = self.add_hypervisor("hv1")

    def namespace(self, name):
        made = Namespace(f"{self.prefix}-{name}")
        self.undo.callback(made.delete)
        return made

    def add_hypervisor(self, name):
        index = 1 + len(self.hypervisors)
        self.hypervisors[name] = RealHypervisor(self, name, index).start()
        return self.hypervisors[name]

    def add_guest(self, name, *settings, hypervisor=None, bridge="br-int",
                  mtu=1500, stack=False):
        """'settings' are Port columns, such as "tag=7".  With 'stack' the
        guest's kernel has the address and talks, also when not asked to."""
        guest = RealGuest(self, hypervisor or self.switch, name,
                          0x11 + len(self.guests), bridge, mtu, settings, stack)
        self.guests[name] = guest
        return guest

    def add_collector(self, name, version=4):
        collector = RealCollector(self, name, 10 + len(self.collectors),
                                  version)
        self.collectors[name] = collector
        for hypervisor in self.hypervisors.values():
            hypervisor.route("replace", collector)
        return collector

    def route(self, collector, present):
        self.switch.route("replace" if present else "del", collector)

    def forget_captures(self):
        """vswitchd was restarted; the captures are not its own."""

    def settle(self):
        """Waits until the switches have taken everything from the queues of
        their ports and gone round their loops."""
        for _ in range(2):
            for hypervisor in self.hypervisors.values():
                hypervisor.wait_queues_empty()
                hypervisor.appctl("version")
        for place in [*self.guests.values(), *self.collectors.values()]:
            place.check_complete()
