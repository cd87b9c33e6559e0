"""The sweeper: once a second it ends what our clock may end, and looks after what nobody else remembers.

Reads `operator:*`, expiries, silent messages and parked reports; writes ends with their receipts.  It works on
the store alone, so that an expired message tells its client also while its operator is down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import EPOCH_MS, first_id_at, made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.expiry import expires_at_ms
from chappe.runtime.clock import Clock
from chappe.runtime.node import persist
from chappe.store.endings import end
from chappe.store.port import Store, StoreAway

SWEEP_EVERY_S: Final = 1.0
#: Messages that one look for passed moments takes.
EXPIRED_ITEMS: Final = 500
#: Steps of one round that forget old keys, and the pause after each: others have their turn in between.
FORGET_STEPS: Final = 20
FORGET_PAUSE_S: Final = 0.02


class Patience(msgspec.Struct, frozen=True):
    """How long messages may wait for one operator, and for its receipts; in seconds."""

    max_validity_s: float
    unknown_s: float


class SweptStore(Store, Protocol):
    """What a store offers to its sweeper."""

    async def expired(self, now_ms: int, limit: int) -> list[Item]:
        """Lease messages whose own moment has passed."""
        ...

    async def overdue(self, queue: str, before_ms: Callable[[str], int], is_over: Callable[[Item], bool]) -> list[Item]:
        """Lease messages of a queue that are over, of those that came before a moment per lane."""
        ...

    async def mark_unknown(self, sent_before_us: Mapping[str, int]) -> None:
        """Mark what was sent long ago and has no final receipt."""
        ...

    async def match_again(self) -> None:
        """Try parked reports again."""
        ...

    async def forget_kept(self, now_ms: int) -> bool:
        """Delete some of the keys whose time is over; True while there are more."""
        ...

    async def forget_failed_callbacks(self, before_id: int) -> bool:
        """Delete some of the failed callbacks made before an id; True while there are more."""
        ...


class Sweeper:
    """Ends expired messages, marks silent ones, matches parked reports again, forgets the keys of old requests."""

    def __init__(
        self,
        store: SweptStore,
        clock: Clock,
        patience_by_operator: Mapping[str, Patience],
        *,
        validity_s: Callable[[str], float],
        retention_days: int,
    ) -> None:
        """`validity_s(client)` is the validity of a message that names none; failed callbacks are kept so long."""
        self._retention_ms = retention_days * 86_400_000
        self.name = "sweeper"
        self._store = store
        self._clock = clock
        self._patience = patience_by_operator
        self._validity_s = validity_s
        #: Rounds so far.
        self.rounds = 0

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            await self.sweep()
            self.rounds += 1

    async def sweep(self) -> None:
        """One round.  While the store is away there is nothing to do: everything waits."""
        now_us = self._clock.utc_us()
        try:
            await self._end(await self._store.expired(now_us // 1000, EXPIRED_ITEMS))
            for operator, patience in list(self._patience.items()):
                await self._end(await self._overdue(operator, patience, now_us // 1000))
            silent_since = {name: now_us - int(each.unknown_s * 1e6) for name, each in self._patience.items()}
            await self._store.mark_unknown(silent_since)
            await self._store.match_again()
            await self._forget(lambda: self._store.forget_kept(now_us // 1000))
            oldest = first_id_at(max(EPOCH_MS, now_us // 1000 - self._retention_ms))
            await self._forget(lambda: self._store.forget_failed_callbacks(oldest))
        except StoreAway:
            return

    async def _forget(self, some: Callable[[], Awaitable[bool]]) -> None:
        """In small steps, so that nobody else waits for long."""
        for _ in range(FORGET_STEPS):
            if not await some():
                return
            await asyncio.sleep(FORGET_PAUSE_S)

    async def _overdue(self, operator: str, patience: Patience, now_ms: int) -> list[Item]:
        """Messages that outlived the validity of their client or operator; lanes of operators are clients."""

        def before_ms(client: str) -> int:
            return now_ms - int(min(self._validity_s(client), patience.max_validity_s) * 1000)

        def is_over(item: Item) -> bool:
            message = item.content
            if not isinstance(message, Message):
                return False
            over_at = expires_at_ms(
                message,
                born_ms=made_at_ms(item.id),
                validity_s=self._validity_s(message.client),
                max_validity_s=patience.max_validity_s,
            )
            return over_at <= now_ms

        return await self._store.overdue(f"operator:{operator}", before_ms, is_over)

    async def _end(self, items: Sequence[Item]) -> None:
        if not items:
            return
        events = EventBatch(self._clock.utc_us())
        endings = []
        for item in items:
            operator = item.queue.removeprefix("operator:")
            endings.append(end(item, Status.EXPIRED, "000", events.at_us, operator))
            _tell(events, item, operator)
        await persist(self._store, endings, events)


def _tell(events: EventBatch, item: Item, operator: str) -> None:
    message = item.content
    assert isinstance(message, Message)
    events.add(
        EventName.MT_EXPIRED,
        item.id,
        message.client,
        operator,
        message.dest,
        message.source,
        message.reference,
        detail="never sent",
    )
