"""What every node needs: writing until it is written, and a log of what belongs to no message."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from chappe.model.events import EventBatch, EventName
from chappe.runtime.clock import Clock
from chappe.store.port import Fault, Settlement, Store, StoreAway

#: Pause between two tries to write what must not be forgotten while the store is away.
PERSIST_PAUSE_S: Final = 0.2
#: Notes that wait for the next write; a flood of refusals must not become a flood of lines.
MAX_NOTES: Final = 1_000


async def persist(store: Store, settlements: Sequence[Settlement], events: EventBatch) -> Sequence[Fault | None]:
    """Write settlements, however long the store is away: nobody else remembers them."""
    while True:
        try:
            if settlements:
                faults = await store.settle(settlements, events)
                left = [each for each, fault in zip(settlements, faults, strict=False) if fault and fault.is_passing]
                if not left:
                    return faults
                ids = {each.item.id for each in left}
                settlements, events = left, events.only(ids.__contains__)
                await asyncio.sleep(PERSIST_PAUSE_S)
                continue
            await store.record(events)
            return []
        except StoreAway:
            await asyncio.sleep(PERSIST_PAUSE_S)


class Notes:
    """Events of links, binds and refusals, gathered between two writes; what exceeds a thousand is only counted."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._batch: EventBatch | None = None
        self._left_out = 0

    def add(self, event: EventName, **fields: Any) -> None:
        """Note an event; the fields are those of `EventBatch.add`."""
        if self._batch is None:
            self._batch = EventBatch(self._clock.utc_us())
        if len(self._batch) < MAX_NOTES:
            self._batch.add(event, **fields)
        else:
            self._left_out += 1

    async def write(self) -> None:
        """Write what was noted.  A note is lost only with the store that could not take it."""
        batch, self._batch = self._batch, None
        left_out, self._left_out = self._left_out, 0
        if batch is None:
            return
        if left_out:
            batch.add(EventName.NOTES_LEFT_OUT, detail=f"{left_out} more events like these within a second")
        await persist(self._store, (), batch)
