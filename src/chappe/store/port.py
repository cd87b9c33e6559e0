"""What nodes may ask of a store.  They know this and no engine.

Every verb takes a batch and the events that tell of it; both are written in one transaction, and
the call returns after its sync.  A verb that raises `StoreAway` has stored nothing of the batch.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from chappe.model.errors import ResourceError
from chappe.model.events import EventBatch
from chappe.model.ids import MAX_ID
from chappe.model.message import Item, Message
from chappe.rules.opt_outs import OptOut
from chappe.store.blocks import NO_TALLY, Block, BlockListener, BlockSource, TallyKey
from chappe.store.callbacks import CallbacksOff, CallbackStore, FailedCallback
from chappe.store.credit import Balance, CreditStore, Drawn
from chappe.store.lives import Happening, Life, MoMemory, Page, Picked, Place, QueueDepth, Search
from chappe.store.parked import ParkedStore
from chappe.store.settlements import (
    Deferred,
    Delivered,
    Ended,
    GivenUp,
    Held,
    Moved,
    Report,
    Sending,
    Sent,
    Settlement,
    Unwritten,
)
from chappe.store.wishes import Cancel, Granted, Kept, Once, Replace, Wish

__all__ = [
    "MAX_ID",
    "NO_TALLY",
    "SLOW_CALL_S",
    "Balance",
    "Block",
    "BlockListener",
    "BlockSource",
    "CallbackStore",
    "CallbacksOff",
    "Cancel",
    "CreditStore",
    "Deferred",
    "Delivered",
    "Drawn",
    "Ended",
    "FailedCallback",
    "Fault",
    "GivenUp",
    "Granted",
    "Happening",
    "Held",
    "Inquiries",
    "Kept",
    "Life",
    "MoMemory",
    "Moved",
    "Once",
    "Overloaded",
    "Page",
    "Picked",
    "Place",
    "QueueDepth",
    "Queues",
    "Replace",
    "Report",
    "Returns",
    "Search",
    "Sending",
    "Sent",
    "Settlement",
    "Store",
    "StoreAway",
    "TallyKey",
    "Unwritten",
    "Wish",
]

#: Waiting longer than this inside one store call is an event of its own.
SLOW_CALL_S: Final = 0.25


class StoreAway(ResourceError):
    """The store cannot write now (disk full, I/O error): refuse so that the peer tries again."""


class Overloaded(ResourceError):
    """Too much is asked for at the same time: ask again later."""


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why one item of a batch could not be stored; its neighbours were."""

    what: str
    #: The store went away before this item's turn: nothing is wrong with it, and it may be tried again.
    is_passing: bool = False


class Queues(Protocol):
    """What is accepted waits in queues, is leased, and is settled."""

    async def accept(self, items: Sequence[Item], events: EventBatch) -> Sequence[Fault | None]:
        """Store new messages and lay each in its queue.  Raises: StoreAway."""
        ...

    async def accept_once(self, batch: Sequence[Once], events: EventBatch) -> Sequence[Kept | Fault | None]:
        """Like `accept`, for messages that a key guards; each `Once` is stored whole or not at all.

        None: it is stored, or was when the very same one was given before.  `Kept`: another one under its key came
        first, in this batch or long ago; nothing of this one is stored, and its events are left out.  Whatever
        nodes ask of the store at the same time, one of two equal keys gets the other's answer.  Raises: StoreAway.
        """
        ...

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        """What is kept under these keys beyond `now_ms`; a key that is not in the answer may still lose to another.

        Raises: StoreAway.
        """
        ...

    async def forget_kept(self, now_ms: int) -> bool:
        """Delete some of the keys whose time is over; True while there are more of them.  Raises: StoreAway."""
        ...

    async def lease(self, queue: str, limit: int) -> list[Item]:
        """Take up to `limit` due items, high priority first, lanes in turn.  Nobody else gets them meanwhile."""
        ...

    def is_waiting(self, queue: str) -> bool:
        """Something may wait in the queue.  A no is sure, and whoever `listen`s hears when it ends; a yes is not."""
        ...

    async def pick(self, queue: str, fits: Callable[[Item], bool], place: Place = (), limit: int = 2_000) -> Picked:
        """Lease single items wherever they stand: those that `fits` says yes to.

        It is shown some of those that wait behind `place`, about `limit`, in no certain order, also such as wait for
        a moment (their `due_at_ms` says so).  What comes in meanwhile may be left out until the next round.

        Raises: StoreAway.
        """
        ...

    async def release(self, items: Sequence[Item]) -> None:
        """Give leased items back untouched, in order, to the front of their lanes.

        Never fails: while the store is away they are given back as soon as it is there.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
        """Write what became of leased items.  Idempotent by item.  Raises: StoreAway."""
        ...

    async def record(self, events: EventBatch) -> None:
        """Write events that belong to no message.  Raises: StoreAway."""
        ...

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        """Ring `bell` after a commit that laid something into `queue`; at least once, never per item."""
        ...

    def unlisten(self, queue: str, bell: Callable[[], None]) -> None:
        """Ring it no more."""
        ...

    def look_anew(self, queue: str) -> None:
        """Another process read the queue until now: what it gave back may lie before all that is known here."""
        ...

    def open_messages(self, client: str) -> int:
        """How many of a client's messages are not yet final."""
        ...

    def may_write(self) -> bool:
        """What is leased is surely still ours: bytes may go to a peer now.

        A store of many boxes leases for a time and says no when half of it has passed without a word with the
        store, be it that the network is cut or that this process was frozen; whoever hears no closes its links first.
        """
        ...


class Returns(Protocol):
    """What operators send back: reports about what was sent, and messages of their own."""

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        """Match delivery reports with parts, move messages, tell clients; park what matches nothing.

        Raises: StoreAway.
        """
        ...

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken.  Raises: StoreAway."""
        ...

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        """What is known of an operator's MO from before the start, as far as it came since a moment.

        Raises: StoreAway.
        """
        ...

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        """Note ids of MO; asked in the same turn as their `accept` it is one transaction.  Raises: StoreAway."""
        ...

    async def mo_identities_elsewhere(
        self, operator: str, identities: Sequence[bytes], since_ms: int
    ) -> Collection[bytes]:
        """Which of these ids of an operator's MO some other node may have noted since a moment.

        A store of one process has no other nodes: none, and nothing is asked.  Raises: StoreAway.
        """
        ...

    async def note_opt_outs(self, changes: Sequence[OptOut]) -> None:
        """Note what handsets said; of two words about one list the later one counts, however often each is noted.

        Asked in the same turn as the `accept` of their messages it is one transaction.  Raises: StoreAway.
        """
        ...

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        """What handsets said last, as far as they said it since a moment, oldest first.  Raises: StoreAway."""
        ...

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        """Note that the answers to all MO below an id were read, except to these.  Raises: StoreAway."""
        ...


class Inquiries(Protocol):
    """What clients ask about their messages, and wish for them."""

    async def grant(self, wishes: Sequence[Wish]) -> Sequence[Granted]:
        """Cancel or replace messages that only wait: nobody holds them and nothing of them was sent.

        The end, its event and the receipt that the client asked for (or the new message and its event) are
        written in the one transaction that finds that nobody holds it.  A wish may be repeated: it is done once.
        Raises: StoreAway; then each wish was granted wholly or not at all, and repeating them finds out.
        """
        ...

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        """A client's messages from one address to another of which nothing was sent, oldest first.

        Raises: StoreAway.
        """
        ...

    async def find(self, message_id: int) -> Life | None:
        """Look one message up, hot or in history."""
        ...

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        """A client's messages that it knows as `text`, of those whose ids lie between two; hot or in history.

        Raises: StoreAway.
        """
        ...

    async def search(self, search: Search) -> Page:
        """Look messages up, hot and in history, newest first.  A message that moves meanwhile is seen once.

        Whoever goes on with `next_before_id` meets each message that was there at the first call.
        Raises: StoreAway; Overloaded when too many of the client's searches wait.
        """
        ...

    async def story(self, message_id: int, ended_at_us: int = 0) -> list[Happening]:
        """The events of one message, oldest first, as far as they can be found at little cost.

        `ended_at_us` is when it became final: what came long afterwards is not looked for.

        Raises: StoreAway, Overloaded.
        """
        ...


class Store(Queues, Returns, Inquiries, CallbackStore, CreditStore, ParkedStore, Protocol):
    """The way of a message through durable storage."""
