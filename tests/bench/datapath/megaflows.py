"""What a filter adds to the datapath's own tables: its flows (megaflows) and
their masks, which are what a frame costs that is not in the exact-match
cache."""

import ipaddress
import random
import re
import types

from bench.datapath.ground import COUNTED, SINK, nic
from lab.frames import Talk
from lab.rule_sets import classbench, security_group

CONNECTIONS = 100000
FLOWS, MASKS = "megaflows", "masks of megaflows"
LOOKUPS = "cycles a frame, 100,000 connections"
WELL_KNOWN = [22, 25, 53, 80, 123, 443, 1433, 3306, 5432, 8080]


def filters():
    """Rules by name; None: no filter."""
    web = security_group(
        ("tcp", "80-443", "10.0.0.0/8"), ("tcp", "22", "10.9.0.0/16"),
        ("udp", "53", None), ("tcp", "3306", "10.8.0.0/24"),
        ("icmp", None, None))["inbound"]
    return {
        "unfiltered": None,
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


def frames():
    """Connections to ports well known and not, all over the address space."""
    dice, source, made = random.Random(7), nic(1), []
    for i in range(CONNECTIONS):
        address = (0x0a000000 | dice.getrandbits(24) if dice.randrange(2)
                   else dice.getrandbits(32))
        to = types.SimpleNamespace(mac=SINK.mac,
                                   ip=str(ipaddress.ip_address(address)))
        port = (dice.choice(WELL_KNOWN) if dice.randrange(2)
                else dice.randrange(65536))
        made.append(Talk(source, to, dice.choice(["tcp", "tcp", "udp"]),
                         sport=dice.randrange(1024, 65536),
                         dport=port).frame(i, 64))
    return made


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
    """Megaflows of one direction that a filter of TCP ports can come to: a
    port splits what is left in two up to 16 times; the loop guard looks at
    prefixes of the collector's and the NIC's address, of UDP only."""
    prefixes = {r["destination_port"] for r in rules}
    return {"TCP": 16 * len(prefixes) + 1, "UDP": 33 * 33, "else": 1}


def run(ground):
    rounds = ground.rounds
    rounds.figure(FLOWS, "datapath flows")
    rounds.figure(MASKS, "masks")
    rounds.figure(LOOKUPS, "cycles a frame", "bare Mirror")
    by_name = filters()
    for name, rules in by_name.items():
        if rules:
            ground.control.apply({"mirror_filters": [
                {"name": tag(name), "account": "default", "inbound": rules,
                 "outbound": rules}]})
    with ground.traffic(frames=frames()):
        for case in rounds.turns(["nothing mirrored", "bare Mirror",
                                  *by_name]):
            if rounds.number == COUNTED:
                break
            if case == "nothing mirrored":
                ground.no_mirror()
            elif case == "bare Mirror":
                ground.bare_mirror()
            elif by_name[case]:
                ground.mirror(filter=tag(case))
            else:
                ground.mirror()
            rounds.note(LOOKUPS, case, ground.cycles())
            flows, masks = counts(ground)
            rounds.note(FLOWS, case, flows)
            rounds.note(MASKS, case, masks)
    tell_bounds(rounds, by_name)


def tag(name):
    """A name that a filter may have."""
    return "f-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def tell_bounds(rounds, by_name):
    for name in ("5 ports", "50 ports"):
        parts = bound(by_name[name])
        most = sum(parts.values())
        seen = rounds.figures[FLOWS].value(name).most
        rounds.remark(
            f"megaflows of {name}, one direction: {seen:.0f} seen, at most "
            f"{most} ("
            + ", ".join(f"{n} of {what}" for what, n in parts.items())
            + "): " + ("held" if seen <= most else "NOT HELD"))
    rounds.remark(
        "a port can be looked at in 17 lengths of prefix and an IPv4 address "
        "in 33, whatever the number of rules, and masks are what these come "
        f"to together; the traffic is {CONNECTIONS:,} connections to random "
        "addresses and ports, half of them well-known ones")
