"""What a store tells of messages: one life, a page of them, what happened, and what waits."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message


class Life(msgspec.Struct, gc=False):
    """What the store knows of one message: enough to judge a report about it, or to show it."""

    id: int
    status: Status
    message: Message | None
    operator: str = ""
    operator_ref: str = ""
    sent_at_us: int = 0
    final_at_us: int = 0
    error: str = ""
    #: Of a message in several parts: the status of each.
    parts: list[Status] | None = None
    #: The handset, kept when the message itself is no longer in memory.
    handset: str = ""
    #: Of a message in several parts, looked up to be shown: the operator's reference of each, empty before it has one.
    part_refs: list[str] | None = None


class Search(msgspec.Struct, frozen=True):
    """Which messages of one client are wanted, newest first.  What is empty asks for nothing."""

    client: str
    direction: Direction
    #: Addresses as messages have them: `37120000001`.
    to: str = ""
    source: str = ""
    reference: str = ""
    statuses: tuple[Status, ...] = ()
    #: Ids from `from_id` on, and below `before_id`; 0 for no such bound.
    from_id: int = 0
    before_id: int = 0
    limit: int = 100


class Page(msgspec.Struct, frozen=True):
    """What a search found, newest first.

    The work of one call is bounded: it may have found less than its limit, or nothing, and there is more all the same.
    """

    lives: list[Life]
    #: `before_id` of the next call; 0 at the end.
    next_before_id: int = 0


class Happening(msgspec.Struct, frozen=True, gc=False):
    """One event of a message, as its line has it."""

    at_us: int
    event: str
    operator: str
    operator_ref: str
    detail: str


class QueueDepth(msgspec.Struct, frozen=True):
    """How much waits in a queue and how old its oldest item is."""

    queue: str
    messages: int
    oldest_s: float


class MoMemory(msgspec.Struct, frozen=True):
    """An operator's MO before the start: which of them may come again, and how they would be recognised."""

    #: The id below which every answered MO was proved read; 0 for none.
    proved_until: int = 0
    #: Stored ones whose answers were perhaps not read, oldest first.
    unproved: Sequence[Message] = ()
    #: The operator's own ids: (digest, Unix ms), oldest first.
    identities: Sequence[tuple[bytes, int]] = ()


#: Where a reader of a whole queue has come to; only the store can read it, () is the beginning.
Place = tuple[int, ...]


class Picked(NamedTuple):
    """Items that were leased out of the midst of a queue, and the place behind those that were looked at."""

    items: list[Item]
    #: () when all have been looked at.
    place: Place
