"""Messages in several parts that are under way to an operator, and those that ended before all their parts did."""

from collections.abc import Iterable
from typing import Final

from chappe.operators.link import InFlight

#: Ended messages remembered for the sake of answers to their parts that are still on their way.
REMEMBERED: Final = 10_000


class OpenParts:
    """Which parts have no answer yet, by message id."""

    __slots__ = ("_parts_by_id", "dead")

    def __init__(self) -> None:
        self._parts_by_id: dict[int, set[int]] = {}
        #: Messages that ended while parts of them were still in flight, the oldest first.
        self.dead: dict[int, None] = {}

    def begin(self, message_id: int, parts: Iterable[int]) -> None:
        """These parts of a message are about to leave."""
        self._parts_by_id[message_id] = set(parts)
        self.dead.pop(message_id, None)

    def end(self, message_id: int) -> None:
        """The message has ended: answers to its other parts change nothing."""
        self.dead[message_id] = None
        if len(self.dead) > REMEMBERED:
            del self.dead[next(iter(self.dead))]

    def count(self, message_id: int) -> int:
        """How many parts of a message have no answer."""
        return len(self._parts_by_id.get(message_id, ()))

    def answered(self, flight: InFlight) -> None:
        """The operator has said what becomes of a part."""
        still_open = self._parts_by_id.get(flight.item.id)
        if still_open is not None:
            still_open.discard(flight.part)
            if not still_open:
                del self._parts_by_id[flight.item.id]

    def has(self, message_id: int) -> bool:
        """The message is under way."""
        return message_id in self._parts_by_id

    def stop(self, message_id: int) -> bool:
        """What becomes of its parts changes nothing any more.  False when it was not under way."""
        return self._parts_by_id.pop(message_id, None) is not None
