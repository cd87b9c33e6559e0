"""Resolving: what a person decides about held items and about callbacks that were given up."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.events import EventName
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.bodies import unpack_message, unpack_receipt
from chappe.store.endings import end
from chappe.store.port import CallbacksOff, FailedCallback
from chappe.store.postgres import statements as sql
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Writes

#: Callbacks that one call forgets.
FORGET_CALLBACKS: Final = 500

_FAILED: Final = (
    "SELECT f.id, f.client, f.queue, f.priority, f.lane, f.at_us, f.attempts, f.reason, f.body AS packed, m.body"
    " FROM failed_callbacks f LEFT JOIN messages m ON m.id = ANY (ARRAY[f.id])"
)
_FORGET_FAILED: Final = "DELETE FROM failed_callbacks WHERE id = ANY($1::bigint[])"
_OLD_FAILED: Final = (
    "SELECT id, body IS NULL AS is_message FROM failed_callbacks WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE"
)
HAS_FAILED: Final = "SELECT EXISTS (SELECT 1 FROM failed_callbacks WHERE id < $1)"
SWITCH_OFF: Final = (
    "INSERT INTO callbacks_off (client, url, at_us, reason) VALUES ($1, $2, $3, $4) ON CONFLICT (client)"
    " DO UPDATE SET url = excluded.url, at_us = excluded.at_us, reason = excluded.reason"
)
SWITCH_ON: Final = "DELETE FROM callbacks_off WHERE client = $1"
_OFF: Final = "SELECT client, url, at_us, reason FROM callbacks_off ORDER BY client"
#: One conf node at a time carries out what all boxes ask, one after the other.
_LAST: Final = "SELECT value FROM meta WHERE key = 'last_instruction' FOR UPDATE"
_NOTE: Final = "INSERT INTO meta VALUES ('last_instruction', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class Done(msgspec.Struct, frozen=True):
    """The last instruction that was carried out, and the ids that it changed."""

    instruction: int
    ids: list[int]


async def once(
    connection: Any,
    instruction: int,
    changed: list[int],
    writes: Writes,
    told: str,
    act: Callable[[], Awaitable[None]],
) -> None:
    """Call `act`, which fills `changed`, unless this instruction was the last one done: then fill in what it did.

    They come one after the other: only the last one can be asked for again.  `told` is what its event says.
    """
    noted = await connection.fetchval(_LAST)
    done = None if noted is None else msgspec.msgpack.decode(noted, type=Done)
    if done is not None and done.instruction == instruction:
        changed[:] = done.ids
        return
    await act()
    await connection.execute(_NOTE, msgspec.msgpack.encode(Done(instruction, changed)))
    writes.events.add(EventName.INSTRUCTION_DONE, detail=f"{told} {len(changed)}")


class Resolving:
    """Lets held items go on, or ends them."""

    def __init__(self, connection: Any, names: Names, writes: Writes) -> None:
        self._connection = connection
        self._names = names
        self._writes = writes

    async def resolve(self, ids: Sequence[int], *, is_resent: bool, resolved: list[int]) -> None:
        """Lay held items into their queues again, or end them; what cannot be read stays.  Fills `resolved`."""
        resolved.clear()
        rows = await self._connection.fetch(sql.HELD_ITEMS, _possible(ids))
        for item in await self._items(rows):
            resolved.append(item.id)
            if is_resent:
                self._resend(item)
            else:
                self._drop(item)
        self._writes.unheld += resolved

    async def replay(self, ids: Sequence[int], *, client: str, replayed: list[int]) -> None:
        """Lay callbacks into their queues again; what cannot be read, or is of another client, stays."""
        replayed.clear()
        rows = await self._connection.fetch(f"{_FAILED} WHERE f.id = ANY($1::bigint[]) FOR UPDATE OF f", _possible(ids))
        for item in await self._items(rows):
            if client and item.content.client != client:
                continue
            replayed.append(item.id)
            if isinstance(item.content, Message):
                self._writes.requeue(item, int(Status.ACCEPTED))
            else:
                self._writes.enqueue(item)
        await self._connection.execute(_FORGET_FAILED, replayed)

    async def forget_failed(self, before_id: int) -> None:
        """Some of the callbacks that were made before `before_id` go; an MO ends as failed."""
        rows = await self._connection.fetch(_OLD_FAILED, before_id, FORGET_CALLBACKS)
        await self._connection.execute(_FORGET_FAILED, [row["id"] for row in rows])
        at_us = self._writes.events.at_us
        self._writes.moved += [(row["id"], int(Status.FAILED), "000", at_us) for row in rows if row["is_message"]]

    async def _items(self, rows: Sequence[Any]) -> list[Item]:
        await self._names.meet(self._connection, {number for row in rows for number in (row["queue"], row["lane"])})
        items = [item_of(row, self._names.name(row["queue"]), self._names.name(row["lane"])) for row in rows]
        read = [item for item in items if item is not None]
        await self._names.learn(self._connection, {f"client:{item.content.client}" for item in read})
        await self._names.learn(self._connection, {f"callback:{item.content.client}" for item in read} | {""})
        return read

    def _resend(self, item: Item) -> None:
        message = item.content
        if isinstance(message, Message):
            status = Status.QUEUED if message.direction is Direction.MT else Status.ACCEPTED
            self._writes.requeue(item, int(status))
            self._tell(EventName.MT_DEFERRED, item.queue, message, "held no longer: it goes on")
        else:
            self._writes.enqueue(item)

    def _drop(self, item: Item) -> None:
        """A person gives it up: that is final, and its client hears of it."""
        message, at_us = item.content, self._writes.events.at_us
        if not isinstance(message, Message):
            told = (message.message_id, message.client)
            self._writes.events.add(EventName.DR_REFUSED, *told, detail="dropped by a person")
            return
        self._writes.ended_rows.append((item.id, int(Status.CANCELLED), b"000", at_us, None))
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


def item_of(row: Any, queue: str, lane: str) -> Item | None:
    """A row as the item that lay in its queue; None when it cannot be read."""
    try:
        packed = row["packed"]
        content = unpack_message(row["body"]) if packed is None else unpack_receipt(packed)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
    return Item(queue, row["priority"], lane, 0, row["id"], content, 0, has_row=True)


async def list_failed(
    connection: Any, names: Names, client: int | None, before_id: int, limit: int
) -> list[FailedCallback]:
    """Those that were made last first; of all clients when `client` is None."""
    of_client = "" if client is None else "f.client = $3 AND "
    values = (before_id, limit) if client is None else (before_id, limit, client)
    rows = await connection.fetch(f"{_FAILED} WHERE {of_client}f.id < $1 ORDER BY f.id DESC LIMIT $2", *values)
    await names.meet(connection, {row["client"] for row in rows})
    found = []
    for row in rows:
        item = item_of(row, "", "")
        if item is not None:
            told = (names.name(row["client"]), row["at_us"], row["attempts"], row["reason"].decode())
            found.append(FailedCallback(row["id"], *told, item.content))
    return found


async def list_off(connection: Any) -> list[CallbacksOff]:
    """Clients whose URL is gone."""
    rows = await connection.fetch(_OFF)
    return [CallbacksOff(row[0].decode(), row[1].decode(), row[2], row[3].decode()) for row in rows]


def _possible(ids: Sequence[int]) -> list[int]:
    """What may be the id of a row at all."""
    return sorted({each for each in ids if 0 <= each < 1 << 63})
