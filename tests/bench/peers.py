"""The ways to mirror that are compared: each as its user would ask for it."""

import json

from lab.netns import veth

VNI = 7001
MORE = " ... and so on for all"
# Beside the switch, for a way that does not need it.
OWN_NET, OWN_COLLECTOR = "172.31.9", "198.51.100.99"


class Way:
    """One way to mirror what some guests send and receive.

    'note' is told each command line.  Some guests are mirrored from
    install() on; add() takes in one more, drop() lets one go, and revoke()
    all, as a user would ask for it; each returns when its commands are done.
    tidy() leaves nothing of it.
    """

    def __init__(self, bed, note):
        self.bed, self.note = bed, note

    def install(self, guests):
        """Nobody is mirrored by nobody."""

    def add(self, guest):
        """The same."""

    def drop(self, guest):
        """The same."""

    def revoke(self):
        """The same."""

    def tidy(self):
        """The same."""


class Empty(Way):
    """A bridge of which nobody makes use: without DPDK the switch's main
    loop looks at its LOCAL port, too."""

    def _vsctl(self, *words):
        self.note("ovs-vsctl " + " ".join(words))
        self.bed.switch.vsctl(*words)

    def install(self, guests):
        self._vsctl("add-br", "byhand", "--", "set", "Bridge", "byhand",
                    f"datapath_type={self.bed.switch.datapath_type}",
                    "fail_mode=secure")

    def tidy(self):
        self.bed.switch.vsctl("--if-exists", "del-br", "byhand")


class Bare(Way):
    """One Mirror and its VXLAN port, by hand."""

    def _vsctl(self, words, more=""):
        self.note("ovs-vsctl " + " ".join(words) + more)
        self.bed.switch.vsctl(*words)

    @staticmethod
    def _install(address, guests):
        words = ["add-port", "br-int", "byhand", "--", "set", "Interface",
                 "byhand", "type=vxlan", f"options:remote_ip={address}",
                 f"options:key={VNI}", "--", "--id=@to", "get", "Port",
                 "byhand"]
        for n, guest in enumerate(guests):
            words += ["--", f"--id=@p{n}", "get", "Port", guest.name]
        ports = ",".join(f"@p{n}" for n in range(len(guests)))
        return words + [
            "--", "--id=@m", "create", "Mirror", "name=byhand",
            f"select_src_port={ports}", f"select_dst_port={ports}",
            "output_port=@to", "--", "add", "Bridge", "br-int", "mirrors",
            "@m"]

    def install(self, guests):
        address = self.bed.ids4.address
        self.note("ovs-vsctl " + " ".join(
            self._install(address, guests[:1])) + MORE)
        self.bed.switch.vsctl(*self._install(address, guests))

    def _change(self, verb, guest):
        self._vsctl(["--id=@p", "get", "Port", guest.name]
                    + [w for end in ("src", "dst") for w in (
                        "--", verb, "Mirror", "byhand",
                        f"select_{end}_port", "@p")])

    def add(self, guest):
        self._change("add", guest)

    def drop(self, guest):
        self._change("remove", guest)

    def revoke(self):
        self._vsctl(["clear", "Bridge", "br-int", "mirrors"])

    def tidy(self):
        self.bed.switch.vsctl("clear", "Bridge", "br-int", "mirrors", "--",
                              "--if-exists", "del-port", "byhand")
        self.bed.switch.purge()


class BareWhole(Bare):
    """The VXLAN port goes with its Mirror."""

    def revoke(self):
        self._vsctl(["clear", "Bridge", "br-int", "mirrors", "--", "del-port",
                     "byhand"])


class Ours(Way):
    """ovs-mirrord, asked by ovs-mirrorctl.

    'budget' is the host's; as long as it is not set, it is a meter that each
    copy passes.
    """

    def __init__(self, bed, note, budget=None, **tunnel):
        super().__init__(bed, note)
        self._budget, self._tunnel = budget, tunnel
        self._names, self._vni = [], VNI

    def _apply(self, guests):
        tunnels = []
        for guest in guests:
            tunnels.append({
                "name": f"{guest.name}-copy", "account": "default",
                "source": f"{guest.name}-src", "destination": "ids4",
                "vni": self._vni, **self._tunnel})
            self._vni += 1
            self._names.append(f"{guest.name}-copy")
        self.note("ovs-mirrorctl --wait=hv apply - <<< '" + json.dumps(
            {"mirror_tunnels": tunnels[:1]}) + "'"
            + (MORE if tunnels[1:] else ""))
        self.bed.control.apply({"mirror_tunnels": tunnels}, "--wait=hv")

    def install(self, guests):
        if self._budget:
            words = ["set", "Open_vSwitch", ".",
                     f"external_ids:mirror-rate-kbps={self._budget}"]
            self.note("ovs-vsctl " + " ".join(words))
            self.bed.switch.vsctl(*words)
            self.bed.control.ctl("--wait=hv", "sync")
        self._apply(guests)

    def add(self, guest):
        self._apply([guest])

    def _delete(self, names):
        self.note(f"ovs-mirrorctl --wait=hv tunnel-del {names[0]}"
                  + (MORE if names[1:] else ""))
        words = [w for n in names for w in ("--", "tunnel-del", n)]
        self._names = [n for n in self._names if n not in names]
        self.bed.control.ctl("--wait=hv", *words[1:])

    def drop(self, guest):
        self._delete([f"{guest.name}-copy"])

    def revoke(self):
        self._delete(self._names)

    def tidy(self):
        # What there is: of a turn that failed not all may be, or may be gone.
        self._names = []
        if left := list(self.bed.control.tunnels()):
            self._delete(left)
        self._vni = VNI
        if self._budget:
            self.bed.switch.vsctl("remove", "Open_vSwitch", ".",
                                  "external_ids", "mirror-rate-kbps")
            self.bed.control.ctl("--wait=hv", "sync")


class Ovn(Way):
    """OVN's own mirrors: GRE, one for each direction."""

    MIRRORS = {"byovn-out": "from-lport", "byovn-in": "to-lport"}

    def _nbctl(self, words, more=""):
        self.note("ovn-nbctl --wait=hv " + " ".join(words) + more)
        self.bed.ovn.wait_installed(*words)

    def _install(self, guests):
        words = []
        for n, (name, direction) in enumerate(self.MIRRORS.items()):
            words += ["--", "mirror-add", name, "gre", str(71 + n), direction,
                      self.bed.ids4.address]
        return words[1:] + self._each("lsp-attach-mirror", guests)

    def _each(self, verb, guests):
        return [w for name in self.MIRRORS for guest in guests
                for w in ("--", verb, guest.name, name)]

    def install(self, guests):
        self._guests = list(guests)
        self.note("ovn-nbctl --wait=hv " + " ".join(
            self._install(guests[:1])) + MORE)
        self.bed.ovn.wait_installed(*self._install(guests))

    def add(self, guest):
        self._guests.append(guest)
        self._nbctl(self._each("lsp-attach-mirror", [guest])[1:])

    def drop(self, guest):
        self._guests.remove(guest)
        self._nbctl(self._each("lsp-detach-mirror", [guest])[1:])

    def revoke(self):
        self.note("ovn-nbctl --wait=hv " + " ".join(
            self._each("lsp-detach-mirror", self._guests[:1])[1:]) + MORE)
        self.bed.ovn.wait_installed(
            *self._each("lsp-detach-mirror", self._guests)[1:])

    def tidy(self):
        self.bed.ovn.wait_installed(
            *self._each("lsp-detach-mirror", self._guests)[1:], *[
                w for name in self.MIRRORS
                for w in ("--", "mirror-del", name)])
        self.bed.switch.purge()


class Tc(Way):
    """The kernel's, between a NIC and the switch, into a vxlan device.

    The copies leave by a link of their own ('own'), so that the switch has
    nothing to do with them, or by the switch's br-phy like everybody's.
    """

    def __init__(self, bed, note, own=True):
        super().__init__(bed, note)
        self._own, self._guests = own, []

    def _run(self, program, lines, more=()):
        for line in lines:
            self.note(f"{program} -batch -: {line}")
        self.bed.switch.namespace.run(
            [program, "-batch", "-"], text_in="\n".join([*lines, *more, ""]))

    @staticmethod
    def _attach(guest):
        return [f"qdisc add dev {guest.name} clsact"] + [
            f"filter add dev {guest.name} {way} protocol all u32 match "
            "u32 0 0 action mirred egress mirror dev byhand-vx"
            for way in ("ingress", "egress")]

    @staticmethod
    def _detach(guest):
        return f"qdisc del dev {guest.name} clsact"

    def install(self, guests):
        self._guests = list(guests)
        address, local = self.bed.ids4.address, self.bed.switch.ip
        if self._own:
            self._own_link()
            address, local = OWN_COLLECTOR, f"{OWN_NET}.1"
        self._run("ip", [f"link add byhand-vx type vxlan id {VNI} remote "
                         f"{address} local {local} dstport 4789",
                         "link set byhand-vx up mtu 1600"])
        self._run("tc", self._attach(guests[0]),
                  [line for g in guests[1:] for line in self._attach(g)])

    def add(self, guest):
        self._guests.append(guest)
        self._run("tc", self._attach(guest))

    def drop(self, guest):
        self._guests.remove(guest)
        self._run("tc", [self._detach(guest)])

    def _own_link(self):
        lab, space = self.bed.lab, self.bed.switch.namespace
        if space.ip("link", "show", "own", check=False).returncode == 0:
            return
        ids4 = self.bed.ids4.namespace
        veth(space, "own", lab.fabric, "hv1own", 9000)
        lab.fabric.ip("link", "set", "hv1own", "master", "fabric")
        space.ip("address", "add", f"{OWN_NET}.1/24", "dev", "own")
        ids4.ip("address", "add", f"{OWN_NET}.10/24", "dev", "eth0")
        ids4.ip("address", "add", f"{OWN_COLLECTOR}/32", "dev", "lo")
        space.ip("route", "add", OWN_COLLECTOR, "via", f"{OWN_NET}.10", "dev",
                 "own")

    def revoke(self):
        lines = [self._detach(guest) for guest in self._guests]
        self._guests = []
        self._run("tc", lines[:1], lines[1:])

    def tidy(self):
        if self._guests:
            self.revoke()
        self.bed.switch.namespace.ip("link", "del", "byhand-vx")
