"""A tunnel to an inline load balancer: the datapath flows that it takes, for
any number of connections."""

import types

from bench.datapath.ground import nic

FLOWS = "datapath flows of a balanced tunnel"
CYCLES = "cycles a frame of a balanced tunnel"
ONE = "to one NIC in a VPC"
CONNECTIONS = (1, 1000, 100000)
MEMBERS = 4
GATEWAY = types.SimpleNamespace(name="gateway", mac="52:54:00:00:cc:01")
# A slot chosen is a datapath flow of its own; dp_hash has 256 values at most.
MOST = 2 * 256 + 8


def inventory():
    """The first NIC in a VPC, and members in a transit VPC and one NIC in
    another, both behind a gateway that is known by its MAC."""
    source = nic(1)
    return {
        "vpcs": [{"name": "vpc-a", "account": "default", "region": "kr"},
                 {"name": "vpc-b", "account": "default", "region": "kr"},
                 {"name": "vpc-t", "account": "default", "region": "kr",
                  "kind": "transit"}],
        "transit_connects": [{"name": "a-to-t", "vpc": "vpc-a",
                              "transit_vpc": "vpc-t"}],
        "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b"}],
        "subnets": [{"name": "sn-a", "vpc": "vpc-a", "cidr": "10.0.0.0/16",
                     "gateway_mac": GATEWAY.mac,
                     "routes": [{"to": "10.8.0.0/24", "via": "a-to-b"},
                                {"to": "10.9.0.0/24", "via": "a-to-t"}]},
                    {"name": "sn-b", "vpc": "vpc-b",
                     "cidr": "10.8.0.0/24"},
                    {"name": "sn-t", "vpc": "vpc-t",
                     "cidr": "10.9.0.0/24"}],
        "network_interfaces": [
            {"name": f"{source.name}-eth0", "iface_id": source.name,
             "mac": source.mac, "addresses": [source.ip], "subnet": "sn-a"},
            {"name": "one-eth0", "iface_id": "elsewhere", "subnet": "sn-b",
             "mac": "52:54:00:00:cc:02", "addresses": ["10.8.0.10"]}],
        "load_balancers": [
            {"name": "ids-lb", "vpc": "vpc-t", "subnet": "sn-t",
             "members": [{"address": f"10.9.0.{10 + i}", "state": "up"}
                         for i in range(MEMBERS)]}],
        "mirror_resources": [
            {"name": f"{source.name}-src", "account": "default",
             "purpose": "source", "type": "network-interface",
             "target": f"{source.name}-eth0"},
            {"name": "one", "account": "default", "purpose": "destination",
             "type": "network-interface", "target": "one-eth0"},
            {"name": "ids", "account": "default", "purpose": "destination",
             "type": "load-balancer", "target": "ids-lb"}]}


def sizes():
    """Numbers of connections by what they are called."""
    return {f"{n:,} connection" + "s" * (n > 1): n for n in CONNECTIONS}


def declare(rounds):
    rounds.figure(FLOWS, "datapath flows", limit=dict.fromkeys(sizes(), MOST))
    for name in sizes():
        rounds.figure(f"{CYCLES}, {name}", "cycles a frame", ONE)


def run(ground):
    rounds, switch = ground.rounds, ground.switch
    switch.add_sink(GATEWAY.name)
    ground.outputs.append(GATEWAY.name)
    switch.ofctl("add-flow", "br-int", f"dl_dst={GATEWAY.mac},actions="
                 f"output:{switch.ofport(GATEWAY.name)}")
    for name, connections in sizes().items():
        with ground.traffic(64, connections):
            for case in rounds.turns([ONE, "balanced"]):
                with rounds.attempt(f"{rounds.turn()}, {name}, {case}"):
                    ground.mirror(case, "one" if case == ONE else "ids")
                    rounds.note(f"{CYCLES}, {name}", case, ground.cycles(1))
                    if case != ONE:
                        rounds.note(FLOWS, name,
                                    len(switch.datapath_flows()))
