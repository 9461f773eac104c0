"""A real ovsdb-server and the console at it, for tests without root.

The program is "ovs-mirrorctl" in $OVS_MIRROR_BUILD."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "ovsdb", "packet-mirroring.ovsschema")
BUILD = os.path.abspath(
    os.environ.get("OVS_MIRROR_BUILD")
    or ("." if os.path.exists("ovs-mirrorctl") else HERE + "/../../_build"))
PROGRAM = os.path.join(BUILD, "ovs-mirrorctl")
DEADLINE = 60

# The same facts as in the interface's example, with the VPCs that it names.
DOCUMENT = {
    "vpcs": [
        {"name": "vpc-a", "account": "acme", "region": "kr",
         "kind": "standard"},
        {"name": "vpc-b", "account": "beta", "region": "kr",
         "kind": "standard"}],
    "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b",
                  "state": "active"}],
    "subnets": [
        {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.1.0.0/24",
         "gateway": "10.1.0.1", "gateway_mac": "02:00:00:00:01:01",
         "routes": [{"to": "10.2.0.0/16", "via": "a-to-b"}]},
        {"name": "sn-b", "vpc": "vpc-b", "cidr": "10.2.0.0/24"}],
    "network_interfaces": [
        {"name": "web1-eth0", "iface_id": "web1-eth0", "server": "web1",
         "device": "eth0", "hypervisor": "kvm", "mac": "52:54:00:00:00:01",
         "addresses": ["10.1.0.5", "10.1.0.44"], "subnet": "sn-a",
         "mtu": 1450, "permits_vxlan_from": ["10.1.0.0/24"]},
        {"name": "ids-eth0", "iface_id": "ids-eth0", "server": "ids",
         "device": "eth0", "hypervisor": "kvm", "mac": "52:54:00:00:00:02",
         "addresses": ["10.2.0.9"], "subnet": "sn-b"}],
    "collectors": [{"name": "suricata1", "address": "192.0.2.10"}],
    "mirror_resources": [
        {"name": "web1-src", "account": "acme", "purpose": "source",
         "type": "network-interface", "target": "web1-eth0", "note": ""},
        {"name": "ids", "account": "acme", "purpose": "destination",
         "type": "collector", "target": "suricata1"},
        {"name": "beta-ids", "account": "beta", "purpose": "destination",
         "type": "network-interface", "target": "ids-eth0"}],
    "mirror_filters": [
        {"name": "web", "account": "acme", "non_ip": "drop",
         "inbound": [
             {"number": 100, "action": "reject", "protocol": "tcp",
              "source": "10.1.0.9/32"},
             {"number": 200, "action": "accept", "protocol": "tcp",
              "destination_port": "80-443"}],
         "outbound": [
             {"number": 100, "action": "accept", "protocol": "icmp",
              "icmp_type": 8},
             {"number": 200, "action": "accept", "protocol": "tcp",
              "source_port": 443}]}],
    "mirror_tunnels": [
        {"name": "web1-ids", "account": "acme", "source": "web1-src",
         "destination": "ids", "filter": "web", "vni": 7001,
         "packet_length": 128, "rate_kbps": 100000, "mode": "mirror",
         "delivery": "auto", "note": "", "enabled": True}],
}

LIST_KEYS = [
    "id", "name", "account", "state", "health", "source", "destination",
    "destination_account", "filter", "vni", "packet_length",
    "effective_packet_length", "delivery", "mode", "rate_kbps", "enabled",
    "generation", "observed_generation", "chassis", "conditions", "reasons",
    "mirrored_packets", "mirrored_bytes", "would_send_bytes",
    "dropped_packets", "created", "updated"]


def find_server():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    server = shutil.which("ovsdb-server", path=path)
    tool = shutil.which("ovsdb-tool", path=path)
    return server, tool


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr
        self.lines = process.stderr.splitlines()

    def __repr__(self):
        return "exit %d\n%s\n%s" % (self.code, self.out, self.err)


class Database:
    """An ovsdb-server of our own, in a directory of our own."""

    def __init__(self):
        server, tool = find_server()
        self.server = server
        self.dir = tempfile.mkdtemp(prefix="mirrorctl-test-")
        self.file = os.path.join(self.dir, "db")
        self.remote = "unix:" + os.path.join(self.dir, "mirror.sock")
        self.process = None
        self.create(tool)
        self.start()

    def create(self, tool):
        subprocess.run([tool, "create", self.file, SCHEMA], check=True)

    def start(self, *options):
        path = self.remote[len("unix:"):]
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(
            [self.server, "--remote=p" + self.remote, "--no-chdir",
             "--unixctl=" + os.path.join(self.dir, "ctl"),
             "--log-file=" + os.path.join(self.dir, "log"),
             "-vconsole:off", *options, self.file],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE
        while not os.path.exists(path):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("ovsdb-server does not start")
            threading.Event().wait(0.02)

    def transact(self, operations):
        """Sends one transaction by hand: too long for a command line."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE)
            s.connect(self.remote[len("unix:"):])
            s.sendall(json.dumps({
                "id": 1, "method": "transact",
                "params": ["Packet_Mirroring"] + operations}).encode())
            text, depth = "", None
            while depth != 0:
                text += s.recv(65536).decode()
                depth = text.count("{") - text.count("}")
            reply = json.loads(text)
            assert reply["error"] is None, reply

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class CliTest(unittest.TestCase):
    def setUp(self):
        self.db = Database()
        self.addCleanup(self.db.close)

    def command(self, *args):
        return [PROGRAM, "--db=" + self.db.remote, *args]

    def run_cli(self, *args, text=None):
        environment = dict(os.environ, OVS_RUNDIR=self.db.dir)
        environment.pop("OVS_MIRROR_DB", None)
        return Result(subprocess.run(
            self.command(*args), input=text, timeout=DEADLINE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment))

    def ok(self, *args, text=None):
        result = self.run_cli(*args, text=text)
        self.assertEqual(result.code, 0, result)
        return result.out

    def json(self, *args):
        return json.loads(self.ok(*args, "--format=json"))

    def refused(self, code, *args, text=None):
        """Expects exit 1 with a line of this code, and returns the lines."""
        before = self.contents()
        result = self.run_cli(*args, text=text)
        self.assertEqual(result.code, 1, result)
        for line in result.lines:
            self.assertRegex(line, r"^ovs-mirrorctl: [A-Z_]+: \S.*: .+")
        self.assertIn(code, [line.split(": ")[1] for line in result.lines],
                      result)
        self.assertEqual(self.contents(), before, "something was written")
        return result.lines

    def apply(self, document=None, *args):
        text = json.dumps(DOCUMENT if document is None else document)
        return self.ok("apply", "-", *args, text=text)

    def contents(self):
        """Every row of the database, with its uuid and version."""
        with open(self.db.file) as f:
            return f.read()

    def rows(self, table, *columns):
        out = json.loads(self.ok("--format=json", "--columns=" +
                                 ",".join(columns), "list", table))
        return out["data"]
