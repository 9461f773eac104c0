"""A switch on DPDK software ports: frames come out of pcap files for ever,
and what is sent goes nowhere, so that nothing but the switch is measured.

The switch of Debian's package openvswitch-switch-dpdk is unpacked to a
directory of its own rather than installed, which would make it everybody's
ovs-vswitchd.
"""

import glob
import os
import re

from bench.rounds import Processes, line_of
from lab import pcap
from lab.base import Lab, LabError
from lab.netns import Namespace
from lab.process import run
from lab.switch import Switch
from lab.waiting import wait_until

PACKAGES = ["openvswitch-switch-dpdk", "librte-net-pcap23",
            "librte-net-null23", "librte-mempool-ring23"]
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME")
                     or os.path.expanduser("~/.cache"), "ovs-mirror")
HUGE_PAGES = 1024       # Of 2 MB.
UNDERLAY_MTU = 2000     # Room for a whole frame's copy.


def unpacked():
    """Directory with the switch, its libraries and its drivers."""
    version = run(["dpkg-query", "-W", "-f", "${Version}",
                   "openvswitch-switch"]).stdout
    top = os.path.join(CACHE, f"dpdk-{version}")
    if not os.path.exists(f"{top}/ready"):
        os.makedirs(f"{top}/debs/partial", exist_ok=True)
        get = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300",
               "-o", f"Dir::Cache::archives={top}/debs"]
        run([*get, "update"], timeout=300)
        # With all that they need and this machine has not.
        run([*get, "--download-only", "--no-install-recommends",
             "--reinstall", "install", *PACKAGES], timeout=300)
        for package in glob.glob(f"{top}/debs/*.deb"):
            run(["dpkg", "-x", package, f"{top}/files"])
        # The switch's tools look for it by this name.
        if os.path.lexists(f"{top}/ovs-vswitchd"):
            os.unlink(f"{top}/ovs-vswitchd")
        os.symlink(f"{top}/files/usr/lib/openvswitch-switch-dpdk/"
                   "ovs-vswitchd-dpdk", f"{top}/ovs-vswitchd")
        with open(f"{top}/ready", "w", encoding="ascii"):
            pass
    return top


def reserve_huge_pages(lab):
    """Until the lab is closed."""
    path = "/proc/sys/vm/nr_hugepages"

    def read():
        with open(path, encoding="ascii") as f:
            return int(f.read())

    def write(count):
        with open(path, "w", encoding="ascii") as f:
            f.write(str(count))
    found = read()
    with open("/proc/meminfo", encoding="ascii") as f:
        free = int(re.search(r"HugePages_Free:\s*(\d+)", f.read()).group(1))
    if free >= HUGE_PAGES:
        return
    wanted = found + HUGE_PAGES - free
    lab.undo.callback(write, found)
    write(wanted)
    if read() < wanted:
        raise LabError(f"no memory for {HUGE_PAGES} huge pages of 2 MB: "
                       f"{read()} of {wanted} were given")


class DpdkSwitch(Switch):
    """br-int, and br-phy with an underlay port that swallows all.

    One thread moves packets, on processor 1; all else is on processor 0.
    """

    ip = "172.31.0.1"

    def __init__(self, lab, name):
        super().__init__(lab, name, lab.namespace(name))
        self._root = unpacked()
        self.commands = []          # By which it came to be.

    def tell_vsctl(self, *words):
        """Runs ovs-vsctl; returns the line."""
        self.vsctl(*words)
        line = line_of(["ovs-vsctl", *words], self.lab.top)
        return line.replace(f"{self._root}/files/", "")

    def start_vswitchd(self):
        # Whatever the machine's architecture is called.
        drivers, = glob.glob(f"{self._root}/files/usr/lib/*/dpdk/pmds-*")
        libraries = os.path.dirname(os.path.dirname(drivers))
        extra = "--no-pci --in-memory " + " ".join(
            f"-d {path}" for path in sorted(glob.glob(f"{drivers}/*.so.*")))
        self.commands.append(self.tell_vsctl(
            "--no-wait", "set", "Open_vSwitch", ".",
            "other_config:dpdk-init=true", "other_config:pmd-cpu-mask=0x2",
            "other_config:dpdk-lcore-mask=0x1",
            "other_config:dpdk-socket-mem=1024",
            f'other_config:dpdk-extra="{extra}"'))
        plain, self.env = self.env, dict(self.env, LD_LIBRARY_PATH=libraries)
        try:
            self._vswitchd = self._process([f"{self._root}/ovs-vswitchd",
                                            self.database])
        finally:
            self.env = plain
        self.wait_answering()
        self.commands.append(Processes.command_line(self.vswitchd_pid,
                                                    self.lab.top))

    def start(self):
        super().start()
        self.commands.append(self.tell_vsctl(
            "add-br", "br-int", "--", "set", "Bridge", "br-int",
            "datapath_type=netdev", "--", "add-br", "br-phy", "--", "set",
            "Bridge", "br-phy", "datapath_type=netdev"))
        self.commands.append(self.add_sink(
            "uplink", "br-phy", f"mtu_request={UNDERLAY_MTU}"))
        self.vsctl("set", "Interface", "br-phy",
                   f"mtu_request={UNDERLAY_MTU}")
        self.namespace.ip("link", "set", "br-phy", "up")
        self.namespace.ip("address", "add", f"{self.ip}/24", "dev", "br-phy")
        # Not to the kernel as well, as NORMAL would.
        self.ofctl("add-flow", "br-phy", "in_port=LOCAL,actions="
                   f"output:{self.ofport('uplink')}")
        return self

    def ofport(self, name):
        return int(self.vsctl("get", "Interface", name, "ofport"))

    def add_dpdk(self, name, bridge, devargs, *settings):
        """Returns the command line."""
        line = self.tell_vsctl(
            "add-port", bridge, name, "--", "set", "Interface", name,
            "type=dpdk", f'options:dpdk-devargs="{devargs}"', *settings)
        error, = [row["error"] for row in self.rows("Interface", "name",
                                                    "error")
                  if row["name"] == name]
        if error:
            raise LabError(f"port {name}: {error}")
        return line

    def add_sink(self, name, bridge="br-int", *settings):
        """A port that takes what it is sent and has nothing to say."""
        return self.add_dpdk(name, bridge, f"net_null_{name},no-rx=1",
                             *settings)

    def add_source(self, name, frames, bridge="br-int", *settings):
        """A port from which these frames come, again and again."""
        path = f"{self.rundir}/{name}.pcap"
        pcap.write(path, frames)
        return self.add_dpdk(
            name, bridge, f"net_pcap_{name},rx_pcap={path},infinite_rx=1",
            *settings)

    def del_port(self, name):
        self.vsctl("del-port", name)

    def neighbour(self, address, mac):
        """A collector of the underlay: it answers when it is asked for."""
        self.ofctl(
            "add-flow", "br-phy", f"priority=40000,in_port=LOCAL,arp,arp_op=1,"
            f"arp_tpa={address},actions=move:NXM_OF_ETH_SRC[]->"
            f"NXM_OF_ETH_DST[],set_field:{mac}->eth_src,set_field:2->arp_op,"
            "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],"
            f"set_field:{mac}->arp_sha,move:NXM_OF_ARP_SPA[]->"
            f"NXM_OF_ARP_TPA[],set_field:{address}->arp_spa,in_port")
        self.appctl("tnl/neigh/set", "br-phy", address, mac)

    def statistics(self):
        """What the thread that moves packets has counted, by name."""
        text = self.appctl("dpif-netdev/pmd-stats-show")
        thread = re.search(r"pmd thread numa_id.*?(?=\nmain|\Z)", text,
                           re.S).group(0)
        return {name.strip(): float(value) for name, value in
                re.findall(r"^\s+([^:\n]+): ([\d.]+)", thread, re.M)}

    def thread_times(self):
        """Nanoseconds that this thread has run, and waited for a processor
        that somebody else had."""
        tasks = f"/proc/{self.vswitchd_pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/comm", encoding="ascii") as f:
                if not f.read().startswith("pmd-"):
                    continue
            with open(f"{tasks}/{task}/schedstat", encoding="ascii") as f:
                return [int(word) for word in f.read().split()[:2]]
        raise LabError("no thread moves packets")

    def clear_statistics(self):
        self.appctl("dpif-netdev/pmd-stats-clear")

    def datapath_flows(self):
        text = self.appctl("dpctl/dump-flows", "-m", "netdev@ovs-netdev")
        return [line for line in text.splitlines() if "actions:" in line]

    def wait_flowing(self):
        """Waits until frames pass without asking vswitchd about them."""
        def flowing():
            self.clear_statistics()
            wait_until(lambda: self.statistics()["packets received"] > 1e4,
                       "frames to come")
            figures = self.statistics()
            return (figures["miss with success upcall"]
                    + figures["miss with failed upcall"] == 0)
        wait_until(flowing, "datapath flows for all frames", 30)


class DpdkLab(Lab):
    """One such switch, and the product on it."""

    def __init__(self, **kwargs):
        if os.geteuid():
            raise LabError("huge pages and network namespaces need root")
        if (os.cpu_count() or 1) < 2:
            raise LabError("one processor moves packets and another does the "
                           "rest: two are needed")
        super().__init__(**kwargs)
        reserve_huge_pages(self)
        self.switch = DpdkSwitch(self, "hv1").start()

    def namespace(self, name):
        made = Namespace(f"{self.prefix}-{name}")
        self.undo.callback(made.delete)
        return made
