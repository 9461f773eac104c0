"""What a filter adds to the datapath's own tables: its flows (megaflows) and
their masks, which are what a frame costs that is not in the exact-match
cache."""

import ipaddress
import math
import random
import re
import types

from bench.datapath.ground import COLLECTOR, SINK, nic
from lab.frames import Talk
from lab.reference_filter import PROTOCOLS, Filter, Packet
from lab.rule_sets import classbench, security_group

CONNECTIONS = 100000
FLOWS, MASKS = "megaflows", "masks of megaflows"
LOOKUPS = "cycles a frame, 100,000 connections"
COPIES = "copies a frame, 100,000 connections"
NOTHING, BARE, UNFILTERED = "nothing mirrored", "bare Mirror", "unfiltered"
WELL_KNOWN = [22, 25, 53, 80, 123, 443, 1433, 3306, 5432, 8080]


def filters():
    """Rules by name; None: no filter."""
    web = security_group(
        ("tcp", "80-443", "10.0.0.0/8"), ("tcp", "22", "10.9.0.0/16"),
        ("udp", "53", None), ("tcp", "3306", "10.8.0.0/24"),
        ("icmp", None, None))["inbound"]
    return {
        UNFILTERED: None,
        "5 ports": ports_of(WELL_KNOWN[:5]),
        "50 ports": ports_of(range(1000, 51000, 1000)),
        "security group of 5": [turned(r) for r in web],
        "50 rules (ClassBench acl)": [turned(r) for r in
                                      classbench("acl", 50)["inbound"]]}


def ports_of(ports):
    return [{"protocol": "tcp", "destination_port": str(p),
             "action": "accept", "number": 10 * (i + 1)}
            for i, p in enumerate(ports)]


def turned(rule):
    """A rule of who may come in as one of where to go."""
    rule = dict(rule)
    if "source" in rule and "destination" not in rule:
        rule["destination"] = rule.pop("source")
    return rule


def talks():
    """Connections to ports well known and not, all over the address space."""
    dice, source = random.Random(7), nic(1)
    for _ in range(CONNECTIONS):
        address = (0x0a000000 | dice.getrandbits(24) if dice.randrange(2)
                   else dice.getrandbits(32))
        to = types.SimpleNamespace(mac=SINK.mac,
                                   ip=str(ipaddress.ip_address(address)))
        port = (dice.choice(WELL_KNOWN) if dice.randrange(2)
                else dice.randrange(65536))
        yield Talk(source, to, dice.choice(["tcp", "tcp", "udp"]),
                   sport=dice.randrange(1024, 65536), dport=port)


def share(rules, connections):
    """Of so many connections, with as many frames each, how many a filter
    has copied."""
    decider = Filter({"outbound": rules})
    copied = sum(decider.decide("outbound", Packet(
        4, int(ipaddress.ip_address(talk.a.ip)),
        int(ipaddress.ip_address(talk.b.ip)), PROTOCOLS[talk.protocol],
        sport=talk.sport, dport=talk.dport))[1] for talk in connections)
    return copied / len(connections)


def counts(ground):
    """Megaflows of what the first NIC sends, and their masks."""
    flows = [flow for flow in ground.switch.datapath_flows()
             if "in_port(vm1)" in flow]
    return len(flows), len({mask_of(flow) for flow in flows})


def mask_of(flow):
    """Which bits a datapath flow looks at, as text."""
    match = re.sub(r"^ufid:[^,]*,", "", flow.split(", packets:")[0])
    # A value without a mask is looked at as a whole.
    fields = []
    for field, inside in re.findall(r"(\w+)\(([^()]*)\)", match):
        for word in inside.split(","):
            name, _, value = word.rpartition("=")
            fields.append((field, name, value.partition("/")[2] or "all"))
    return str(fields)


def inner(numbers, width):
    """Nodes of the binary tree of such numbers, or of prefixes of them given
    as (number, length), above what is looked for."""
    return {number >> (width - length)
            | 1 << length for number, deepest in numbers
            for length in range(deepest)}


def cidrs(rules, end):
    """(number, length) of what rules ask of an address."""
    networks = [ipaddress.ip_network(r[end]) for r in rules if end in r]
    return {(int(n.network_address), n.prefixlen) for n in networks}


def edges(rules, end):
    """(number, length) of ports at which what rules ask of one changes."""
    found = set()
    for rule in rules:
        if end in rule:
            first, _, last = str(rule[end]).partition("-")
            first, last = int(first), int(last or first)
            found |= {(port, 16) for port in (
                first - 1, first, last, last + 1) if 0 <= port < 65536}
    return found


def bound(rules):
    """Megaflows of one direction and their masks that a filter can come to:
    an address and a port can each be looked at down to any node of the tree
    of what rules ask for, and one node below.  The source's address is one,
    so that only the length of its prefix differs.  The loop guard looks at
    the collector's and the NIC's address, of UDP only."""
    flows = masks = 1                               # What is neither.
    for protocol in ("tcp", "udp"):
        of = [r for r in rules if r["protocol"] in (protocol, "any")]
        to, source = cidrs(of, "destination"), cidrs(of, "source")
        if protocol == "udp":
            to |= {(int(ipaddress.ip_address(COLLECTOR.address)), 32)}
            source |= {(int(ipaddress.ip_address(nic(1).ip)), 32)}
        ends = [(to, 32), (edges(of, "destination_port"), 16),
                (edges(of, "source_port"), 16)]
        lengths = [1 + max((length for _, length in asked), default=0)
                   for asked, _ in [*ends, (source, 32)]]
        masks += math.prod(lengths)
        flows += lengths[-1] * math.prod(
            1 + 2 * len(inner(asked, width)) for asked, width in ends)
    return flows, masks


def declare(rounds, _full):
    by_name = filters()
    bounds = {name: bound(rules or []) for name, rules in by_name.items()}
    # Nor are there more than connections that could have asked for them.
    rounds.figure(FLOWS, "datapath flows", limit={
        name: min(flows, CONNECTIONS) for name, (flows, _) in bounds.items()})
    rounds.figure(MASKS, "masks", limit={
        name: masks for name, (_, masks) in bounds.items()})
    rounds.figure(COPIES, "copies")
    rounds.figure(LOOKUPS, "cycles a frame", BARE, {UNFILTERED: 1.05})


def run(ground, _full):
    rounds = ground.rounds
    by_name, connections = filters(), list(talks())
    copied = {NOTHING: 0, BARE: 1, UNFILTERED: 1}
    for name, rules in by_name.items():
        if rules:
            ground.control.apply({"mirror_filters": [
                {"name": tag(name), "account": "default", "inbound": rules,
                 "outbound": rules}]})
            copied[name] = share(rules, connections)
    with ground.traffic(frames=[talk.frame(i, 64) for i, talk in
                                enumerate(connections)]):
        for case in rounds.turns([NOTHING, BARE, *by_name]):
            with rounds.attempt(f"{rounds.turn()}, {case}"):
                mirror(ground, case, by_name.get(case))
                rounds.note(LOOKUPS, case, ground.cycles(copied[case]))
                rounds.note(COPIES, case, ground.copies)
                flows, masks = counts(ground)
                rounds.note(FLOWS, case, flows)
                rounds.note(MASKS, case, masks)
    rounds.remark(
        "megaflows and masks are bounded by what rules ask for, each length "
        "of an address with each of a port, megaflows also by the traffic: "
        f"{CONNECTIONS:,} connections to random addresses and ports, half of "
        "them well-known ones")
    rounds.remark(
        f"the {BARE} copies each frame; a filter that copies few is rather "
        f'to be held against "{NOTHING}"')


def mirror(ground, case, rules):
    if case == NOTHING:
        ground.no_mirror()
    elif case == BARE:
        ground.bare_mirror()
    elif rules:
        ground.mirror(case, filter=tag(case))
    else:
        ground.mirror(case)


def tag(name):
    """A name that a filter may have."""
    return "f-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
