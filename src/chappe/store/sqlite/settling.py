"""Settling: what became of leased items, each outcome in its own way."""

import sqlite3
from collections.abc import Container, Sequence

import msgspec

from chappe.model.lifecycle import FINAL, Direction, Status, status_of_parts
from chappe.model.message import Item, Message
from chappe.store.port import (
    Deferred,
    Delivered,
    Ended,
    GivenUp,
    Held,
    Life,
    Moved,
    Sending,
    Sent,
    Settlement,
    Unwritten,
)
from chappe.store.sqlite import rows
from chappe.store.sqlite.accepting import Accepting
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.references import References
from chappe.store.sqlite.writes import Writes

_ACCEPTED, _QUEUED = int(Status.ACCEPTED), int(Status.QUEUED)


class Settling:
    """The settlements of one transaction."""

    __slots__ = ("_accepting", "_connection", "_leased", "_lives", "_names", "_references", "_writes")

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        references: References,
        lives: Lives,
        writes: Writes,
        leased: Container[int],
        accepting: Accepting,
    ) -> None:
        self._accepting = accepting
        self._connection = connection
        self._names = names
        self._references = references
        self._lives = lives
        self._writes = writes
        self._leased = leased

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """What became of leased items.  What was settled before and waits nowhere any more is left as it is."""
        leased = self._leased
        for settlement in settlements:
            if settlement.item.id not in leased and not self._waits(settlement.item):
                if type(settlement) is Sent:
                    self._settle_late(settlement)
                continue
            _SETTLERS[type(settlement)](self, settlement)  # type: ignore[operator]

    def _settle_sent(self, sent: Sent) -> None:
        item = sent.item
        message = item.content
        assert isinstance(message, Message)
        if message.parts > 1:
            self._settle_part(sent, message)
            return
        at_us = self._references.after_mark(sent.at_us)
        self._writes.sent.append((item.id, self._names.number(sent.operator), sent.operator_ref, at_us))
        self._writes.dequeue(item)
        if sent.receipt is not None:
            self._writes.sent_receipts[item.id] = sent.receipt
        life = Life(item.id, Status.SENT, message, sent.operator, sent.operator_ref, at_us, handset=message.dest)
        self._refer(sent, life, at_us)

    def _settle_late(self, sent: Sent) -> None:
        """A yes to what was deferred or held meanwhile: the operator has it all the same, and it must not go twice."""
        message = sent.item.content
        assert isinstance(message, Message)
        if message.parts > 1:
            self._settle_part(sent, message)

    def _leave_queue(self, item: Item) -> None:
        """Take a message from where it is now, which may be another place than where it was leased."""
        values = (item.id,)
        row = self._connection.execute(rows.PLACE, values).fetchone()
        if row is None:
            self._writes.dequeue(item)
            return
        queue, due_at_ms, status, has_row = row
        if status == Status.HELD:
            self._connection.execute(rows.DELETE_HELD, values)
            return
        place = {"queue": self._names.name(queue), "due_at_ms": due_at_ms, "has_row": bool(has_row)}
        self._writes.dequeue(msgspec.structs.replace(item, **place))

    def _waits(self, item: Item) -> bool:
        """The item lies in its queue (asked only about what nobody has leased)."""
        known = self._names.known
        if item.has_row:
            row = (known(item.queue), item.priority, known(item.lane), item.due_at_ms, item.id)
            return self._connection.execute(rows.WAITS, row).fetchone() is not None
        place = (item.id, known(item.queue), item.due_at_ms)
        return self._connection.execute(rows.WAITS_IN_MEMORY, place).fetchone() is not None

    def _refer(self, sent: Sent, life: Life, at_us: int) -> None:
        """A part became known: reports may mean it from now on."""
        self._writes.references_added += self._references.add(sent.operator, sent.operator_ref, life, sent.part, at_us)
        self._writes.added.append((sent.operator, sent.operator_ref))

    def _settle_part(self, sent: Sent, message: Message) -> None:
        """One part of several: the message is sent when its last part is."""
        life = self._lives.long_life(message.id)
        if life is None or life.parts is None or life.status in FINAL:
            # It ended while this part was under way.
            return
        at_us = self._references.after_mark(sent.at_us)
        if life.parts[sent.part - 1] in (Status.QUEUED, Status.SENDING):
            self._writes.remember(life)
            life.parts[sent.part - 1] = Status.SENT
        life.operator, life.sent_at_us = sent.operator, at_us
        operator = self._names.number(sent.operator)
        row = (message.id, sent.part, int(life.parts[sent.part - 1]), operator, sent.operator_ref, at_us)
        rows.PARTS_SENT.run(self._connection, [row])
        self._refer(sent, life, at_us)
        if Status.QUEUED in life.parts:
            return
        self._writes.sent.append((message.id, operator, sent.operator_ref, at_us))
        self._leave_queue(sent.item)
        life.status = status_of_parts(life.parts)
        if life.status is not Status.SENT:
            # Receipts of the first parts overtook the last part's answer.
            self._lives.end(life, life.error or "000", at_us)
        elif sent.receipt is not None:
            self._writes.sent_receipts[message.id] = sent.receipt

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
        if ended.receipt is not None:
            self._writes.enqueue(ended.receipt)

    def _settle_delivered(self, delivered: Delivered) -> None:
        item = delivered.item
        if isinstance(item.content, Message):
            self._writes.moved.append((item.id, int(Status.DELIVERED), None, delivered.at_us))
            self._writes.finished.append((item.id,))
        self._writes.dequeue(item)
        if delivered.reply is not None:
            self._accepting.accept([delivered.reply])

    def _settle_deferred(self, deferred: Deferred) -> None:
        self._requeue(deferred.item, deferred.item.queue, deferred.due_at_ms)

    def _settle_moved(self, moved: Moved) -> None:
        self._requeue(moved.item, moved.queue, moved.due_at_ms)

    def _requeue(self, item: Item, queue: str, due_at_ms: int) -> None:
        self._writes.dequeue(item)
        again = Item(queue, item.priority, item.lane, due_at_ms, item.id, item.content, item.attempts + 1, True)
        if isinstance(again.content, Message):
            status = _QUEUED if again.content.direction is Direction.MT else _ACCEPTED
            self._writes.requeued.append((item.id, status, self._names.number(queue), due_at_ms))
        self._writes.enqueue(again)

    def _settle_held(self, held: Held) -> None:
        item, number = held.item, self._names.number
        body = None if isinstance(item.content, Message) else rows.pack(item.content)
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
        body = None if is_message else rows.pack(item.content)
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
