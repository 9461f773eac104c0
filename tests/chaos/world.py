"""The lab that faults and edits happen to: two guests that are mirrored, a
twin pair in a VLAN of its own that never is, two that speak beside them, and
three collectors."""

from lab import RealLab

ALT = "br-alt"
GUESTS = {"web1": ("trunks=0",), "db1": ("trunks=0",),
          "other1": ("trunks=0",), "other2": ("trunks=0",),
          "twin1": ("tag=9",), "twin2": ("tag=9",)}
PAIRS = {"mirrored": ("web1", "db1"), "twin": ("twin1", "twin2"),
         "others": ("other1", "other2")}
SOURCES = PAIRS["mirrored"]
# Of tunnels that are given none, by their sources' hypervisor.
WHOLE_LENGTH = 8900
COLLECTORS = {"ids4": 4, "ids6": 6, "other4": 4}


class World:
    """A running lab with the product in it; a context manager.

    Subclasses add to what there is.

    With 'shared' there is room for one pair of Mirrors a bridge.
    """

    def __init__(self, stats_interval=1, shared=False):
        self.lab = RealLab()
        self.shared = shared
        self._stats_interval = stats_interval
        self.unrouted = set()   # Collectors to which there is no route.
        self.theirs = set()     # Names of Mirrors that are not ours.
        # Receivers that see what a bridge of guests floods.
        self.on_fabric = set()
        # Destinations behind a router.
        self.routed = set()

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.lab.close()
            raise
        return self

    def __exit__(self, *_):
        self.lab.close()

    def _build(self):
        lab = self.lab
        self.guests = {name: lab.add_guest(name, *settings)
                       for name, settings in GUESTS.items()}
        self.collectors = {name: lab.add_collector(name, version)
                           for name, version in COLLECTORS.items()}
        self.switch = lab.switch
        self._fabric()
        # Somewhere else to be plugged in, from where br-int is reached.
        self.switch.vsctl(
            "add-br", ALT, "--", "set", "Bridge", ALT,
            "datapath_type=netdev", *_patch("br-int", "to-alt", "to-int"),
            *_patch(ALT, "to-int", "to-alt"), "--", "set", "Open_vSwitch",
            ".", f"external_ids:mirror-stats-interval={self._stats_interval}",
            f"external_ids:mirror-slots-reserve={30 if self.shared else 4}")
        lab.start_product()
        self.control = lab.control
        for a, b in PAIRS.values():
            lab.wait_link(a, b)
            lab.wait_link(b, a)
        self.control.apply(self.inventory())
        # The collectors become known to the switch.
        for name in COLLECTORS:
            self.control.apply({"mirror_tunnels": [
                {"name": "first", "account": "default", "vni": 1,
                 "source": "web1-src", "destination": name}]})
            self.control.wait_running("first")
            lab.wait_copied(lab.talk("web1", "db1"), self.collectors[name])
        self.control.ctl("--wait=hv", "tunnel-del", "first")
        self.control.wait_gone("first")
        lab.clear()

    @property
    def daemon(self):
        return self.lab.daemon

    @daemon.setter
    def daemon(self, daemon):
        self.lab.daemon = daemon

    def underlay_back(self):
        """What a restart of vswitchd took: addresses and routes."""
        self.switch.underlay_up()
        for name in COLLECTORS:
            if name not in self.unrouted:
                self.lab.route(self.collectors[name], True)


    def _fabric(self):
        """Makes what else stands before the product is started."""

    def is_chatter(self, frame):
        """Whether a frame is the network's own, and no guest's."""
        return False

    def ask_installed(self):
        """What Chassis.cfg comes to be once all that has been written is in
        force; 0 where generations say it all."""
        return 0

    def document(self, network):
        """What an edit of the network puts."""
        return {}

    def inventory(self):
        resources = [{"name": f"{name}-src", "purpose": "source",
                      "type": "network-interface", "target": f"{name}-eth0"}
                     for name in SOURCES]
        resources += [{"name": name, "purpose": "destination",
                       "type": "collector", "target": f"{name}-box"}
                      for name in COLLECTORS]
        return {
            "vpcs": [{"name": "vpc", "account": "default", "region": "kr"}],
            "subnets": [{"name": "front", "vpc": "vpc",
                         "cidr": "10.0.0.0/24"}],
            "network_interfaces": [
                {"name": f"{g.name}-eth0", "iface_id": g.iface_id,
                 "mac": g.mac, "addresses": [g.ip, g.ip6],
                 "subnet": "front", "hypervisor": "xen"}
                for g in self.guests.values()],
            "collectors": [{"name": f"{name}-box",
                            "address": self.collectors[name].address}
                           for name in COLLECTORS],
            "mirror_resources": [dict(r, account="default")
                                 for r in resources]}


def _patch(bridge, name, peer):
    return ["--", "add-port", bridge, name, "--", "set", "Interface", name,
            "type=patch", f"options:peer={peer}"]
