"""A hypervisor with many NICs and tunnels, for bench-control."""

import json
import os
import re
import shlex
import socket
import subprocess
import time

from bench.database import Database
from bench.rounds import Processes
from lab import RealLab, wait_until
from lab.process import run

COLLECTORS = 16             # A tunnel of a NIC goes to each.
RULES = 50                  # Of a filter, each direction.
FILTERS = 10                # That are shared.
PORTS_AT_ONCE = 100
STATUS = ["tunnel", "observed_generation", "health"]


class Scene:
    """Tunnels of one hypervisor: 'nics' NICs with 'each' of them; a filter
    of 50 rules a direction for each tunnel, or 10 that are shared.  'ports'
    is how many NICs are plugged in, mirrored or not."""

    def __init__(self, nics, each, own_filters=False, ports=0):
        self.nics, self.each, self.count = nics, each, nics * each
        self.ports = max(ports, nics)
        self.own_filters = own_filters
        self.lab = RealLab()
        self.switch = self.lab.switch
        self._add_ports()
        gateway = self.lab.add_collector("gateway")
        gateway.set_deaf(True)
        self.switch.namespace.ip("route", "add", "198.51.101.0/24", "via",
                                 gateway.link, "dev", "br-phy")
        # So that what is measured is not the first ARP.
        self.switch.namespace.ip("neighbour", "replace", gateway.link,
                                 "lladdr", gateway.namespace.mac("eth0"),
                                 "dev", "br-phy")
        self.lab.start_product()
        self.control, self.daemon = self.lab.control, self.lab.daemon
        self.restart_daemon()
        self.control.ctl("--timeout=120", "apply", "-", timeout=130,
                         text_in=json.dumps(self._inventory()))
        self.watch = Database(self.control.socket, "Packet_Mirroring", {
            "Mirror_Tunnel": ["name", "account", "source", "destination",
                              "filter", "enabled", "mode", "delivery",
                              "generation", "created", "updated",
                              "accepted_by", "accepted_at",
                              "accepted_generation"],
            "Tunnel_Status": STATUS})
        # Statistics are not ours.
        self.switch_watch = Database(f"{self.switch.rundir}/db.sock",
                                     "Open_vSwitch", {
            "Bridge": ["ports", "mirrors", "external_ids", "flood_vlans"],
            "Port": ["interfaces", "external_ids", "trunks"],
            "Interface": ["type", "options", "external_ids"],
            "Mirror": ["select_src_port", "select_dst_port", "output_port",
                       "external_ids"]})

    def close(self):
        self.lab.close()

    # Building it.

    def _add_ports(self):
        """NICs as tap devices: more of them than namespaces would bear."""
        for first in range(0, self.ports, PORTS_AT_ONCE):
            words = []
            for i in range(first, min(first + PORTS_AT_ONCE, self.ports)):
                words += ["--", "add-port", "br-int", f"vm{i}", "--", "set",
                          "Interface", f"vm{i}", "type=internal",
                          f"external_ids:iface-id=vm{i}",
                          f'external_ids:attached-mac="{mac(i)}"']
            run(["ovs-vsctl", f"--db={self.switch.database}", *words],
                env=self.switch.env)

    def _inventory(self):
        rules = [{"number": 10 * (n + 1), "action": "accept",
                  "protocol": "tcp", "destination_port": str(1000 + n)}
                 for n in range(RULES)]
        return {
            "network_interfaces": [
                {"name": f"nic{i}", "iface_id": f"vm{i}", "mac": mac(i),
                 "addresses": [f"10.{i >> 8}.{i & 255}.2"]}
                for i in range(self.nics)],
            "collectors": [{"name": f"box{i}",
                            "address": f"198.51.101.{i + 1}"}
                           for i in range(COLLECTORS)],
            "mirror_resources": [
                {"name": f"source{i}", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": f"nic{i}"} for i in range(self.nics)] + [
                {"name": f"ids{i}", "account": "default",
                 "purpose": "destination", "type": "collector",
                 "target": f"box{i}"} for i in range(COLLECTORS)],
            "mirror_filters": [
                {"name": f"filter{i}", "account": "default",
                 "inbound": rules, "outbound": rules}
                for i in range(self.count if self.own_filters else FILTERS)]}

    def _tunnels(self):
        return {"mirror_tunnels": [
            {"name": f"tunnel{n}", "account": "default",
             "source": f"source{n // self.each}",
             "destination": f"ids{n % self.each}", "vni": n + 1,
             "filter": f"filter{self._filter_of(n)}"}
            for n in range(self.count)]}

    def _filter_of(self, n):
        """Those that are shared have ten tunnels at least."""
        return n if self.own_filters else n % max(1, min(FILTERS,
                                                         self.count // 10))

    def restart_daemon(self):
        """Again, as an operator's: the lab's own logs each step."""
        if self.daemon.alive():
            self.daemon.stop()
        self.daemon.start("-vfile:info")

    # What is done with it.

    def _all_run(self):
        """Whether all do, as a condition to wait with: it looks at each row
        once or twice, not at all of them whenever some come, since it is one
        of those who want the processors."""
        statuses, waiting = self.watch.rows["Tunnel_Status"], []

        def condition():
            if len(statuses) < self.count:
                return False
            if not waiting:
                waiting.extend(statuses)
            while waiting and statuses[waiting[-1]]["observed_generation"]:
                waiting.pop()
            return not waiting
        return condition

    def start_all(self):
        """Creates all tunnels; returns the seconds from their commit until
        all are Running."""
        tunnels = self.watch.rows["Mirror_Tunnel"]
        with subprocess.Popen(
                [self.lab.built("ovs-mirrorctl"), "--timeout=300", "apply",
                 "-"], env=self.control.env, text=True,
                stdin=subprocess.PIPE) as console:
            console.stdin.write(json.dumps(self._tunnels()))
            console.stdin.close()
            committed = self.watch.wait(lambda: len(tunnels) == self.count,
                                        300)
            done = self.watch.wait(self._all_run(), 300)
        if console.returncode:
            raise RuntimeError("ovs-mirrorctl apply failed")
        self.settle()
        return done - committed

    def stop_all(self):
        """Deletes all tunnels; returns the seconds from their deletion until
        nothing copies any more and no row is left."""
        began = time.monotonic()
        self.watch.transact({"op": "delete", "table": "Mirror_Tunnel",
                             "where": []})
        done = self.watch.wait(
            lambda: not self.watch.rows["Tunnel_Status"], 300)
        self.settle()
        return done - began

    def work(self):
        """Seconds of a processor, OpenFlow messages and rows of the switch,
        so far."""
        self.switch_watch.take_in()
        return self.cpu(), self.sent(), self.switch_watch.updates

    def quiet(self):
        """Waits until the daemon does nothing any more, and asks it
        nothing."""
        last = []

        def still():
            last.append(self.cpu())
            return len(last) > 1 and last[-1] - last[-2] < 0.0002
        wait_until(still, "the daemon to do nothing", 30, 0.03)

    def _edit(self, operation, done):
        began = time.monotonic()
        self.watch.transact(operation)
        return self.watch.wait(done) - began

    def _some_tunnel(self, n):
        """Any, but not the same again and again."""
        tunnels = self.watch.rows["Mirror_Tunnel"]
        wanted = f"tunnel{(n * 7919) % self.count}"
        return next((uuid, row) for uuid, row in tunnels.items()
                    if row["name"] == wanted)

    def _status_id(self, tunnel):
        return next(i for i, row in self.watch.rows["Tunnel_Status"].items()
                    if row["tunnel"][1] == tunnel)

    # What an edit is awaited by costs the same among many rows as among few:
    # it is part of the time that is measured.

    def change_one(self, n):
        """Seconds until the status says that another VNI is in force."""
        uuid, row = self._some_tunnel(n)
        wanted = row["generation"] + 1
        status = self._status_id(uuid)
        statuses = self.watch.rows["Tunnel_Status"]
        return self._edit(
            {"op": "update", "table": "Mirror_Tunnel",
             "where": [["_uuid", "==", ["uuid", uuid]]],
             "row": {"vni": 20000 + row["generation"] * 1000 + n,
                     "generation": wanted}},
            lambda: statuses[status]["observed_generation"] >= wanted)

    def delete_one(self, n):
        """Seconds until the status is gone, which takes the proof that
        nothing copies."""
        uuid, row = self._some_tunnel(n)
        self._deleted = dict(row)
        status = self._status_id(uuid)
        statuses = self.watch.rows["Tunnel_Status"]
        return self._edit(
            {"op": "delete", "table": "Mirror_Tunnel",
             "where": [["_uuid", "==", ["uuid", uuid]]]},
            lambda: status not in statuses)

    def add_one(self, n):
        """Seconds until the tunnel that was deleted is Running again."""
        statuses = self.watch.rows["Tunnel_Status"]
        before = len(statuses)

        def runs():
            if len(statuses) <= before:
                return False
            latest = next(reversed(statuses))   # Dictionaries keep order.
            return statuses[latest]["observed_generation"] > 0
        return self._edit(
            {"op": "insert", "table": "Mirror_Tunnel", "row": {
                **self._deleted, "vni": 30000 + n, "generation": 1}}, runs)

    def settle(self):
        wait_until(lambda: not self.daemon.appctl("mirror/plan").strip(),
                   "mirror/plan to be empty", 120, 0.1)
        self.watch.take_in()
        self.switch_watch.take_in()

    def plug(self, nics):
        """Some NICs' links come up."""
        for i in range(nics):
            self.switch.namespace.ip("link", "set", f"vm{i}", "up")

    def talk(self, nics, seconds):
        """Has each of some NICs, whose links are up, send the next a frame a
        second."""
        sockets = []
        for i in range(nics):
            sockets.append(self.switch.namespace.socket(
                socket.AF_PACKET, socket.SOCK_RAW))
            sockets[-1].bind((f"vm{i}", 0))
        began = time.monotonic()
        for due in range(seconds):
            time.sleep(max(0, began + due - time.monotonic()))
            for i, nic in enumerate(sockets):
                nic.send(frame(i, (i + 1) % nics))
        time.sleep(max(0, began + seconds - time.monotonic()))
        for nic in sockets:
            nic.close()

    def restart(self):
        """Returns the seconds from the daemon's start until it has settled,
        what the switch was given, changes of tables and of rows, and how
        many statuses told of another health meanwhile."""
        if self.daemon.alive():
            self.daemon.stop()
        self.switch_watch.take_in()
        self.watch.take_in()
        told = self.watch.updates
        before = self.changes_of_switch()
        began = time.monotonic()
        self.daemon.start("-vfile:info")
        wait_until(lambda: not self.daemon.appctl("mirror/plan").strip(),
                   "mirror/plan to be empty", 120, 0.01)
        seconds = time.monotonic() - began
        changes = self.changes_of_switch() - before
        self.watch.take_in()
        return seconds, changes, self.watch.updates - told

    def changes_of_switch(self):
        """Of rows and of flow tables, so far; vswitchd's threads tell of
        theirs once a second."""
        time.sleep(1.2)
        self.switch_watch.take_in()
        return (self.switch_watch.updates
                + int(self.switch.appctl("coverage/read-counter",
                                         "rev_flow_table")))

    def sent(self):
        """OpenFlow messages that the daemon has sent so far."""
        return int(self.daemon.appctl("coverage/read-counter", "vconn_sent"))

    def cpu(self):
        """Seconds of a processor that the daemon has taken so far."""
        return Processes.cpu_exact(self.daemon.pid)

    # The same by hand.

    def save(self):
        """Keeps what is on the switch for by_hand()."""
        flows = self.switch.ofctl("--no-stats", "--no-names", "dump-flows",
                                  "br-mirror")
        self.flows = os.path.join(self.lab.top, "flows")
        with open(self.flows, "w", encoding="utf-8") as f:
            f.writelines(re.sub(r"^ *", "add ", line) + "\n"
                         for line in flows.splitlines() if "actions=" in line)
        meters = self.switch.ofctl("dump-meters", "br-mirror")
        self.meters = [re.sub(r"\s*bands=\s*", " band=", meter.strip())
                       for meter in re.findall(r"meter=.*\n.*", meters)]
        self.row_words = self._rows_by_hand()

    def _rows_by_hand(self):
        def ours(table, *columns):
            return [row for row in self.switch.rows(
                table, "_uuid", "name", "external_ids", *columns)
                    if "ovs-mirrord" in row["external_ids"]]
        ports = {row["_uuid"]: row["name"] for row in self.switch.rows(
            "Port", "_uuid", "name")}
        bridges = {port: bridge["name"] for bridge in self.switch.rows(
            "Bridge", "name", "ports") for port in listed(bridge["ports"])}
        words = ["add-br", "br-mirror", "--", "set", "Bridge", "br-mirror",
                 "datapath_type=netdev", "fail_mode=secure",
                 "protocols=OpenFlow10,OpenFlow15"]
        for row in ours("Interface", "type", "options"):
            port, = [p for p in ours("Port", "trunks")
                     if p["name"] == row["name"]] or [None]
            if not port or row["name"] == "br-mirror":
                continue
            words += ["--", "add-port", bridges[port["_uuid"]], row["name"],
                      "--", "set", "Interface", row["name"],
                      f"type={row['type']}"]
            words += [f"options:{k}={json.dumps(v)}"
                      for k, v in row["options"].items()]
            words += ["--", "set", "Port", row["name"], "trunks=4095"]
            words += [f"external_ids:{k}={json.dumps(v)}"
                      for k, v in port["external_ids"].items()]
        mirrors = ours("Mirror", "select_src_port", "select_dst_port",
                       "output_port")
        columns = ("select_src_port", "select_dst_port", "output_port")
        for port in sorted({ports[p] for m in mirrors for c in columns
                            for p in listed(m[c])}):
            words += ["--", f"--id=@{port}", "get", "Port", port]
        for n, row in enumerate(mirrors):
            words += ["--", f"--id=@m{n}", "create", "Mirror",
                      f"name={row['name']}"]
            words += [f"{c}=[" + ",".join("@" + ports[p]
                                          for p in listed(row[c])) + "]"
                      for c in columns]
            words += ["--", "add", "Bridge", "br-int", "mirrors", f"@m{n}"]
        return words

    def by_hand(self):
        """Seconds that Open vSwitch's own tools take for the same rows and
        flows."""
        argv = ["ovs-vsctl", f"--db={self.switch.database}", *self.row_words]
        began = time.monotonic()
        run(argv, env=self.switch.env)
        for meter in self.meters:
            self.switch.ofctl("add-meter", "br-mirror", meter)
        self.switch.ofctl("--bundle", "add-flows", "br-mirror", self.flows)
        return time.monotonic() - began

    def undo_by_hand(self):
        words = ["--", "del-br", "br-mirror"]
        for row in self.switch.rows("Port", "name", "external_ids"):
            if "ovs-mirrord" in row["external_ids"] and \
                    row["name"] != "br-mirror":
                words += ["--", "--if-exists", "del-port", row["name"]]
        run(["ovs-vsctl", f"--db={self.switch.database}", "clear", "Bridge",
             "br-int", "mirrors", *words], env=self.switch.env)

    def command_lines(self):
        """What by_hand() runs, in short."""
        return (f"ovs-vsctl {shlex.join(self.row_words)[:60]}... "
                f"({len(self.row_words)} words) && ovs-ofctl -O OpenFlow15 "
                f"add-meter ({len(self.meters)} times) && ovs-ofctl -O "
                "OpenFlow15 --bundle add-flows br-mirror FLOWS")


def listed(value):
    return value if isinstance(value, list) else [value]


def frame(source, destination):
    """TCP to a port that the filters admit; nobody looks at checksums."""
    def octets(i):
        return bytes.fromhex(mac(i).replace(":", ""))

    def address(i):
        return bytes([10, i >> 8, i & 255, 2])
    ip = (bytes.fromhex("4500002800004000 40060000")
          + address(source) + address(destination))
    tcp = bytes.fromhex("c00003e80000000000000000 5010ffff00000000")
    return octets(destination) + octets(source) + b"\x08\x00" + ip + tcp


def mac(i):
    return f"52:54:00:01:{i >> 8:02x}:{i & 255:02x}"
