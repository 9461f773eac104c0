"""A control database of many hypervisors, written as a file at once."""

import hashlib
import json

from lab.process import run

TUNNELS_A_NIC = 4
NICS_A_SUBNET = 100
COLLECTORS = 16
RULES = 10
EVENTS = 9000       # Of the 10,000 that the table may have.
CREATED = 1700000000000
VPC, SUBNET, NIC, COLLECTOR, SOURCE, SINK, FILTER, RULE, TUNNEL, GLOBAL, \
    EVENT = range(1, 12)


def uuid(kind, number):
    """As random ones are: Open vSwitch takes the first part as the hash."""
    digits = hashlib.md5(f"{kind}/{number}".encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20],
                     digits[20:]))


def _reference(kind, number):
    return ["uuid", uuid(kind, number)]


class World:
    """Hypervisor N is called "hvN", its NICs "hvN-nic0" and so on.

    Each has as many tunnels, four a NIC, all to collectors; a hundred NICs
    share a subnet of a VPC of their own, and a filter of ten rules.
    """

    def __init__(self, hypervisors, tunnels):
        self.hypervisors = hypervisors
        self.tunnels_each = max(1, tunnels // hypervisors)
        self.nics_each = -(-self.tunnels_each // TUNNELS_A_NIC)
        self.tunnels = self.tunnels_each * hypervisors

    @staticmethod
    def tunnel_name(number):
        return f"tunnel-{number}"

    def tunnel_of(self, hypervisor):
        """Number of a hypervisor's first tunnel."""
        return hypervisor * self.tunnels_each

    def write(self, path, schema, hypervisors=None):
        """Makes a database file with the first 'hypervisors', or all, of
        them, to be served alone: ovsdb-tool makes others of it."""
        if hypervisors is None:
            hypervisors = self.hypervisors
        tables = {"_date": CREATED, "_comment": "a world to measure"}
        rows = list(self._shared())
        for number in range(hypervisors):
            rows += [*self._inventory(number), *self._tunnels(number)]
        if hypervisors:
            rows += self._events()
        for table, key, row in rows:
            tables.setdefault(table, {})[key] = row
        run(["ovsdb-tool", "create", path, schema])
        record = json.dumps(tables, separators=(",", ":")) + "\n"
        digest = hashlib.sha1(record.encode()).hexdigest()
        with open(path, "a", encoding="ascii") as f:
            f.write(f"OVSDB JSON {len(record)} {digest}\n{record}")

    def inserts(self, number, inventory=True, tunnels=True):
        """Operations that add a hypervisor to those before it."""
        rows = [*(self._inventory(number) if inventory else []),
                *(self._tunnels(number) if tunnels else [])]
        return [{"op": "insert", "table": table, "uuid": key, "row": row}
                for table, key, row in rows]

    def _inventory(self, number):
        first = number * self.nics_each
        for nic in range(first, first + self.nics_each):
            if nic % NICS_A_SUBNET == 0:
                yield from self._group(nic // NICS_A_SUBNET)
            yield self._nic(nic)
            yield self._source(nic)

    def _tunnels(self, number):
        first = number * self.tunnels_each
        for tunnel in range(first, first + self.tunnels_each):
            yield self._tunnel(tunnel)

    @staticmethod
    def _shared():
        yield "Mirror_Global", uuid(GLOBAL, 0), {"cfg": 0}
        for n in range(COLLECTORS):
            yield "Collector", uuid(COLLECTOR, n), {
                "name": f"collector{n}", "address": f"192.0.2.{n + 1}"}
            yield "Mirror_Resource", uuid(SINK, n), {
                "name": f"sink-{n}", "account": "default",
                "purpose": "destination", "type": "collector",
                "target": f"collector{n}",
                "collector": _reference(COLLECTOR, n),
                "created": CREATED, "updated": CREATED}

    def _events(self):
        for n in range(EVENTS):
            yield "Event", uuid(EVENT, n), {
                "time": CREATED + n, "actor": "default",
                "account": "account0", "kind": "tunnel",
                "object": self.tunnel_name(n), "event": "changed",
                "generation": n, "message": "packet_length: 100 to 200"}

    @staticmethod
    def _group(n):
        yield "VPC", uuid(VPC, n), {
            "name": f"vpc{n}", "account": f"account{n}", "kind": "standard"}
        yield "Subnet", uuid(SUBNET, n), {
            "name": f"subnet{n}", "vpc": _reference(VPC, n),
            "cidr": "10.0.0.0/16", "gateway": "10.0.0.1"}
        for i in range(RULES):
            yield "Mirror_Rule", uuid(RULE, n * RULES + i), {
                "filter": _reference(FILTER, n), "number": 100 + i,
                "action": "accept", "protocol": "tcp",
                "source": f"10.{i}.0.0/16"}
        yield "Mirror_Filter", uuid(FILTER, n), {
            "name": f"filter-{n}", "account": f"account{n}",
            "non_ip": "drop", "generation": 1,
            "inbound": ["set", [_reference(RULE, n * RULES + i)
                                for i in range(RULES)]]}

    def _nic_name(self, n):
        return f"hv{n // self.nics_each}-nic{n % self.nics_each}"

    def _nic(self, n):
        host = n % NICS_A_SUBNET + 2
        return "Network_Interface", uuid(NIC, n), {
            "name": self._nic_name(n), "iface_id": self._nic_name(n),
            "hypervisor": "kvm", "mac": "52:54:" + ":".join(
                f"{n >> shift & 255:02x}" for shift in (24, 16, 8, 0)),
            "addresses": f"10.0.{host >> 8}.{host & 255}",
            "subnet": _reference(SUBNET, n // NICS_A_SUBNET)}

    def _source(self, n):
        name = self._nic_name(n)
        return "Mirror_Resource", uuid(SOURCE, n), {
            "name": f"source-{n}", "account": f"account{n // NICS_A_SUBNET}",
            "purpose": "source", "type": "network-interface", "target": name,
            "iface_id": name, "network_interface": _reference(NIC, n),
            "created": CREATED, "updated": CREATED}

    def _tunnel(self, n):
        hypervisor, own = divmod(n, self.tunnels_each)
        nic = hypervisor * self.nics_each + own // TUNNELS_A_NIC
        group = nic // NICS_A_SUBNET
        return "Mirror_Tunnel", uuid(TUNNEL, n), {
            "name": self.tunnel_name(n), "account": f"account{group}",
            "source": _reference(SOURCE, nic),
            "destination": _reference(SINK, n % COLLECTORS),
            "filter": _reference(FILTER, group), "vni": n % 16000000 + 1,
            "mode": "mirror", "delivery": "auto", "enabled": True,
            "generation": 1, "accepted_by": f"account{group}",
            "accepted_at": CREATED, "accepted_generation": 1,
            "created": CREATED, "updated": CREATED}
