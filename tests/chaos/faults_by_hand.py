"""What somebody does by hand to rows and flows that are ours."""

from chaos.book import LOOSE
from chaos.fault import Fault
from lab.process import CommandFailed
from lab.waiting import wait_until

OURS, DELIVERY, VXLAN = "br-mirror", "br-mirror-dlv", "mirror-vxlan"
EVERYTHING = {"*"}
# The kind in a flow's cookie.
BASE, TAP, FILTER, EGRESS = range(4)


def cookie(kind):
    return f"cookie={0x6d72 << 48 | kind << 44:#x}/{0xfffff << 44:#x}"


def our_mirrors(world):
    return sorted((m for m in world.switch.rows("Mirror", "_uuid", "name",
                                                "external_ids")
                   if any(k.startswith("ovs-mirrord")
                          for k in m["external_ids"])),
                  key=lambda m: m["name"])


class ByHand(Fault):
    """Done once; the product has to undo it."""

    more = ()       # What it excuses beside copies that are missing.

    def begin(self, world, book):
        self.around(book, lambda: self.act(world), None, EVERYTHING,
                    self.more)


class MirrorsCleared(ByHand):
    """br-int's Mirrors are cleared."""

    def act(self, world):
        world.theirs.clear()
        world.switch.vsctl("clear", "Bridge", "br-int", "mirrors")


class MirrorDeleted(ByHand):
    """one of our Mirrors is taken from its bridge."""

    def __init__(self, rng):
        self._which = rng.randrange(4)

    def act(self, world):
        rows = our_mirrors(world)
        if rows:
            uuid = rows[self._which % len(rows)]["_uuid"]
            for bridge in world.switch.rows("Bridge", "name", "mirrors"):
                if uuid in str(bridge["mirrors"]):
                    world.switch.vsctl("remove", "Bridge", bridge["name"],
                                       "mirrors", uuid)


class MirrorSpoiled(ByHand):
    """one of our Mirrors loses its output port or its selection."""

    def __init__(self, rng):
        self._which = rng.randrange(4)
        self._columns = rng.choice([["output_port"], ["select_src_port",
                                                      "select_dst_port"]])

    def act(self, world):
        rows = our_mirrors(world)
        if rows:
            # It may be gone by now.
            world.switch.vsctl("--if-exists", "clear", "Mirror",
                               rows[self._which % len(rows)]["_uuid"],
                               *self._columns)


class PortDeleted(ByHand):
    """one of our patch ports is deleted."""

    def __init__(self, rng):
        self._which = rng.randrange(12)

    def act(self, world):
        ports = sorted(p["name"] for p in world.switch.rows("Port", "name")
                       if p["name"].startswith(("mtap-", "mnic-")))
        if ports:
            world.switch.vsctl("--if-exists", "del-port",
                               ports[self._which % len(ports)])


class VxlanPortDeleted(ByHand):
    """our VXLAN port is deleted."""

    def act(self, world):
        world.switch.vsctl("--if-exists", "del-port", VXLAN)


class BridgeDeleted(ByHand):
    """our whole bridge is deleted."""

    def act(self, world):
        world.switch.vsctl("--if-exists", "del-br", OURS)


def ofctl(world, *args):
    """On a bridge that may just not be there, or not yet again."""
    def done():
        try:
            world.switch.ofctl(*args)
        except CommandFailed:
            bridge = args[1]
            return bridge not in world.switch.vsctl("list-br").split()
        return True
    wait_until(done, f"ovs-ofctl {' '.join(args)}")


class _Flows(ByHand):
    which = "table=0"

    def act(self, world):
        ofctl(world, "del-flows", OURS, self.which)


class TapFlowsDeleted(_Flows):
    """our TAP flows are deleted."""

    which = cookie(TAP)


class FilterFlowsDeleted(_Flows):
    """our FILTER flows are deleted."""

    which = cookie(FILTER)
    more = ((LOOSE, EVERYTHING),)


class EgressFlowsDeleted(_Flows):
    """our EGRESS flows are deleted."""

    which = cookie(EGRESS)


class BaseFlowsDeleted(_Flows):
    """our default drops are deleted."""

    which = cookie(BASE)


class AllFlowsDeleted(ByHand):
    """all flows of our bridge are deleted."""

    def act(self, world):
        ofctl(world, "del-flows", OURS)


class FlowsModified(ByHand):
    """our flows of one kind are made to drop."""

    def __init__(self, rng):
        self._kind = rng.choice([TAP, FILTER, EGRESS])

    def act(self, world):
        ofctl(world, "mod-flows", OURS,
              f"{cookie(self._kind)},actions=drop")


class FilterOpened(ByHand):
    """our FILTER flows are made to admit everything."""

    more = ((LOOSE, EVERYTHING),)

    def act(self, world):
        ofctl(world, "mod-flows", OURS,
              f"{cookie(FILTER)},actions=resubmit(,2)")


class StrayFlow(ByHand):
    """somebody adds a flow to our bridge that drops everything."""

    def act(self, world):
        ofctl(world, "add-flow", OURS,
              "table=0,priority=500,cookie=0x5,actions=drop")


class VxlanPortOff(Fault):
    """our VXLAN port is down, or does not forward, for a while."""

    def __init__(self, rng):
        self._off, self._on = rng.choice([("down", "up"),
                                          ("no-forward", "forward")])

    def begin(self, world, book):
        self.around(book, lambda: self._port(world, self._off), None,
                    EVERYTHING)

    def end(self, world, book):
        self.around(book, lambda: self._port(world, self._on), None,
                    EVERYTHING)

    @staticmethod
    def _port(world, how):
        if VXLAN in world.switch.vsctl("--no-wait", "--columns=name", "list",
                                       "Interface"):
            ofctl(world, "mod-port", OURS, VXLAN, how)


class ForeignMirrors(Fault):
    """somebody adds Mirrors to br-int, and removes them."""

    longest = 4
    stands_in_quiet = True

    def __init__(self, rng):
        first = rng.randrange(10 ** 6)
        self._names = [f"theirs-{first + i}"
                       for i in range(rng.randint(1, 8))]

    def begin(self, world, book):
        commands = []
        for i, name in enumerate(self._names):
            commands += ["--", f"--id=@m{i}", "create", "Mirror",
                         f"name={name}", "external_ids:owner=somebody", "--",
                         "add", "Bridge", "br-int", "mirrors", f"@m{i}"]
        world.switch.vsctl(*commands)
        world.theirs.update(self._names)

    def end(self, world, book):
        world.theirs.difference_update(self._names)
        commands = []
        for row in world.switch.rows("Mirror", "_uuid", "name"):
            if row["name"] in self._names:
                commands += ["--", "remove", "Bridge", "br-int", "mirrors",
                             row["_uuid"]]
        if commands:
            world.switch.vsctl(*commands)


ALL = [MirrorsCleared, MirrorDeleted, MirrorSpoiled, PortDeleted,
       VxlanPortDeleted, BridgeDeleted, TapFlowsDeleted, FilterFlowsDeleted,
       EgressFlowsDeleted, BaseFlowsDeleted, AllFlowsDeleted, FlowsModified,
       FilterOpened, StrayFlow, VxlanPortOff, ForeignMirrors]
