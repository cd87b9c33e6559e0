"""What nodes may ask of a store.  They know this and no engine.

Every verb takes a batch and the events that tell of it; both are written in one transaction, and
the call returns after its sync.  A verb that raises `StoreAway` has stored nothing of the batch.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple, Protocol

import msgspec

from chappe.model.errors import ResourceError
from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Content, Item, Message


class StoreAway(ResourceError):
    """The store cannot write now (disk full, I/O error): refuse so that the peer tries again."""


class Overloaded(ResourceError):
    """Too much is asked for at the same time: ask again later."""


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why one item of a batch could not be stored; its neighbours were."""

    what: str
    #: The store went away before this item's turn: nothing is wrong with it, and it may be tried again.
    is_passing: bool = False


# What became of an item that a node had leased.  One closed union, `Settlement`.


class Sent(msgspec.Struct, frozen=True, gc=False):
    """The operator took one part and named it.

    True also when it comes late: the message leaves whatever queue it has been put into since, what holds it and
    whoever leased it anew, and is sent.  One that was sent already keeps its state, and a report may mean it by
    either reference.
    """

    item: Item
    operator: str
    operator_ref: str
    at_us: int
    part: int = 1
    #: Tells the client that the whole message is sent, if it asked to hear of that; stored when it is.
    receipt: Item | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The message ends here in a final status; `receipt` tells its client, if it asked to hear."""

    item: Item
    status: Status
    error: str
    at_us: int
    receipt: Item | None = None
    operator: str = ""


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """A receipt or an MO reached its client (or was refused by it for good).

    `reply` is the client's answer to an MO: a new MT, accepted in the same transaction and with it only once.
    True also when it comes late: what waits to be sent again, or was leased anew, leaves its queue.
    """

    item: Item
    at_us: int
    reply: Item | None = None


class Deferred(msgspec.Struct, frozen=True, gc=False):
    """Not now: the item may be leased again from `due_at_ms` on.

    `was_tried`: it counts as an attempt; what only waits behind another item keeps its number of attempts.
    """

    item: Item
    due_at_ms: int
    was_tried: bool = True


class Moved(msgspec.Struct, frozen=True, gc=False):
    """The item goes on in another queue (failover)."""

    item: Item
    queue: str
    due_at_ms: int = 0


class Held(msgspec.Struct, frozen=True, gc=False):
    """Nobody knows what became of it, or it crashes its reader: a person or a receipt decides."""

    item: Item
    reason: str


class GivenUp(msgspec.Struct, frozen=True, gc=False):
    """A callback that its client did not take in time: it is kept in a list of its own, until a person replays it."""

    item: Item
    reason: str
    at_us: int


class Sending(msgspec.Struct, frozen=True, gc=False):
    """The durable mark before a write that must not be repeated."""

    item: Item


class Unwritten(msgspec.Struct, frozen=True, gc=False):
    """The mark is taken back: nothing was written after all.  The item stays leased until it is released."""

    item: Item


Settlement = Sent | Ended | Delivered | Deferred | Moved | Held | GivenUp | Sending | Unwritten


class Report(msgspec.Struct, frozen=True, gc=False):
    """A delivery report as an operator sent it, already read."""

    #: Made by the node; names the parked row and the client's receipt.
    id: int
    operator: str
    #: The operator's reference: first as written, then in the converted forms that its profile allows.
    references: tuple[str, ...]
    handset: str
    status: Status
    #: The operator's word for it, for the log: `DELIVRD`.
    word: str
    error: str
    at_ms: int
    network_error: bytes = b""
    #: All traffic of the operator is held when in doubt: a reference that nobody knows can only be that of a
    #: held message, if exactly one to this handset is held.
    may_settle_held: bool = False


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """A client's wish that one of its messages does not leave."""

    id: int
    client: str


class Replace(msgspec.Struct, frozen=True, gc=False):
    """A client's wish that `message` leaves instead of `was`, under the same id and by the same queue.

    Its `send_at_ms` says when: 0 is at once.
    """

    was: Message
    message: Message

    @property
    def id(self) -> int:
        """The message that both are."""
        return self.was.id

    @property
    def client(self) -> str:
        """Whose message it is."""
        return self.was.client


Wish = Cancel | Replace


class Granted(Enum):
    """What became of a wish to cancel or replace."""

    DONE = "done"
    #: It is as wished already: somebody asked before, perhaps the same client who did not hear the answer.
    ALREADY = "already"
    #: Somebody holds it, some of it has left, it has ended, or (replace) it is no longer what it was taken for.
    TOO_LATE = "too_late"
    #: There is no such message of this client.
    UNKNOWN = "unknown"


class FailedCallback(msgspec.Struct, frozen=True, gc=False):
    """A callback that was given up: what it would have told, and why nobody took it."""

    id: int
    client: str
    at_us: int
    attempts: int
    reason: str
    content: Content


class CallbacksOff(msgspec.Struct, frozen=True):
    """A client's own URL said that it is gone: nothing is posted there until somebody says otherwise."""

    client: str
    url: str
    at_us: int
    reason: str


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


#: Where a reader of a whole queue has come to; only the store can read it, () is the beginning.
Place = tuple[int, ...]


class Picked(NamedTuple):
    """Items that were leased out of the midst of a queue, and the place behind those that were looked at."""

    items: list[Item]
    #: () when all have been looked at.
    place: Place


class Block(msgspec.Struct, frozen=True, gc=False):
    """The events of one transaction, numbered without gaps."""

    seq: int
    at_us: int
    #: CSV lines, UTF-8.
    lines: bytes
    counts: dict[tuple[str, str, str], int]


class MoMemory(msgspec.Struct, frozen=True):
    """An operator's MO before the start: which of them may come again, and how they would be recognised."""

    #: The id below which every answered MO was proved read; 0 for none.
    proved_until: int = 0
    #: Stored ones whose answers were perhaps not read, oldest first.
    unproved: Sequence[Message] = ()
    #: The operator's own ids: (digest, Unix ms), oldest first.
    identities: Sequence[tuple[bytes, int]] = ()


class Once(msgspec.Struct, frozen=True, gc=False):
    """Messages to be stored together, and only if nothing was stored under their key before.

    Without items it only keeps the answer.
    """

    #: Made by the node: the same `Once` given again is known by it, and is no repeat.
    id: int
    #: A digest of what names the request, its client included; at most 32 octets.
    key: bytes
    #: A digest of what was asked for under the key.
    fingerprint: bytes
    #: What the client is told when it asks again.
    answer: bytes
    #: Unix ms until which a repeat is recognised.
    until_ms: int
    items: tuple[Item, ...] = ()


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What was stored under a key before."""

    fingerprint: bytes
    answer: bytes


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


BlockListener = Callable[[Block], None]
#: (minute since 1970, event, client, operator)
TallyKey = tuple[int, str, str, str]
NO_TALLY: Final[Mapping[TallyKey, int]] = {}

#: Greater than every id.
MAX_ID: Final = (1 << 63) - 1

#: Waiting longer than this inside one store call is an event of its own.
SLOW_CALL_S: Final = 0.25


class Store(Protocol):
    """The way of a message through durable storage."""

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

    async def report(self, reports: Sequence[Report], events: EventBatch) -> Sequence[Fault | None]:
        """Match delivery reports with parts, move messages, tell clients; park what matches nothing.

        Raises: StoreAway.
        """
        ...

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

    async def record(self, events: EventBatch) -> None:
        """Write events that belong to no message.  Raises: StoreAway."""
        ...

    async def find(self, message_id: int) -> Life | None:
        """Look one message up, hot or in history."""
        ...

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        """A client's messages that it knows as `text`, of those whose ids lie between two; hot or in history.

        Raises: StoreAway.
        """
        ...

    async def failed_callbacks(
        self, client: str = "", *, before_id: int = MAX_ID, limit: int = 100
    ) -> list[FailedCallback]:
        """Callbacks that were given up, those made last first; of all clients when none is named.

        Raises: StoreAway.
        """
        ...

    async def replay_callbacks(
        self, ids: Sequence[int], *, client: str = "", instruction: int = 0, told: str = ""
    ) -> list[int]:
        """Lay callbacks that were given up into their queues again, as if they had never been tried.

        Returns those that were in the list (and are of `client`, if one is named); the others are left alone.  The
        last `instruction` is not carried out again, but answered as before.  Raises: StoreAway.
        """
        ...

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        """Some of the callbacks that were made before `before_id` and given up go; True when more are left.

        An MO among them ends as failed.  Raises: StoreAway.
        """
        ...

    async def switch_callbacks_off(self, off: CallbacksOff, events: EventBatch) -> None:
        """Note that a client's URL is gone; a later note about the client replaces it.  Raises: StoreAway."""
        ...

    async def switch_callbacks_on(self, client: str, events: EventBatch) -> bool:
        """Forget that note; False, and no event is written, when there was none.  Raises: StoreAway."""
        ...

    async def callbacks_off(self) -> list[CallbacksOff]:
        """All such notes.  Raises: StoreAway."""
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

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        """Ring `bell` after a commit that laid something into `queue`; at least once, never per item."""
        ...

    def open_messages(self, client: str) -> int:
        """How many of a client's messages are not yet final."""
        ...

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken.  Raises: StoreAway."""
        ...

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        """What is known of an operator's MO from before the start, as far as it came since a moment.

        Raises: StoreAway.
        """
        ...

    def may_write(self) -> bool:
        """What is leased is surely still ours: bytes may go to a peer now.

        A store of many boxes leases for a time and says no when half of it has passed without a word with the
        store, be it that the network is cut or that this process was frozen; whoever hears no closes its links first.
        """
        ...

    async def note_mo_identities(self, operator: str, identities: Sequence[tuple[bytes, int]]) -> None:
        """Note ids of MO; asked in the same turn as their `accept` it is one transaction.  Raises: StoreAway."""
        ...

    async def prove_mo(self, operator: str, below_id: int, except_ids: Sequence[int] = ()) -> None:
        """Note that the answers to all MO below an id were read, except to these.  Raises: StoreAway."""
        ...


class BlockSource(Protocol):
    """Where copies of the events come from, and where each notes how far it has come."""

    def on_block(self, listener: BlockListener) -> None:
        """Call `listener` after each commit with the block that it wrote."""
        ...

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Blocks that follow `seq`, in order.  Raises: StoreAway."""
        ...

    async def copied(self, name: str) -> tuple[int, str] | None:
        """The last block that the copy `name` holds safely, and its own note of the place; None before the first.

        Raises: StoreAway.
        """
        ...

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        """Note how far a copy has come and, in the same transaction, add counts to the counters.

        Raises: StoreAway; whether it was written all the same, `copied` tells when the store is back.
        """
        ...
