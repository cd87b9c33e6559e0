"""URLs that are gone: noted durably, left alone, and followed when somebody switches one on again.

It must never know how a callback is posted.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from chappe.callbacks.caller import Caller
from chappe.model.events import EventBatch, EventName
from chappe.runtime.batching import Gathered
from chappe.runtime.clock import Clock
from chappe.store.port import CallbacksOff, Store, StoreAway

#: Pause before a note is written again that the store did not take.
AGAIN_S: Final = 1.0


class Switches:
    """The URLs of all clients."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._switched_off: Gathered[CallbacksOff] = Gathered()
        #: Of those, how many are not on disk yet.
        self._noting = 0

    def gone(self, caller: Caller, reason: str) -> None:
        """A client's own URL says that it is no more."""
        self._noting += 1
        self._switched_off.add(CallbacksOff(caller.terms.client, caller.off_url, self._clock.utc_us(), reason))

    async def note(self) -> None:
        """Write down which URLs are gone; what waits for them stays where it is."""
        while True:
            for off in await self._switched_off.take():
                await self._note(off)

    async def _note(self, off: CallbacksOff) -> None:
        events = EventBatch(self._clock.utc_us())
        # A query may hold what only the client should know.
        events.add(EventName.CALLBACKS_OFF, client=off.client, detail=f"{off.url.partition('?')[0]}: {off.reason}")
        while True:
            try:
                await self._store.switch_callbacks_off(off, events)
                self._noting -= 1
                return
            except StoreAway:
                await asyncio.sleep(AGAIN_S)

    async def look(self, callers: Mapping[str, Caller]) -> None:
        """Follow what was noted: by this node before a restart, by another one, or by a person."""
        try:
            off = {each.client: each.url for each in await self._store.callbacks_off()}
        except StoreAway:
            return
        for client, caller in callers.items():
            url = off.get(client, "")
            if caller.is_own(url):
                caller.off_url = url
            elif caller.is_off and not self._noting:
                caller.switched_on()
