"""Accepting: each new message gets its row and its place in a queue."""

from collections.abc import Callable, Sequence

import msgspec

from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.bodies import pack
from chappe.store.sqlite.names import Names
from chappe.store.sqlite.writes import Writes

_ACCEPTED, _SCHEDULED, _QUEUED = int(Status.ACCEPTED), int(Status.SCHEDULED), int(Status.QUEUED)


class Accepting:
    """The new messages of one transaction."""

    __slots__ = ("_names", "_room", "_room_of", "_writes")

    def __init__(self, names: Names, writes: Writes, room_of: Callable[[str, int, str], int]) -> None:
        """`room_of(queue, priority, lane)` says how many new items the head of a queue will keep in memory."""
        self._names = names
        self._writes = writes
        self._room_of = room_of
        self._room: dict[tuple[str, int, str], int] = {}

    def accept(self, items: Sequence[Item]) -> None:
        """New messages, each with its place in a queue: in the memory of its head, else in a row."""
        number = self._names.number
        writes = self._writes
        new, opened, queued = writes.messages, writes.effects.opened, writes.effects.queued
        for item in items:
            message: Message = item.content  # type: ignore[assignment]
            queue, lane, due = number(item.queue), number(item.lane), item.due_at_ms
            is_mt = message.direction is Direction.MT
            status = (_SCHEDULED if due else _QUEUED) if is_mt else _ACCEPTED
            operator = number(message.operator) if message.operator else None
            new.append(
                (item.id, number(message.client), status, queue, item.priority, lane, due, operator, pack(message))
            )
            if message.expires_at_ms:
                writes.expiries.append((message.expires_at_ms, item.id))
            if is_mt:
                opened.append(message.client)
                if message.price is not None:
                    writes.charge(message.client, message.price)
            queued.append(item if not due and self._has_room(item) else self._in_row(item, queue, lane))

    def _has_room(self, item: Item) -> bool:
        """Memory will hold the item from the commit on."""
        key = (item.queue, item.priority, item.lane)
        room = self._room.get(key)
        if room is None:
            room = self._room_of(*key)
        self._room[key] = room - 1
        return room > 0

    def _in_row(self, item: Item, queue: int, lane: int) -> Item:
        self._writes.queue_rows.append((queue, item.priority, lane, item.due_at_ms, item.id, item.attempts, None))
        return msgspec.structs.replace(item, has_row=True)
