"""What the daemon has made of a switch, made once more with Open vSwitch's
own tools, for bench-control."""

import json
import os
import re
import shlex
import shutil
import time

from bench.rounds import shortened
from lab.process import run
from lab.switch import OPENFLOW

# Of a row, what the switch says rather than is told.
SAID = {"_uuid", "statistics", "status", "rstp_status", "rstp_statistics",
        "datapath_id", "datapath_version", "bond_active_slave", "ofport",
        "mac_in_use", "ifindex", "link_state", "admin_state", "link_resets",
        "link_speed", "duplex", "mtu", "error", "lacp_current", "bfd_status",
        "cfm_fault", "cfm_fault_status", "cfm_flap_count", "cfm_health",
        "cfm_remote_mpids", "cfm_remote_opstate"}
# References, which are told by where a port is added.
PLACES = {"ports", "mirrors", "interfaces"}
ENDS = ("select_src_port", "select_dst_port", "output_port")


class ByHand:
    """Keeps what there is in save(), and makes it in make()."""

    def __init__(self, switch, directory):
        self.switch = switch
        self._flows = os.path.join(directory, "flows")
        self._meters, self._words, self._saved = [], [], {}

    def save(self):
        self._saved = self._what_is_there()
        with open(self._flows, "w", encoding="utf-8") as f:
            f.writelines(re.sub(r"^ *", "add ", line) + "\n"
                         for line in self._saved["flows"])
        self._meters = [re.sub(r"\s*bands=\s*", " band=", meter.strip())
                        for meter in re.findall(r"meter=.*\n.*",
                                                self._saved["meters"])]
        self._words = self._vsctl_words(self._saved["rows"])

    def make(self):
        """Seconds that it takes.  Raises unless there is now what was saved:
        groups and ports' no-flood bits, which are not made here, are not
        left out unnoticed."""
        argv = ["ovs-vsctl", f"--db={self.switch.database}", *self._words]
        began = time.monotonic()
        run(argv, env=self.switch.env)
        for meter in self._meters:
            self.switch.ofctl("add-meter", "br-mirror", meter)
        self.switch.ofctl("--bundle", "add-flows", "br-mirror", self._flows)
        seconds = time.monotonic() - began
        made = self._what_is_there()
        for what, saved in self._saved.items():
            if made[what] != saved:
                raise RuntimeError(f"{what} made by hand differ: "
                                   + difference(saved, made[what]))
        return seconds

    def undo(self):
        """Seconds that it takes."""
        words = ["--", "del-br", "br-mirror"]
        for row in self.switch.rows("Port", "name", "external_ids"):
            if "ovs-mirrord" in row["external_ids"] and \
                    row["name"] != "br-mirror":
                words += ["--", "--if-exists", "del-port", row["name"]]
        began = time.monotonic()
        run(["ovs-vsctl", f"--db={self.switch.database}", "clear", "Bridge",
             "br-int", "mirrors", *words], env=self.switch.env)
        return time.monotonic() - began

    def write(self, path):
        """Writes what make() runs to files whose names begin like that;
        returns the line that runs them, and how what they have begins."""
        shutil.copyfile(self._flows, f"{path}-flows.txt")
        lines = [["ovs-vsctl", *self._words],
                 *(["ovs-ofctl", *OPENFLOW, "add-meter", "br-mirror", meter]
                   for meter in self._meters),
                 ["ovs-ofctl", *OPENFLOW, "--bundle", "add-flows",
                  "br-mirror", f"{os.path.basename(path)}-flows.txt"]]
        with open(f"{path}-vsctl.txt", "w", encoding="utf-8") as f:
            f.writelines(shlex.join(line) + "\n" for line in lines)
        kinds = [lines[0], *lines[1:-1][:1], lines[-1]]
        flows = self._saved["flows"]
        return (f"sh -e {os.path.basename(path)}-vsctl.txt, which has "
                f"{len(lines)} lines, such as "
                + "; ".join(shortened(shlex.join(line), 300)
                            for line in kinds)
                + f"; of {len(flows):,} flows the first is {flows[0].strip()}")

    def _what_is_there(self):
        switch = self.switch
        return {"rows": self._rows(), "flows": switch.flows("br-mirror"),
                "groups": body(switch.ofctl("dump-groups", "br-mirror")),
                "meters": body(switch.ofctl("dump-meters", "br-mirror")),
                "ports": re.findall(
                    r"(\S+)\((\S+)\): addr.*\n *config: +(.*)",
                    switch.ofctl("--no-names", "dump-ports-desc",
                                 "br-mirror")),
                "no-flood bits": re.findall(
                    r"\((\S+)\): addr.*\n *config: .*NO_FLOOD",
                    switch.ofctl("--no-names", "dump-ports-desc",
                                 "br-int"))}

    def _rows(self):
        """The daemon's rows, as {(table, name): {column: value}}, without
        what is empty; ports by name, and the bridge of a port."""
        tables = {table: self.switch.rows(table) for table in (
            "Bridge", "Port", "Interface", "Mirror")}
        names = {row["_uuid"]: row["name"] for row in tables["Port"]}
        bridges = {names[port]: bridge["name"] for bridge in tables["Bridge"]
                   for port in listed(bridge["ports"])}
        rows = {}
        for table, found in tables.items():
            for row in found:
                if "ovs-mirrord" not in row["external_ids"]:
                    continue
                columns = {
                    column: sorted(names[port] for port in listed(value))
                    if column in ENDS else value
                    for column, value in sorted(row.items())
                    if value not in ([], {}, "", False)
                    and column not in SAID | PLACES | {"name"}}
                if table == "Port":
                    columns["bridge"] = bridges[row["name"]]
                rows[table, row["name"]] = columns
        return dict(sorted(rows.items()))

    @staticmethod
    def _vsctl_words(rows):
        words = ["add-br", "br-mirror"]
        for (table, name), row in rows.items():
            if table == "Port" and name != "br-mirror":
                words += ["--", "add-port", row["bridge"], name]
        mirrors = {}
        for (table, name), row in rows.items():
            if table == "Mirror":
                mirrors[name] = row
            elif set(row) - {"bridge"}:
                words += ["--", "set", table, name, *settings(row)]
        for port in sorted({port for row in mirrors.values() for end in ENDS
                            for port in row.get(end, [])}):
            words += ["--", f"--id=@{port}", "get", "Port", port]
        for n, (name, row) in enumerate(mirrors.items()):
            words += ["--", f"--id=@m{n}", "create", "Mirror", f"name={name}",
                      *settings(row), "--", "add", "Bridge", "br-int",
                      "mirrors", f"@m{n}"]
        return words


def settings(row):
    """A row's columns in the words of ovs-vsctl."""
    for column, value in row.items():
        if column in ENDS:
            yield f"{column}=[" + ",".join(f"@{port}" for port in value) + "]"
        elif isinstance(value, dict):
            yield from (f"{column}:{key}={json.dumps(v)}"
                        for key, v in value.items())
        elif column != "bridge":
            yield f"{column}=" + ",".join(map(json.dumps, listed(value)))


def listed(value):
    return value if isinstance(value, list) else [value]


def body(text):
    """What a dump says, without its heading, which counts requests."""
    return text.partition("\n")[2]


def difference(saved, made):
    """Where two things of one kind are not alike, in short."""
    if isinstance(saved, dict):
        saved, made = saved.items(), made.items()
    elif isinstance(saved, str):
        saved, made = saved.splitlines(), made.splitlines()
    return (f"{[x for x in saved if x not in made][:2]} lack, "
            f"{[x for x in made if x not in saved][:2]} are too many")
