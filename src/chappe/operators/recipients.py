"""One submit for each recipient at a time: over UCP a message is named by its recipient and the second.

Whatever waits for its recipient waits on its link; others pass it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from chappe.model.address import international
from chappe.operators.link import InFlight, Link, Waiting

#: What may wait on one link; with so many to few recipients nothing more is leased.
MOST_WAITING: Final = 1_000


class Recipients:
    """Who has a submit in flight, on any link of one operator."""

    __slots__ = ("_flights",)

    def __init__(self) -> None:
        self._flights: dict[str, tuple[InFlight, int]] = {}

    def take(self, flight: InFlight, link: int) -> bool:
        """Say whether it may leave now; then its recipient is taken."""
        recipient = _recipient_of(flight)
        if recipient in self._flights:
            return False
        self._flights[recipient] = flight, link
        return True

    def free(self, flight: InFlight) -> None:
        """It was answered, or nobody waits for that any more."""
        recipient = _recipient_of(flight)
        held = self._flights.get(recipient)
        if held is not None and held[0] is flight:
            del self._flights[recipient]

    def free_link(self, link: int) -> None:
        """A link is gone with all that was in flight on it."""
        for recipient in [recipient for recipient, (_, number) in self._flights.items() if number == link]:
            del self._flights[recipient]


def _recipient_of(flight: InFlight) -> str:
    """The handset, however its number is written: the operator knows it by its digits."""
    return international(flight.item.content.dest)


@dataclass(slots=True, eq=False)
class RecipientLink(Link):
    """A link on which messages wait for their recipients, too."""

    recipients: Recipients = field(default_factory=Recipients)

    @property
    def room(self) -> int:
        """What may still leave; what waits for its recipient takes no room of others."""
        if self.sender is None or not self.takes_work:
            return 0
        room: int = self.sender.session.room
        return min(room, MOST_WAITING - len(self.backlog))

    def recall(self, behind: InFlight) -> list[Waiting]:
        """Take off all that waits for the recipient of a message."""
        recipient = _recipient_of(behind)
        waiting = [each for each in self.backlog if _recipient_of(each[1]) == recipient]
        for each in waiting:
            self.backlog.remove(each)
        return waiting

    def take_waiting(self, most: int) -> list[Waiting]:
        """Take what may leave, in order; the others keep theirs."""
        taken: list[Waiting] = []
        kept: deque[Waiting] = deque()
        backlog, recipients = self.backlog, self.recipients
        while backlog and len(taken) < most:
            waiting = backlog.popleft()
            (taken if recipients.take(waiting[1], self.number) else kept).append(waiting)
        backlog.extendleft(reversed(kept))
        return taken
