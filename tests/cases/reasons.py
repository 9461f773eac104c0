"""Every reason and condition that a hypervisor reports, provoked from outside
and read back from tunnel-list; and gone with its cause."""

import signal
import time

from cases.product import ProductCases
from lab.row_watch import RowWatch
from lab.waiting import wait_until

# The status follows within so long, and what this takes on a machine that is
# busy with other things.
FOLLOWS_S = 2.0
# Those that need longer, and why.
SLOWER_S = {
    # A bridge that carries NICs is asked for such flows every second, or more
    # seldom if it is slow to answer.
    "PIPELINE_UNSAFE": 4.0,
    # It is away once it owed an answer for 1.5 seconds.
    "VSWITCHD_AWAY": 4.0,
    # The kernel asks for a neighbour three times, a second apart.
    "NEIGHBOUR_FAILED": 6.0,
    # What the switch refused is tried again every 2 seconds.
    "SWITCH_REFUSED": 4.0,
}
# What is wrong, and how to mend it.
MEND = r"[;:] \w|^set "


class ReasonCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4, "ids6": 6}

    def shows(self, code, cause, mend, condition=None, status="False",
              health="degraded", tunnel="first"):
        """'cause' makes tunnel-list show the code, with the condition and,
        where 'health' is degraded or error, as a reason; 'mend' makes it
        go."""
        within = SLOWER_S.get(code, FOLLOWS_S)
        texts = []

        def shown(listed):
            if not listed:
                return False
            told = {c["type"]: c for c in listed["conditions"]}
            as_condition = condition is None or (
                condition in told and told[condition]["status"] == status
                and told[condition]["reason"].startswith(code + ":"))
            if health in ("degraded", "error") and code not in {
                    r["code"] for r in listed["reasons"]}:
                return False
            texts[:] = [r["message"] for r in listed["reasons"]
                        if r["code"] == code]
            if condition:
                texts.append(told.get(condition, {"reason": ""})["reason"]
                             .partition(": ")[2])
            return as_condition and health in (None, listed["health"])

        def clear(listed):
            if not listed:
                return False
            told = {c["type"]: c for c in listed["conditions"]}
            return (code not in {r["code"] for r in listed["reasons"]}
                    and (condition is None or condition in told and not
                         told[condition]["reason"].startswith(code + ":")))
        try:
            said = self.timed(cause, tunnel, shown, f"to show {code}")
            for text in texts:
                self.assertRegex(text, MEND, code)
        finally:
            cleared = self.timed(mend, tunnel, clear, f"to lose {code}")
        print(f"     {code}: shown after {1000 * said:.0f} ms, gone after "
              f"{1000 * cleared:.0f} ms", flush=True)
        self.assertLess(said, within, f"{code} to be shown")
        self.assertLess(cleared, within, f"{code} to be gone")

    def timed(self, act, tunnel, condition, what):
        """Seconds from the end of act() until the tunnel is so."""
        act()
        since = time.monotonic()
        self.control.wait_tunnel(tunnel, condition, what, 15)
        return time.monotonic() - since

    def setUp(self):
        self.first = lambda **more: self.wish("first", self.ids4, 7001,
                                              **more)

    def tearDown(self):
        # The kernel drops IPv6 from a device that is down or too small.
        self.switch.underlay_up()
        super().tearDown()

    def running(self):
        self.tunnel("first", self.ids4, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)

    def test_no_source_address_of_this_host(self):
        self.running()
        self.shows("NO_SOURCE_ADDRESS",
                   self.setting("mirror-encap-ip", "172.31.0.250"),
                   self.setting("mirror-encap-ip"), "DestinationReachable")
        # One that it has, until somebody takes that away.
        address = "172.31.0.251/32"
        ip = self.switch.namespace.ip
        ip("address", "add", address, "dev", "br-phy")
        self.setting("mirror-encap-ip", "172.31.0.251")()
        self.addCleanup(self.setting("mirror-encap-ip"))
        self.daemon.wait_settled()
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)
        self.shows("NO_SOURCE_ADDRESS",
                   lambda: ip("address", "del", address, "dev", "br-phy"),
                   lambda: ip("address", "add", address, "dev", "br-phy"),
                   "DestinationReachable")
        ip("address", "del", address, "dev", "br-phy")

    # The source NIC.

    def test_nic_unbound(self):
        self.running()
        self.shows("NIC_UNBOUND", self.web1.unplug, self.web1.plug,
                   "SourceBound")

    def test_nic_missing(self):
        self.running()
        nic = self.inventory()["network_interfaces"][0]

        def cause():
            self.web1.unplug()
            self.control.ctl("nic-del", nic["name"])

        def mend():
            self.web1.plug()
            self.control.apply({"network_interfaces": [nic]})
        self.shows("NIC_MISSING", cause, mend, "SourceBound")

    # The destination and the way to it.

    def test_target_missing(self):
        self.running()
        self.shows("TARGET_MISSING",
                   lambda: self.control.ctl("collector-del", "ids4-box"),
                   lambda: self.control.ctl("collector-add", "ids4-box",
                                            self.ids4.address))

    def shows_while_a_row_is_away(self, name):
        """A NIC's row is deleted, and another of its iface_id inserted, as
        any control plane may."""
        row, = [r for r in self.control.select("Network_Interface")
                if r["name"] == name]
        again = {k: v for k, v in row.items() if not k.startswith("_")}
        self.shows("TARGET_MISSING", lambda: self.control.transact(
            {"op": "delete", "table": "Network_Interface",
             "where": [["name", "==", name]]}),
            lambda: self.control.transact(
                {"op": "insert", "table": "Network_Interface", "row": again}))

    def test_target_missing_while_the_row_of_the_source_is_away(self):
        self.running()
        self.shows_while_a_row_is_away("web1-eth0")

    def test_target_missing_while_the_row_of_a_destination_is_away(self):
        self.control.ctl("nic-add", "remote", "iface-id=elsewhere",
                         "mac=52:54:00:00:09:01",
                         f"addresses={self.ids4.address}")
        self.control.ctl("resource-add", "remote", "destination",
                         "network-interface", "remote")
        self.control.apply({"mirror_tunnels": [
            {"name": "first", "account": "default", "source": "web1-src",
             "destination": "remote", "vni": 7001}]})
        self.control.wait_running("first")
        self.shows_while_a_row_is_away("remote")

    def test_no_route(self):
        self.running()
        self.shows("NO_ROUTE", lambda: self.lab.route(self.ids4, False),
                   lambda: self.lab.route(self.ids4, True),
                   "DestinationReachable")

    def ip(self, *words):
        return lambda: self.switch.namespace.ip(*words)

    def test_destination_is_local_or_broadcast(self):
        self.running()

        def move(address):
            self.control.apply({"collectors": [
                {"name": "ids4-box", "address": address}]})
        for code, address in (("DESTINATION_IS_LOCAL", self.switch.ip),
                              ("DESTINATION_IS_BROADCAST", "172.31.0.255")):
            self.shows(code, lambda address=address: move(address),
                       lambda: move(self.ids4.address),
                       "DestinationReachable")

    def test_link_down(self):
        """A kernel takes its routes away with the link; a route that only
        the switch knows stays."""
        self.running()
        self.lab.route(self.ids4, False)
        self.switch.appctl("ovs/route/add", f"{self.ids4.address}/32",
                           "br-phy", self.ids4.link)
        self.addCleanup(self.switch.appctl, "ovs/route/del",
                        f"{self.ids4.address}/32")
        self.control.wait_running("first")
        self.shows("LINK_DOWN", self.ip("link", "set", "br-phy", "down"),
                   self.switch.underlay_up, "DestinationReachable")

    def test_route_not_on_bridge(self):
        self.running()
        self.ip("link", "add", "plain", "type", "veth", "peer", "name",
                "plain-peer")()
        self.addCleanup(self.ip("link", "del", "plain"))
        self.ip("address", "add", "172.30.0.1/24", "dev", "plain")()
        self.ip("link", "set", "plain", "up")()
        self.ip("link", "set", "plain-peer", "up")()
        self.shows("ROUTE_NOT_ON_BRIDGE", self.ip(
            "route", "replace", self.ids4.address, "via", "172.30.0.2",
            "dev", "plain"), lambda: self.lab.route(self.ids4, True),
            "DestinationReachable")

    def test_neighbour_failed(self):
        """A next hop that comes up late is found by a hot connection."""
        self.running()
        nowhere = "172.31.0.200"
        listener = self.ids4.namespace

        def cause():
            self.ip("route", "replace", self.ids4.address, "via", nowhere,
                    "dev", "br-phy")()
        talk = self.lab.talk("web1", "db1")

        def mend():
            listener.ip("address", "add", f"{nowhere}/24", "dev", "eth0")
            self.lab.clear()
            self.lab.wait_copied(talk, self.ids4, 7001)
        self.addCleanup(listener.ip, "address", "del", f"{nowhere}/24",
                        "dev", "eth0")
        self.shows("NEIGHBOUR_FAILED", cause, mend, "DestinationReachable")

    def test_vtep_port_taken(self):
        taken = []
        self.shows("VTEP_PORT_TAKEN",
                   lambda: (taken.append(self.listener()), self.first()),
                   lambda: taken[0].close(), "DestinationReachable")

    def test_port_name_taken(self):
        """No Mirror and no tunnel is ever given to a port of another."""
        self.switch.vsctl(
            "--", "add-port", "br-int", "mirror-vxlan",
            "--", "set", "Interface", "mirror-vxlan", "type=internal",
            "--", "add-port", "br-int", "mtap-in-1",
            "--", "set", "Interface", "mtap-in-1", "type=internal")

        def mend():
            self.switch.vsctl("del-port", "mirror-vxlan")
        self.addCleanup(self.switch.vsctl, "--if-exists", "del-port",
                        "mirror-vxlan")
        self.addCleanup(self.switch.vsctl, "del-port", "mtap-in-1")
        self.shows("PORT_NAME_TAKEN", self.first, mend, "DestinationReachable")
        self.control.wait_running("first")
        outputs = {self.switch.vsctl("get", "Port", row["output_port"],
                                     "name").strip()
                   for row in self.switch.rows("Mirror", "output_port")}
        self.assertEqual(outputs, {"mtap-in-2", "mtap-out-2"})

    def mtu(self, size):
        return lambda: self.switch.vsctl("set", "Interface", "br-phy",
                                         f"mtu_request={size}")

    def test_mtu_too_small(self):
        self.running()
        self.shows("MTU_TOO_SMALL", self.mtu(90), self.mtu(9000),
                   "MtuSufficient")

    def test_mtu_truncates(self):
        self.running()
        self.shows("MTU_TRUNCATES", self.mtu(1400), self.mtu(9000),
                   "MtuSufficient", health="ok")

    # The switch.

    def setting(self, key, value=None):
        if value is None:
            return lambda: self.switch.vsctl(
                "--no-wait", "remove", "Open_vSwitch", ".", "external_ids",
                key)
        return lambda: self.switch.vsctl(
            "--no-wait", "set", "Open_vSwitch", ".",
            f"external_ids:{key}={value}")

    def test_slots_exhausted(self):
        def cause():
            self.setting("mirror-slots-reserve", 31)()
            self.first()
        self.shows("SLOTS_EXHAUSTED", cause,
                   self.setting("mirror-slots-reserve"), "Installed")

    def fan_out(self):
        """Six NICs with sixteen tunnels each take all that may flood."""
        names = [f"fan{i}" for i in range(6)]
        self.switch.vsctl("--no-wait", *(word for name in names for word in (
            "--", "add-port", "br-int", name, "--", "set", "Interface", name,
            f"type={self.port_type}", f"external_ids:iface-id={name}")))
        self.addCleanup(self.switch.vsctl, *(
            word for name in names for word in ("--", "del-port", name)))
        filters = [f"fan{i:02}" for i in range(16)]
        self.control.apply({
            "network_interfaces": [
                {"name": name, "iface_id": name, "addresses": [],
                 "mac": f"52:54:00:00:aa:0{i}"}
                for i, name in enumerate(names)],
            "mirror_resources": [
                {"name": f"{name}-src", "account": "default",
                 "purpose": "source", "type": "network-interface",
                 "target": name} for name in names],
            "mirror_filters": [{"name": name, "account": "default"}
                               for name in filters],
            "mirror_tunnels": [
                {"name": f"{nic}-{f}", "account": "default",
                 "source": f"{nic}-src", "destination": self.ids4.name,
                 "filter": f} for nic in names for f in filters]})
        self.addCleanup(self.control.ctl, *[
            word for name in names for word in (
                "--", "resource-del", f"{name}-src", "--", "nic-del",
                name)][1:])
        self.control.wait_running("fan0-fan00", "fan5-fan15")

    def test_bridge_fanout(self):
        self.fan_out()
        self.shows("BRIDGE_FANOUT", self.first, lambda: self.control.ctl(
            "tunnel-del", "fan5-fan15"))

    def test_a_change_of_what_is_degraded_is_told_once(self):
        """So is one of what is not: that the switch is being brought to it
        is over before anybody can read it."""
        self.fan_out()
        self.daemon.wait_settled()
        vnis = (7001, 7002, 7003)
        with RowWatch(self.control.socket, "Packet_Mirroring",
                      "Tunnel_Status") as watch:
            self.first()
            for vni in vnis[1:]:
                self.control.ctl("--wait=hv", "sync")
                self.control.ctl("tunnel-set", "first", f"vni={vni}")
            self.control.ctl("--wait=hv", "sync")

            def told():
                return [(row["vni"], dict(row["conditions"][1])["Installed"])
                        for _, row in watch.changed if row["name"] == "first"]
            wait_until(lambda: (vnis[-1], "True") in told(),
                       "the last row to be told")
        # The first row comes before the switch is touched.
        self.assertEqual(list(dict.fromkeys(told())), [
            (7001, "False"), *((vni, "True") for vni in vnis)])
        reasons = self.control.tunnels()["first"]["reasons"]
        self.assertEqual([r["code"] for r in reasons], ["BRIDGE_FANOUT"])

    def test_pipeline_unsafe(self):
        self.running()
        self.shows("PIPELINE_UNSAFE", lambda: self.switch.ofctl(
            "add-flow", "br-int", "priority=9,dl_type=0x1234,actions=all"),
            lambda: self.switch.ofctl("del-flows", "br-int",
                                      "dl_type=0x1234"), "Installed")

    def test_pipeline_unsafe_by_flood_where_it_cannot_be_kept_out(self):
        """Without OpenFlow 1.0, that is.  Once said it stays said, though our
        ports are gone with it: the switch is left alone."""
        multicast = "dl_dst=01:00:5e:00:00:00/ff:ff:ff:00:00:00"

        def number():
            return int(self.switch.vsctl("get", "Open_vSwitch", ".",
                                         "next_cfg").strip())

        def asked():
            return int(self.daemon.appctl("coverage/read-counter",
                                          "vconn_open"))

        def mend():
            self.daemon.wait_settled()
            configured, questions = number(), asked()
            wait_until(lambda: asked() >= questions + 6,
                       "the bridge to be asked again and again", 20)
            self.assertEqual(number(), configured)
            self.switch.vsctl("clear", "Bridge", "br-int", "protocols")
        self.switch.vsctl("set", "Bridge", "br-int",
                          "protocols=OpenFlow13,OpenFlow15")
        self.addCleanup(self.switch.vsctl, "clear", "Bridge", "br-int",
                        "protocols")
        self.switch.ofctl("add-flow", "br-int",
                          f"priority=9,{multicast},actions=FLOOD")
        self.addCleanup(self.switch.ofctl, "del-flows", "br-int", multicast)
        self.shows("PIPELINE_UNSAFE", self.first, mend, "Installed")

    def test_mirror_bridge_taken(self):
        self.running()
        self.shows("MIRROR_BRIDGE_TAKEN",
                   self.setting("mirror-bridge", "br-phy"),
                   self.setting("mirror-bridge"), "Installed")

    def test_mirror_bridge_invalid(self):
        """vswitchd never makes such a bridge: were it waited for, nothing
        would ever be installed or removed again."""
        self.running()
        self.shows("MIRROR_BRIDGE_INVALID",
                   self.setting("mirror-bridge", "../br"),
                   self.setting("mirror-bridge"), "Installed")

    def test_delivery_unsupported(self):
        self.running()
        self.shows("DELIVERY_UNSUPPORTED",
                   lambda: self.first(delivery="vpc"), self.first,
                   "Installed")

    def stop_vswitchd(self):
        self.switch.signal_vswitchd(signal.SIGSTOP)

    def continue_vswitchd(self):
        self.switch.signal_vswitchd(signal.SIGCONT)

    def test_a_tunnel_that_never_copied_is_gone_with_its_bridge(self):
        """Deleted while nobody can say what flows the bridge has: that it has
        none is seen when it is not there any more."""
        self.lab.route(self.ids4, False)
        self.wish("first", self.ids4, 7001)
        self.control.wait_tunnel("first", lambda t: t and t["reasons"],
                                 "to say why it does not run")
        self.daemon.wait_settled()
        self.stop_vswitchd()
        self.addCleanup(self.continue_vswitchd)
        self.daemon.cut_openflow()
        wait_until(lambda: "flows have been read" in self.daemon.appctl(
            "mirror/plan"), "the daemon to notice that")
        self.control.ctl("tunnel-del", "first")
        self.control.wait_tunnel(
            "first", lambda t: t and t["state"] == "Shutting down",
            "to go")
        # Else it would put the bridge back, and nobody knew its flows.
        wait_until(lambda: "Shutting down" in self.daemon.appctl(
            "mirror/list"), "the daemon to hear of it")
        ours = [row["name"] for row in self.switch.rows(
            "Port", "name", "external_ids")
                if "ovs-mirrord" in row["external_ids"]]
        self.switch.vsctl("--no-wait", "clear", "Bridge", "br-int", "mirrors",
                          "--", "del-br", "br-mirror", *(
                              word for name in ours
                              if name.startswith("mtap") for word in
                              ("--", "--if-exists", "del-port", name)))
        self.control.wait_gone("first")

    def test_vswitchd_away(self):
        self.running()
        self.shows("VSWITCHD_AWAY", self.stop_vswitchd,
                   self.continue_vswitchd, "Installed", "Unknown")

    def test_vswitchd_away_before_the_first_tunnel(self):
        self.shows("VSWITCHD_AWAY",
                   lambda: (self.stop_vswitchd(), self.first()),
                   self.continue_vswitchd, "Installed", "Unknown")

    def test_path_unknown(self):
        """vswitchd does not answer which way a new destination is."""
        self.running()
        self.shows("PATH_UNKNOWN", lambda: (
            self.stop_vswitchd(), self.wish("second", self.ids6, 7002)),
            self.continue_vswitchd, "DestinationReachable", "Unknown", None,
            tunnel="second")

    def test_installing(self):
        """vswitchd does not follow, and is not away yet."""
        self.running()

        self.shows("INSTALLING", lambda: (
            self.stop_vswitchd(), self.wish("second", self.ids6, 7002)),
            self.continue_vswitchd, "Installed", "False", "ok",
            tunnel="second")

    def test_switch_refused(self):
        """Somebody bounds a table of ours."""
        self.running()

        def cause():
            self.switch.vsctl("--", "--id=@t", "create", "Flow_Table",
                              "flow_limit=3", "overflow_policy=refuse", "--",
                              "set", "Bridge", "br-mirror", "flow_tables:2=@t")
            self.wish("second", self.ids6, 7002)
        self.shows("SWITCH_REFUSED", cause, lambda: self.switch.vsctl(
            "clear", "Bridge", "br-mirror", "flow_tables"), "Installed",
            tunnel="second")

    # The operator.

    def test_paused(self):
        self.running()
        self.shows("PAUSED", lambda: self.daemon.appctl("mirror/pause"),
                   lambda: self.daemon.appctl("mirror/resume"))

    def test_paused_stop(self):
        """What is stopped during a pause goes on copying, and says so."""
        self.running()

        def cause():
            self.daemon.appctl("mirror/pause")
            self.first(enabled=False)
        self.shows("PAUSED", cause,
                   lambda: self.daemon.appctl("mirror/resume"),
                   "Installed", "Unknown", "disabled")

    def test_disabled(self):
        self.running()
        self.shows("DISABLED", lambda: self.first(enabled=False), self.first,
                   "Installed", "False", "disabled")

    # The hypervisor as a whole: by its heartbeat.

    def heartbeat(self, age_s):
        """The daemon, stopped, was last heard of so long ago."""
        self.daemon.signal(signal.SIGSTOP)
        at = 0 if age_s is None else round(1000 * (time.time() - age_s))
        self.control.transact({
            "op": "update", "table": "Chassis",
            "where": [["name", "==", self.switch.name]],
            "row": {"heartbeat": at}})

    def test_host_dead(self):
        """After three heartbeats missed, and not after two."""
        self.running()
        self.addCleanup(self.daemon.signal, signal.SIGCONT)
        self.heartbeat(125)
        listed = self.listed("first")
        self.assertEqual({c["type"]: c["status"] for c in
                          listed["conditions"]}["HostAlive"], "True")
        self.assertEqual(listed["health"], "ok")
        self.shows("HOST_DEAD", lambda: self.heartbeat(181),
                   lambda: self.daemon.signal(signal.SIGCONT), "HostAlive")

    def test_host_unknown(self):
        self.running()
        self.addCleanup(self.daemon.signal, signal.SIGCONT)
        self.shows("HOST_UNKNOWN", lambda: self.heartbeat(None),
                   lambda: self.daemon.signal(signal.SIGCONT), "HostAlive",
                   "Unknown", "ok")
