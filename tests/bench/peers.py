"""The ways to mirror that are compared: each as its user would ask for it."""

import json

from lab.netns import veth

VNI = 7001
# Beside the switch, for a way that does not need it.
OWN_NET, OWN_COLLECTOR = "172.31.9", "198.51.100.99"


class Way:
    """One way to mirror what some guests send and receive.

    'note' is told each command line.  A 'count' of guests is mirrored from
    install() on; revoke() ends it as its user would; tidy() leaves nothing.
    """

    def __init__(self, bed, note):
        self.bed, self.note = bed, note

    def install(self, guests):
        """Returns when the commands are done."""

    def revoke(self):
        """The same."""

    def tidy(self):
        """Whatever install() and revoke() have left goes."""

    def _vsctl(self, *words, show=None):
        self.note("ovs-vsctl " + (show or " ".join(words)))
        self.bed.switch.vsctl(*words)


class Bare(Way):
    """A Mirror and a VXLAN port by hand."""

    PORT = ["add-port", "br-int", "byhand", "--", "set", "Interface",
            "byhand", "type=vxlan", "options:remote_ip={address}",
            f"options:key={VNI}"]

    def _port(self):
        return [w.format(address=self.bed.ids4.address) for w in self.PORT]

    def _mirror(self, guests):
        words = ["--", "--id=@to", "get", "Port", "byhand"]
        for n, guest in enumerate(guests):
            words += ["--", f"--id=@p{n}", "get", "Port", guest.name]
        ports = ",".join(f"@p{n}" for n in range(len(guests)))
        return words + [
            "--", "--id=@m", "create", "Mirror", "name=byhand",
            f"select_src_port={ports}", f"select_dst_port={ports}",
            "output_port=@to", "--", "add", "Bridge", "br-int", "mirrors",
            "@m"]

    def install(self, guests):
        self._vsctl(*self._port(), *self._mirror(guests), show=" ".join(
            self._port() + self._mirror(guests[:1])) + " (@p1, ...)")

    def revoke(self):
        self._vsctl("clear", "Bridge", "br-int", "mirrors")

    def tidy(self):
        self.bed.switch.vsctl("clear", "Bridge", "br-int", "mirrors", "--",
                              "--if-exists", "del-port", "byhand")
        self.bed.switch.purge()


class BareOnce(Bare):
    """The VXLAN port is there before, and goes with the Mirror."""

    def install(self, guests):
        self.bed.switch.vsctl(*self._port())
        self._vsctl(*self._mirror(guests)[1:], show=" ".join(
            self._mirror(guests[:1])[1:]) + " (@p1, ...)")

    def revoke(self):
        self._vsctl("clear", "Bridge", "br-int", "mirrors", "--", "del-port",
                    "byhand")


class Ours(Way):
    """ovs-mirrord, asked by ovs-mirrorctl."""

    def __init__(self, bed, note, **tunnel):
        super().__init__(bed, note)
        self._tunnel, self._names = tunnel, []

    def install(self, guests):
        document = {"mirror_tunnels": [
            {"name": f"{guest.name}-copy", "account": "default",
             "source": f"{guest.name}-src", "destination": "ids4",
             "vni": VNI + n, **self._tunnel}
            for n, guest in enumerate(guests)]}
        self._names = [t["name"] for t in document["mirror_tunnels"]]
        self.note("ovs-mirrorctl --wait=hv apply - <<< '" + json.dumps(
            {"mirror_tunnels": document["mirror_tunnels"][:1]}) + "'")
        self.bed.control.apply(document, "--wait=hv")

    def revoke(self):
        self.note(f"ovs-mirrorctl --wait=hv tunnel-del {self._names[0]}")
        words = [w for n in self._names for w in ("--", "tunnel-del", n)]
        self.bed.control.ctl("--wait=hv", *words[1:])

    def tidy(self):
        listed = self.bed.control.tunnels()
        words = [w for n in self._names if n in listed
                 for w in ("--", "tunnel-del", n)]
        if words:
            self.bed.control.ctl("--wait=hv", *words[1:])
        self.bed.control.wait_gone(*self._names)


class Ovn(Way):
    """OVN's own mirrors: GRE, one for each direction."""

    MIRRORS = {"byovn-out": "from-lport", "byovn-in": "to-lport"}

    def install(self, guests):
        self._guests, words = guests, []
        for n, (name, direction) in enumerate(self.MIRRORS.items()):
            words += ["--", "mirror-add", name, "gre", str(71 + n), direction,
                      self.bed.ids4.address]
            for guest in guests:
                words += ["--", "lsp-attach-mirror", guest.name, name]
        self._nbctl(words[1:])

    def _nbctl(self, words):
        self.note("ovn-nbctl --wait=hv " + " ".join(words)[:300])
        self.bed.ovn.wait_installed(*words)

    def _detach(self):
        return [w for name in self.MIRRORS for guest in self._guests
                for w in ("--", "lsp-detach-mirror", guest.name, name)][1:]

    def revoke(self):
        self._nbctl(self._detach())

    def tidy(self):
        self.bed.ovn.wait_installed(*self._detach())
        self.bed.ovn.wait_installed(
            *[w for name in self.MIRRORS
              for w in ("--", "mirror-del", name)][1:])
        self.bed.switch.purge()


class OvnWhole(Ovn):
    """The mirrors themselves go."""

    def revoke(self):
        self._nbctl(self._detach() + [
            w for name in self.MIRRORS for w in ("--", "mirror-del", name)])

    def tidy(self):
        self.bed.switch.purge()


class Tc(Way):
    """The kernel's, between a NIC and the switch, into a vxlan device.

    The copies leave by a link of their own ('own'), so that the switch has
    nothing to do with them, or by the switch's br-phy like everybody's.
    """

    def __init__(self, bed, note, own=True):
        super().__init__(bed, note)
        self._own, self._guests = own, ()

    def _run(self, text):
        lines = text.splitlines()
        for line in lines[:8]:
            self.note(line)
        self.bed.switch.namespace.run(["sh", "-e"], text_in=text)

    def install(self, guests):
        self._guests = guests
        address, local = self.bed.ids4.address, self.bed.switch.ip
        if self._own:
            self._own_link()
            address, local = OWN_COLLECTOR, f"{OWN_NET}.1"
        lines = [f"ip link add byhand-vx type vxlan id {VNI} remote "
                 f"{address} local {local} dstport 4789",
                 "ip link set byhand-vx up mtu 1600"]
        for guest in guests:
            lines.append(f"tc qdisc add dev {guest.name} clsact")
            lines += [f"tc filter add dev {guest.name} {way} protocol all "
                      "u32 match u32 0 0 action mirred egress mirror dev "
                      "byhand-vx" for way in ("ingress", "egress")]
        self._run("\n".join(lines) + "\n")

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
        self._run("".join(f"tc qdisc del dev {guest.name} clsact\n"
                          for guest in self._guests))

    def tidy(self):
        self.bed.switch.namespace.run(["sh"], check=False, text_in="".join(
            f"tc qdisc del dev {guest.name} clsact 2>&-\n"
            for guest in self._guests) + "ip link del byhand-vx\n")
