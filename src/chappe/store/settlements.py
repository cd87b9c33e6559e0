"""What became of leased items, and what operators reported: values that nodes hand to a store."""

import msgspec

from chappe.model.lifecycle import Status
from chappe.model.message import Item


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


#: One closed union.
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
    #: When the operator says that it happened, read in its own time; 0 where it does not say, or nobody knows its time.
    done_at_ms: int = 0
