"""Silence: messages whose operator says nothing more of them become `unknown`."""

import sqlite3
from collections.abc import Mapping
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Message
from chappe.store.cursor import SWEEP_ROWS, Cursor
from chappe.store.sqlite import rows
from chappe.store.sqlite.names import Names

_AWAITING: Final = frozenset({int(Status.SENT), int(Status.BUFFERED)})


class Silence:
    """Looks for it, some messages at a time."""

    __slots__ = ("_connection", "_events", "_names")

    def __init__(self, connection: sqlite3.Connection, names: Names, events: EventBatch) -> None:
        self._connection = connection
        self._names = names
        self._events = events

    def mark(self, *, cursor: Cursor, sent_before_us: Mapping[str, int]) -> None:
        """Some of the messages without a final receipt: those silent for too long become `unknown`."""
        before_id = first_id_at(max(sent_before_us.values(), default=0) // 1000)
        found = self._connection.execute(rows.SILENT, (cursor.id, before_id, SWEEP_ROWS)).fetchall()
        cursor.id = found[-1][0] if len(found) == SWEEP_ROWS else 0
        silent = []
        for message_id, status, operator, sent_at_us, body in found:
            name = self._names.name(operator)
            if status in _AWAITING and sent_at_us <= sent_before_us.get(name, 0):
                silent.append(message_id)
                self._tell(message_id, name, rows.message_or_none(body))
        rows.MARK_UNKNOWN.run_list(self._connection, silent)

    def _tell(self, message_id: int, operator: str, message: Message | None) -> None:
        if message is None:
            self._events.add(EventName.MT_UNKNOWN, message_id, operator=operator)
            return
        self._events.add(
            EventName.MT_UNKNOWN,
            message_id,
            message.client,
            operator,
            message.dest,
            message.source,
            message.reference,
            detail="no final receipt in time",
        )
