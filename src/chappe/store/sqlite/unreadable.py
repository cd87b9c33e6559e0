"""Queue rows that cannot be read stop nobody else: they are held for a person."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item
from chappe.store.calls import Ask
from chappe.store.port import Fault
from chappe.store.sqlite import rows
from chappe.store.sqlite.depths import Depths
from chappe.store.sqlite.store_file import StoreFile

#: Pause before a row is held that the store did not take.
AGAIN_S: Final = 0.1


class UnreadableRow(NamedTuple):
    """A queue row whose content cannot be decoded, and the traceback that says why."""

    queue: str
    priority: int
    lane: str
    due_at_ms: int
    id: int
    body: bytes | None
    reason: str


class Unreadable:
    """Holds them, once each."""

    def __init__(
        self, file: StoreFile, ask: Ask, leased: dict[int, Item | None], depths: Depths, now_us: Callable[[], int]
    ) -> None:
        self._file = file
        self._ask = ask
        self._leased = leased
        self._depths = depths
        self._now_us = now_us

    def hold(self, row: UnreadableRow) -> None:
        """Until this is written nobody may lease the row."""
        self._leased[row.id] = None
        number = self._file.names.known
        lane = (number(row.queue), row.priority, number(row.lane))
        events = EventBatch(self._now_us())
        events.add(EventName.ITEM_POISONED, row.id, detail=f"{row.queue}: {row.reason.strip().splitlines()[-1]}")
        statements = [
            (rows.DEQUEUE, [(*lane, row.due_at_ms, row.id)]),
            (rows.HOLD, [(row.id, lane[0], events.at_us, row.reason, row.priority, lane[2], row.body)]),
            *([] if row.body else [(rows.MARK_HELD, [(row.id,)])]),
        ]
        done = self._ask("write", [statements], events)
        done.add_done_callback(lambda future: self._held(future, row))

    def _held(self, future: asyncio.Future[list[Fault | None]], row: UnreadableRow) -> None:
        if not future.cancelled() and future.exception() is not None:
            asyncio.get_running_loop().call_later(AGAIN_S, self.hold, row)
        elif not future.cancelled():
            self._leased.pop(row.id, None)
            self._depths.remove([row])
