"""What all tests of the whole product share: one lab with the product in it,
and a short way to say what a customer defines."""

import re

from lab.control import MirrorDaemon


class ProductCases:
    """Mixed into a TestCase that gives 'make_lab'.

    The guests web1, db1 and other1 are on br-int; the collectors ids4 and
    other4 are reached over IPv4, ids6 over IPv6.
    """

    guests = {"web1": (), "db1": (), "other1": ()}
    links = [("web1", "db1"), ("other1", "db1")]
    collectors = {"ids4": 4, "ids6": 6, "other4": 4}
    schema = None   # Of the control database; today's.

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.make_lab()
        cls.addClassCleanup(cls.lab.close)
        for name, settings in cls.guests.items():
            setattr(cls, name, cls.lab.add_guest(name, *settings))
        for name, version in cls.collectors.items():
            setattr(cls, name, cls.lab.add_collector(name, version))
        cls.prepare_switch()
        cls.start_product()
        cls.control, cls.switch = cls.lab.control, cls.lab.switch
        for a, b in cls.links:
            cls.lab.wait_link(a, b)
            cls.lab.wait_link(b, a)
        cls.control.apply(cls.inventory())

    @classmethod
    def prepare_switch(cls):
        """What else is on the switch before the product comes."""

    @classmethod
    def start_product(cls):
        cls.lab.start_product(cls.schema)

    @property
    def daemon(self):
        return self.lab.daemon

    @classmethod
    def inventory(cls):
        """Everything but filters and tunnels, in the document's form."""
        resources = [{"name": f"{g.name}-src", "purpose": "source",
                      "type": "network-interface", "target": f"{g.name}-eth0"}
                     for g in cls.lab.guests.values()]
        resources += [{"name": c.name, "purpose": "destination",
                       "type": "collector", "target": f"{c.name}-box"}
                      for c in cls.lab.collectors.values()]
        return {
            "network_interfaces": [
                {"name": f"{g.name}-eth0", "iface_id": g.iface_id,
                 "mac": g.mac, "addresses": [g.ip, g.ip6]}
                for g in cls.lab.guests.values()],
            "collectors": [{"name": f"{c.name}-box", "address": c.address}
                           for c in cls.lab.collectors.values()],
            "mirror_resources": [dict(r, account="default")
                                 for r in resources]}

    def tearDown(self):
        """Leaves no tunnel and no filter to the next test."""
        if not self.daemon.alive():
            self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                           self.control).start()
        tunnels = self.control.tunnels()
        names = list(tunnels)
        gone = [["tunnel-del", f"{tunnel['account']}/{name}"]
                for name, tunnel in tunnels.items()]
        together = [word for command in gone for word in ("--", *command)][1:]
        # One by one only where one stands in the way of all.
        if gone and self.control.ctl(*together, check=False).returncode:
            for command in gone:
                self.control.ctl(*command, check=False)
        self.control.wait_gone(*names)
        # By row: some are such that the console cannot read them.
        for row in self.control.rows("Mirror_Filter", "_uuid"):
            self.control.ctl("destroy", "Mirror_Filter", row["_uuid"])
        for collector in self.lab.collectors.values():
            self.lab.route(collector, True)

    # Saying what a customer defines.

    def filter(self, name, inbound=(), outbound=(), **more):
        def rules(given):
            return [{"number": 100 * (i + 1), **rule}
                    for i, rule in enumerate(given)]
        self.control.apply({"mirror_filters": [
            {"name": name, "account": "default", "inbound": rules(inbound),
             "outbound": rules(outbound), **more}]})

    def tunnel(self, name, destination, vni, source="web1", **more):
        """Creates or changes a tunnel and waits until it runs."""
        self.wish(name, destination, vni, source, **more)
        self.control.wait_running(name)

    def wish(self, name, destination, vni, source="web1", **more):
        """Creates or changes a tunnel."""
        self.control.apply({"mirror_tunnels": [
            {"name": name, "account": "default", "source": f"{source}-src",
             "destination": destination.name, "vni": vni, **more}]})

    def remove(self, *names):
        for name in names:
            self.control.ctl("tunnel-del", name)
        self.control.wait_gone(*names)

    def listed(self, name):
        return self.control.tunnel(name)

    def lasting_flows(self):
        """Flows of our bridge, but for the one that turns with every
        bundle."""
        return [flow for flow in self.switch.flows("br-mirror")
                if "priority=400" not in flow]

    # Counters.

    def count_seldom(self):
        """From now on nothing is counted but what counted() asks for."""
        setting = "external_ids:mirror-stats-interval={}".format
        self.switch.vsctl("set", "Open_vSwitch", ".", setting(3600))
        self.addCleanup(self.switch.vsctl, "set", "Open_vSwitch", ".",
                        setting(1))
        # A count that was due is none any more.
        self.daemon.stop()
        self.lab.daemon = MirrorDaemon(self.lab, self.switch,
                                       self.control).start()
        self.control.wait_running(*self.control.tunnels())
        self.daemon.wait_settled()

    def counted(self, tunnel, counter):
        self.switch.purge()  # What the datapath has counted is known then.
        return int(re.search(rf"{counter} (\d+)", self.daemon.appctl(
            "mirror/show", tunnel))[1])

    # Looking at what arrived.

    def assert_sound(self, *collectors):
        """Every copy has the wire form that tools rely on."""
        for collector in collectors:
            self.assertEqual({fault for copy in collector.copies()
                              for fault in copy.faults}, set(),
                             collector.name)

    def assert_received(self, guest, frames):
        """Exactly these frames, bit for bit, in this order."""
        got = guest.received()
        if got != frames:
            self.fail(difference(guest.name, got, frames))

    def assert_copied(self, collector, vni, frames, length=None):
        """Exactly these frames' copies, each once, each cut to 'length'."""
        got = [c.inner for c in collector.numbered(vni)]
        wanted = [f[:length] for f in frames]
        if sorted(got) != sorted(wanted):
            self.fail(difference(f"{collector.name}, VNI {vni}",
                                 sorted(got), sorted(wanted)))


def difference(where, got, wanted):
    """One readable line on how two lists of frames differ."""
    for i, (g, w) in enumerate(zip(got, wanted)):
        if g != w:
            return (f"{where}: {len(got)} frames, {len(wanted)} expected; "
                    f"frame {i} is {len(g)} bytes {g[:60].hex()}, expected "
                    f"{len(w)} bytes {w[:60].hex()}")
    return f"{where}: {len(got)} frames, {len(wanted)} expected"


def problems(result):
    """(code, path) of each line that a refused ovs-mirrorctl printed."""
    found = []
    for line in result.stderr.splitlines():
        parts = line.split(": ", 3)
        if len(parts) == 4 and parts[0] == "ovs-mirrorctl":
            found.append((parts[1], parts[2]))
    return found

