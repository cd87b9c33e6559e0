"""Settling: what became of leased items, each outcome in its own way."""

import sqlite3
from collections.abc import Mapping, Sequence

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.decide import ROUTE
from chappe.store.bodies import pack
from chappe.store.port import (
    Deferred,
    Delivered,
    Ended,
    GivenUp,
    Held,
    Moved,
    Sending,
    Sent,
    Settlement,
    Unwritten,
)
from chappe.store.sqlite import rows
from chappe.store.sqlite.accepting import Accepting
from chappe.store.sqlite.late import LateSettling
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.naming import Naming
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes

_ACCEPTED, _QUEUED = int(Status.ACCEPTED), int(Status.QUEUED)


class Settling:
    """The settlements of one transaction."""

    __slots__ = ("_accepting", "_connection", "_leased", "_lives", "_names", "_naming", "_writes", "left_out")

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        references: References,
        lives: Lives,
        writes: Writes,
        leased: Mapping[int, Item | None],
        accepting: Accepting,
    ) -> None:
        self._accepting = accepting
        self._connection = connection
        self._names = names
        self._naming = Naming(connection, names, references, lives, writes)
        self._lives = lives
        self._writes = writes
        self._leased = leased
        #: Messages of which nothing that was said is true any more.
        self.left_out: set[int] = set()

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """What became of leased items.  What was settled before and waits nowhere any more is left as it is."""
        leased = self._leased
        late: list[Settlement] = []
        for settlement in settlements:
            item = settlement.item
            held = leased.get(item.id)
            if held is item or self._is_where(item, held):
                _SETTLERS[type(settlement)](self, settlement)  # type: ignore[operator]
            else:
                late.append(settlement)
        if late:
            # Cancelled while its network was asked for: where it would have gone is not told.
            self.left_out.update(each.item.id for each in late if each.item.queue == ROUTE)
            LateSettling(self._connection, self._names, self._naming, self._accepting, self._writes).settle(late)

    def _is_where(self, item: Item, held: Item | None) -> bool:
        """The item still is what its reader leased: it has not been requeued since."""
        if held is None:
            return self._waits(item)
        return held.due_at_ms == item.due_at_ms and held.queue == item.queue

    def _settle_sent(self, sent: Sent) -> None:
        item = sent.item
        message = item.content
        assert isinstance(message, Message)
        if message.parts > 1:
            self._naming.settle_part(sent, message)
            return
        self._writes.dequeue(item)
        self._naming.settle_whole(sent, message)

    def _waits(self, item: Item) -> bool:
        """The item lies in its queue (asked only about what nobody has leased)."""
        known = self._names.known
        if item.has_row:
            row = (known(item.queue), item.priority, known(item.lane), item.due_at_ms, item.id)
            return self._connection.execute(rows.WAITS, row).fetchone() is not None
        place = (item.id, known(item.queue), item.due_at_ms)
        return self._connection.execute(rows.WAITS_IN_MEMORY, place).fetchone() is not None

    def _settle_ended(self, ended: Ended) -> None:
        item = ended.item
        message = item.content
        assert isinstance(message, Message)
        operator = self._names.number(ended.operator) if ended.operator else None
        self._writes.ended.append((item.id, int(ended.status), ended.error, ended.at_us, operator))
        self._writes.finished.append((item.id,))
        self._writes.dequeue(item)
        life = self._lives.long.get(item.id)
        if life is not None:
            # Some parts had left: reports about them meet a message that has ended.
            self._writes.remember(life)
            life.status, life.parts, life.message = ended.status, None, None
            del self._lives.long[item.id]
        if message.direction is Direction.MT:
            self._writes.effects.closed.append(message.client)
            if message.price is not None and not self._has_left(message):
                self._writes.give_back(message.client, message.price)
        if ended.receipt is not None:
            self._writes.enqueue(ended.receipt)

    def _has_left(self, message: Message) -> bool:
        """An operator took some part of a message that ends."""
        return message.parts > 1 and bool(rows.PARTS_OF.fetch(self._connection, [message.id]))

    def _settle_delivered(self, delivered: Delivered) -> None:
        item = delivered.item
        if isinstance(item.content, Message):
            self._writes.moved.append((item.id, int(Status.DELIVERED), None, delivered.at_us))
            self._writes.finished.append((item.id,))
        self._writes.dequeue(item)
        if delivered.reply is not None:
            self._accepting.accept([delivered.reply])

    def _settle_deferred(self, deferred: Deferred) -> None:
        item = deferred.item
        self._requeue(item, item.queue, deferred.due_at_ms, item.attempts + deferred.was_tried)

    def _settle_moved(self, moved: Moved) -> None:
        self._requeue(moved.item, moved.queue, moved.due_at_ms, moved.item.attempts + 1)

    def _requeue(self, item: Item, queue: str, due_at_ms: int, attempts: int) -> None:
        self._writes.dequeue(item)
        again = Item(queue, item.priority, item.lane, due_at_ms, item.id, item.content, attempts, True)
        if isinstance(again.content, Message):
            status = _QUEUED if again.content.direction is Direction.MT else _ACCEPTED
            self._writes.requeued.append((item.id, status, self._names.number(queue), due_at_ms))
        self._writes.enqueue(again)

    def _settle_held(self, held: Held) -> None:
        item, number = held.item, self._names.number
        body = None if isinstance(item.content, Message) else pack(item.content)
        self._writes.dequeue(item)
        at_us, lane = self._writes.events.at_us, number(item.lane)
        row = (item.id, number(item.queue), at_us, held.reason, item.priority, lane, body)
        rows.NEW_HELD.run(self._connection, [row])
        if body is None:
            self._writes.requeued.append((item.id, int(Status.HELD), number(item.queue), item.due_at_ms))

    def _settle_given_up(self, given_up: GivenUp) -> None:
        item, number = given_up.item, self._names.number
        is_message = isinstance(item.content, Message)
        self._writes.dequeue(item)
        queue, client, attempts = number(item.queue), number(item.content.client), item.attempts + 1
        body = None if is_message else pack(item.content)
        place = (item.id, client, queue, item.priority, number(item.lane))
        row = (*place, given_up.at_us, attempts, given_up.reason, body)
        rows.NEW_FAILED_CALLBACKS.run(self._connection, [row])
        if is_message:
            # It waits for a person: a start must not queue it again.
            self._writes.requeued.append((item.id, int(Status.HELD), queue, item.due_at_ms))

    def _settle_sending(self, sending: Sending) -> None:
        item = sending.item
        self._writes.requeued.append((item.id, int(Status.SENDING), self._names.number(item.queue), item.due_at_ms))

    def _settle_unwritten(self, unwritten: Unwritten) -> None:
        item = unwritten.item
        self._writes.requeued.append((item.id, int(Status.QUEUED), self._names.number(item.queue), item.due_at_ms))


_SETTLERS = {
    Sent: Settling._settle_sent,
    Ended: Settling._settle_ended,
    Delivered: Settling._settle_delivered,
    Deferred: Settling._settle_deferred,
    Moved: Settling._settle_moved,
    Held: Settling._settle_held,
    GivenUp: Settling._settle_given_up,
    Sending: Settling._settle_sending,
    Unwritten: Settling._settle_unwritten,
}
