"""Faults of the NICs and of the underlay."""

from chaos.book import LOST, TAGGED, UNCOPIED
from chaos.fault import NIC, Fault
from chaos.ledger import TAG
from chaos.network import DESTINATIONS, is_in_vpc
from chaos.world import ALT, COLLECTORS, SOURCES

BOTH = set(SOURCES)


class _OfNic(Fault):
    takes = (NIC,)
    longest = 4
    stands_in_quiet = True

    def __init__(self, rng):
        self.nic = rng.choice(SOURCES)

    @property
    def words(self):
        return f"{self.nic}: {super().words}"


class Unplugged(_OfNic):
    """the VM's port is removed, and added again."""

    def begin(self, world, book):
        self._held = [book.open(excuse, {self.nic}, self.kind, held=True)
                      for excuse in (LOST, UNCOPIED)]
        self.around(book, world.guests[self.nic].unplug, {self.nic},
                    {self.nic})

    def end(self, world, book):
        def plug():
            world.guests[self.nic].plug()
            for window in self._held:
                window.held = False
        self.around(book, plug, {self.nic}, {self.nic})

    def ails(self, tunnel):
        return "NIC_UNBOUND" if tunnel.source == self.nic else None


class Replugged(_OfNic):
    """the VM's port is removed and at once added again."""

    longest = 0

    def begin(self, world, book):
        def act():
            world.guests[self.nic].unplug()
            world.guests[self.nic].plug()
        self.around(book, act, {self.nic}, {self.nic})


class Moved(_OfNic):
    """the VM's port is moved to another bridge, and back."""

    def begin(self, world, book):
        self._move(world, book, ALT)

    def end(self, world, book):
        self._move(world, book, "br-int")

    def _move(self, world, book, bridge):
        guest = world.guests[self.nic]
        self.around(book, lambda: world.switch.vsctl(
            "del-port", self.nic, "--", "add-port", bridge, self.nic,
            "trunks=0", "--", "set", "Interface", self.nic,
            f"external_ids:iface-id={guest.iface_id}",
            f'external_ids:attached-mac="{guest.mac}"'), BOTH, BOTH)


class Tagged(_OfNic):
    """both VMs' ports get a VLAN tag or mode, and lose it."""

    def __init__(self, rng):
        super().__init__(rng)
        self._mode = rng.choice(["access", "native-untagged",
                                 "native-tagged", "dot1q-tunnel"])

    @property
    def words(self):
        return f"{self.__doc__.rstrip('.')}: {self._mode} {TAG}"

    def begin(self, world, book):
        # Frames of a native-tagged port bear the tag for as long as it is.
        self._held = ([book.open(TAGGED, BOTH, self.kind, held=True)]
                      if self._mode == "native-tagged" else [])
        # Nobody but the VMs is in that VLAN.
        self._held.append(book.open(UNCOPIED, set(DESTINATIONS), self.kind,
                                    held=True))
        self._set(world, book, f"vlan_mode={self._mode}", f"tag={TAG}",
                  f"trunks={TAG}")

    def end(self, world, book):
        for window in self._held:
            window.held = False
        self._set(world, book, "vlan_mode=[]", "tag=[]", "trunks=0")

    def ails(self, tunnel):
        return "NEXT_HOP_SILENT" if is_in_vpc(tunnel) else None

    def _set(self, world, book, *settings):
        commands = []
        for name in SOURCES:
            commands += ["--", "set", "Port", name, *settings]
        self.around(book, lambda: world.switch.vsctl(*commands), BOTH, BOTH,
                    [(TAGGED, BOTH)])


class RouteLost(Fault):
    """the route to a collector is lost, and comes back."""

    longest = 4
    stands_in_quiet = True

    def __init__(self, rng):
        self.collector = rng.choice(list(COLLECTORS))
        self.takes = (f"route to {self.collector}",)
        self.needs = (*Fault.needs, *self.takes)

    @property
    def words(self):
        return f"{self.collector}: {super().words}"

    def begin(self, world, book):
        self._held = book.open(UNCOPIED, {self.collector}, self.kind,
                               held=True)
        world.unrouted.add(self.collector)
        world.lab.route(world.collectors[self.collector], False)

    def end(self, world, book):
        world.unrouted.discard(self.collector)
        world.lab.route(world.collectors[self.collector], True)
        self._held.held = False
        book.healable([self._held])

    def ails(self, tunnel):
        return ("NO_ROUTE" if tunnel.destination == self.collector
                else None)


ALL = [Unplugged, Replugged, Moved, Tagged, RouteLost]
