"""The operator of trials: takes what test tokens send, and has each number bring its outcome.

Reads `trial:(test)`; writes what an operator node writes, and knows no socket.  What it sends and what comes back are
one transaction, so that nothing is left open by a death.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.operators.telling import tell
from chappe.rules.trial import TRIAL_OPERATOR, TRIAL_QUEUE, Trial, references_of, trial_to
from chappe.runtime.clock import Clock
from chappe.store.endings import end
from chappe.store.port import Deferred, Held, Report, Sent, Settlement, Store, StoreAway

#: Messages of one transaction.
MOST_ITEMS: Final = 500
AWAY_PAUSE_S: Final = 1.0


class TrialOperator:
    """Stands where an operator would."""

    def __init__(self, store: Store, ids: IdMaker, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        waiting = asyncio.Event()
        self._store.listen(TRIAL_QUEUE, waiting.set)
        while True:
            waiting.clear()
            items = await self._store.lease(TRIAL_QUEUE, MOST_ITEMS)
            if not items:
                await waiting.wait()
                continue
            try:
                await self.answer(items)
            except StoreAway:
                await self._store.release(items)
                await asyncio.sleep(AWAY_PAUSE_S)

    async def answer(self, items: Sequence[Item]) -> None:
        """Send each, or not, and bring what comes back.  Raises: StoreAway."""
        now_us = self._clock.utc_us()
        events = EventBatch(now_us)
        settlements: list[Settlement] = []
        reports: list[Report] = []
        for item in items:
            message = item.content
            assert isinstance(message, Message)
            trial = trial_to(message.dest)
            settlements += self._settled(item, message, trial, events)
            if not trial.is_refused and not _is_delayed(item, trial) and trial.status is not Status.SENT:
                reports += self._reports(message, trial, now_us // 1000)
        # Asked for in one turn of the loop: one transaction.
        faults, _ = await asyncio.gather(
            self._store.settle(settlements, events), self._store.report(reports, EventBatch(now_us))
        )
        bad = {each.item.id: (each.item, fault.what) for each, fault in zip(settlements, faults, strict=True) if fault}
        if bad:
            await self._store.settle([Held(item, what) for item, what in bad.values()], EventBatch(now_us))

    def _settled(self, item: Item, message: Message, trial: Trial, events: EventBatch) -> list[Settlement]:
        if _is_delayed(item, trial):
            tell(events, EventName.MT_DEFERRED, TRIAL_OPERATOR, item, f"a test number that takes {trial.delay_s:g} s")
            return [Deferred(item, events.at_us // 1000 + int(trial.delay_s * 1000))]
        if trial.is_refused:
            tell(events, EventName.MT_FAILED, TRIAL_OPERATOR, item, trial.word)
            return [end(item, trial.status, trial.error, events.at_us, TRIAL_OPERATOR)]
        told = (message.client, TRIAL_OPERATOR, message.dest, message.source, message.reference)
        for part, reference in enumerate(references_of(message), 1):
            detail = f"part {part} of {message.parts}" if message.parts > 1 else ""
            events.add(EventName.MT_SENT, item.id, *told, reference, detail)
        return [
            Sent(item, TRIAL_OPERATOR, reference, events.at_us, part)
            for part, reference in enumerate(references_of(message), 1)
        ]

    def _reports(self, message: Message, trial: Trial, now_ms: int) -> list[Report]:
        return [
            Report(
                self._ids.next(now_ms),
                TRIAL_OPERATOR,
                (reference,),
                message.dest,
                trial.status,
                trial.word,
                trial.error,
                now_ms,
            )
            for reference in references_of(message)
        ]


def _is_delayed(item: Item, trial: Trial) -> bool:
    """It has not waited yet."""
    return bool(trial.delay_s) and not item.attempts
