"""What every fault is."""

from chaos.book import LOST, TAGGED, UNCOPIED, now

DAEMON, CONTROL, SWITCH_DB, VSWITCHD, NIC = (
    "daemon", "control", "switch-db", "vswitchd", "nic")


HEALED_SECONDS = 1.0    # By when the product has followed a port's tag.


class Fault:
    """Something that goes wrong outside of the product, or to it.

    It is drawn from the seed alone; begin() does it and end() undoes it, in
    the same step or up to 'longest' steps later.  Both tell the book what
    they excuse.
    """

    takes = ()          # What nothing else can be done to while it stands.
    needs = (VSWITCHD, SWITCH_DB)   # What must be there to begin and end.
    longest = 0
    stands_in_quiet = False     # May it go on while all is looked over?
    # What a guest's link needs to be back: the switch's next look at the
    # datapath flows that still lead to the former port.
    settle_seconds = 2.0

    def __init__(self, rng):
        """Draws what the fault is done to."""

    @property
    def kind(self):
        return type(self).__name__

    @property
    def words(self):
        return self.__doc__.splitlines()[0].rstrip(".")

    def begin(self, world, book):
        raise NotImplementedError

    def end(self, world, book):
        """Nothing is left to undo where begin() did a thing once."""

    def ails(self, tunnel):
        """The code that a tunnel shows while the fault stands, if any."""
        return None

    # For begin() and end().

    def around(self, book, act, lost=None, uncopied=None, more=()):
        """Calls act() with guests' frames excused until a moment after, as
        are tags, and copies and 'more' (excuse, whom) until quiet.  'lost'
        and 'uncopied' are sets, None for nobody; {"*"} is everybody."""
        opened = []
        for excuse, whom in [(LOST, lost), (UNCOPIED, uncopied), *more]:
            if whom is not None:
                opened.append(book.open(excuse, None if "*" in whom
                                        else whom, self.kind))
        try:
            return act()
        finally:
            book.healable(opened)
            for window in opened:
                if window.excuse == LOST:
                    window.end = now() + self.settle_seconds
                elif window.excuse == TAGGED and window.undone:
                    window.end = now() + HEALED_SECONDS
