"""Which member of a load balancer a conversation's copies go to: while the
members that are up stay the same it is one, of both directions, of both
mirrored ends, and after whatever happened in between."""

# By when those who are asked directly have been heard, and are left out if
# not: the product gives them 2 s.
SETTLE_SECONDS = 3.0


def conversation(entry):
    """Frames of both directions have the same."""
    facts = entry.shape.facts
    if entry.shape.broadcast:
        return facts.protocol, entry.sender.name
    return (facts.protocol, facts.version, frozenset(
        [(entry.sender.name, facts.sport),
         (entry.receiver.name, facts.dport)]))


class Members:
    def __init__(self, book, counts):
        self._book, self._counts = book, counts
        self._known = {}    # (members, conversation) -> (member, of what).

    def object(self, era, entry, member):
        """Why the copy of 'entry' does not belong at 'member'; nothing if it
        does."""
        if (era.tunnel.destination != "balancer" or len(era.way.receivers) < 2
                or not self._settled(era, entry)):
            return ""
        self._counts["copies of a balanced conversation"] += 1
        key = era.way.receivers, conversation(entry)
        what = f"frame {entry.number} by {era.name}"
        known, first = self._known.setdefault(key, (member, what))
        return (f"it belongs at {known}, as {first}, with members "
                f"{sorted(era.way.receivers)}" if known != member else "")

    def _settled(self, era, entry):
        begin, end = entry.time - SETTLE_SECONDS, entry.time + 0.1
        return (era.confirmed <= begin and self._book.stays(era, end)
                and not self._book.is_moving(
                    begin, end, era.tunnel.source, "balancer"))
