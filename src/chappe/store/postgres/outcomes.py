"""Outcomes: what each way in which a leased item may end, wait or stay makes of its rows.

Whether the outcome counts was judged before.  It must never know where an item lies.
"""

from typing import Any

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.bodies import pack
from chappe.store.port import (
    Deferred,
    Delivered,
    Ended,
    Fault,
    GivenUp,
    Held,
    Moved,
    Sending,
    Settlement,
    Unwritten,
)
from chappe.store.postgres import statements as sql
from chappe.store.postgres.accepting import Accepting
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Writes, checked, octets_or_none


class Outcomes:
    """The outcomes of one transaction."""

    def __init__(self, connection: Any, names: Names, writes: Writes, accepting: Accepting, marked: set[int]) -> None:
        """`marked` are the messages that bear our durable mark."""
        self._connection = connection
        self._names = names
        self._writes = writes
        self._accepting = accepting
        self._marked = marked
        #: Paid messages that end here.
        self._ended_paid: list[Message] = []

    def check(self, settlement: Settlement) -> None:
        """What follows must not fail.  Raises: one of POISON."""
        if isinstance(settlement, Deferred | Moved):
            checked(settlement.due_at_ms)
            self._names.number(getattr(settlement, "queue", settlement.item.queue))
        elif isinstance(settlement, Held | GivenUp):
            settlement.reason.encode()
            self._names.number(settlement.item.content.client)
        elif isinstance(settlement, Ended):
            settlement.error.encode()
            checked(settlement.at_us)
            if settlement.operator:
                self._names.number(settlement.operator)
        elif isinstance(settlement, Delivered) and settlement.reply is not None:
            self._accepting.row_of(settlement.reply)
        receipt = getattr(settlement, "receipt", None)
        if receipt is not None:
            self._names.number(receipt.queue)
            self._names.number(receipt.lane)
            pack(receipt.content)

    def unmark(self, message_id: int) -> None:
        """The message bears the durable mark no longer, if it did."""
        if message_id in self._marked:
            self._writes.unmarks.append(message_id)
            self._writes.effects.unmarked.append(message_id)

    def write(self, settlement: Settlement) -> None:
        """Gather what it makes of its rows."""
        _WRITERS[type(settlement)](self, settlement)  # type: ignore[operator]

    def _ended(self, ended: Ended) -> None:
        item, writes = ended.item, self._writes
        message = item.content
        assert isinstance(message, Message)
        operator = self._names.number(ended.operator) if ended.operator else None
        writes.ended_rows.append((item.id, int(ended.status), octets_or_none(ended.error), ended.at_us, operator))
        if message.direction is Direction.MT:
            writes.effects.closed.append(message.client)
            if message.price is not None:
                self._ended_paid.append(message)
        if ended.receipt is not None:
            writes.enqueue(ended.receipt)

    async def give_back(self) -> None:
        """What no operator took of paid messages that ended comes back."""
        if not self._ended_paid:
            return
        ids = [message.id for message in self._ended_paid if message.parts > 1]
        found = await self._connection.fetch(sql.BEGUN, ids) if ids else ()
        begun = {row[0] for row in found}
        for message in self._ended_paid:
            if message.price is not None and message.id not in begun:
                self._writes.give_back(message.client, message.price)
        self._ended_paid.clear()

    def _delivered(self, delivered: Delivered) -> None:
        if isinstance(delivered.item.content, Message):
            self._writes.moved.append((delivered.item.id, int(Status.DELIVERED), None, delivered.at_us))
        if delivered.reply is not None:
            self._accepting.add(delivered.reply, _no_fault)

    def _deferred(self, deferred: Deferred) -> None:
        self._requeue(deferred.item, deferred.item.queue, deferred.due_at_ms, was_tried=deferred.was_tried)

    def _moved(self, moved: Moved) -> None:
        self._requeue(moved.item, moved.queue, moved.due_at_ms, was_tried=True)

    def _requeue(self, item: Item, queue: str, due_at_ms: int, *, was_tried: bool) -> None:
        attempts = item.attempts + was_tried
        again = Item(queue, item.priority, item.lane, due_at_ms, item.id, item.content, attempts, True)
        if isinstance(again.content, Message):
            is_mt = again.content.direction is Direction.MT
            self._writes.requeue(again, int(Status.QUEUED if is_mt else Status.ACCEPTED))
        else:
            self._writes.enqueue(again)

    def _held(self, held: Held) -> None:
        item, number = held.item, self._names.number
        is_message = isinstance(item.content, Message)
        body = None if is_message else pack(item.content)
        at_us = self._writes.events.at_us
        reason = held.reason.encode()
        self._writes.held.append((item.id, number(item.queue), at_us, reason, item.priority, number(item.lane), body))
        if is_message:
            self._writes.statuses.append((item.id, int(Status.HELD)))

    def _given_up(self, given_up: GivenUp) -> None:
        item, number = given_up.item, self._names.number
        body = None if isinstance(item.content, Message) else pack(item.content)
        place = (number(item.content.client), number(item.queue), item.priority, number(item.lane))
        reason = given_up.reason.encode()
        self._writes.given_up.append((item.id, *place, given_up.at_us, item.attempts + 1, reason, body))
        if body is None:
            # It waits for a person.
            self._writes.statuses.append((item.id, int(Status.HELD)))

    def _sending(self, sending: Sending) -> None:
        item = sending.item
        self._writes.statuses.append((item.id, int(Status.SENDING)))
        self._writes.marks.append((item.id, self._names.number(item.queue)))
        self._writes.effects.marked.append(item.id)

    def _unwritten(self, unwritten: Unwritten) -> None:
        self._writes.statuses.append((unwritten.item.id, int(Status.QUEUED)))
        self.unmark(unwritten.item.id)


def _no_fault(fault: Fault) -> None:
    """The reply was looked at before."""


_WRITERS = {
    Ended: Outcomes._ended,
    Delivered: Outcomes._delivered,
    Deferred: Outcomes._deferred,
    Moved: Outcomes._moved,
    Held: Outcomes._held,
    GivenUp: Outcomes._given_up,
    Sending: Outcomes._sending,
    Unwritten: Outcomes._unwritten,
}
