"""The lab on OVS's dummy datapath: no rights needed, nothing leaves it."""

import re

from lab.base import CollectorBase, Guest, Lab
from lab.capture import TxPcap
from lab.switch import Switch
from lab.waiting import wait_until

NEXT_HOP_MAC = "02:00:5e:00:53:01"


class DummyPort:
    """A dummy interface: what it is handed, what it was sent."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self._sent = 0
        self.pcap = TxPcap(f"{lab.top}/{name}.pcap")

    def settings(self):
        return ["type=dummy", f"options:tx_pcap={self.pcap.path}"]

    def send(self, *frames):
        """Sends no faster than the switch takes: a dummy queues 100."""
        for at in range(0, len(frames), 50):
            if at:
                wait_until(self.taken_in, f"{self.name}'s frames to be taken",
                           interval=0.001)
            some = frames[at:at + 50]
            self.lab.switch.appctl("netdev-dummy/receive", self.name,
                                   *(frame.hex() for frame in some))
            self._sent += len(some)

    def forget(self):
        """The port is made anew, with new counters and a new file."""
        self._sent = 0
        self.pcap.forget()

    def taken_in(self):
        """Whether the datapath has taken all that was sent."""
        shown = self.lab.switch.appctl("dpctl/show", "-s")
        found = re.search(rf"port \d+: {re.escape(self.name)} .*?"
                          r"RX packets:(\d+)", shown, re.DOTALL)
        return bool(found) and int(found.group(1)) >= self._sent


class DummyGuest(Guest, DummyPort):
    """A VM's interface as a dummy port."""

    def __init__(self, lab, name, index, bridge, mtu, settings):
        Guest.__init__(self, name, index)
        DummyPort.__init__(self, lab, name)
        self._port = [
            "add-port", bridge, name, *settings, "--", "set", "Interface",
            name, *self.settings(), f"mtu_request={mtu}",
            f"external_ids:iface-id={self.iface_id}",
            f'external_ids:attached-mac="{self.mac}"']
        self.plug()

    def plug(self):
        """Attaches the interface to its bridge."""
        self.forget()
        self.lab.switch.vsctl(*self._port)

    def unplug(self):
        """Takes the port away, as when the VM is moved."""
        self.lab.switch.vsctl("del-port", self.name)

    def received(self):
        return self.pcap.received()

    def clear(self):
        self.pcap.clear()


class DummyCollector(CollectorBase):
    """An address beyond the uplink; the uplink's file is its capture."""

    def __init__(self, lab, name, index, version):
        super().__init__(name, f"198.51.100.{index}" if version == 4
                         else f"2001:db8:100::{index:x}")
        self.version = version
        self.link = (f"172.31.0.{index}" if version == 4
                     else f"fd00:31::{index:x}")
        self._capture = TxPcap(lab.uplink.pcap.path)

    def wire(self):
        return self._capture.received()

    def forget(self):
        self._capture.forget()

    def clear(self):
        self._capture.clear()


class DummySwitch(Switch):
    """A switch with an underlay bridge br-phy, all of it dummies."""

    ip, ip6 = "172.31.0.1", "fd00:31::1"

    def start(self):
        super().start()
        self.vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int",
                   "datapath_type=dummy", "--", "add-br", "br-phy", "--",
                   "set", "Bridge", "br-phy", "datapath_type=dummy")
        return self

    def underlay_up(self):
        """Addresses and routes, which vswitchd forgets when it ends."""
        self.appctl("netdev-dummy/ip4addr", "br-phy", f"{self.ip}/24")
        self.appctl("netdev-dummy/ip6addr", "br-phy", f"{self.ip6}/64")
        self.appctl("ovs/route/add", f"{self.ip}/24", "br-phy")
        self.appctl("ovs/route/add", f"{self.ip6}/64", "br-phy")


class DummyLab(Lab):
    """One hypervisor on the dummy datapath."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.switch = DummySwitch(self, "hv1").start()
        self.uplink = DummyPort(self, "uplink")
        self.switch.vsctl("add-port", "br-phy", "uplink", "--", "set",
                          "Interface", "uplink", *self.uplink.settings(),
                          "mtu_request=9000", "--", "set", "Interface",
                          "br-phy", "mtu_request=9000")
        self.switch.underlay_up()

    def add_guest(self, name, *settings, bridge="br-int", mtu=1500,
                  stack=False):
        """'settings' are Port columns, such as "tag=7"; 'stack' asks for
        what a dummy cannot have and is passed over."""
        self.guests[name] = DummyGuest(self, name, 0x11 + len(self.guests),
                                       bridge, mtu, settings)
        return self.guests[name]

    def add_collector(self, name, version=4):
        """Always of IPv6: OVS sends from an IPv4 address only if its route
        is "local", and "ovs/route/add" can make none such."""
        collector = DummyCollector(self, name, 10 + len(self.collectors), 6)
        self.collectors[name] = collector
        self.route(collector, True)
        return collector

    def route(self, collector, present):
        whole = 32 if collector.version == 4 else 128
        target = f"{collector.address}/{whole}"
        if present:
            self.switch.appctl("ovs/route/add", target, "br-phy",
                               collector.link)
            self.switch.appctl("tnl/neigh/set", "br-phy", collector.link,
                               NEXT_HOP_MAC)
        else:
            self.switch.appctl("ovs/route/del", target)

    def forget_captures(self):
        """vswitchd was restarted: its counters and files began anew."""
        for port in [self.uplink, *self.guests.values()]:
            port.forget()
        for collector in self.collectors.values():
            collector.forget()

    def settle(self):
        wait_until(lambda: all(g.taken_in() for g in self.guests.values()),
                   "the switch to take in all frames")
        # One more turn of the switch's loop: all outputs are flushed.
        self.switch.appctl("version")
