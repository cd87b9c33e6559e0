"""The end of trials whose numbers bring no final receipt: a day after they were sent their operator gives them up.

A real operator's message may stay open; a trial that did would count as open for ever, and be looked at for ever.
It knows nothing but the store: which trials are open stands there, so a restart forgets none.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker, first_id_at
from chappe.model.lifecycle import Direction, Status
from chappe.rules.trial import ENDS_AFTER_S, TRIAL_OPERATOR, references_of
from chappe.runtime.clock import Clock
from chappe.store.port import Life, Overloaded, Report, Search, Store, StoreAway

LOOK_EVERY_S: Final = 600.0
#: A round looks at trials of so many days; the first one after a start at all of them.
LOOK_BACK_MS: Final = 2 * 86_400_000
#: Trials that one transaction ends.
MOST: Final = 200
_OPEN: Final = (Status.SENT, Status.BUFFERED, Status.UNKNOWN)


class TrialEndings:
    """Brings the last receipt of trials that have none."""

    def __init__(self, store: Store, ids: IdMaker, clock: Clock, clients: Sequence[str]) -> None:
        """`clients` are those whose messages are trials; they may change."""
        self._store = store
        self._ids = ids
        self._clock = clock
        self._clients = clients
        self._has_seen_all = False

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except (StoreAway, Overloaded):
                pass  # They stay open until the next round.

    async def look(self) -> None:
        """End what has been open for a day.  Raises: StoreAway, Overloaded."""
        before_ms = self._clock.utc_us() // 1000 - ENDS_AFTER_S * 1000
        from_id = first_id_at(before_ms - LOOK_BACK_MS) if self._has_seen_all else 0
        for client in self._clients:
            await self._look_at(client, from_id, first_id_at(before_ms))
        self._has_seen_all = True

    async def _look_at(self, client: str, from_id: int, before_id: int) -> None:
        while before_id:
            search = Search(client, Direction.MT, statuses=_OPEN, from_id=from_id, before_id=before_id, limit=MOST)
            page = await self._store.search(search)
            await self._end(page.lives)
            before_id = page.next_before_id

    async def _end(self, lives: Sequence[Life]) -> None:
        now_us = self._clock.utc_us()
        reports = [
            Report(
                self._ids.next(now_us // 1000),
                TRIAL_OPERATOR,
                (reference,),
                life.message.dest,
                Status.EXPIRED,
                "EXPIRED",
                "000",
                now_us // 1000,
            )
            for life in lives
            if life.message is not None and life.operator == TRIAL_OPERATOR
            for reference in references_of(life.message)
        ]
        if reports:
            await self._store.report(reports, EventBatch(now_us))
