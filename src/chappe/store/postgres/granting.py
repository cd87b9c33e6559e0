"""Granting: clients' wishes to cancel or replace messages, granted where a message only waits.

Whoever leases at the same moment gets the row, or we do: never both.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chappe.model.events import EventName
from chappe.model.lifecycle import NEVER_SENT, Direction, Status
from chappe.model.message import Item, Message
from chappe.rules.decide import ROUTE
from chappe.store.bodies import message_or_none, pack
from chappe.store.endings import end
from chappe.store.paying import pay_difference
from chappe.store.port import Cancel, Granted, Replace, Wish
from chappe.store.postgres import statements as sql
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Writes, columns


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

    def __init__(self, connection: Any, names: Names, writes: Writes) -> None:
        self._connection = connection
        self._names = names
        self._writes = writes
        #: Messages as the wishes of this transaction have left them.
        self._placed: dict[int, _Placed] = {}

    async def grant(self, asked: Sequence[Asked]) -> None:
        """Do what may be done, cancels first; each learns what became of its wish."""
        await self._look_at({each.id for each in asked if 0 < each.id < 1 << 63})
        leaving: list[Item] = []
        for each in sorted(asked, key=_is_replace):
            found = self._placed.get(each.id)
            if found is None:
                continue
            if found.message.client != each.wish.client or found.message.direction is not Direction.MT:
                each.granted = Granted.UNKNOWN
            elif isinstance(each.wish, Cancel):
                each.granted = self._cancel(found, leaving)
            else:
                each.granted = self._replace(found, each.wish, leaving)
        if leaving:
            await self._connection.execute(sql.TAKE_OUT_ANYHOW, *columns(sorted(map(self._key, leaving))))
            self._writes.effects.left += [(item.queue, item.id) for item in leaving]

    def _key(self, item: Item) -> tuple[int, int, int, int, int]:
        return self._names.number(item.queue), item.priority, self._names.number(item.lane), item.place, item.id

    async def _look_at(self, ids: set[int]) -> None:
        rows = await self._connection.fetch(sql.PLACED, sorted(ids.difference(self._placed)))
        await self._names.meet(self._connection, {number for row in rows for number in (row["queue"], row["lane"])})
        waiting = [row for row in rows if row["status"] in NEVER_SENT and not row["is_begun"]]
        keys = sorted((row["queue"], row["priority"], row["lane"], row["place"], row["id"]) for row in waiting)
        free = dict(await self._connection.fetch(sql.FREE, *columns(keys))) if keys else {}
        route = self._names.known(ROUTE)
        asked = [key for key in keys if key[0] == route and key[4] not in free]
        looked_up = dict(await self._connection.fetch(sql.HELD_BY_READER, *columns(asked))) if asked else {}
        for row in rows:
            message, number = message_or_none(row["body"]), row["id"]
            if message is not None:
                attempts = free.get(number, looked_up.get(number))
                item = self._item(row, message, attempts) if attempts is not None else None
                self._placed[number] = _Placed(Status(row["status"]), message, item, number in looked_up)

    def _item(self, row: Any, message: Message, attempts: int) -> Item:
        queue, lane = self._names.name(row["queue"]), self._names.name(row["lane"])
        place = row["place"]
        return Item(queue, row["priority"], lane, row["due_at_ms"], row["id"], message, attempts, True, place)

    def _cancel(self, found: _Placed, leaving: list[Item]) -> Granted:
        if found.status is Status.CANCELLED:
            return Granted.ALREADY
        item = found.item
        if item is None:
            return Granted.TOO_LATE
        writes, at_us = self._writes, self._writes.events.at_us
        writes.ended_rows.append((item.id, int(Status.CANCELLED), b"000", at_us, None))
        writes.effects.closed.append(found.message.client)
        if found.message.price is not None:
            writes.give_back(found.message.client, found.message.price)
        leaving.append(item)
        receipt = end(item, Status.CANCELLED, "000", at_us, item.queue.partition(":")[2]).receipt
        if receipt is not None:
            writes.enqueue(receipt)
        self._placed[item.id] = _Placed(Status.CANCELLED, found.message, None)
        self._tell(EventName.MT_CANCELLED, found.message)
        return Granted.DONE

    def _replace(self, found: _Placed, wish: Replace, leaving: list[Item]) -> Granted:
        if found.message == wish.message:
            return Granted.ALREADY
        item = found.item
        if item is None or found.is_looked_up or found.message != wish.was:
            return Granted.TOO_LATE
        writes, was, message = self._writes, wish.was, wish.message
        due, status = self._moment(found.status, item, wish)
        if message.expires_at_ms != was.expires_at_ms:
            writes.forgotten_expiries.append((was.expires_at_ms, item.id))
            if message.expires_at_ms:
                writes.expiries.append((message.expires_at_ms, item.id))
        pay_difference(writes, was, message)
        place = item.place if due == item.due_at_ms else due or writes.now_ms
        writes.replaced.append((item.id, int(status), place, due, pack(message)))
        if place != item.place:
            leaving.append(item)
            writes.enqueue(
                Item(item.queue, item.priority, item.lane, due, item.id, message, item.attempts, True, place)
            )
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
