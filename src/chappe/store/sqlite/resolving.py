"""Resolving: what a person decides about held items."""

import sqlite3
from collections.abc import Sequence

from chappe.model.events import EventName
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.endings import end
from chappe.store.sqlite import rows
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.writes import Writes

_ACCEPTED, _QUEUED = int(Status.ACCEPTED), int(Status.QUEUED)


class Resolving:
    """Lets held items go on, or ends them."""

    __slots__ = ("_connection", "_lives", "_names", "_writes")

    def __init__(self, connection: sqlite3.Connection, names: Names, lives: Lives, writes: Writes) -> None:
        self._connection = connection
        self._names = names
        self._lives = lives
        self._writes = writes

    def resolve(self, ids: Sequence[int], *, is_resent: bool, resolved: list[int]) -> None:
        """Lay held items into their queues again, or end them; what cannot be read stays.  Fills `resolved`."""
        resolved.clear()
        for row in rows.HELD_ITEMS.fetch(self._connection, ids):
            item = rows.held_item(row)
            if item is None:
                continue
            resolved.append(item.id)
            if is_resent:
                self._resend(item)
            else:
                self._drop(item)
        rows.FORGET_HELD.run_list(self._connection, resolved)

    def _resend(self, item: Item) -> None:
        message = item.content
        self._writes.enqueue(item)
        if isinstance(message, Message):
            status = _QUEUED if message.direction is Direction.MT else _ACCEPTED
            self._writes.requeued.append((item.id, status, self._names.number(item.queue), 0))
            self._tell(EventName.MT_DEFERRED, item.queue, message, "held no longer: it goes on")

    def _drop(self, item: Item) -> None:
        """A person gives it up: that is final, and its client hears of it."""
        message, at_us = item.content, self._writes.events.at_us
        if not isinstance(message, Message):
            told = (message.message_id, message.client)
            self._writes.events.add(EventName.DR_REFUSED, *told, detail="dropped by a person")
            return
        self._writes.ended.append((item.id, int(Status.CANCELLED), "000", at_us, None))
        self._writes.finished.append((item.id,))
        self._lives.long.pop(item.id, None)
        if message.direction is Direction.MO:
            self._tell(EventName.MO_REFUSED, item.queue, message, "dropped by a person")
            return
        self._tell(EventName.MT_CANCELLED, item.queue, message, "dropped by a person")
        self._writes.effects.closed.append(message.client)
        receipt = end(item, Status.CANCELLED, "000", at_us, item.queue.partition(":")[2]).receipt
        if receipt is not None:
            self._writes.enqueue(receipt)

    def _tell(self, event: EventName, queue: str, message: Message, detail: str) -> None:
        operator = message.operator or queue.partition(":")[2]
        told = (message.id, message.client, operator, message.handset, message.number, message.reference)
        self._writes.events.add(event, *told, detail=detail)
