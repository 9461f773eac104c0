"""Keys and certificates by ovs-pki, and a control database that has them."""

import json

from lab.control import ControlDatabase
from lab.process import run
from lab.switch import plain
from lab.waiting import wait_until


class Authority:
    """Two certificate authorities as ovs-pki makes them: "switch" certifies
    hypervisors, "controller" servers, so that neither can pose as the
    other."""

    def __init__(self, lab, name="pki"):
        self._dir = lab.directory(name)
        self._pki("init")
        self._known = set()

    def _pki(self, *args):
        run(["env", "-C", self._dir, "ovs-pki", f"--dir={self._dir}/pki",
             f"--log={self._dir}/openssl.log", *args])

    def options(self, name, kind="switch", trusts=None):
        """Command line options by which a program is 'name' and trusts the
        other kind's certificates."""
        trusts = trusts or {"switch": "controller",
                            "controller": "switch"}[kind]
        if (name, kind) not in self._known:
            # With --unique the common name is just the name.
            self._pki("--unique", "--batch", "--force", "req+sign", name,
                      kind)
            self._known.add((name, kind))
        return [f"--private-key={self._dir}/{name}-privkey.pem",
                f"--certificate={self._dir}/{name}-cert.pem",
                f"--ca-cert={self._dir}/pki/{trusts}ca/cacert.pem"]


class TlsDatabase(ControlDatabase):
    """A control database beside a switch: the operator comes by its socket,
    hypervisors by TLS and in the role that "init" defines."""

    def __init__(self, lab, switch, authority, server="control-db",
                 kind="controller", name="control"):
        super().__init__(lab, switch.namespace,
                         authority.options(server, kind, "switch"), name)
        self._switch = switch

    def start(self, schema=None):
        super().start(schema)
        self.ctl("--", "--id=@c", "create", "Connection", "role=ovs-mirrord",
                 'target="pssl:0:127.0.0.1"', "--", "set", "Mirror_Global",
                 ".", "connections=@c")
        port = wait_until(
            lambda: plain(self.select("Connection")[0]["status"]).get(
                "bound_port"), "the server to listen for TLS")
        self.daemon_remote = f"ssl:127.0.0.1:{port}"
        return self

    def client(self, tls_options, command, *args):
        """Runs ovsdb-client by TLS; returns the result."""
        argv = ["ovsdb-client", "--timeout=10", *tls_options, command,
                self.daemon_remote, *args]
        namespace = self._switch.namespace
        return (namespace.run if namespace else run)(argv, check=False)

    def attempt(self, tls_options, *operations):
        """A transaction by TLS; returns the error of it, or None."""
        result = self.client(tls_options, "transact", json.dumps(
            ["Packet_Mirroring", *operations]))
        if result.returncode:
            raise RuntimeError(result.stderr)
        errors = [part for part in json.loads(result.stdout)
                  if part and "error" in part]
        return errors[0]["error"] if errors else None
