"""Where the ways of mirroring are compared: one switch whose br-int OVN
manages (or NORMAL, where OVN is not installed), guests that talk and
collectors that count."""

import contextlib
import json
import os
import shutil
import socket
import struct
import sys
import threading
import time

from cases.product import ProductCases
from lab import RealLab, wait_until
from lab.base import Guest
from lab.frames import Talk
from lab.netns import veth
from lab.ovn import OvnCentral, OvnController

FLOOD, PROBE = 5001, 5002
PAYLOAD = 470           # Frames of 512 bytes.
GRE = 47
SWITCH_CPU, GUEST_CPU = 0, 1
FARM_RATE = 3000        # Frames a second of all the farm's NICs together.
FARM_FIRST = 0x40       # The first one's number, and the address's last byte.
FARM_MOST = 254 - FARM_FIRST    # And one NIC more.


def are_apart():
    """Whether there is a processor for each of switch and sender."""
    return {SWITCH_CPU, GUEST_CPU} <= os.sched_getaffinity(0)


def where_it_runs():
    """The same in words."""
    if are_apart():
        return "The switch runs on one processor, the sender on another"
    processors = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    return ("The switch and the sender run wherever the kernel has them, of "
            f"processors {processors}")


def settle_on(processor, task=0):
    """Of two processors one is the switch's, the other the guest's: how the
    kernel would move them about is none of what is measured."""
    if are_apart():
        os.sched_setaffinity(task, {processor})


def flood(address, rate, seconds):
    """Sends frames at 'rate' a second, 0 for as many as possible; prints how
    many, and the processor time that it took.  Runs in a process, and a
    namespace, of its own."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect((address, FLOOD))
    data, sent = bytes(PAYLOAD), 0
    settle_on(GUEST_CPU)
    began, cpu = time.monotonic(), time.process_time()
    while True:
        now = time.monotonic() - began
        if now >= seconds:
            break
        due = int(now * rate) - sent if rate else 64
        for _ in range(due):
            out.send(data)
        sent += max(due, 0)
        if rate:
            time.sleep(0.0005)
    print(json.dumps([sent, time.process_time() - cpu]))


def talk_round(rate):
    """Reads pairs of device and frame; sends one after the other, 'rate'
    frames a second in all, for as long as standard input is open."""
    sockets = []
    for device, frame in json.loads(sys.stdin.readline()):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.bind((device, 0))
        sockets.append((made, bytes.fromhex(frame)))
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)),
                     daemon=True).start()
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * rate)
        while sent < due:
            out, frame = sockets[sent % len(sockets)]
            out.send(frame)
            sent += 1
        time.sleep(0.001)


def origin(frame):
    """The source MAC of the frame that a copy (VXLAN, or GRE with a key)
    carries, or None."""
    if frame[12:14] != b"\x08\x00":
        return None
    if frame[23] == 17 and frame[36:38] == b"\x12\xb5":
        return frame[56:62]
    if frame[23] == GRE and frame[36:38] == b"\x65\x58":
        return frame[48:54] if frame[34] & 0x20 else frame[44:50]
    return None


class FarmGuest(Guest):
    """A NIC whose owner shares a namespace with all others of the farm."""

    def __init__(self, bed, number):
        super().__init__(f"farm{number}", FARM_FIRST + number)
        self.device = f"f{number}"
        veth(bed.switch.namespace, self.name, bed.farm_space, self.device,
             1500, self.mac)


class Bed(ProductCases):
    guests = {}
    links = []
    collectors = {"ids4": 4}
    make_lab = RealLab
    ovn = None

    @classmethod
    def open(cls):
        cls.addClassCleanup = lambda *_: None
        cls.setUpClass()
        # The lab's daemon logs more than a user's does.
        cls.lab.daemon.appctl("vlog/set", "file:info")
        for guest, other in ((cls.web1, cls.db1), (cls.db1, cls.web1)):
            guest.namespace.ip("neighbour", "replace", other.ip, "lladdr",
                               other.mac, "dev", "eth0")
        cls.sink = cls._udp(cls.db1)
        cls.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        cls.sink.bind((cls.db1.ip, FLOOD))
        cls.probes = cls._udp(cls.db1)
        cls.probes.bind((cls.db1.ip, PROBE))
        cls.probes.settimeout(0.3)
        cls.prober = cls._udp(cls.web1)
        cls.prober.connect((cls.db1.ip, PROBE))
        # Or the kernel would answer each copy that OVN sends.
        cls.gre_sink = cls.ids4.namespace.socket(
            socket.AF_INET, socket.SOCK_RAW, GRE)
        cls.gre_sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        cls.introduce()
        # Its main thread, which is the one that forwards.
        settle_on(SWITCH_CPU, cls.switch.vswitchd_pid)
        return cls()

    @classmethod
    def close(cls):
        if hasattr(cls, "lab"):
            cls.lab.close()

    @staticmethod
    def _udp(guest):
        return guest.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)

    @classmethod
    def prepare_switch(cls):
        for name in ("web1", "db1"):
            setattr(cls, name, cls.lab.add_guest(name, stack=True))
        cls.links = [("web1", "db1")]
        if not (shutil.which("ovn-northd") and shutil.which("ovn-controller")):
            return
        cls.ovn = OvnCentral(cls.lab).start()
        cls.controller = OvnController(cls.lab, cls.ovn,
                                       cls.lab.switch).start()
        cls.ovn.nbctl("ls-add", "ls0")
        cls.add_logical_ports(cls.lab.guests.values())

    @classmethod
    def add_logical_ports(cls, guests):
        words = []
        for guest in guests:
            words += ["--", "lsp-add", "ls0", guest.name, "--",
                      "lsp-set-addresses", guest.name,
                      f"{guest.mac} {guest.ip}"]
        cls.ovn.wait_installed(*words[1:])

    @classmethod
    def introduce(cls):
        """The switch knows the collector's MAC before anything is timed."""
        wait_until(lambda: cls.switch.namespace.run(
            ["ping", "-c", "1", "-W", "1", cls.ids4.link],
            check=False).returncode == 0, "the collector to answer", 20)

    def add_farm(self, count):
        """Some NICs more, which are not mirrored and do not talk yet."""
        lab = self.lab
        type(self).farm_space = lab.namespace("farm")
        self.farm = [FarmGuest(self, n) for n in range(count)]
        words = []
        for guest in self.farm:
            words += ["--", "add-port", "br-int", guest.name, "--", "set",
                      "Interface", guest.name,
                      f"external_ids:iface-id={guest.iface_id}"]
        self.switch.vsctl(*words[1:])
        if self.ovn:
            self.add_logical_ports(self.farm)
        self.control.apply({
            "network_interfaces": [
                {"name": f"{g.name}-eth0", "iface_id": g.iface_id,
                 "mac": g.mac, "addresses": [g.ip]} for g in self.farm],
            "mirror_resources": [
                {"name": f"{g.name}-src", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": f"{g.name}-eth0"} for g in self.farm]})

    @contextlib.contextmanager
    def talking(self, guests):
        """All of these send to db1 meanwhile."""
        process = self.farm_space.popen(
            [sys.executable, sys.argv[0], "--talk", str(FARM_RATE)],
            stdin=-1, text=True)
        try:
            process.stdin.write(json.dumps([
                (g.device, Talk(g, self.db1, dport=FLOOD).frame(0).hex())
                for g in guests]) + "\n")
            process.stdin.flush()
            begun = self.received(self.db1)
            wait_until(lambda: self.received(self.db1)
                       > begun + 5 * len(guests), "the guests to talk")
            yield
        finally:
            process.stdin.close()
            process.wait()

    # Counting.

    @staticmethod
    def received(place):
        """Frames that the place's interface has been given so far."""
        text = place.namespace.run(["cat", "/proc/net/dev"]).stdout
        line, = [li for li in text.splitlines() if "eth0:" in li]
        return int(line.split(":")[1].split()[1])

    def cpu(self):
        """Seconds of processor time so far of the switch and of the kernel's
        threads for packets."""
        total = 0
        for pid in [self.switch.vswitchd_pid, *_packet_threads()]:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat",
                          encoding="ascii") as f:
                    total += int(f.read().split()[0])
        return total / 1e9

    def run_flood(self, rate, seconds):
        """Returns frames sent, delivered and copied, and the seconds of
        processor time of the switch and of the sender."""
        delivered, copied = self.received(self.db1), self.received(self.ids4)
        cpu = self.cpu()
        process = self.web1.namespace.popen(
            [sys.executable, sys.argv[0], "--flood", self.db1.ip, str(rate),
             str(seconds)], stdout=-1, text=True)
        sent, sender = json.loads(process.communicate()[0])
        self.switch.wait_queues_empty()
        delivered = self.received(self.db1) - delivered
        if not delivered:
            raise RuntimeError(f"none of {sent} frames was delivered")
        return (sent, delivered, self.received(self.ids4) - copied,
                self.cpu() - cpu, sender)

    def probe_while(self, run):
        """Calls run(), with probes beside it, one a millisecond or so.
        Returns its answer, the probes' sorted delays, and the processor time
        that sending and receiving them took."""
        stop, delays, cpu = threading.Event(), [], []

        def probe():
            n = 0
            began_cpu = time.thread_time()
            while not stop.wait(0.001):
                n += 1
                began = time.monotonic()
                self.prober.send(struct.pack("!Q", n))
                try:
                    while struct.unpack("!Q", self.probes.recv(64))[0] != n:
                        pass
                    delays.append(time.monotonic() - began)
                except TimeoutError:
                    pass
            cpu.append(time.thread_time() - began_cpu)
        prober = threading.Thread(target=probe)
        prober.start()
        try:
            answer = run()
        finally:
            stop.set()
            prober.join()
        if not delays:
            raise RuntimeError("no probe came back")
        return answer, sorted(delays), cpu[0]

    def path_of(self, guest):
        """What the datapath does now with what a guest sends: the actions of
        its flows."""
        lines = self.switch.appctl("dpctl/dump-flows", "-m").splitlines()
        return "; or ".join(sorted({
            line.rpartition("actions:")[2].partition(", dp-extra")[0]
            for line in lines if f"src={guest.mac}" in line
            and "dl_type=0x0800" in line or f"eth(src={guest.mac}" in line
            and "eth_type(0x0800)" in line}))


def _packet_threads():
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    if f.read().startswith("ksoftirqd/"):
                        yield pid
            except OSError:
                pass
