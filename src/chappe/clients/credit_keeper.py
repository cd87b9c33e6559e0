"""Keeps slices of clients' balances in hand: fetches what is spent, gives back what others want.

Reads and writes balances.  One for each process that accepts messages; it must never know a message.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

from chappe.clients.credit import Credit, Credits
from chappe.model.events import EventName
from chappe.runtime.node import Notes
from chappe.store.port import Store, StoreAway

#: How often what is in hand is looked at, without anybody asking.
LOOK_EVERY_S: Final = 1.0


class CreditKeeper:
    """Works for all clients that have credit."""

    def __init__(self, credits_: Credits, store: Store, notes: Notes) -> None:
        self._all = credits_
        #: Those whose balances are open.
        self._credits: Sequence[Credit] = ()
        self._store = store
        self._notes = notes
        self._asked = asyncio.Event()

    async def begin(self) -> None:
        """Open the balances and fetch the first slices, before the doors open; again when clients came or went.

        Raises: StoreAway.
        """
        wanted = tuple(self._all.by_client.values())
        for each in self._credits:
            if all(each is not other for other in wanted):
                units, each.left = each.left, 0
                await self._store.return_credit(each.client, each.currency, units)
        known, self._credits = self._credits, wanted
        for each in wanted:
            if all(each is not other for other in known):
                await self._open(each)

    async def _open(self, each: Credit) -> None:
        each.wake = self._asked.set
        await self._store.open_credit(each.client, each.currency, each.opening)
        units = self._store.draw_credit_now(each.client, each.currency)
        if units is None:
            await self._draw(each, 0)
        else:
            each.left, each.has_all = units, True
            each.fetch_now = partial(self._fetch_now, each)

    def _fetch_now(self, credit: Credit) -> int:
        try:
            return self._store.draw_credit_now(credit.client, credit.currency) or 0
        except StoreAway:
            return 0

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            timer = loop.call_later(max(0.0, looked_at + LOOK_EVERY_S - loop.time()), self._asked.set)
            await self._asked.wait()
            timer.cancel()
            self._asked.clear()
            is_round = loop.time() >= looked_at + LOOK_EVERY_S
            try:
                await self._fetch(is_round=is_round)
                if is_round:
                    looked_at = loop.time()
                    if self._credits:
                        await self._give_back()
            except StoreAway:
                # Nothing is accepted meanwhile; the next round asks again.
                looked_at = loop.time()
            await self._notes.write()

    async def _fetch(self, *, is_round: bool) -> None:
        for each in self._credits:
            needs = each.needs()
            if each.wish or (is_round and needs > 0):
                await self._draw(each, needs)
            if is_round:
                each.spent = 0

    async def _draw(self, credit: Credit, wish: int) -> None:
        drawn = await self._store.draw_credit(credit.client, credit.currency, max(0, wish))
        if credit.drawn(drawn.units, drawn.elsewhere):
            self._notes.add(EventName.CREDIT_USED_UP, client=credit.client)

    async def _give_back(self) -> None:
        called = {(each.client, each.currency): each.units for each in await self._store.called_back_credit()}
        if not called:
            return
        for each in self._credits:
            units = each.spare(called.get((each.client, each.currency), 0))
            if units:
                await self._store.return_credit(each.client, each.currency, units)
