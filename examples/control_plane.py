#!/usr/bin/python3
"""A control plane in Python, as short as one can be.

usage: control_plane.py REMOTE add NAME IFACE-ID COLLECTOR-ADDRESS UDP-PORT
       control_plane.py REMOTE delete NAME

"add" mirrors the UDP traffic of a VM's interface, to and from a port, to a
collector, and returns once its hypervisor has installed it.  "delete" takes
that away again, and returns once nothing copies any more.  REMOTE is the
control database, as unix:/var/run/openvswitch/mirror.sock.

It writes rows as any program may, with Open vSwitch's own Python library
(Debian: python3-openvswitch), and reads back what hypervisors report.  What
ovs-mirrorctl would refuse is not refused here: the hypervisor then keeps the
tunnel off the switch, and says why in its status.
"""

import json
import subprocess
import sys
import time

import ovs.db.idl
import ovs.poller

DATABASE = "Packet_Mirroring"
ACCOUNT = "default"


class ControlPlane:
    """The database: its rows in self.idl.tables, and edits of them."""

    def __init__(self, remote):
        schema = json.loads(subprocess.check_output(
            ["ovsdb-client", "get-schema", remote, DATABASE]))
        helper = ovs.db.idl.SchemaHelper(schema_json=schema)
        helper.register_all()
        self.idl = ovs.db.idl.Idl(remote, helper)
        self.wait_for(self.idl.has_ever_connected, "the database")

    def rows(self, table, **columns):
        """The rows of a table in which these columns have these values."""
        return [row for row in self.idl.tables[table].rows.values()
                if all(getattr(row, c) == v for c, v in columns.items())]

    def edit(self, edit):
        """Calls edit(insert) in one transaction, again if another writer
        came between; insert(TABLE, COLUMN=VALUE...) returns the new row."""
        status = ovs.db.idl.Transaction.TRY_AGAIN
        while status == ovs.db.idl.Transaction.TRY_AGAIN:
            txn = ovs.db.idl.Transaction(self.idl)

            def insert(table, **columns):
                row = txn.insert(self.idl.tables[table])
                for column, value in columns.items():
                    setattr(row, column, value)
                return row
            edit(insert)
            status = txn.commit_block()
        if status not in (ovs.db.idl.Transaction.SUCCESS,
                          ovs.db.idl.Transaction.UNCHANGED):
            raise RuntimeError(f"{status}: {txn.get_error()}")

    def wait_for(self, condition, what, seconds=30):
        """Follows the database until the condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            self.idl.run()
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited for {what} in vain")
            poller = ovs.poller.Poller()
            self.idl.wait(poller)
            poller.timer_wait(200)
            poller.block()


def add(cloud, name, iface_id, address, port):
    """Everything that a tunnel needs, in one transaction."""
    now_ms = int(time.time() * 1000)
    times = {"created": now_ms, "updated": now_ms}

    def edit(insert):
        nic = insert("Network_Interface", name=f"{name}-nic",
                     iface_id=iface_id, hypervisor="kvm")
        box = insert("Collector", name=f"{name}-box", address=address)
        source = insert(
            "Mirror_Resource", name=f"{name}-src", account=ACCOUNT,
            purpose="source", type="network-interface", target=nic.name,
            iface_id=iface_id, network_interface=nic, **times)
        destination = insert(
            "Mirror_Resource", name=f"{name}-dst", account=ACCOUNT,
            purpose="destination", type="collector", target=box.name,
            collector=box, **times)
        rule = {"number": 100, "action": "accept", "protocol": "udp"}
        web = insert("Mirror_Filter", name=f"{name}-filter", account=ACCOUNT,
                     non_ip="drop", generation=1, **times)
        # Rules name their filter: hypervisors ask for them by it.
        rule["filter"] = web.uuid
        web.inbound = [insert("Mirror_Rule", source_port=port, **rule)]
        web.outbound = [insert("Mirror_Rule", destination_port=port, **rule)]
        insert("Mirror_Tunnel", name=name, account=ACCOUNT, source=source,
               destination=destination, filter=web, vni=7001, mode="mirror",
               delivery="auto", enabled=True, generation=1, **times)
    cloud.edit(edit)

    tunnel, = cloud.rows("Mirror_Tunnel", account=ACCOUNT, name=name)

    def decided():
        """The word of a hypervisor that has installed it, or cannot."""
        for status in cloud.rows("Tunnel_Status", tunnel=tunnel.uuid):
            if status.health == "error" or (
                    status.observed_generation >= tunnel.generation):
                return status
        return None
    status = cloud.wait_for(decided, "a hypervisor that has " + iface_id)
    print(f"{name}: {status.health} on {status.chassis}")
    for code, message in status.reasons.items():
        print(f"{name}: {code}: {message}")
    return 0 if status.health == "ok" else 1


def delete(cloud, name):
    """The rows that add() wrote: the tunnel first, since the database itself
    refuses to delete what is referred to.  (Rules go with their filter.)"""
    tunnel, = cloud.rows("Mirror_Tunnel", account=ACCOUNT, name=name)
    uuid = tunnel.uuid

    def edit(_):
        for table, suffix in (
                ("Mirror_Tunnel", ""), ("Mirror_Filter", "-filter"),
                ("Mirror_Resource", "-src"), ("Mirror_Resource", "-dst"),
                ("Collector", "-box"), ("Network_Interface", "-nic")):
            for row in cloud.rows(table, name=name + suffix):
                row.delete()
    cloud.edit(edit)
    cloud.wait_for(lambda: not cloud.rows("Tunnel_Status", tunnel=uuid),
                   "hypervisors to remove it")
    print(f"{name}: gone")
    return 0


def main(argv):
    commands = {("add", 5): add, ("delete", 2): delete}
    if len(argv) < 2 or (argv[1], len(argv) - 1) not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    cloud = ControlPlane(argv[0])
    return commands[argv[1], len(argv) - 1](cloud, *argv[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
