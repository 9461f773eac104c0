"""Point 7: what is not ours stays as it is, and exit --cleanup leaves nothing
of ours."""

import time

from cases.product import ProductCases
from lab.unixctl import UnixctlError

# What an operator configures; the rest the switch writes itself.
CONFIGURED = {
    "Open_vSwitch": ["external_ids", "other_config", "bridges",
                     "manager_options"],
    "Bridge": ["name", "ports", "mirrors", "datapath_type", "fail_mode",
               "flow_tables", "protocols", "controller", "external_ids",
               "other_config"],
    "Port": ["name", "interfaces", "tag", "trunks", "vlan_mode", "qos",
             "external_ids", "other_config"],
    "Interface": ["name", "type", "options", "mtu_request", "mac",
                  "ofport_request", "ofport", "external_ids",
                  "other_config"],
    "Mirror": ["name", "select_all", "select_src_port", "select_dst_port",
               "select_vlan", "output_port", "output_vlan", "snaplen",
               "external_ids"],
    "QoS": ["type", "queues", "other_config", "external_ids"],
    "Queue": ["other_config", "external_ids"],
}


def ours(row):
    return any(key.startswith("ovs-mirrord")
               for key in row.get("external_ids", {}))


class OthersCases(ProductCases):
    guests = {"web1": (), "db1": (), "other1": (), "span1": ()}
    collectors = {"ids4": 4, "ids6": 6}

    @classmethod
    def prepare_switch(cls):
        """A production switch: a SPAN session, flows, groups, a bridge of
        somebody's, an overlay, QoS."""
        switch = cls.lab.switch
        switch.vsctl("--", "--id=@from", "get", "Port", "web1", "--",
                     "--id=@to", "get", "Port", "span1", "--", "--id=@m",
                     "create", "Mirror", "name=theirs", "select_src_port="
                     "@from", "output_port=@to",
                     "external_ids:owner=somebody", "--", "add", "Bridge",
                     "br-int", "mirrors", "@m")
        switch.vsctl("add-br", "br-theirs", "--", "set", "Bridge",
                     "br-theirs", f"datapath_type={switch.datapath_type}",
                     "fail_mode=secure", "external_ids:owner=somebody", "--",
                     "add-port", "br-int", "vx-theirs", "--", "set",
                     "Interface", "vx-theirs", "type=vxlan",
                     "options:remote_ip=203.0.113.9", "options:key=5")
        switch.vsctl("set", "Port", "other1", "qos=@q", "--", "--id=@q",
                     "create", "QoS", "type=linux-noop", "queues:0=@u", "--",
                     "--id=@u", "create", "Queue",
                     "other_config:max-rate=1000000")
        for bridge in ("br-int", "br-theirs"):
            switch.ofctl("add-group", bridge, "group_id=1,type=all,"
                         "bucket=actions=normal")
            switch.ofctl("add-flow", bridge, "cookie=0xabc,priority=9,"
                         "tcp,tp_dst=4000,actions=group:1")
        switch.ofctl("add-flow", "br-theirs", "table=3,actions=drop")

    def theirs(self):
        """Everything configured that is not ours."""
        tables = {table: self.switch.rows(table, "_uuid", *columns)
                  for table, columns in CONFIGURED.items()}
        our_ids = {row["_uuid"] for rows in tables.values() for row in rows
                   if ours(row)}
        result = {}
        for table, rows in tables.items():
            for row in rows:
                if row["_uuid"] in our_ids:
                    continue
                for column in ("ports", "mirrors", "bridges"):
                    if column in row:
                        row[column] = self.uuids(row[column]) - our_ids
                if table == "Open_vSwitch":
                    row["external_ids"].pop("mirror-remote", None)
                result[table, row["_uuid"]] = row
        for bridge in ("br-int", "br-phy", "br-theirs"):
            result["flows", bridge] = self.switch.flows(bridge)
            result["groups", bridge] = self.switch.ofctl("dump-groups",
                                                         bridge)
        return result

    @staticmethod
    def uuids(value):
        return set(value if isinstance(value, list) else [value])

    def our_rows(self):
        return [(table, row.get("name")) for table in CONFIGURED
                for row in self.switch.rows(table, "_uuid",
                                            *CONFIGURED[table]) if ours(row)]

    def assert_unchanged(self, before):
        after = self.theirs()
        self.assertEqual(sorted(map(str, before)), sorted(map(str, after)))
        for key, value in before.items():
            self.assertEqual(value, after[key], key)

    def test_nothing_of_others_changes_and_cleanup_leaves_nothing_of_ours(
            self):
        before = self.theirs()
        bridges = self.switch.vsctl("list-br").split()
        self.tunnel("first", self.ids4, 7001, packet_length=100)
        self.tunnel("second", self.ids6, 7002, source="db1")
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.lab.wait_copied(talk, self.ids6)
        self.assertTrue(self.our_rows())
        self.assert_unchanged(before)

        self.lab.clear()
        frames = talk.frames(range(20))
        self.lab.exchange((self.web1, frames))
        self.assert_received(self.span1, frames)
        self.assert_received(self.db1, frames)

        self.tunnel("first", self.ids4, 7003)
        self.remove("second")
        self.assert_unchanged(before)

        self.daemon.clean_up()
        self.assertEqual(self.our_rows(), [])
        self.assertEqual(self.switch.vsctl("list-br").split(), bridges)
        self.assert_unchanged(before)
        self.lab.clear()
        self.lab.exchange((self.web1, frames))
        self.assertEqual(self.ids4.copies(), [])
        self.assert_received(self.span1, frames)

    def test_a_cleanup_that_cannot_reach_the_control_database_says_so(self):
        """The switch is clean, and at once; what its rows say is not so."""
        self.tunnel("first", self.ids4, 7001)
        self.control.hide()
        try:
            began = time.monotonic()
            with self.assertRaisesRegex(UnixctlError, "chassis-del"):
                self.daemon.appctl("exit", "--cleanup")
            self.assertLess(time.monotonic() - began, 10)
            self.daemon.wait()
        finally:
            self.control.show()
        self.assertEqual(self.our_rows(), [])
        self.assertEqual(self.listed("first")["state"], "Running")

    def test_a_plain_exit_leaves_copies_going(self):
        self.tunnel("first", self.ids4, 7001)
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4)
        self.daemon.appctl("exit")
        self.daemon.wait()
        self.lab.clear()
        frames = talk.frames(range(20))
        self.lab.exchange((self.web1, frames))
        self.assert_copied(self.ids4, 7001, frames)

    def test_flows_that_others_put_on_our_bridge_are_seen_off_not_theirs(
            self):
        """Our bridge holds only our flows: a stranger there would copy."""
        self.tunnel("first", self.ids4, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4)
        wanted = self.lasting_flows()
        self.switch.ofctl("del-flows", "br-mirror")
        self.daemon.appctl("mirror/resync")
        self.daemon.wait_settled()
        self.assertEqual(self.lasting_flows(), wanted)
