"""Random edits: what a customer does to tunnels and filters.

An edit is drawn from the seed alone, against the wishes so far, and says the
whole of what it puts: it can be made twice, or without those before it.
"""

import dataclasses
import json

from chaos.policy import Filter, Rule, Tunnel, Underlay
from chaos.world import COLLECTORS, SOURCES
from lab.process import CommandFailed

SLOTS = [f"tun-{i}" for i in range(8)]
FILTERS = ["fil-a", "fil-b", "fil-c"]
FIRST_VNI = 1000
PORTS = ["80", "53", "80-443", "444-65535", "0-79", "5000", "5000-5001",
         "54-4999", "40000"]
CIDRS = ["", "", "", "10.0.0.0/24", "10.0.0.17/32", "10.0.0.18/32",
         "fd00:10::/64", "fd00:10::11/128"]
LENGTHS = [0, 0, 64, 96, 128, 200, 1000, 1500]


@dataclasses.dataclass
class Wishes:
    """All tunnels and filters as they are wished at some time."""

    tunnels: dict
    filters: dict
    next_vni: int = FIRST_VNI
    network: object = Underlay()

    def copy(self):
        return Wishes(dict(self.tunnels), dict(self.filters), self.next_vni,
                      self.network)


@dataclasses.dataclass
class Edit:
    """One or several changes, written as one transaction."""

    words: str
    tunnels: dict       # Name -> Tunnel to put, None to delete.
    filters: dict
    kind: str = "edit"
    network: object = None      # That there is to be, or None: as it is.

    def applied(self, wishes):
        """'wishes' with this edit, those that it cannot have left out."""
        after = wishes.copy()
        after.filters.update(self.filters)
        after.network = self.network or after.network
        for name, tunnel in self.tunnels.items():
            after.tunnels.pop(name, None)
            if tunnel:
                after.tunnels[name] = tunnel
        return after

    def command(self, present, world):
        """Arguments of ovs-mirrorctl and its standard input; 'present' are
        the names of the tunnels that there are to delete."""
        document = world.document(self.network) if self.network else {}
        if self.filters:
            document["mirror_filters"] = [f.document(n) for n, f in
                                          self.filters.items()]
        puts = [t.document(n) for n, t in self.tunnels.items() if t]
        if puts:
            document["mirror_tunnels"] = puts
        words = []
        for name, tunnel in self.tunnels.items():
            if not tunnel and name in present:
                words += ["tunnel-del", name, "--"]
        words += ["apply", "-"] if document else []
        if words and words[-1] == "--":
            words.pop()
        return words, json.dumps(document)


def random_rule(rng):
    action = rng.choice(["accept", "accept", "accept", "reject"])
    protocol = rng.choice(["any", "tcp", "udp", "tcp", "udp", "icmp",
                           "icmpv6"])
    fields = {"action": action, "protocol": protocol}
    if protocol in ("tcp", "udp"):
        if rng.random() < 0.6:
            fields["destination_port"] = rng.choice(PORTS)
        if rng.random() < 0.2:
            fields["source_port"] = rng.choice(PORTS)
    elif protocol == "icmp" and rng.random() < 0.5:
        fields["icmp_type"] = rng.choice([0, 8])
    cidr = rng.choice(CIDRS)
    if cidr and not (protocol == "icmp" and ":" in cidr
                     or protocol == "icmpv6" and ":" not in cidr):
        fields[rng.choice(["source", "destination"])] = cidr
    return Rule(**fields)


def random_filter(rng):
    return Filter(*(tuple(random_rule(rng) for _ in range(rng.randint(0, 4)))
                    for _ in range(2)),
                  rng.choice(["drop", "mirror"]))


def _alike(a, b):
    return ((a.source, a.destination, a.filter)
            == (b.source, b.destination, b.filter))


class Editor:
    """Draws edits; knows what the edits so far come to."""

    first_network = Underlay()

    def __init__(self, rng):
        self._rng = rng
        self.wishes = Wishes({}, {n: random_filter(rng) for n in FILTERS},
                             network=self.first_network)
        self.first = Edit("define the filters", {},
                          dict(self.wishes.filters))

    def draw(self):
        tunnels, filters, words, network = {}, {}, [], None
        before = self.wishes.tunnels
        for _ in range(self._rng.choice([1, 1, 1, 2, 4])):
            edit = self._one()
            self.wishes = edit.applied(self.wishes)
            # What one transaction says twice, it says in its last form.
            tunnels.update(edit.tunnels)
            filters.update(edit.filters)
            network = edit.network or network
            words.append(edit.words)
        tunnels = {n: t for n, t in tunnels.items() if t or n in before}
        return Edit("; ".join(words), tunnels, filters, network=network)

    def _vni(self):
        self.wishes.next_vni += 1
        return self.wishes.next_vni - 1

    def _put(self, name, tunnel, words):
        """Or nothing, where another tunnel is the same."""
        for other, there in self.wishes.tunnels.items():
            if other != name and _alike(there, tunnel):
                return Edit(f"({words} would double {other})", {}, {})
        return Edit(words, {name: tunnel}, {})

    def _destination(self, _source):
        return self._rng.choice(list(COLLECTORS))

    def _one(self):
        rng = self._rng
        if rng.random() < 0.15:
            name = rng.choice(FILTERS)
            return Edit(f"change filter {name}", {},
                        {name: random_filter(rng)})
        slot = rng.randrange(len(SLOTS))
        name = SLOTS[slot]
        tunnel = self.wishes.tunnels.get(name)
        if not tunnel:
            source = SOURCES[slot % 2]
            made = Tunnel(source, self._destination(source),
                          self._vni(), rng.choice(["", *FILTERS]),
                          rng.choice(LENGTHS), rng.random() < 0.9)
            return self._put(name, made, f"create {name}")
        what = rng.choice(["delete", "delete", "length", "vni", "filter",
                           "destination", "enabled"])
        if what == "delete":
            return Edit(f"delete {name}", {name: None}, {})
        value = {"length": lambda: rng.choice(LENGTHS), "vni": self._vni,
                 "filter": lambda: rng.choice(["", *FILTERS]),
                 "destination": lambda: self._destination(tunnel.source),
                 "enabled": lambda: not tunnel.enabled}[what]()
        return self._put(name, dataclasses.replace(tunnel, **{what: value}),
                         f"{name}: {what} = {value}")


def make(edit, present, world, attempts=3):
    """Writes the edit.  A refusal is the product's word and is raised; a
    server that is away for a moment is asked again, as a customer would."""
    words, text = edit.command(present, world)
    if not words:
        return
    for attempt in range(attempts):
        try:
            world.control.ctl(*words, text_in=text)
            return
        except CommandFailed as e:
            said = e.result.stderr
            if "NOT_FOUND" in said and attempt:
                return      # The delete that seemed to fail was written.
            if not any(code in said for code in ("TIMEOUT", "DATABASE")):
                raise
            if attempt + 1 == attempts:
                raise
