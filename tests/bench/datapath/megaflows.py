"""What a filter adds to the datapath's own tables: its flows (megaflows) and
their masks, which are what a frame costs that is not in the exact-match
cache."""

import ipaddress
import random
import re
import types

from bench.datapath.ground import SINK, nic
from lab.frames import Talk
from lab.reference_filter import (PROTOCOLS, Filter, Packet,
                                  port_range)
from lab.rule_sets import classbench, security_group

CONNECTIONS = 100000
FLOWS, MASKS = "megaflows", "masks of megaflows"
LOOKUPS = "cycles a frame, 100,000 connections"
OF_NOTHING = "the same, beside nothing mirrored"
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


def can_hit(rule):
    """Whether a rule has copied what the first NIC sends over TCP or UDP."""
    return (rule["action"] == "accept"
            and rule["protocol"] in ("tcp", "udp", "any")
            and in_cidr(nic(1).ip, rule.get("source")))


def in_cidr(address, cidr):
    return cidr is None or (ipaddress.ip_address(address)
                            in ipaddress.ip_network(cidr))


def talks(of_filters):
    """Half of the connections go to what some filter's rule asks for, each
    filter as often as the others, so that all of them copy; the others to
    ports well known and not, all over the address space."""
    dice, source = random.Random(7), nic(1)
    aims = [aim for rules in of_filters
            if (aim := [rule for rule in rules or [] if can_hit(rule)])]
    for _ in range(CONNECTIONS):
        rule = dice.choice(dice.choice(aims)) if dice.randrange(2) else {}
        space = ipaddress.ip_network(rule.get("destination") or dice.choice(
            ["10.0.0.0/8", "0.0.0.0/0"]))
        to = types.SimpleNamespace(mac=SINK.mac, ip=str(
            space[dice.randrange(space.num_addresses)]))
        port = (dice.choice(WELL_KNOWN) if dice.randrange(2)
                else dice.randrange(65536))
        protocol = dice.choice(["tcp", "tcp", "udp"])
        if rule.get("protocol", "any") != "any":
            protocol = rule["protocol"]
        yield Talk(source, to, protocol,
                   sport=dice.randint(*port_range(
                       rule.get("source_port", "1024-65535"))),
                   dport=dice.randint(*port_range(
                       rule.get("destination_port", port))))


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


def bound(rules):
    """(megaflows, masks) that a filter can come to in one direction, of TCP
    and UDP, where it asks for single ports of TCP alone; of others None: what
    they ask of addresses and ports can each be looked at to any length with
    each of the others, of which a bound says nothing.

    A value is looked at down to the bit by which it differs from all that is
    asked for: there are as many of these as the binary tree of what is asked
    for has ways out of it.  Of TCP that is the port.  Of UDP it is the loop
    guard's, the collector's address and, of what goes there, VXLAN's port."""
    of_udp = 32 + 16 + 1
    if not rules:
        return of_udp + 1, of_udp + 1
    if any(set(rule) != set(ports_of([1])[0]) or rule["protocol"] != "tcp"
           or not rule["destination_port"].isdecimal() for rule in rules):
        return None
    inner = {(int(rule["destination_port"]) >> 16 - length, length)
             for rule in rules for length in range(16)}
    return of_udp + len(inner) + 1, of_udp + 16


def declare(rounds):
    bounds = {name: limits for name, rules in filters().items()
              if (limits := bound(rules))}
    rounds.figure(FLOWS, "datapath flows", limit={
        name: flows for name, (flows, _) in bounds.items()})
    rounds.figure(MASKS, "masks", limit={
        name: masks for name, (_, masks) in bounds.items()})
    rounds.figure(COPIES, "copies")
    rounds.figure(LOOKUPS, "cycles a frame", BARE, {UNFILTERED: 1.05})
    rounds.figure(OF_NOTHING, "cycles a frame", NOTHING)


def run(ground):
    rounds = ground.rounds
    by_name = filters()
    connections = list(talks(by_name.values()))
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
                cycles = ground.cycles(copied[case])
                for figure in (LOOKUPS, OF_NOTHING):
                    rounds.note(figure, case, cycles)
                rounds.note(COPIES, case, ground.copies)
                flows, masks = counts(ground)
                rounds.note(FLOWS, case, flows)
                rounds.note(MASKS, case, masks)
    rounds.remark(
        "megaflows and masks have a limit where a filter asks for single "
        f"ports alone; they are of {CONNECTIONS:,} connections, half of them "
        "to what some filter asks for, half to random addresses and ports, "
        "every other of them a well-known one")
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
