"""Granting: clients' wishes to cancel or replace messages, granted where a message only waits.

It runs behind the settlements and reports of its transaction, and what these have touched is somebody's.
"""

import sqlite3
from collections.abc import Container, Sequence
from typing import NamedTuple

from chappe.model.events import EventName
from chappe.model.lifecycle import NEVER_SENT, Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.decide import ROUTE
from chappe.store.bodies import pack
from chappe.store.endings import end
from chappe.store.paying import pay_difference
from chappe.store.port import Cancel, Granted, Replace, Wish
from chappe.store.sqlite import rows
from chappe.store.sqlite.lives import Lives
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.writes import Writes


class Asked:
    """A wish and, after its transaction, what became of it; None: the hot tables know no such message."""

    __slots__ = ("granted", "id", "wish")

    def __init__(self, wish: Wish) -> None:
        self.id = wish.id
        self.wish = wish
        self.granted: Granted | None = None


class _Placed(NamedTuple):
    """A message where it waits, or, without an item, one that waits nowhere."""

    status: Status
    message: Message
    item: Item | None
    #: Somebody asks for its network: it may be cancelled, and what its reader says of it afterwards counts for nothing.
    is_looked_up: bool = False


class Granting:
    """The wishes of one transaction."""

    __slots__ = ("_connection", "_leased", "_lives", "_names", "_placed", "_writes")

    def __init__(
        self, connection: sqlite3.Connection, names: Names, lives: Lives, writes: Writes, leased: Container[int]
    ) -> None:
        self._connection = connection
        self._names = names
        self._lives = lives
        self._writes = writes
        self._leased = leased
        #: Messages as the wishes of this transaction have left them.
        self._placed: dict[int, _Placed] = {}

    def grant(self, asked: Sequence[Asked]) -> None:
        """Do what may be done, cancels first; each learns what became of its wish."""
        self._look_at([each.id for each in asked if each.id not in self._placed])
        for each in sorted(asked, key=_is_replace):
            each.granted = None
            found = self._placed.get(each.id)
            if found is None:
                continue
            if found.message.client != each.wish.client or found.message.direction is not Direction.MT:
                each.granted = Granted.UNKNOWN
            elif isinstance(each.wish, Cancel):
                each.granted = self._cancel(found)
            else:
                each.granted = self._replace(found, each.wish)

    def _look_at(self, ids: Sequence[int]) -> None:
        """Messages as the rows have them; what this transaction has settled is no longer free."""
        touched = {item.id for item in self._writes.effects.settled}
        name = self._names.name
        for each, queue, priority, lane, due, attempts, has_row, status, is_begun, body in rows.PLACED.fetch(
            self._connection, list(dict.fromkeys(ids))
        ):
            message = rows.message_or_none(body)
            if message is None:
                continue
            item = Item(name(queue), priority, name(lane), due, each, message, attempts, bool(has_row))
            is_free = status in NEVER_SENT and not is_begun and each not in touched
            is_leased = each in self._leased
            self._placed[each] = _Placed(
                Status(status),
                message,
                item if is_free and (not is_leased or item.queue == ROUTE) else None,
                is_looked_up=is_leased,
            )

    def _cancel(self, found: _Placed) -> Granted:
        if found.status is Status.CANCELLED:
            return Granted.ALREADY
        item = found.item
        if item is None:
            return Granted.TOO_LATE
        writes, at_us = self._writes, self._writes.events.at_us
        writes.ended.append((item.id, int(Status.CANCELLED), "000", at_us, None))
        writes.finished.append((item.id,))
        writes.dequeue(item)
        writes.effects.closed.append(found.message.client)
        if found.message.price is not None:
            writes.give_back(found.message.client, found.message.price)
        self._lives.long.pop(item.id, None)
        receipt = end(item, Status.CANCELLED, "000", at_us, item.queue.partition(":")[2]).receipt
        if receipt is not None:
            writes.enqueue(receipt)
        self._placed[item.id] = _Placed(Status.CANCELLED, found.message, None)
        self._tell(EventName.MT_CANCELLED, found.message)
        return Granted.DONE

    def _replace(self, found: _Placed, wish: Replace) -> Granted:
        if found.message == wish.message:
            return Granted.ALREADY
        item = found.item
        if item is None or found.is_looked_up or found.message != wish.was:
            return Granted.TOO_LATE
        writes, was, message = self._writes, wish.was, wish.message
        due, status = self._moment(found.status, item, wish)
        writes.replaced.append((item.id, int(status), due, pack(message)))
        if message.expires_at_ms != was.expires_at_ms:
            writes.forgotten_expiries.append((was.expires_at_ms, item.id))
            if message.expires_at_ms:
                writes.expiries.append((message.expires_at_ms, item.id))
        pay_difference(writes, was, message)
        self._lives.long.pop(item.id, None)
        again = Item(item.queue, item.priority, item.lane, due, item.id, message, item.attempts, item.has_row)
        if due == item.due_at_ms:
            writes.effects.replaced.append(again)
        else:
            writes.dequeue(item)
            writes.enqueue(again)
        # A further wish about it in this transaction comes too late: its rows are on their way.
        self._placed[item.id] = _Placed(status, message, None)
        self._tell(EventName.MT_REPLACED, message)
        return Granted.DONE

    def _moment(self, status: Status, item: Item, wish: Replace) -> tuple[int, Status]:
        """When the new message is due, and its status: a pause after a refusal goes on if no new moment is named."""
        send_at_ms = wish.message.send_at_ms
        if send_at_ms == wish.was.send_at_ms:
            return item.due_at_ms, status
        is_later = send_at_ms * 1000 > self._writes.events.at_us
        return (send_at_ms, Status.SCHEDULED) if is_later else (0, Status.QUEUED)

    def _tell(self, event: EventName, message: Message) -> None:
        told = (message.id, message.client, "", message.dest, message.source, message.reference)
        self._writes.events.add(event, *told, detail="by its client")


def _is_replace(asked: Asked) -> bool:
    return isinstance(asked.wish, Replace)
