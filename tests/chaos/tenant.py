"""The lab of world.py with tenants' networks in it: a router, receivers on
the mirrored guests' own segment and behind the router, and members of a load
balancer."""

from chaos.network import DESTINATIONS, MEMBERS, NICS, SOURCE_IPS, Network
from chaos.world import SOURCES, World
from lab.capture import PacketSocket
from lab.frames import mac_bytes
from lab.netns import veth
from lab.real import discard
from lab.tenant import Router, add_vm

FAR_TAG = 102


class Place:
    """A VM that gets copies."""

    def __init__(self, guest, address):
        self.guest, self.name, self.address = guest, guest.name, address
        self.macs = {mac_bytes(guest.mac)}
        self._others = []

    def listen(self, socket, mac):
        """It has one more NIC."""
        self._others.append(socket)
        self.macs.add(mac_bytes(mac))

    def take(self):
        taken = self.guest.take()
        for socket in self._others:
            taken += socket.take()
        return taken


class TenantWorld(World):
    """A world in which copies go to VPCs too."""

    first_network = Network()

    def _fabric(self):
        """What stands before the product is started."""
        lab = self.lab
        self.router = Router(lab, "rt", {
            "leg-a": (0, ["10.0.0.1/24", "10.9.0.1/24", "fd00:10::1/64",
                          "fd00:20::1/64"]),
            "leg-b": (FAR_TAG, ["10.2.0.1/24"])})
        quiet(self.router.namespace)
        self.places = {}
        for name, address in {**NICS, **MEMBERS}.items():
            self.places[name] = Place(self._receiver(name, address), address)
        self._underlay_leg(self.places["far4"])
        self.collectors.update(self.places)
        self.on_fabric = set(self.places)
        self.routed = set(DESTINATIONS)
        self._guests_macs = {mac_bytes(g.mac) for g in self.guests.values()}

    def _receiver(self, name, address):
        if ":" in address:
            vm = add_vm(self.lab, name, 0, "10.8.0.9/24", None,
                        f"{address}/64", "fd00:20::1")
        else:
            subnet = address.rsplit(".", 1)[0]
            vm = add_vm(self.lab, name, FAR_TAG if name == "far4" else 0,
                        f"{address}/24", f"{subnet}.1")
        leg = "leg-b" if name == "far4" else "leg-a"
        # A router that had to ask would lose copies meanwhile.
        self.router.namespace.ip("neighbour", "replace", address, "lladdr",
                                 vm.mac, "dev", leg, "nud", "permanent")
        return vm

    def _underlay_leg(self, place):
        """The place is reached from the hypervisor's underlay too."""
        lab, ns = self.lab, place.guest.namespace
        veth(lab.fabric, f"{place.name}-u", ns, "eth1", 9000)
        lab.fabric.ip("link", "set", f"{place.name}-u", "master", "fabric")
        ns.ip("address", "add", "172.31.0.200/24", "dev", "eth1")
        socket = PacketSocket(ns, "eth1")
        lab.undo.callback(socket.close)
        lab.undo.callback(discard(ns, 4).close)
        place.listen(socket, ns.mac("eth1"))
        self._far_route()

    def _far_route(self):
        self.switch.namespace.ip("route", "replace", NICS["far4"], "via",
                                 "172.31.0.200", "dev", "br-phy")

    def underlay_back(self):
        super().underlay_back()
        self._far_route()

    def is_chatter(self, frame):
        at = 16 if frame[12:14] in (b"\x81\x00", b"\x88\xa8") else 12
        return (frame[6:12] not in self._guests_macs
                and frame[at:at + 2] in (b"\x08\x06", b"\x86\xdd"))

    def ask_installed(self):
        """What is written of the network has no generation."""
        return self.control.transact(
            {"op": "mutate", "table": "Mirror_Global", "where": [],
             "mutations": [["cfg", "+=", 1]]},
            {"op": "select", "table": "Mirror_Global", "where": [],
             "columns": ["cfg"]})[1]["rows"][0]["cfg"]

    def document(self, network):
        """What 'network' makes of the inventory."""
        places = {name: p.guest for name, p in self.places.items()}
        subnets = {"far4": "far", "near6": "near"}
        return {
            "subnets": [network.front(self.router.macs["leg-a"])],
            "network_interfaces": [
                network.nic(guest, self.places[name].address,
                            subnets.get(name, "transit"))
                for name, guest in places.items()],
            "load_balancers": [network.load_balancer()]}

    def inventory(self):
        document = super().inventory()
        document["vpcs"].append({"name": "vpc-t", "account": "default",
                                 "region": "kr", "kind": "transit"})
        document["transit_connects"] = [
            {"name": "vpc-to-t", "vpc": "vpc", "transit_vpc": "vpc-t"}]
        more = self.document(self.first_network)
        document["subnets"] = more["subnets"] + [
            {"name": "flat", "vpc": "vpc", "cidr": "10.0.0.16/28",
             "routes": [{"to": "10.9.0.0/24", "via": "vpc-to-t"}]},
            {"name": "far", "vpc": "vpc", "cidr": "10.2.0.0/24"},
            {"name": "near", "vpc": "vpc", "cidr": "fd00:20::/64"},
            {"name": "transit", "vpc": "vpc-t", "cidr": "10.9.0.0/24"}]
        for nic in document["network_interfaces"]:
            if nic["name"] == "db1-eth0":
                nic["subnet"] = "flat"
        assert {n: (self.guests[n].ip, self.guests[n].ip6)
                for n in SOURCES} == SOURCE_IPS
        document["network_interfaces"] += more["network_interfaces"]
        document["load_balancers"] = more["load_balancers"]
        document["mirror_resources"] += [
            {"name": name, "account": "default", "purpose": "destination",
             "type": "network-interface", "target": f"{name}-eth0"}
            for name in NICS] + [
            {"name": "balancer", "account": "default",
             "purpose": "destination", "type": "load-balancer",
             "target": "balancer-box"}]
        return document


def quiet(namespace):
    """Has a router say nothing of what it forwards."""
    namespace.run(["nft", "-f", "-"], text_in="""
table inet quiet {
    chain output {
        type filter hook output priority filter;
        icmp type { redirect, destination-unreachable } drop
        icmpv6 type { nd-redirect, destination-unreachable } drop
    }
}
""")
