"""What the tests under real OVN share: two hypervisors, two logical switches
with ACLs and a router between them, and OVN's own mirrors."""

import itertools
import shutil
import unittest

from cases.constant import ConstantCases
from cases.others import ours
from lab import RealLab
from lab.frames import Talk, number_of
from lab.ovn import OvnCentral, OvnController
from lab.waiting import wait_until

ROUTER_MACS = {"ls0": "00:00:00:00:ff:01", "ls1": "00:00:00:00:ff:02"}
BLOCKED_PORT = 7777     # Of UDP, by an ACL.
GRE = 47


def two_hosts():
    if not shutil.which("ovn-northd") or not shutil.which("ovn-controller"):
        raise unittest.SkipTest("ovn-central and ovn-host are not installed")
    lab = RealLab()
    lab.add_hypervisor("hv2")
    return lab


class OvnCases(ConstantCases):
    """web1, db1 and the twins are in logical switch ls0 and on hv1; away1
    is in ls0 and on hv2, far1 in ls1 and on hv1.  ACLs of ls0 are stateful.

    spy4 is where OVN's own mirrors send.
    """

    collectors = {"ids4": 4, "ids6": 6, "spy4": 4}
    encap = "geneve"    # Between hypervisors.
    make_lab = staticmethod(two_hosts)

    @classmethod
    def prepare_switch(cls):
        lab = cls.lab
        cls.far1 = lab.add_guest("far1")
        cls.far1.ip = "10.0.1.9"
        cls.away1 = lab.add_guest("away1", hypervisor=lab.hypervisors["hv2"])
        cls.introduce_hosts()
        cls.ovn = OvnCentral(lab).start()
        cls.controller, _ = [
            OvnController(lab, cls.ovn, host, cls.encap).start()
            for host in lab.hypervisors.values()]
        cls.ovn.nbctl("lr-add", "lr0")
        for name, members, gateway in (
                ("ls0", [g for g in lab.guests.values() if g is not cls.far1],
                 "10.0.0.1/24"), ("ls1", [cls.far1], "10.0.1.1/24")):
            cls.add_logical_switch(name, members, gateway)
        for direction, port in (("to-lport", "outport"),
                                ("from-lport", "inport")):
            for guest in ("web1", "db1"):
                cls.ovn.nbctl("acl-add", "ls0", direction, "900",
                              f'{port} == "{guest}" && ip', "allow-related")
        cls.acl("acl-add", f"udp.dst == {BLOCKED_PORT}")

    @classmethod
    def introduce_hosts(cls):
        """Each switch learns the other's MAC by its kernel's own ARP: a
        tunnel asks once, and a busy one whose question was lost asks no
        more."""
        for a, b in itertools.permutations(cls.lab.hypervisors.values(), 2):
            wait_until(lambda a=a, b=b: a.namespace.run(
                ["ping", "-c", "1", "-W", "1", b.ip],
                check=False).returncode == 0,
                f"{a.name} to reach {b.name}", 20)

    @classmethod
    def add_logical_switch(cls, name, members, gateway):
        words = ["ls-add", name, "--", "lrp-add", "lr0", f"lr0-{name}",
                 ROUTER_MACS[name], gateway, "--", "lsp-add", name,
                 f"{name}-lr0", "--", "lsp-set-type", f"{name}-lr0", "router",
                 "--", "lsp-set-addresses", f"{name}-lr0", "router", "--",
                 "lsp-set-options", f"{name}-lr0", f"router-port=lr0-{name}"]
        for guest in members:
            words += ["--", "lsp-add", name, guest.name, "--",
                      "lsp-set-addresses", guest.name,
                      f"{guest.mac} {guest.ip} {guest.ip6}"]
        cls.ovn.nbctl(*words)

    @classmethod
    def acl(cls, verb, what):
        """Adds or deletes an ACL that drops frames to db1."""
        words = ["ls0", "to-lport", "1000", f'outport == "db1" && {what}']
        cls.ovn.wait_installed(verb, *words,
                               *(["drop"] if verb == "acl-add" else []))

    def routed(self, a, b, **more):
        """A conversation by way of the router, as 'a' sends it."""
        by = ROUTER_MACS["ls1" if a is self.far1 else "ls0"]
        hop = type("Hop", (), {"mac": by, "ip": b.ip, "ip6": b.ip6})
        return Talk(a, hop, **more)

    # Whose rows are whose.

    def mirrors(self, whose):
        """Mirror rows of 'whose' (ours or not), without what changes by
        itself."""
        rows = [{k: v for k, v in row.items() if k != "statistics"}
                for row in self.switch.rows("Mirror")]
        return sorted((r for r in rows if ours(r) == whose),
                      key=lambda r: r["_uuid"])

    def our_mirrors(self):
        return self.mirrors(True)

    def their_mirrors(self):
        return self.mirrors(False)

    def selected(self):
        """OVN's Mirrors by name: (ports it takes what they send, what they
        are given)."""
        ports = {row["_uuid"]: row["name"]
                 for row in self.switch.rows("Port", "_uuid", "name")}

        def names(value):
            value = value if isinstance(value, list) else [value]
            return {ports.get(uuid, "?") for uuid in value}
        return {m["name"]: (names(m["select_src_port"]),
                            names(m["select_dst_port"]))
                for m in self.their_mirrors()}

    def wait_selected(self, wanted):
        wait_until(lambda: self.selected() == wanted, lambda:
                   f"OVN's Mirrors to be {wanted}; they are "
                   f"{self.selected()}", 15)

    def spied(self):
        """Numbers of the frames that OVN's mirrors sent to spy4."""
        return sorted(number_of(f) for f in self.spy4.wire()
                      if f[12:14] == b"\x08\x00" and f[23] == GRE
                      and number_of(f) is not None)

    def spy(self, name="spy", ports=("web1",), direction="from-lport",
            kind="gre"):
        """OVN's own mirror of what a port sends, or is given."""
        self.ovn.nbctl("mirror-add", name, kind, "7", direction,
                       self.spy4.address)
        self.addCleanup(self.forget_spy, name)
        for port in ports:
            self.ovn.nbctl("lsp-attach-mirror", port, name)
        self.ovn.wait_installed()

    def forget_spy(self, name):
        for port in ("web1", "db1", "twin1"):
            self.ovn.nbctl("lsp-detach-mirror", port, name)
        self.ovn.nbctl("mirror-del", name)
        self.ovn.wait_installed()
        wait_until(lambda: name not in self.selected(),
                   f"OVN's mirror {name} to be gone", 15)

    def wait_spied(self, talk):
        """Sends probes until OVN's mirror has sent one."""
        first = self.lab.probe_number()

        def seen():
            talk.a.send(talk.frame(self.lab.probe_number(), 120))
            return any(n >= first for n in self.spied())
        wait_until(seen, "OVN's mirror to send a probe", 15, 0.1)
