"""The rows of one transaction while they gather, and what follows from them in memory once it is safe.

Whoever judges appends here; statements go out set by set.  It must never judge anything.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import itemgetter
from typing import Any, Final

import msgspec

from chappe.model.events import EventBatch
from chappe.model.message import Item, Message, Receipt
from chappe.model.money import Price
from chappe.store.bodies import pack
from chappe.store.port import Life
from chappe.store.postgres import crediting
from chappe.store.postgres import statements as sql
from chappe.store.postgres.names import Names

Row = tuple[Any, ...]
_first_of: Final = itemgetter(0)
#: bigint; whatever is beyond cannot be stored.
_MOST: Final = 1 << 63


class Kind(IntEnum):
    """What is counted."""

    OPEN = 0
    DEPTH = 1
    PARKED = 2
    HELD = 3


#: A queue, a priority, the number of a lane, and a place in it.
Laid = tuple[str, int, int, int]


@dataclass(slots=True)
class Effects:
    """What changes in memory after the commit."""

    #: Items that lie in their queues now: how many have been laid where.
    queued: Counter[Laid] = field(default_factory=Counter)
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    #: (queue, id) of items that have left their queues.
    left: list[tuple[str, int]] = field(default_factory=list)
    parked: int = 0
    held: int = 0
    receipt_waits: dict[str, list[int]] = field(default_factory=dict)
    #: Messages that bear the mark now, and that bear it no longer.
    marked: list[int] = field(default_factory=list)
    unmarked: list[int] = field(default_factory=list)


def checked(number: int) -> int:
    """The number, if a row can hold it.  Raises: OverflowError, TypeError."""
    if -_MOST <= number < _MOST:
        return number
    raise OverflowError(f"{number} is beyond 64 bits")


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    """Rows as one array for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


class Writes:
    """What one transaction writes, table by table."""

    def __init__(self, names: Names, now_us: int, run: int = 0) -> None:
        """`run` is ours, which pays for new messages."""
        #: Events that only the store can know of: what reports matched.
        self.events = EventBatch(now_us)
        self.effects = Effects()
        self.now_ms = now_us // 1000
        self._names = names
        self._run = run
        self.queue_rows: list[Row] = []
        self.sent: list[Row] = []
        self.ended_rows: list[Row] = []
        self.moved: list[Row] = []
        self.parts_sent: list[Row] = []
        self.parts_moved: list[Row] = []
        self.requeued: list[Row] = []
        self.replaced: list[Row] = []
        self.statuses: list[Row] = []
        self.parked: list[Row] = []
        self.unparked: list[int] = []
        self.held: list[Row] = []
        self.unheld: list[int] = []
        self.given_up: list[Row] = []
        self.expiries: list[Row] = []
        self.forgotten_expiries: list[Row] = []
        self.marks: list[Row] = []
        self.unmarks: list[int] = []
        #: (client, currency) → what new messages cost, and what comes back of those that no operator took.
        self.charged: Counter[tuple[str, str]] = Counter()
        self.returned: Counter[tuple[str, str]] = Counter()
        #: Message → the place of what others told of it last, if it is locked here; and of what is told here.
        self.last_place_by_id: dict[int, int] = {}
        self._told_at: dict[int, int] = {}
        #: Message → what its client is told of its sending, and then of what followed.
        self._told_sending: dict[int, list[Item]] = {}

    # -- what judgement asks for ----------------------------------------------------------------------

    def charge(self, client: str, price: Price) -> None:
        """A client pays for a new message."""
        if not price.units:
            return
        self.charged[client, price.currency] += price.units

    def give_back(self, client: str, price: Price) -> None:
        """A message that no operator took costs nothing."""
        self.returned[client, price.currency] += price.units

    def remember(self, life: Life) -> None:
        """Lives here belong to one transaction: nothing has to be put back."""

    def close(self, life: Life) -> None:
        """Finished lives are found by their status."""

    def tell_sending(self, message_id: int, receipt: Item) -> None:
        """The client hears that its message is sent, before whatever else this transaction tells of it."""
        self._told_sending[message_id] = [receipt]

    def tell(self, message_id: int, receipt: Item) -> None:
        """A receipt; one that overtook the answer that it follows is told after it."""
        told = self._told_sending.get(message_id) if self._told_sending else None
        self._told_at[message_id] = self._place_behind(message_id)
        if told is None:
            self._enqueue_behind(message_id, receipt)
        else:
            told.append(receipt)

    def _place_behind(self, message_id: int) -> int:
        """Behind what was told of it before, though the clock of whoever told it was ahead of ours."""
        last = self.last_place_by_id.get(message_id, 0)
        # Within one millisecond ids would decide, and those of another process say nothing.
        return self.now_ms if last < self.now_ms else last + 1

    def _enqueue_behind(self, message_id: int, receipt: Item) -> None:
        place = self._place_behind(message_id)
        if _heard_at(receipt) <= self.last_place_by_id.get(message_id, 0):
            receipt = _heard_later(receipt, place)
        self.enqueue(receipt if place == self.now_ms else msgspec.structs.replace(receipt, place=place))

    def enqueue(self, item: Item) -> None:
        """A row for the item; it is due from its own moment on, or from now on."""
        number = self._names.number
        body = None if isinstance(item.content, Message) else pack(item.content)
        due = item.due_at_ms
        place = item.place or due or self.now_ms
        lane = number(item.lane)
        self.queue_rows.append((number(item.queue), item.priority, lane, place, item.id, item.attempts, due, body))
        self.effects.queued[item.queue, item.priority, lane, place] += 1

    def requeue(self, item: Item, status: int) -> None:
        """The item of a message goes on in a queue; its row says where."""
        self.enqueue(item)
        place = self.queue_rows[-1][3]
        self.requeued.append((item.id, status, self._names.number(item.queue), place, item.due_at_ms))

    # -- writing --------------------------------------------------------------------------------------

    async def run(self, connection: Any) -> None:
        """Send what has gathered, messages before queues, and begin anew."""
        self.effects.held += len(self.held)
        for statement, rows in self._by_table():
            if rows:
                await connection.execute(statement, *columns(sorted(rows, key=_first)))
                rows.clear()
        for statement, ids in self._by_id():
            if ids:
                await connection.execute(statement, sorted(ids))
                ids.clear()
        if self.unheld:
            self.effects.held -= len(await connection.fetch(sql.FORGET_HELD, sorted(self.unheld)))
            self.unheld.clear()
        if self.queue_rows:
            await connection.execute(sql.LAY, *columns(sorted(self.queue_rows, key=_key)))
            self.queue_rows.clear()

    async def finish(self, connection: Any) -> None:
        """Send the rest.  Ids order the receipts of a queue: the least one goes to what is told first."""
        for message_id, told in self._told_sending.items():
            least_ms = 0
            for receipt, number in zip(told, sorted(each.id for each in told), strict=True):
                behind = receipt if _heard_at(receipt) > least_ms else _heard_later(receipt, least_ms + 1)
                least_ms = _heard_at(behind)
                self._enqueue_behind(message_id, msgspec.structs.replace(behind, id=number))
        self._told_sending = {}
        await self.run(connection)
        if self.charged:
            await crediting.charge(connection, self._run, self.charged)
        if self.returned:
            await crediting.give(connection, self.returned)

    def _by_table(self) -> Iterable[tuple[str, list[Row]]]:
        return (
            (sql.SEND, self.sent_rows()),
            (sql.REQUEUE, self.requeued),
            (sql.REPLACE, self.replaced),
            (sql.SET_STATUS, self.statuses),
            (sql.END, self.ended_rows),
            (sql.MOVE, self.moved_rows()),
            (sql.PARTS_SENT, self.parts_sent),
            (sql.PARTS_MOVE, self.parts_moved_rows()),
            (sql.PARK, self.parked),
            (sql.HOLD, self.held),
            (sql.GIVE_UP, self.given_up),
            (sql.MARK, self.marks),
            (sql.FORGET_EXPIRIES, self.forgotten_expiries),
            (sql.EXPIRIES, self.expiries),
        )

    def sent_rows(self) -> list[Row]:
        """With the place of what may be told of the sending."""
        rows = [(*row, self._place_behind(row[0])) for row in self.sent]
        self.sent.clear()
        return rows

    def moved_rows(self) -> list[Row]:
        """The last word of this transaction about each message counts."""
        last = {row[0]: (*row[:2], octets_or_none(row[2]), row[3], self._told_at.get(row[0], 0)) for row in self.moved}
        self.moved.clear()
        return list(last.values())

    def parts_moved_rows(self) -> list[Row]:
        """The last word of this transaction about each part counts."""
        last = {row[:2]: (*row[:3], octets_or_none(row[3])) for row in self.parts_moved}
        self.parts_moved.clear()
        return list(last.values())

    def _by_id(self) -> Iterable[tuple[str, list[int]]]:
        return ((sql.UNPARK, self.unparked), (sql.UNMARK, self.unmarks))

    def counted(self) -> dict[tuple[int, str], int]:
        """By how much each count changes: (kind, name) → difference."""
        effects, counts = self.effects, Counter[tuple[int, str]]()
        for client, number in Counter(effects.opened).items():
            counts[Kind.OPEN, client] += number
        for client, number in Counter(effects.closed).items():
            counts[Kind.OPEN, client] -= number
        for (queue, *_), number in effects.queued.items():
            counts[Kind.DEPTH, queue] += number
        for queue, number in Counter(map(_first_of, effects.left)).items():
            counts[Kind.DEPTH, queue] -= number
        if effects.parked:
            counts[Kind.PARKED, ""] = effects.parked
        if effects.held:
            counts[Kind.HELD, ""] = effects.held
        return {key: number for key, number in counts.items() if number}


def _heard_at(receipt: Item) -> int:
    assert isinstance(receipt.content, Receipt)
    return receipt.content.done_at_ms


def _heard_later(receipt: Item, at_ms: int) -> Item:
    """Another process heard of it before what was told last: what clients count by must grow all the same."""
    assert isinstance(receipt.content, Receipt)
    return msgspec.structs.replace(receipt, content=msgspec.structs.replace(receipt.content, done_at_ms=at_ms))


def octets_or_none(text: str | None) -> bytes | None:
    """A peer's text as a row holds it."""
    return None if text is None else text.encode()


def _first(row: Row) -> Any:
    return row[:2]


def _key(row: Row) -> Any:
    return row[:5]
