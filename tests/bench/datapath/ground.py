"""What all parts of bench-datapath stand on: NICs that send without end, a
sink that they send to, a collector on the underlay, the product, and the
count of the processor's cycles for each frame."""

import contextlib
import re
import time
import types

from bench.dpdk import DpdkLab
from bench.rounds import Processes
from lab.frames import Talk
from lab.waiting import wait_until

COLLECTOR = types.SimpleNamespace(name="ids", address="172.31.0.10",
                                  mac="52:54:00:00:aa:0a")
SINK = types.SimpleNamespace(name="sink", mac="52:54:00:00:bb:01",
                             ip="10.0.255.1")
WINDOWS, WINDOW_S = 12, 0.05
# Once a second the switch sorts its masks by what they hit.  Until then they
# are in the order that frames happened to bring them in: of fifty ports 3.0
# to 4.9 of them were looked at for a frame, and 3.0 ever after.
SORTED_S = 1.5
LOOKED_AT = "avg. subtable lookups per megaflow hit"
# A port of every connection that no filter here admits, and one that the
# filters of this benchmark ask for.
OTHER_PORT, WANTED_PORT = 5000, 443
BARE_KEY = 7000
BUDGET_KBPS = 100_000_000
# Of 32 ports that DPDK has; further NICs are mirrored and say nothing.
SENDERS = 24


class WrongCopies(Exception):
    """What was measured did not do what it should."""


def nic(index):
    """The NIC of this number, from 1 on."""
    return types.SimpleNamespace(
        name=f"vm{index}", mac=f"52:54:00:00:00:{index:02x}",
        ip=f"10.0.0.{index}", index=index)


def frames_of(source, size, connections, dport=OTHER_PORT):
    """A frame of each connection of 'source'; 'size' is as on the wire,
    without the checksum of Ethernet."""
    return [Talk(source, SINK, "tcp", sport=1024 + i % 60000,
                 dport=dport + i // 60000).frame(i, size)
            for i in range(connections)]


class Ground:
    """A lab for the benchmark; a context manager."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.lab = DpdkLab()
        self.switch = self.lab.switch
        self._sources, self._bare = [], False
        self.outputs = ["uplink"]       # Where copies leave.
        self.copies = 0                 # A frame, when it was last looked.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()

    def start(self, inventory=None):
        """The sink, the collector, and the product with an inventory."""
        s = self.switch
        for line in [*s.commands, s.add_sink(SINK.name)]:
            self.rounds.command("the switch", line)
        s.ofctl("add-flow", "br-int", f"dl_dst={SINK.mac},actions="
                f"output:{s.ofport(SINK.name)}")
        s.neighbour(COLLECTOR.address, COLLECTOR.mac)
        self._set_budget("no host budget", "unlimited")
        self.rounds.command("bare Mirror", s.tell_vsctl(
            "add-port", "br-int", "bare", "--", "set", "Interface", "bare",
            "type=vxlan", f"options:remote_ip={COLLECTOR.address}",
            f"options:local_ip={s.ip}", f"options:key={BARE_KEY}",
            "options:tos=12"))
        self.lab.start_product()
        self.control, self.daemon = self.lab.control, self.lab.daemon
        self.rounds.command("the daemon", Processes.command_line(
            self.daemon.pid, self.lab.top))
        self.control.apply(inventory or self.inventory())

    @staticmethod
    def inventory(nics=64):
        sources = [nic(i) for i in range(1, nics + 1)]
        return {
            "network_interfaces": [
                {"name": f"{n.name}-eth0", "iface_id": n.name, "mac": n.mac,
                 "addresses": [n.ip]} for n in sources],
            "collectors": [{"name": "ids-box",
                            "address": COLLECTOR.address}],
            "mirror_resources": [
                {"name": f"{n.name}-src", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": f"{n.name}-eth0"} for n in sources]
            + [{"name": COLLECTOR.name, "account": "default",
                "purpose": "destination", "type": "collector",
                "target": "ids-box"}]}

    # Traffic.

    @contextlib.contextmanager
    def traffic(self, size=64, connections=1, nics=1, frames=None):
        """NICs that send frames of 'size', or of a list, all the while."""
        try:
            for index in range(1, min(nics, SENDERS) + 1):
                self.add_source(nic(index), frames or frames_of(
                    nic(index), size, connections))
            for index in range(SENDERS + 1, nics + 1):
                self.add_silent(nic(index).name)
            yield
        finally:
            self.no_mirror()
            for name in self._sources:
                self.switch.del_port(name)
            self._sources = []

    def add_source(self, source, frames, *settings):
        line = self.switch.add_source(
            source.name, frames, "br-int",
            f"external_ids:iface-id={source.name}", *settings)
        if not self._sources:
            self.rounds.command("the first NIC", line)
        self._sources.append(source.name)

    def add_silent(self, name):
        self.switch.vsctl("add-port", "br-int", name, "--", "set",
                          "Interface", name, "type=internal",
                          f"external_ids:iface-id={name}")
        self._sources.append(name)

    # Ways to mirror it, or not to.

    def no_mirror(self):
        names = list(self.control.tunnels())
        words = [w for name in names for w in ("--", "tunnel-del", name)]
        if words:
            self.control.ctl(*words[1:])
            self.control.wait_gone(*names)
            self.daemon.wait_settled()
        if self._bare:
            self.switch.vsctl("clear", "Bridge", "br-int", "mirrors")
            self._bare = False

    def bare_mirror(self):
        """One Mirror row of all sources, to a VXLAN port, by hand."""
        self.no_mirror()
        columns, gets = [], []
        for i, name in enumerate(self._sources):
            gets += ["--", f"--id=@p{i}", "get", "Port", name]
        ports = ",".join(f"@p{i}" for i in range(len(self._sources)))
        columns = [f"select_src_port={ports}", f"select_dst_port={ports}"]
        self.switch.vsctl(
            *gets, "--", "--id=@to", "get", "Port", "bare", "--", "--id=@m",
            "create", "Mirror", "name=bare", *columns, "output_port=@to",
            "--", "set", "Bridge", "br-int", "mirrors=@m")
        self._bare = True
        self.rounds.command(
            "bare Mirror",
            "ovs-vsctl -- --id=@p get Port vm1 -- --id=@to get Port bare -- "
            "--id=@m create Mirror name=bare select_src_port=@p "
            "select_dst_port=@p output_port=@to -- set Bridge br-int "
            "mirrors=@m")

    def mirror(self, case, destination=COLLECTOR.name, **more):
        """A tunnel of each source, by the product; 'case' is what it is
        measured for."""
        self.no_mirror()
        names = [f"t-{name}" for name in self._sources]
        self.wish(destination, **more)
        self.rounds.command(
            case, "ovs-mirrorctl tunnel-add t-vm1 source=vm1-src "
            f"destination={destination}"
            + "".join(f" {key.removeprefix('packet_')}={value}"
                      for key, value in more.items()))
        self.control.wait_running(*names)
        self.daemon.wait_settled()

    @contextlib.contextmanager
    def budget(self, case):
        """The host's budget is on meanwhile, as it is unless it is set: a
        meter that each copy passes, but of more than there will be."""
        try:
            self._set_budget(case, BUDGET_KBPS)
            self.control.ctl("--wait=hv", "sync")
            yield
        finally:
            self._set_budget("no host budget", "unlimited")
            self.control.ctl("--wait=hv", "sync")

    def _set_budget(self, case, kbps):
        self.rounds.command(case, self.switch.tell_vsctl(
            "set", "Open_vSwitch", ".",
            f"external_ids:mirror-rate-kbps={kbps}"))

    def wish(self, destination=COLLECTOR.name, **more):
        """Creates or changes the tunnels, and does not wait."""
        self.control.apply({"mirror_tunnels": [
            {"name": f"t-{name}", "account": "default",
             "source": f"{name}-src", "destination": destination,
             "vni": BARE_KEY + 1 + i, **more}
            for i, name in enumerate(self._sources)]})

    def filter(self, name, *rules):
        """Of TCP ports, or of whole rules; the same both ways."""
        both = [{"number": 10 * (i + 1), "action": "accept",
                 **(rule if isinstance(rule, dict) else
                    {"protocol": "tcp", "destination_port": str(rule)})}
                for i, rule in enumerate(rules)]
        self.control.apply({"mirror_filters": [
            {"name": name, "account": "default", "inbound": both,
             "outbound": both}]})

    # Figures.

    def _passed(self):
        """Frames that came from the sources, and copies that left."""
        text = self.switch.appctl("dpctl/show", "-s", "netdev@ovs-netdev")
        port = {}
        for name, received, sent in re.findall(
                r"port \d+: (\S+)[^\n]*\n\s*RX packets:(\d+).*?"
                r"TX packets:(\d+)", text, re.S):
            port[name] = int(received), int(sent)
        return (sum(port[name][0] for name in self._sources),
                sum(port[name][1] for name in self.outputs))

    def settle(self):
        """Starts from no datapath flows, and waits for those it takes, and
        where they have several masks until these are sorted."""
        self.switch.purge()
        self.switch.wait_flowing()
        if self.switch.statistics()[LOOKED_AT] > 1:
            time.sleep(SORTED_S)

    def _window(self, values):
        """Adds the cycles a frame of a short time, unless the switch had to
        wait for its processor for most of it; returns how many there are."""
        self.switch.clear_statistics()
        ran, waited = self.switch.thread_times()
        time.sleep(WINDOW_S)
        figures = self.switch.statistics()
        still_ran, still_waited = self.switch.thread_times()
        ran, waited = still_ran - ran, still_waited - waited
        if ran > waited:
            values.append(figures["avg processing cycles per packet"]
                          * ran / (ran + waited))
        return len(values)

    def cycles(self, copies):
        """Cycles a frame, with so many copies of each.

        The switch counts cycles of the clock, also those that its thread had
        to wait while somebody else had the processor: these are taken off.
        Of some short windows the least counts, since what else the machine
        does only adds."""
        self.settle()
        before = self._passed()
        values = []
        wait_until(lambda: self._window(values) == WINDOWS,
                   "a processor for the switch alone", 30)
        came, left = (after - earlier for after, earlier in
                      zip(self._passed(), before))
        self.copies = left / came
        if abs(self.copies - copies) > 0.02 or (copies and not self.copies):
            raise WrongCopies(f"{self.copies:.3f} copies a frame left, "
                              f"{copies:.3f} expected")
        self.rounds.command("cycles a frame",
                            "ovs-appctl dpif-netdev/pmd-stats-show")
        return min(values)
