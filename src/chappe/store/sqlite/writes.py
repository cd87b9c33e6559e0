"""The rows of one group commit while they gather, and what follows from them in memory once it is safe.

Whoever judges appends here; statements go out set by set at the end.  It must never judge anything.
"""

import sqlite3
from dataclasses import dataclass, field

import msgspec

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.model.money import Price
from chappe.store.bodies import pack
from chappe.store.port import Life, Report
from chappe.store.sqlite import crediting, rows
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References


@dataclass(slots=True)
class Effects:
    """What changes in memory after the commit."""

    queued: list[Item] = field(default_factory=list)
    deferred: list[Item] = field(default_factory=list)
    #: What waits where it waited, and is another message now.
    replaced: list[Item] = field(default_factory=list)
    #: (queue, id) of those among `queued` and `deferred` that are gone again: hardly ever any.
    withdrawn: set[tuple[str, int]] = field(default_factory=set)
    opened: list[str] = field(default_factory=list)
    #: (client, currency) → what its new messages cost.
    charged: dict[tuple[str, str], int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    settled: list[Item] = field(default_factory=list)
    parked: int = 0
    newly_parked: list[Report] = field(default_factory=list)
    unparked: list[Report] = field(default_factory=list)
    #: Operator → microseconds from its yes to the first report that moved one of its parts, and how many did.
    receipt_waits: dict[str, list[int]] = field(default_factory=dict)
    #: What a failed transaction must put back: life, its status, error, final_at, message, and copied parts.
    before: list[tuple[Life, Status, str, int, Message | None, list[Status] | None]] = field(default_factory=list)


class Writes:
    """What one transaction writes, table by table."""

    __slots__ = (
        "_long",
        "_names",
        "_references",
        "_told_sending",
        "added",
        "dequeued",
        "effects",
        "ended",
        "events",
        "expiries",
        "finished",
        "forgotten_expiries",
        "messages",
        "moved",
        "parked",
        "parts_moved",
        "queue_rows",
        "references_added",
        "replaced",
        "requeued",
        "returned",
        "sent",
    )

    def __init__(self, names: Names, references: References, long_lives: dict[int, Life], now_us: int) -> None:
        #: Events that only the store can know of: what reports matched.
        self.events = EventBatch(now_us)
        self.effects = Effects()
        self._names = names
        self._references = references
        self._long = long_lives
        self.messages: list[tuple[object, ...]] = []
        self.queue_rows: list[tuple[object, ...]] = []
        self.expiries: list[tuple[int, int]] = []
        self.dequeued: list[tuple[int, int, int, int, int]] = []
        self.sent: list[tuple[object, ...]] = []
        self.ended: list[tuple[object, ...]] = []
        self.moved: list[tuple[object, ...]] = []
        self.parts_moved: list[tuple[object, ...]] = []
        self.requeued: list[tuple[object, ...]] = []
        self.finished: list[tuple[int]] = []
        self.replaced: list[tuple[object, ...]] = []
        self.forgotten_expiries: list[tuple[int, int]] = []
        self.parked: list[tuple[object, ...]] = []
        #: Parts that became known in this transaction: a parked report may be waiting for one.
        self.added: list[tuple[str, str]] = []
        #: How many entries `References` has more; a failed transaction takes them out again.
        self.references_added = 0
        #: (client, currency) → what comes back of messages that no operator took.
        self.returned: dict[tuple[str, str], int] = {}
        #: Message → what its client is told of its sending, and then of what followed.
        self._told_sending: dict[int, list[Item]] = {}

    def charge(self, client: str, price: Price) -> None:
        """A client pays for a new message."""
        if not price.units:
            return
        charged, key = self.effects.charged, (client, price.currency)
        charged[key] = charged.get(key, 0) + price.units

    def give_back(self, client: str, price: Price) -> None:
        """A message that no operator took costs nothing."""
        key = (client, price.currency)
        self.returned[key] = self.returned.get(key, 0) + price.units

    def dequeue(self, item: Item) -> None:
        """The item leaves its queue: its row goes, and its lease with the commit."""
        if item.has_row:
            number = self._names.number
            self.dequeued.append((number(item.queue), item.priority, number(item.lane), item.due_at_ms, item.id))
        self.effects.settled.append(item)

    def enqueue(self, item: Item) -> None:
        """A row for the item, whatever memory has room for."""
        number = self._names.number
        body = None if isinstance(item.content, Message) else pack(item.content)
        self.queue_rows.append(
            (number(item.queue), item.priority, number(item.lane), item.due_at_ms, item.id, item.attempts, body)
        )
        if not item.has_row:
            item = msgspec.structs.replace(item, has_row=True)
        (self.effects.deferred if item.due_at_ms else self.effects.queued).append(item)

    def tell_sending(self, message_id: int, receipt: Item) -> None:
        """The client hears that its message is sent, before whatever else this transaction tells of it."""
        self._told_sending[message_id] = [receipt]

    def tell(self, message_id: int, receipt: Item) -> None:
        """A receipt; one that overtook the answer that it follows is told after it."""
        told = self._told_sending.get(message_id) if self._told_sending else None
        if told is None:
            self.enqueue(receipt)
        else:
            told.append(receipt)

    def _enqueue_told(self) -> None:
        """Ids order the receipts of a queue: the least one goes to what is told first."""
        for told in self._told_sending.values():
            for receipt, number in zip(told, sorted(each.id for each in told), strict=True):
                self.enqueue(msgspec.structs.replace(receipt, id=number))

    def remember(self, life: Life) -> None:
        """Note what a life is, before it changes."""
        parts = None if life.parts is None else list(life.parts)
        self.effects.before.append((life, life.status, life.error, life.final_at_us, life.message, parts))

    def run(self, connection: sqlite3.Connection) -> None:
        """Send all statements of the group, tables in a fixed order."""
        self._enqueue_told()
        self._send(connection)
        if self.effects.charged or self.returned:
            rows = [(units, *key) for key, units in self.effects.charged.items()]
            rows += [(-units, *key) for key, units in self.returned.items()]
            connection.executemany(crediting.CHARGE, rows)

    def _send(self, connection: sqlite3.Connection) -> None:
        if self.messages:
            rows.NEW_MESSAGES.run(connection, self.messages)
        if self.dequeued:
            connection.executemany(rows.DEQUEUE, self.dequeued)
        if self.queue_rows:
            rows.NEW_IN_QUEUE.run(connection, self.queue_rows)
        if self.sent:
            rows.SENT.run(connection, self.sent)
        if self.forgotten_expiries:
            connection.executemany(rows.FORGET_EXPIRY, self.forgotten_expiries)
        for statement, values in (
            (rows.NEW_EXPIRIES, self.expiries),
            (rows.REQUEUED, self.requeued),
            (rows.REPLACED, self.replaced),
            (rows.PARTS_MOVE, self.parts_moved),
            (rows.ENDED, self.ended),
            (rows.MOVE, self.moved),
            (rows.NEW_FINISHED, self.finished),
            (rows.NEW_PARKED, self.parked),
        ):
            if values:
                statement.run(connection, values)

    def flush(self, connection: sqlite3.Connection) -> None:
        """Send what has gathered so far: what follows must find it in the tables."""
        self._send(connection)
        for gathered in (
            self.messages,
            self.queue_rows,
            self.expiries,
            self.dequeued,
            self.sent,
            self.ended,
            self.moved,
            self.parts_moved,
            self.requeued,
            self.finished,
            self.replaced,
            self.forgotten_expiries,
            self.parked,
        ):
            gathered.clear()

    def withdraw(self, item_id: int, *, is_message: bool) -> None:
        """What this transaction laid into a queue has left it again: no reader shall get it.

        A message and its receipt may have one id.
        """
        effects = self.effects
        effects.withdrawn.update(
            (each.queue, each.id)
            for each in (*effects.queued, *effects.deferred)
            if each.id == item_id and isinstance(each.content, Message) is is_message
        )

    def close(self, life: Life) -> None:
        """The message is final and may go to history."""
        self.finished.append((life.id,))
        self._long.pop(life.id, None)
        # The index needs only the handset from now on.
        life.message = None

    def put_back(self) -> None:
        """The transaction failed: lives and references in memory are what they were."""
        self._references.undo(self.references_added)
        for life, status, error, final_at_us, message, parts in reversed(self.effects.before):
            life.status, life.error, life.final_at_us, life.message = status, error, final_at_us, message
            life.parts = parts
            if message is not None and parts is not None:
                self._long[life.id] = life
