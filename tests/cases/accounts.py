"""Two accounts on two hypervisors: web1 is acme's and on hv1, web2 is beta's
and on hv2, and each account has a collector.  gamma is a third account."""

import json
import re
import time

from cases.product import problems
from lab.control import MirrorDaemon
from lab.process import run
from lab.waiting import wait_until

VNI = 7341
LONG_AGO_MS = 1000


class TwoHosts:
    """Mixed into a TestCase; one lab for its tests."""

    @classmethod
    def setUpClass(cls):
        lab = cls.lab = cls.make_lab()
        cls.addClassCleanup(lab.close)
        lab.add_hypervisor("hv2")
        cls.hosts = lab.hypervisors
        for name, host in (("web1", "hv1"), ("db1", "hv1"),
                           ("web2", "hv2"), ("db2", "hv2")):
            setattr(cls, name, lab.add_guest(
                name, hypervisor=cls.hosts[host]))
        cls.acme_box = lab.add_collector("acme-box")
        cls.beta_box = lab.add_collector("beta-box")
        lab.start_product()
        cls.control = lab.control
        cls.daemons = {"hv1": lab.daemon}
        cls.start_daemon("hv2")
        for a, b in (("web1", "db1"), ("web2", "db2")):
            lab.wait_link(a, b)
            lab.wait_link(b, a)
        cls.control.apply(cls.inventory())

    @classmethod
    def start_daemon(cls, host):
        cls.daemons[host] = MirrorDaemon(cls.lab, cls.hosts[host],
                                         cls.control).start()

    @classmethod
    def inventory(cls):
        accounts = (("acme", cls.web1, cls.acme_box),
                    ("beta", cls.web2, cls.beta_box))
        return {
            "network_interfaces": [
                {"name": f"{g.name}-eth0", "iface_id": g.iface_id,
                 "mac": g.mac, "addresses": [g.ip], "account": account}
                for account, g, _ in accounts],
            "collectors": [{"name": box.name, "address": box.address,
                            "account": account}
                           for account, _, box in accounts],
            "mirror_resources": [r for account, g, box in accounts for r in (
                {"name": "src", "account": account, "purpose": "source",
                 "type": "network-interface", "target": f"{g.name}-eth0"},
                {"name": "ids", "account": account,
                 "purpose": "destination", "type": "collector",
                 "target": box.name})]}

    def tearDown(self):
        for host, daemon in self.daemons.items():
            if not daemon.alive():
                self.start_daemon(host)
        tunnels = self.control.tunnels()
        for tunnel in tunnels.values():
            self.control.ctl("tunnel-del",
                             f"{tunnel['account']}/{tunnel['name']}")
        self.control.wait_gone(*tunnels)
        self.lab.clear()

    def ctl(self, account, *args, check=True):
        return self.control.ctl(f"--account={account}", *args, check=check)

    def listed(self, account, command="tunnel-list"):
        """Name -> state of what an account is shown."""
        return {t["name"]: t["state"] for t in json.loads(
            self.ctl(account, "--format=json", command))}

    def refused(self, account, *args):
        result = self.ctl(account, *args, check=False)
        self.assertEqual(result.returncode, 1, result.stdout)
        return problems(result)

    def request(self, *more):
        return self.ctl("acme", "tunnel-add", "watch", "source=src",
                        "destination=beta/ids", f"vni={VNI}", *more)

    def run_it(self):
        self.request()
        self.ctl("beta", "tunnel-accept", "watch")
        self.control.wait_running("watch")
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.beta_box,
                             VNI)

    def sync(self):
        """Every hypervisor has done all that is asked of it."""
        self.control.ctl("--wait=hv", "sync")

    def traces(self):
        """Everything that both hypervisors have and that could copy."""
        found = {}
        for name, host in self.hosts.items():
            bridges = host.vsctl("list-br").split()
            found[name] = {
                "rows": {table: host.rows(table, *columns) for
                         table, columns in (
                             ("Bridge", ("name", "ports", "mirrors")),
                             ("Port", ("name", "external_ids")),
                             ("Interface", ("name", "type", "options")),
                             ("Mirror", ()))},
                "flows": {b: host.flows(b) for b in bridges},
                "groups and meters": [
                    host.ofctl(what, b).split("\n", 1)[1:]
                    for b in bridges for what in ("dump-groups",
                                                  "dump-meters")]}
        return found

    def dumps(self):
        """All text in which a tunnel could be found by its numbers."""
        texts = []
        for host in self.hosts.values():
            texts.append(run(["ovsdb-client", "dump", host.database]).stdout)
            for bridge in host.vsctl("list-br").split():
                texts.append(host.ofctl("--no-names", "dump-flows", bridge))
            texts.append(host.appctl("dpctl/dump-flows"))
        return texts

    def exchange(self, count=50):
        """Frames both ways between each pair; returns those of web1."""
        lab, frames = self.lab, []
        for a, b in (("web1", "db1"), ("web2", "db2")):
            talk = lab.talk(a, b)
            there, back = (talk.frames(range(count), 120),
                           talk.back().frames(range(count, 2 * count), 120))
            lab.exchange((lab.guests[a], there), (lab.guests[b], back))
            frames += there + back if a == "web1" else []
        return frames

    def assert_copied(self, frames):
        self.assertEqual(sorted(c.inner for c in
                                self.beta_box.numbered(VNI)), sorted(frames))
        self.assertEqual({f for c in self.beta_box.copies()
                          for f in c.faults}, set())


class AccountsCases(TwoHosts):
    def test_what_waits_leaves_no_trace_on_any_hypervisor(self):
        self.sync()
        self.exchange()
        self.lab.clear()
        before = self.traces()
        said = self.request()
        self.sync()
        self.exchange()
        self.assertEqual(self.traces(), before)
        uuid, = (row["_uuid"] for row in
                 self.control.rows("Mirror_Tunnel", "_uuid"))
        # Another's random uuid has any four digits now and then.
        others = re.compile(rf"(?!{uuid})\b\w{{8}}(-\w{{4}}){{3}}-\w{{12}}\b")
        for text in self.dumps():
            text = others.sub("", text)
            for word in (str(VNI), f"{VNI:#x}", uuid, self.beta_box.address,
                         "watch"):
                self.assertNotIn(word, text)
        self.assertEqual(self.control.rows("Tunnel_Status"), [])
        self.assertEqual(self.acme_box.copies(), [])
        self.assertEqual(self.beta_box.copies(), [])
        for daemon in self.daemons.values():
            for line in daemon.appctl("mirror/list").splitlines():
                self.assertIn("not installed", line)
            self.assertEqual(daemon.appctl("mirror/plan").strip(), "")
        self.assertIn("beta", said)

    def test_the_acceptor_finds_it_in_the_inbox_and_accepts_what_it_saw(self):
        self.request()
        self.assertEqual(self.listed("beta", "tunnel-inbox"),
                         {"watch": "Waiting"})
        self.assertEqual(self.listed("acme", "tunnel-inbox"), {})
        seen = self.control.tunnel("watch")["generation"]
        self.ctl("acme", "tunnel-set", "watch", "note=changed")
        self.assertEqual(
            self.refused("beta", "tunnel-accept", "watch",
                         f"--generation={seen}"),
            [("STALE_REQUEST", "mirror_tunnels[watch]")])
        self.assertEqual(self.listed("beta"), {"watch": "Waiting"})
        said = self.ctl("beta", "tunnel-accept", "acme/watch",
                        f"--generation={seen + 1}", check=False)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("NETWORK_FEES", said.stderr)
        self.control.wait_running("watch")
        self.assertEqual(self.listed("beta", "tunnel-inbox"), {})
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.beta_box,
                             VNI)
        self.lab.clear()
        self.assert_copied(self.exchange())
        self.assertEqual(self.acme_box.copies(), [])
        self.assertEqual(self.control.tunnel("watch")["chassis"], ["hv1"])

    def test_a_third_account_learns_nothing(self):
        self.run_it()
        self.assertEqual(self.listed("gamma"), {})
        self.assertEqual(self.listed("gamma", "tunnel-inbox"), {})
        for command in ("tunnel-show", "tunnel-accept", "tunnel-reject",
                        "tunnel-del"):
            missing = self.refused("gamma", command, "acme/never")
            there = self.refused("gamma", command, "acme/watch")
            self.assertEqual([(code, path.replace("never", "watch"))
                              for code, path in missing], there, command)
            self.assertEqual([code for code, _ in there], ["NOT_FOUND"])
        self.assertNotIn("watch", self.ctl("gamma", "event-list"))
        self.assertNotIn("watch", self.ctl("gamma", "export"))

    def test_a_rejected_request_is_gone_and_told_of(self):
        self.request()
        self.ctl("beta", "tunnel-reject", "watch")
        self.assertEqual(self.control.tunnels(), {})
        for account in ("acme", "beta"):
            self.assertIn("rejected", self.ctl(account, "event-list"))
        self.assertEqual(
            self.refused("beta", "tunnel-accept", "acme/watch"),
            [("NOT_FOUND", 'mirror_tunnels["acme/watch"]')])

    def test_a_request_is_deleted_by_the_requester_alone(self):
        self.request()
        self.assertEqual([code for code, _ in self.refused(
            "beta", "tunnel-del", "acme/watch")], ["ACCEPT_OR_REJECT_ONLY"])
        self.ctl("acme", "tunnel-del", "watch")
        self.assertEqual(self.control.tunnels(), {})

    def test_either_side_ends_what_runs(self):
        for account, name in (("acme", "watch"), ("beta", "acme/watch")):
            with self.subTest(by=account):
                self.run_it()
                self.ctl(account, "tunnel-del", name)
                self.control.wait_gone("watch")
                self.lab.clear()
                self.exchange()
                self.assertEqual(self.beta_box.copies(), [])
                self.assertEqual(self.control.rows("Tunnel_Status"), [])

    def test_a_waiting_request_does_not_pin_the_destination(self):
        self.request()
        self.ctl("beta", "resource-del", "ids")
        self.assertEqual(self.control.tunnels(), {})
        self.assertIn("rejected", self.ctl("acme", "event-list"))
        self.control.apply(self.inventory())
        self.run_it()
        self.assertEqual(self.refused("beta", "resource-del", "ids")[0][0],
                         "IN_USE")

    def assert_shutting_down_until(self, comes_back):
        """The tunnel was deleted, and its hypervisor does not know."""
        for account in ("acme", "beta"):
            self.assertEqual(self.listed(account), {"watch": "Shutting down"})
        self.assertEqual(self.listed("gamma"), {})
        self.lab.clear()
        frames = self.exchange()
        self.assert_copied(frames)  # So it was said truly.
        self.ctl("beta", "tunnel-del", "acme/watch")
        comes_back()
        self.control.wait_gone("watch")
        self.lab.clear()
        self.exchange()
        self.assertEqual(self.beta_box.copies(), [])

    def test_a_hypervisor_without_its_daemon_purges_when_it_is_back(self):
        self.run_it()
        self.daemons["hv1"].kill()
        self.ctl("beta", "tunnel-del", "acme/watch")
        self.control.transact({
            "op": "update", "table": "Chassis",
            "where": [["name", "==", "hv1"]],
            "row": {"heartbeat": LONG_AGO_MS}})
        shown = self.control.tunnel("watch")
        self.assertEqual(shown["state"], "Shutting down")
        self.assertEqual([r["code"] for r in shown["reasons"]],
                         ["HOST_DEAD"])
        self.assert_shutting_down_until(lambda: self.start_daemon("hv1"))

    def test_a_hypervisor_without_the_database_purges_when_it_is_back(self):
        self.run_it()
        self.control.hide()
        try:
            self.ctl("acme", "tunnel-del", "watch")
        except BaseException:
            self.control.show()
            raise
        self.assert_shutting_down_until(self.control.show)


class Stream:
    """Numbered frames from the VM and to it, wherever it is now, one each
    way a call, until all have been sent."""

    def __init__(self, lab, peers):
        self.lab, self.peers = lab, peers
        self.sent = 0

    def send(self, where, count):
        """'where' is the VM's guest on one of the hosts."""
        talk = self.lab.talk(where, self.peers[where])
        for _ in range(count):
            talk.a.send(talk.frame(self.sent, 150))
            talk.b.send(talk.back().frame(self.sent + 1, 150))
            self.sent += 2


class MigrationCases(TwoHosts):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The VM as hv2 is to have it: not there yet.
        cls.moved = cls.lab.add_guest("web1-hv2",
                                      hypervisor=cls.hosts["hv2"])
        cls.hosts["hv2"].vsctl("remove", "Interface", "web1-hv2",
                               "external_ids", "iface-id")
        cls.lab.wait_link("web1-hv2", "db2")
        cls.lab.wait_link("db2", "web1-hv2")
        cls.moved.mac, cls.moved.ip = cls.web1.mac, cls.web1.ip

    def appear(self, host, interface):
        self.hosts[host].vsctl("set", "Interface", interface,
                               "external_ids:iface-id=web1")

    def vanish(self, host, interface):
        self.hosts[host].vsctl("remove", "Interface", interface,
                               "external_ids", "iface-id")

    def wait_on(self, *hosts):
        """Until these have installed it, and say so alone."""
        def there():
            return {row["chassis"]: (row["bound"],
                                     row["observed_generation"] > 0)
                    for row in self.control.rows("Tunnel_Status")}
        wait_until(lambda: there() == {h: (True, True) for h in hosts},
                   lambda: f"status rows of {hosts}; they are {there()}", 15)
        self.assertEqual(self.control.tunnel("watch")["chassis"],
                         list(hosts))
        self.control.wait_running("watch")

    def test_a_vm_moves_and_returns_without_a_gap_in_its_copies(self):
        self.run_it()
        stream = Stream(self.lab, {"web1": "db1", "web1-hv2": "db2"})
        states = set()

        def look():
            states.add(self.control.tunnel("watch")["state"])
        self.lab.clear()
        for leaves, old, arrives, new in (
                ("hv1", "web1", "hv2", "web1-hv2"),
                ("hv2", "web1-hv2", "hv1", "web1")):
            stream.send(old, 100)
            self.appear(arrives, new)
            stream.send(old, 100)
            look()
            self.wait_on("hv1", "hv2")
            stream.send(old, 100)
            stream.send(new, 100)
            began = time.monotonic()
            self.vanish(leaves, old)
            while len(self.control.rows("Tunnel_Status")) > 1:
                stream.send(new, 5)
                look()
                self.assertLess(time.monotonic() - began, 15,
                                "the former host's row stays")
            stream.send(new, 100)
            self.wait_on(arrives)
            host = self.hosts[leaves]
            self.assertEqual(host.rows("Mirror"), [])
            self.assertFalse([f for b in host.vsctl("list-br").split()
                              for f in host.flows(b) if f"{VNI:#x}" in f])
            look()
        self.lab.settle()
        self.assertEqual(states, {"Running"})
        self.assertEqual(self.beta_box.numbers(VNI),
                         list(range(stream.sent)))
