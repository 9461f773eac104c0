"""Faults of the product's own parts, and of the servers that it reads."""

import signal

from chaos.fault import CONTROL, DAEMON, SWITCH_DB, VSWITCHD, Fault
from lab.control import MirrorDaemon
from lab.unixctl import UnixctlError


class _Away(Fault):
    """Somebody without whom nothing can be mended."""

    longest = 2

    def begin(self, world, book):
        book.cripple()
        self.leave(world)

    def end(self, world, book):
        try:
            self.come_back(world)
        finally:
            book.recover()


class DaemonKilled(_Away):
    """the daemon is killed, and started again."""

    takes, needs = (DAEMON,), (DAEMON, SWITCH_DB)

    def leave(self, world):
        world.daemon.kill()

    def come_back(self, world):
        world.daemon = MirrorDaemon(world.lab, world.switch,
                                    world.control).start()


class DaemonStopped(DaemonKilled):
    """the daemon is stopped, and started again."""

    def leave(self, world):
        world.daemon.stop()


class Paused(_Away):
    """the daemon is paused, and resumes."""

    takes, needs = (DAEMON,), (DAEMON,)

    def leave(self, world):
        world.daemon.appctl("mirror/pause")

    def come_back(self, world):
        world.daemon.appctl("mirror/resume")


class Resync(Fault):
    """mirror/resync is given."""

    needs = (DAEMON,)

    def begin(self, world, book):
        world.daemon.appctl("mirror/resync")


class ControlStopped(_Away):
    """the control database is stopped, and started again."""

    takes, needs = (CONTROL,), (CONTROL,)

    def leave(self, world):
        world.control.stop()

    def come_back(self, world):
        world.control.restart()


class ControlFrozen(_Away):
    """the control database is frozen (SIGSTOP), and goes on."""

    takes, needs = (CONTROL,), (CONTROL,)

    def leave(self, world):
        world.control.signal(signal.SIGSTOP)

    def come_back(self, world):
        world.control.signal(signal.SIGCONT)


class SwitchDbRestarted(Fault):
    """the switch's ovsdb-server is restarted."""

    takes, needs = (SWITCH_DB,), (SWITCH_DB, VSWITCHD)

    def begin(self, world, book):
        book.cripple()
        # Without PMD threads vswitchd forwards nothing until it is back, and
        # then all that waited: too much for the queue of a router's port.
        self.around(book, world.switch.stop_database, None, world.routed)

    def end(self, world, book):
        world.switch.start_database()
        book.recover()


class _VswitchdAway(Fault):
    takes, needs = (VSWITCHD,), (SWITCH_DB, VSWITCHD)
    settle_seconds = 3.0
    killed = True

    def begin(self, world, book):
        book.cripple()
        self.around(book, lambda: world.switch.stop_vswitchd(self.killed),
                    {"*"}, {"*"})

    def end(self, world, book):
        def back():
            world.switch.start_vswitchd()
            world.underlay_back()
        self.around(book, back, {"*"}, {"*"})
        book.recover()


class VswitchdKilled(_VswitchdAway):
    """ovs-vswitchd is killed, and started again."""


class VswitchdStopped(_VswitchdAway):
    """ovs-vswitchd is stopped, and started again."""

    killed = False


class ConnectionCut(Fault):
    """vswitchd cuts the OpenFlow connections of our bridge."""

    def begin(self, world, book):
        try:
            world.switch.appctl("bridge/reconnect", "br-mirror")
        except UnixctlError as e:
            # It may be gone, or have a row and not be made yet.
            if "Unknown bridge" not in str(e):
                raise


ALL = [DaemonKilled, DaemonStopped, Paused, Resync, ControlStopped,
       ControlFrozen, SwitchDbRestarted, VswitchdKilled, VswitchdStopped,
       ConnectionCut]
