"""Callbacks that a person lets go on: those that were given up, and those that wait for a URL that was gone."""

from typing import Final

from chappe.instructions.kinds import EnableCallbacks, ReplayCallbacks
from chappe.instructions.outcome import Outcome
from chappe.model.events import EventBatch, EventName
from chappe.runtime.clock import Clock
from chappe.store.port import MAX_ID, Store

#: Callbacks of one transaction.
REPLAY_ITEMS: Final = 500


class CallbackWishes:
    """Carries out what people ask about callbacks.  Every method raises StoreAway."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def replay(self, wish: ReplayCallbacks, number: int, told: str) -> Outcome:
        """Lay failed callbacks into their queues again; asked again after a death it goes on with what is left."""
        if wish.ids:
            changed = await self._store.replay_callbacks(wish.ids, client=wish.client, instruction=number, told=told)
            found = set(changed)
            return Outcome(tuple(changed), tuple(each for each in wish.ids if each not in found), count=len(changed))
        return Outcome(count=await self._replay_all(wish.client, told))

    async def _replay_all(self, client: str, told: str) -> int:
        """All of a client that have failed by now, youngest first: one that fails again meanwhile is let be."""
        replayed, before_id = 0, MAX_ID
        while page := await self._store.failed_callbacks(client, before_id=before_id, limit=REPLAY_ITEMS):
            before_id = page[-1].id
            replayed += len(await self._store.replay_callbacks([each.id for each in page], client=client))
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.INSTRUCTION_DONE, client=client, detail=f"{told} {replayed}")
        await self._store.record(events)
        return replayed

    async def enable(self, wish: EnableCallbacks, told: str) -> Outcome:
        """Switch a URL on."""
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.CALLBACKS_ON, client=wish.client, detail=told)
        if not await self._store.switch_callbacks_on(wish.client, events):
            return Outcome(fault=f"the URL of client {wish.client} is not switched off")
        return Outcome(count=1)
