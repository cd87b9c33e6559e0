"""Picking: single items taken out of a queue wherever they stand, without those before them.

Who picks judges; here waiting items are read piece by piece, shown, and leased when they fit.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from chappe.model.errors import MisuseError
from chappe.model.message import Item
from chappe.store.port import Picked, Place
from chappe.store.sqlite import rows
from chappe.store.sqlite.isolation import POISON
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.store_file import StoreFile

#: Before all rows of a queue.
_START: Final = (-1, -1, -1, -1)


class Picking:
    """Looks at what nobody has leased."""

    def __init__(self, file: StoreFile, queues: Queues) -> None:
        self._file = file
        self._queues = queues

    def pick(self, queue: str, fits: Callable[[Item], bool], place: Place, limit: int) -> Picked:
        """Lease those among the next `limit` items that fit."""
        if self._file.is_away:
            return Picked([], place)
        chosen: dict[int, Item] = {}
        if not place:
            # Items without a row: there are never more than memory holds.
            chosen = {item.id: item for item in self._queues.head(queue).items() if not item.has_row and fits(item)}
        values = (self._file.names.known(queue), *(place or _START), limit)
        found = self._file.connection.execute(rows.ITEMS_AFTER, values).fetchall()
        chosen.update((item.id, item) for item in self._items(queue, found) if fits(item))
        next_place = found[-1][:4] if len(found) == limit else ()
        return Picked(self._queues.take_out(list(chosen.values())), next_place)

    def _items(self, queue: str, found: list[tuple[Any, ...]]) -> Iterator[Item]:
        """Those that nobody holds; what cannot be read is left to whoever leases it."""
        leased, name = self._queues.leased, self._file.names.name
        for priority, lane, due_at_ms, each, attempts, packed, body in found:
            if each in leased:
                continue
            try:
                content = rows.content_of(packed, body)
            except (msgspec.MsgspecError, MisuseError, *POISON):
                continue
            yield Item(queue, priority, name(lane), due_at_ms, each, content, attempts, True)
