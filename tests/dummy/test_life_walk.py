"""Some hundred random steps of three accounts through the console and a real
database, beside a model of the life-cycle table."""

import json
import random

from dummy.cli_case import CliTest

STEPS = 300
SEED = 4
ACCOUNTS = ("acme", "beta", "gamma")
WAITING, SETTING, RUNNING, GOING = ("Waiting", "Setting", "Running",
                                    "Shutting down")


class Table:
    """The life-cycle table: each method is an event, and returns the code
    that it must be refused with, or None."""

    def __init__(self):
        self.tunnels = []   # Dictionaries; all that is not gone.
        self.last = {}      # Owner and name -> highest generation ever.

    def find(self, by, owner, name, going=False):
        for t in self.tunnels:
            if ((t["owner"], t["name"]) == (owner, name)
                    and (t["state"] == GOING) == going
                    and by in (t["owner"], t["peer"])):
                return t
        return None

    def create(self, by, name, peer):
        if self.find(by, by, name):
            return "DUPLICATE"
        self.tunnels.append({
            "owner": by, "name": name, "peer": peer,
            "generation": 1 + (self.last.get((by, name), 0) if peer != by
                               else 0),
            "state": SETTING if peer == by else WAITING, "hosts": set()})
        self.remember(self.tunnels[-1])
        return None

    def remember(self, tunnel):
        key = tunnel["owner"], tunnel["name"]
        self.last[key] = max(self.last.get(key, 0), tunnel["generation"])

    def answer(self, by, owner, name, generation, accept):
        t = self.find(by, owner, name)
        if not t:
            return ("INVALID_STATE" if self.find(by, owner, name, True)
                    else "NOT_FOUND")
        if t["state"] != WAITING:
            return "INVALID_STATE"
        if by != t["peer"]:
            return "NOT_ACCEPTOR"
        if accept and generation not in (None, t["generation"]):
            return "STALE_REQUEST"
        if accept:
            t["state"] = SETTING
        else:
            self.tunnels.remove(t)
        return None

    def update(self, by, owner, name):
        t = self.find(by, owner, name)
        if not t:
            return "NOT_FOUND"
        if by != owner:
            return "NOT_OWNER"
        t["generation"] += 1
        self.remember(t)
        return None

    def delete(self, by, owner, name):
        t = self.find(by, owner, name)
        if not t:
            return None if self.find(by, owner, name, True) else "NOT_FOUND"
        if t["state"] == WAITING and by != owner:
            return "ACCEPT_OR_REJECT_ONLY"
        if t["hosts"]:
            t["state"] = GOING
        else:
            self.tunnels.remove(t)
        return None

    def seen_by(self, account):
        return sorted(
            [t["owner"], t["name"], t["state"],
             None if t["state"] == GOING else t["generation"]]
            for t in self.tunnels
            if account in (None, t["owner"], t["peer"]))


class LifeWalk(CliTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.table = Table()
        self.answers = {}
        self.notes = 0
        self.at = ""
        document = {"network_interfaces": [], "collectors": [],
                    "mirror_resources": []}
        for n, account in enumerate(ACCOUNTS):
            document["collectors"].append(
                {"name": account, "address": f"192.0.2.{n + 1}",
                 "account": account})
            document["mirror_resources"].append(
                {"name": "ids", "account": account, "type": "collector",
                 "purpose": "destination", "target": account})
            for i in range(2):
                nic = f"{account}-{i}"
                document["network_interfaces"].append(
                    {"name": nic, "iface_id": nic, "account": account})
                document["mirror_resources"].append(
                    {"name": f"src-{i}", "account": account,
                     "type": "network-interface", "purpose": "source",
                     "target": nic})
        self.apply(document)

    def do(self, wanted, *command):
        result = self.run_cli(*command)
        codes = [line.split(": ")[1] for line in result.lines
                 if line.startswith("ovs-mirrorctl: ")
                 and not line.startswith("ovs-mirrorctl: warning")]
        self.assertEqual(codes, [wanted] if wanted else [],
                         (self.at, command, result))
        self.assertEqual(result.code, 1 if wanted else 0,
                         (self.at, command, result))
        key = command[1], wanted
        self.answers[key] = self.answers.get(key, 0) + 1

    def step(self):
        pick = self.random
        by, owner = pick.choice(ACCOUNTS), pick.choice(ACCOUNTS)
        name = f"tun-{pick.randrange(2)}"
        full, account = f"{owner}/{name}", f"--account={by}"
        what = pick.choice(("create", "create", "create", "accept", "accept",
                            "reject", "update", "delete", "host", "host",
                            "host", "server"))
        if what == "create":
            self.do(self.table.create(by, name, owner), account,
                    "tunnel-add", name, f"source=src-{name[-1]}",
                    f"destination={owner}/ids")
        elif what == "accept":
            highest = self.table.last.get((owner, name), 2)
            generation = pick.choice((None, highest, highest - 1 or 2))
            more = [f"--generation={generation}"] if generation else []
            self.do(self.table.answer(by, owner, name, generation, True),
                    account, "tunnel-accept", full, *more)
        elif what == "reject":
            self.do(self.table.answer(by, owner, name, None, False),
                    account, "tunnel-reject", full)
        elif what == "update":
            self.notes += 1
            self.do(self.table.update(by, owner, name), account,
                    "tunnel-set", full, f"note=number {self.notes}")
        elif what == "delete":
            self.do(self.table.delete(by, owner, name), account,
                    "tunnel-del", full)
        elif what == "host":
            self.host(pick.choice(("hv1", "hv2")))
        elif not pick.randrange(3):
            self.db.kill()
            self.db.start()

    def host(self, host):
        """A hypervisor takes a step with one tunnel: it reports, installs,
        or purges what was deleted."""
        mine = [t for t in self.table.tunnels if t["state"] != WAITING]
        if not mine:
            return
        t = self.random.choice(mine)
        if t["state"] == GOING:
            if host in t["hosts"]:
                self.purge(t, host)
        elif host not in t["hosts"]:
            self.report(t, host)
        else:
            self.db.transact([{
                "op": "update", "table": "Tunnel_Status", "where": [
                    ["tunnel", "==", t["id"]], ["chassis", "==", host]],
                "row": {"observed_generation": t["generation"]}}])
            t["state"] = RUNNING

    def report(self, t, host):
        row, = json.loads(self.ok(
            "--format=json", "--columns=_uuid", "find", "Mirror_Tunnel",
            f"name={t['name']}", f"account={t['owner']}"))["data"]
        t["id"] = row[0]
        t["hosts"].add(host)
        self.notes += 1
        self.db.transact([{"op": "insert", "table": "Tunnel_Status", "row": {
            "tunnel": t["id"], "chassis": host, "number": self.notes,
            "name": t["name"], "account": t["owner"],
            "destination_account": t["peer"], "health": "ok",
            "bound": True}}])

    def purge(self, t, host):
        self.db.transact([{"op": "delete", "table": "Tunnel_Status",
                           "where": [["tunnel", "==", t["id"]],
                                     ["chassis", "==", host]]}])
        t["hosts"].discard(host)
        if not t["hosts"]:
            self.table.tunnels.remove(t)

    def compare(self, viewer):
        account = [f"--account={viewer}"] if viewer else []
        shown = sorted([t["account"], t["name"], t["state"], t["generation"]]
                       for t in self.json(*account, "tunnel-list"))
        self.assertEqual(shown, self.table.seen_by(viewer), self.at)

    def test_console_and_table_never_differ(self):
        for number in range(STEPS):
            self.at = f"seed {SEED}, step {number}"
            self.step()
            self.compare(self.random.choice(ACCOUNTS))
            self.compare(None)
        wanted = {("tunnel-add", None), ("tunnel-add", "DUPLICATE"),
                  ("tunnel-accept", None), ("tunnel-accept", "NOT_FOUND"),
                  ("tunnel-accept", "INVALID_STATE"),
                  ("tunnel-accept", "NOT_ACCEPTOR"),
                  ("tunnel-accept", "STALE_REQUEST"),
                  ("tunnel-reject", None), ("tunnel-set", None),
                  ("tunnel-set", "NOT_OWNER"), ("tunnel-set", "NOT_FOUND"),
                  ("tunnel-del", None), ("tunnel-del", "NOT_FOUND"),
                  ("tunnel-del", "ACCEPT_OR_REJECT_ONLY")}
        self.assertEqual(wanted - set(self.answers), set())
