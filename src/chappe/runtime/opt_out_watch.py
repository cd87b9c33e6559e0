"""Keeps in memory who has opted out: read at the start, and followed where other processes hear words too.

It must never judge a word or a message.
"""

import asyncio
from contextlib import suppress
from typing import Final

from chappe.rules.opt_outs import OptOuts
from chappe.store.port import Store, StoreAway

LOOK_EVERY_S: Final = 1.0
#: What was said so long before the youngest that is known is read again: its transaction may have ended later.
OVERLAP_US: Final = 60_000_000


class OptOutWatch:
    """Reads what is stored."""

    def __init__(self, store: Store, opt_outs: OptOuts) -> None:
        self._store = store
        self._opt_outs = opt_outs

    async def look(self) -> None:
        """Learn what was said since the last look; at first, everything.  Raises: StoreAway."""
        since_us = max(0, self._opt_outs.known_until_us - OVERLAP_US)
        self._opt_outs.learn(await self._store.opt_outs(since_us))

    async def run(self) -> None:
        """Look until cancelled; while the store is away, nobody can say anything."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._opt_outs:
                with suppress(StoreAway):
                    await self.look()
