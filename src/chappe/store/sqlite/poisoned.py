"""A group that holds something that cannot be stored: its neighbours are, it is refused alone."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from chappe.model.errors import MisuseError
from chappe.model.events import EventBatch, EventName
from chappe.model.message import Item
from chappe.store.bodies import pack
from chappe.store.calls import Ask, Call, ignore
from chappe.store.port import Fault
from chappe.store.sqlite.isolation import POISON, NotNow, id_of, store_apart
from chappe.store.sqlite.store_file import StoreFile


class PoisonedGroup:
    """Writes call by call, and a poisoned call in halves."""

    def __init__(
        self,
        file: StoreFile,
        commit: Callable[[Call], None],
        fail: Callable[[Sequence[Call], sqlite3.Error], None],
        ask: Ask,
        now_us: Callable[[], int],
    ) -> None:
        """`commit` writes one call or raises; `fail` tells calls that the disk does not take them."""
        self._file = file
        self._commit = commit
        self._fail = fail
        self._ask = ask
        self._now_us = now_us

    def write(self, calls: Sequence[Call]) -> None:
        """Something in the group cannot be stored: write call by call, then in halves, refuse it alone."""
        for number, call in enumerate(calls):
            try:
                faults = self._store_apart(call)
            except POISON as error:
                faults = [Fault(str(error))]
            except sqlite3.Error as error:
                return self._fail(calls[number:], error)
            if call.done.done():
                continue
            if len(faults) > len(call.items):
                call.done.set_exception(MisuseError(f"{call.kind}: {faults[0]}"))
            else:
                call.done.set_result(faults)
        return None

    def _store_apart(self, call: Call) -> list[Any]:
        is_begun = False
        kept: dict[int, Any] = {}

        def attempt(piece: Sequence[Any], events: EventBatch | None) -> None:
            nonlocal is_begun
            if self._file.is_away:
                raise NotNow(self._file.away_reason)
            single = Call(call.kind, piece, events, asyncio.get_running_loop().create_future())
            try:
                self._commit(single)
            except POISON:
                if call.kind != "accept" or len(piece) != 1 or not self._is_stored(piece[0]):
                    raise
            except sqlite3.Error as error:
                if not is_begun:
                    raise
                self._file.go_away(str(error))
                raise NotNow(str(error)) from error
            is_begun = True
            if single.outcomes is not None:
                kept.update(zip(map(id_of, piece), single.outcomes, strict=True))

        if call.kind in ("write", "sweep"):
            attempt(call.items, call.events)
            return []
        faults = store_apart(call.items, call.events, attempt)
        self._tell_poisoned(call, faults)
        if kept:
            return [fault or kept.get(id_of(item)) for item, fault in zip(call.items, faults, strict=False)]
        return faults

    def _is_stored(self, item: Item) -> bool:
        """The very message is there already: its node gives it a second time."""
        try:
            row = self._file.connection.execute("SELECT body FROM messages WHERE id = ?", (item.id,)).fetchone()
            return row is not None and row[0] == pack(item.content)
        except POISON:
            return False

    def _tell_poisoned(self, call: Call, faults: Sequence[Fault | None]) -> None:
        events = EventBatch(self._now_us())
        for item, fault in zip(call.items, faults, strict=False):
            if fault is not None:
                number = id_of(item)
                known = number if -(1 << 63) <= number < 1 << 63 else 0
                events.add(EventName.ITEM_POISONED, known, detail=f"{call.kind}: {fault.what}")
        if events:
            self._ask("record", (), events).add_done_callback(ignore)
