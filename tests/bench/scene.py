"""A hypervisor with many NICs and tunnels, for bench-control."""

import collections
import json
import os
import re
import signal
import socket
import time

from bench.by_hand import SAID, ByHand
from bench.database import Database
from bench.rounds import Processes
from lab import RealLab, wait_until
from lab.process import run
from lab.switch import SCHEMA

COLLECTORS = 16             # A tunnel of a NIC goes to each.
RULES = 50                  # Of a filter, each direction.
FILTERS = 10                # That are shared.
PORTS_AT_ONCE = 100
# Of a tunnel, what its own edits read.
TUNNEL = ["name", "account", "source", "destination", "filter", "enabled",
          "mode", "delivery", "generation", "created", "updated",
          "accepted_by", "accepted_at", "accepted_generation"]
# What the daemon writes to the control database, and of it what it writes of
# its own accord: counters once an interval, its heartbeat once a minute.
REPORTS = ["Tunnel_Status", "Filter_Status", "Chassis", "Event",
           "Probe_Report"]
TICKING = {"counters", "counter_bases", "inbound_hits", "outbound_hits",
           "hit_bases", "heartbeat", "updated"}
# Why a tunnel that runs may be degraded here: so many NICs are on one bridge.
EXCUSED = {"BRIDGE_FANOUT"}
# Of the switch database's one row of the whole, what it is told.
ROOT = ["bridges", "external_ids", "manager_options", "next_cfg",
        "other_config", "ssl"]
# OpenFlow messages that ask, or are of the connection alone: SET_CONFIG says
# how much of a frame it wants to be sent.
ASKING = re.compile(
    r"OFPST_|OFPT_(HELLO|ECHO|FEATURES|BARRIER|[GS]ET_CONFIG)")
Work = collections.namedtuple("Work", "cpu_s switch_s messages rows reports")
# Seconds until the server answered that it is committed, and from then until
# it was done and until the daemon answered that it is; how many tunnels were
# missing when whichever of these was first came.
Took = collections.namedtuple("Took", "commit_s done_s answer_s missing")


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
        self.daemon.stop()
        self._rows = self._rows_of_console()
        self.watch = self._watched()
        self.switch_watch = Database(
            f"{self.switch.rundir}/db.sock", "Open_vSwitch",
            {"Open_vSwitch": ROOT} | columns(
                SCHEMA, ["Bridge", "Port", "Interface", "Mirror"], SAID))
        self.by_hand = ByHand(self.switch, self.lab.top)
        self.transactions = {}          # The first of each kind, as text.
        self._insertions = []           # Beside the tunnel that was deleted.
        self.restart_daemon()

    def close(self):
        self.lab.close()

    def _signal(self, number):
        self.switch.signal(number)
        self.control.signal(number)
        if self.daemon.alive():
            self.daemon.signal(number)

    def stand_still(self):
        """Takes no processor until go_on()."""
        if self.daemon.alive():
            self.quiet()    # Else it had waited for an answer all the time.
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)
        if self.daemon.alive():
            self.settle()
            self.quiet()

    def command_line(self, server):
        return Processes.command_line(server.pid, self.lab.top)

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

    def _rows_of_console(self):
        """All tunnels' rows, as the console makes them, and none of them is
        left."""
        for document in (self._inventory(), self._tunnels()):
            self.control.ctl("--timeout=120", "apply", "-", timeout=130,
                             text_in=json.dumps(document))
        rows = self.control.select("Mirror_Tunnel")
        self.control.transact({"op": "delete", "table": "Mirror_Tunnel",
                               "where": []})
        return [without_id(row) for row in rows]

    def _watched(self):
        reports = columns(os.path.join(
            self.lab.source_dir, "ovsdb", "packet-mirroring.ovsschema"),
            REPORTS, TICKING)
        return Database(self.control.socket, "Packet_Mirroring",
                        {"Mirror_Tunnel": TUNNEL, **reports})

    def _reports(self):
        """Rows that the daemon has written so far to the control database,
        as far as we have been told."""
        return sum(self.watch.updates[table] for table in REPORTS)

    def restart_all(self, allocator=None):
        """Control server, with this allocator, and daemon: each start finds
        them as fresh as the other."""
        if self.daemon.alive():
            self.daemon.stop()
        self.watch.close()
        self.control.stop()
        self.control.restart(allocator)
        if allocator and not Processes.has_loaded(self.control.pid,
                                                  allocator):
            raise RuntimeError(f"ovsdb-server has not loaded {allocator}")
        self.watch = self._watched()
        self.daemon.start("-vfile:info")
        self.settle()

    def restart_daemon(self):
        """Again, as an operator's: the lab's own logs each step."""
        if self.daemon.alive():
            self.daemon.stop()
        self.daemon.start("-vfile:info")

    # What is done with it.

    def _tell(self, kind, operation, more=""):
        self.transactions.setdefault(kind, "transact " + json.dumps(
            ["Packet_Mirroring", operation]) + more)

    def _commit(self, count, *operations):
        """Commits this; it is done when so many tunnels have a status of a
        generation that is in force.  The daemon is also asked, by a cfg in
        the same transaction, to answer when it is.

        The one client meanwhile is told of that cfg, and of each status once,
        when it comes to be such or is gone: who sees all that changes is one
        of those who want the processors.
        """
        self.watch.close()
        with Database(self.control.socket, "Packet_Mirroring", {
                "Mirror_Global": ["cfg"], "Chassis": ["cfg"],
                "Tunnel_Status": ["observed_generation"]}, {
                "Tunnel_Status": [["observed_generation", "!=", 0]]}) as light:
            row, = light.rows["Mirror_Global"].values()
            wanted = row.get("cfg", 0) + 1
            answers = light.rows["Chassis"]
            statuses = light.rows["Tunnel_Status"]

            def done():
                return len(statuses) == count

            def answered():
                return [c.get("cfg") for c in answers.values()] == [wanted]
            light.transact(*operations, {
                "op": "mutate", "table": "Mirror_Global", "where": [],
                "mutations": [["cfg", "+=", 1]]})
            sent, committed = light.sent, light.received
            light.wait(lambda: done() or answered(), 300)
            missing = abs(count - len(statuses))
            at = light.wait(done, 300)
            answered_at = light.wait(answered, 300)
        self.watch = self._watched()
        return Took(committed - sent, at - committed,
                    answered_at - committed, missing)

    def start_all(self):
        """Creates all tunnels; all are Running then."""
        self._tell("all added",
                   {"op": "insert", "table": "Mirror_Tunnel",
                    "row": self._rows[0]},
                   " ... and so on for all, and Mirror_Global's cfg")
        took = self._commit(self.count, *(
            {"op": "insert", "table": "Mirror_Tunnel", "row": row}
            for row in self._rows))
        if self._running() != self.count:
            wrong = list(self.watch.rows["Tunnel_Status"].values())[:2]
            raise RuntimeError(f"{self._running()} of {self.count} tunnels "
                               f"run: {wrong}")
        self.settle()
        return took

    def _running(self):
        return sum(row["observed_generation"] > 0
                   and {code for code, _ in row["reasons"][1]} <= EXCUSED
                   for row in self.watch.rows["Tunnel_Status"].values())

    def excused(self):
        """Tunnels that run degraded, for what is excused."""
        return sum(bool(row["reasons"][1]) for row in
                   self.watch.rows["Tunnel_Status"].values())

    def stop_all(self):
        """Deletes all tunnels; nothing copies any more then, and no row is
        left."""
        everything = {"op": "delete", "table": "Mirror_Tunnel", "where": []}
        self._tell("all deleted", everything)
        took = self._commit(0, everything)
        if left := len(self.watch.rows["Tunnel_Status"]):
            raise RuntimeError(f"{left} statuses of no tunnel")
        self.settle()
        return took

    def begin_work(self):
        """What has been done so far, for work_since().  The processor's time
        is read last, and first there: to be asked for the rest is work of
        the daemon's, too."""
        counts = self._counts()
        self.quiet()
        return Work(self.cpu(), self.switch_cpu(), *counts)

    def work_since(self, begun):
        now = Work(self.cpu(), self.switch_cpu(), *self._counts())
        return Work(*(after - before for after, before in zip(now, begun)))

    def _counts(self):
        """OpenFlow messages, rows of the switch, and of the control database,
        so far."""
        sent = self.sent()
        self.switch_watch.take_in()
        self.watch.take_in()
        return sent, self.switch_watch.updates.total(), self._reports()

    def quiet(self):
        """Waits until the daemon does nothing any more, and asks it
        nothing."""
        last = []

        def still():
            last.append(self.cpu())
            return len(last) > 1 and last[-1] - last[-2] < 0.0002
        wait_until(still, "the daemon to do nothing", 30, 0.03)

    def _edit(self, kind, done, operation, *more):
        self._tell(kind, operation, " ... and with it its filter" * bool(more))
        began = time.monotonic()
        self.watch.transact(operation, *more)
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
            "changed",
            lambda: statuses[status]["observed_generation"] >= wanted,
            {"op": "update", "table": "Mirror_Tunnel",
             "where": [["_uuid", "==", ["uuid", uuid]]],
             "row": {"vni": 20000 + row["generation"] * 1000 + n,
                     "generation": wanted}})

    def delete_one(self, n):
        """Seconds until the status is gone, which takes the proof that
        nothing copies."""
        uuid, row = self._some_tunnel(n)
        self._deleted = dict(row)
        goes = [("Mirror_Tunnel", uuid)]
        if self.own_filters:
            goes.append(("Mirror_Filter", row["filter"][1]))
            self._insertions = self._filter_again(row["filter"][1])
            self._deleted["filter"] = ["named-uuid", "filter"]
        status = self._status_id(uuid)
        statuses = self.watch.rows["Tunnel_Status"]
        return self._edit(
            "deleted", lambda: status not in statuses,
            *({"op": "delete", "table": table,
               "where": [["_uuid", "==", ["uuid", uuid]]]}
              for table, uuid in goes))

    def _filter_again(self, uuid):
        """What makes a filter once more, "filter" by name, with its rules.
        The hypervisor has it to ask for, as one that nobody had before."""
        rules = {}
        insertions = []
        for row in self.control.select(
                "Mirror_Rule", [["filter", "==", ["uuid", uuid]]]):
            rules[row["_uuid"][1]] = name = f"rule{len(rules)}"
            insertions.append(insertion("Mirror_Rule", row, name,
                                        filter=["named-uuid", "filter"]))
        row, = self.control.select("Mirror_Filter",
                                   [["_uuid", "==", ["uuid", uuid]]])
        return [*insertions, insertion("Mirror_Filter", row, "filter", **{
            direction: ["set", [["named-uuid", rules[rule]]
                                for _, rule in row[direction][1]]]
            for direction in ("inbound", "outbound")})]

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
            "added", runs,
            {"op": "insert", "table": "Mirror_Tunnel", "row": {
                **self._deleted, "vni": 30000 + n, "generation": 1}},
            *self._insertions)

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
        many rows the control database was given."""
        if self.daemon.alive():
            self.daemon.stop()
        self.switch_watch.take_in()
        self.watch.take_in()
        told = self._reports()
        before = self.changes_of_switch()
        began = time.monotonic()
        self.daemon.start("-vfile:info")
        wait_until(lambda: not self.daemon.appctl("mirror/plan").strip(),
                   "mirror/plan to be empty", 120, 0.01)
        seconds = time.monotonic() - began
        changes = self.changes_of_switch() - before
        self.watch.take_in()
        return seconds, changes, self._reports() - told

    def orders_of_restart(self):
        """OpenFlow messages of a restart that do not merely ask, by type: of
        flows, groups, meters, ports and whatever else there is.  The switch
        writes all that it receives to its log meanwhile, so that nobody
        should look at the clock."""
        self.daemon.stop()
        log = f"{self.switch.rundir}/ovs-vswitchd.log"
        self.switch.appctl("vlog/disable-rate-limit", "vconn")
        self.switch.appctl("vlog/set", "vconn:file:dbg")
        with open(log, encoding="utf-8", errors="replace") as f:
            f.seek(0, os.SEEK_END)
            self.restart_daemon()
            self.settle()
            self.switch.appctl("vlog/set", "vconn:file:info")
            self.switch.appctl("vlog/enable-rate-limit", "vconn")
            received = re.findall(r"received: ([A-Z0-9_]+)", f.read())
        if not received:
            raise RuntimeError("the switch has not logged what it received")
        return collections.Counter(
            kind for kind in received if not ASKING.match(kind))

    def changes_of_switch(self):
        """Of rows and of flow tables, so far; vswitchd's threads tell of
        theirs once a second."""
        time.sleep(1.2)
        self.switch_watch.take_in()
        return (self.switch_watch.updates.total()
                + int(self.switch.appctl("coverage/read-counter",
                                         "rev_flow_table")))

    def sent(self):
        """OpenFlow messages that the daemon has sent so far."""
        return int(self.daemon.appctl("coverage/read-counter", "vconn_sent"))

    def cpu(self):
        """Seconds of a processor that the daemon has taken so far."""
        return Processes.cpu_exact(self.daemon.pid)

    def switch_cpu(self):
        """The same of vswitchd, which spends some on each of its ports
        whatever happens."""
        return Processes.cpu_of_threads(self.switch.vswitchd_pid)


def without_id(row):
    return {column: value for column, value in row.items()
            if column not in ("_uuid", "_version")}


def insertion(table, row, name, **instead):
    """What inserts a row as it was read, under a name that others in the same
    transaction may call it by; 'instead' has columns that it is to have."""
    return {"op": "insert", "table": table, "uuid-name": name,
            "row": without_id(row) | instead}


def columns(schema, tables, left_out):
    """{table: [column, ...]} of a schema's file, to be monitored."""
    with open(schema, encoding="utf-8") as f:
        all_of = json.load(f)["tables"]
    return {table: [column for column in all_of[table]["columns"]
                    if column not in left_out] for table in tables}


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
