"""One link to an operator: its connections, what waits to leave on it, and which MO answers are proved."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chappe.model.message import Item
from chappe.net.peer import Peer
from chappe.rules.dedup import AnsweredMo
from chappe.runtime.backoff import Backoff


class InFlight(msgspec.Struct, eq=False, gc=False):
    """One part of a message on a link: written, or about to be."""

    item: Item
    part: int = 1


#: What waits to be written: a PDU or an operation, and the part that it carries.
Waiting = tuple[Any, InFlight]


@dataclass(slots=True, eq=False)
class Link:
    """One connection for both directions, or one for each."""

    number: int
    backoff: Backoff
    sender: Peer | None = None
    receiver: Peer | None = None
    #: PDUs of leased messages that found the window full, in order.
    backlog: deque[Waiting] = field(default_factory=deque)
    answered: AnsweredMo = field(default_factory=AnsweredMo)
    bound_at: float = 0.0
    #: Monotonic seconds of the last change between up and down, and why it is down.
    changed_at: float = 0.0
    down_reason: str = "not bound yet"
    #: This node may keep the link; one that it may not is given no more work, and unbound once nothing is open on it.
    is_wanted: bool = True
    #: It ends when nothing is open on it, and is dialled anew.
    is_reset: bool = False
    #: Connections of it that are dialled or bound.
    kept: int = 0
    #: Monotonic seconds since when it is unwanted, and since when it has been asked to end.
    unwanted_at: float = 0.0
    unbound_at: float = 0.0

    @property
    def may_send(self) -> bool:
        """Submits may be written now."""
        return self.sender is not None and self.sender.is_writable

    @property
    def takes_work(self) -> bool:
        """New messages may be given to it now."""
        return self.is_wanted and self.sender is not None and self.sender.is_writable

    @property
    def room(self) -> int:
        """PDUs that may still leave, after what waits."""
        if self.sender is None or not self.takes_work:
            return 0
        room: int = self.sender.session.room
        return room - len(self.backlog)

    def take_waiting(self, most: int) -> list[Waiting]:
        """Take so many off what waits, in order; they are written at once."""
        backlog = self.backlog
        return [backlog.popleft() for _ in range(min(most, len(backlog)))]

    def peers(self) -> list[Peer]:
        """Its connections that are bound, each once."""
        return list(dict.fromkeys(peer for peer in (self.sender, self.receiver) if peer is not None))

    def take_backlog(self) -> list[Item]:
        """The messages that wait here, each once, in order; nothing waits afterwards."""
        items = list({flight.item.id: flight.item for _, flight in self.backlog}.values())
        self.backlog.clear()
        return items


class Connecting:
    """The moments of one connection that its keeper waits for."""

    __slots__ = ("bound", "lost")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        #: Resolves to 0 when the operator lets us in, else to the status of its refusal.
        self.bound: asyncio.Future[int] = loop.create_future()
        #: Resolves to the reason why the connection is gone.
        self.lost: asyncio.Future[str] = loop.create_future()
