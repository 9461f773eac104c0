"""Copies that came to somebody on a segment for whom they are not.

A learning bridge floods what goes to a MAC that it has forgotten, and each
change of its Mirrors or ports makes it forget.  The product has the next hop
speak then, and stops when it does not; until then copies are flooded.  That is
counted, and wrong if it lasts.  What a router floods further on is the
network's own affair.
"""

from chaos.book import GONE

SENT_TTL = 64       # As it leaves a hypervisor.
# How long flooding may last where the next hop is there, and where it is not.
MOMENT, PATIENCE = 0.5, 2.6
PAUSE = 1.0         # So long without: the next is another.


class Floods:
    def __init__(self, book, counts, say):
        self._book, self._counts, self._say = book, counts, say
        self._begun = {}    # VNI -> (first, latest) of what is flooded now.
        self._said = {}     # VNI -> the 'first' that was objected to.
        self.longest = 0.0

    def saw(self, who, moment, copy):
        if copy.ttl != SENT_TTL:
            self._counts["copies flooded by the router"] += 1
            return
        if self._book.crippled:     # Nobody has the next hop speak.
            self._counts["copies flooded, excused"] += 1
            return
        self._counts["copies flooded"] += 1
        first, latest = self._begun.get(copy.vni, (moment, moment))
        if moment - latest > PAUSE:
            first = moment
        self._begun[copy.vni] = first, moment
        self.longest = max(self.longest, moment - first)
        allowed = (PATIENCE if self._book.excused(GONE, first, moment)
                   else MOMENT)
        if moment - first > allowed and self._said.get(copy.vni) != first:
            self._said[copy.vni] = first
            self._say(f"copies with VNI {copy.vni} to {copy.destination} are "
                      f"flooded, to {who} for one, since {first:.3f} and "
                      f"still at {moment:.3f}")
