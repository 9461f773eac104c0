"""Rule sets of the shapes that are met in the field, for counting flows.

Those in the manner of ClassBench draw protocols, prefix lengths and classes
of ports (any, below 1024, from 1024 on, a range, one) in proportions like
those of its seeds; the others are security groups as people write them."""

import ipaddress
import random

# Weights of port classes: any, low, high, range, exact.
CLASSBENCH = {
    "acl": {"source_port": (98, 0, 1, 0, 1),
            "destination_port": (20, 1, 6, 13, 60), "tcp": 75},
    "fw": {"source_port": (55, 0, 15, 10, 20),
           "destination_port": (20, 2, 18, 15, 45), "tcp": 60},
    "ipc": {"source_port": (60, 1, 10, 12, 17),
            "destination_port": (35, 1, 10, 19, 35), "tcp": 55}}


def ports(dice, weights):
    kind = dice.choices(range(5), weights)[0]
    if kind == 3:
        first = dice.randrange(1, 60000)
        return f"{first}-{min(65535, first + dice.randrange(1, 5000))}"
    return [None, "0-1023", "1024-65535", None,
            dice.choice([22, 25, 53, 80, 110, 123, 443, 1433, 1521, 3306,
                         8080, dice.randrange(65536)])][kind]


def prefix(dice, lengths=(0, 8, 16, 20, 23, 24, 24, 27, 28, 30, 32, 32)):
    length = dice.choice(lengths)
    return str(ipaddress.ip_network(
        (dice.getrandbits(32), length), strict=False)) if length else None


def classbench(kind, n):
    """'n' rules in the manner of one of ClassBench's seeds."""
    dice, seed = random.Random(f"{kind}{n}"), CLASSBENCH[kind]
    rules = []
    for number in range(1, n + 1):
        rule = {"number": number,
                "action": dice.choice(["accept", "reject"]),
                "protocol": "tcp" if dice.randrange(100) < seed["tcp"]
                else dice.choice(["udp", "udp", "any"])}
        rule.update(source=prefix(dice), destination=prefix(dice))
        if rule["protocol"] != "any":
            for key in ("source_port", "destination_port"):
                rule[key] = ports(dice, seed[key])
        rules.append({k: v for k, v in rule.items() if v is not None})
    return {"inbound": rules}


def security_group(*rows, outbound=()):
    """Accepts each (protocol, ports, source), or outbound destination."""
    def rules(given, key, end):
        made = []
        for i, (protocol, port, cidr) in enumerate(given, 1):
            rule = {"number": 100 * i, "action": "accept",
                    "protocol": protocol, key: port, end: cidr}
            made.append({k: v for k, v in rule.items() if v is not None})
        return made
    return {"inbound": rules(rows, "destination_port", "source"),
            "outbound": rules(outbound, "destination_port", "destination")}


ADMIN = ["10.8.0.0/16", "192.0.2.0/24", "203.0.113.17/32"]
NODES = "10.20.0.0/16"
EVERYTHING = [("any", None, None)]

SETS = {
    "web tier": security_group(
        ("tcp", 80, None), ("tcp", 443, None), ("tcp", "8080-8090", None),
        ("icmp", None, None), ("icmpv6", None, None),
        *[("tcp", 22, cidr) for cidr in ADMIN], outbound=EVERYTHING),
    "database": security_group(
        *[(p, port, "10.1.0.0/16") for p, port in (
            ("tcp", 3306), ("tcp", 5432), ("tcp", 1433), ("tcp", 6379),
            ("tcp", "27017-27019"))], ("tcp", 22, ADMIN[0])),
    "Kubernetes node": security_group(
        ("tcp", 6443, NODES), ("tcp", "2379-2380", NODES),
        ("tcp", "10250-10259", NODES), ("tcp", 179, NODES),
        ("udp", 8472, NODES), ("udp", "51820-51821", NODES),
        ("tcp", "30000-32767", None), ("udp", "30000-32767", None),
        outbound=EVERYTHING),
    "Active Directory": security_group(
        *[(p, port, "10.0.0.0/8") for p, port in (
            ("tcp", 53), ("udp", 53), ("tcp", 88), ("udp", 88),
            ("udp", 123), ("tcp", 135), ("udp", "137-138"), ("tcp", 139),
            ("tcp", 389), ("udp", 389), ("tcp", 445), ("tcp", 464),
            ("udp", 464), ("tcp", 636), ("tcp", "3268-3269"),
            ("tcp", 9389), ("tcp", "49152-65535"))]),
    "50 ports from anywhere": security_group(
        *[("tcp", 8000 + 7 * i, None) for i in range(50)]),
    "high to high": {"inbound": [
        {"number": n, "action": "accept", "protocol": protocol,
         "source_port": "1025-65534", "destination_port": "1025-65534"}
        for n, protocol in ((1, "tcp"), (2, "udp"))]},
    "worst range to worst range": {"inbound": [
        {"number": 1, "action": "accept", "protocol": "tcp",
         "source_port": "1-65534", "destination_port": "1-65534"}]},
    "allow all, then 20 more": security_group(
        ("any", None, None),
        *[("tcp", 1000 + i, None) for i in range(20)]),
    **{f"ClassBench {kind}, {n} rules": classbench(kind, n)
       for kind in CLASSBENCH for n in (20, 100)}}
