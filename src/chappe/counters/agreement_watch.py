"""Tells when receipts of an operator stop to match, and when they match again: an event, and a number for metrics.

It hears what is counted anyway; it must never know an id, nor change how one is read.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.rules.agreement import WINDOW_MINUTES, Agreement, Turn
from chappe.runtime.clock import Clock
from chappe.store.port import StoreAway, TallyKey

#: While they do not match it is told anew so often: what is told counts for five minutes on pages.
AGAIN_MINUTES: Final = 4
_US_PER_MINUTE: Final = 60_000_000

Record = Callable[[EventBatch], Awaitable[None]]


class AgreementWatch:
    """Of all operators of a store."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._agreement = Agreement()
        #: Operator → the minute in which it was told last.
        self._told_at: dict[str, int] = {}

    @property
    def disagreeing(self) -> Mapping[str, int]:
        """Operator → receipts of the last minutes that match nothing, where these are the more."""
        return self._agreement.disagreeing

    def add(self, counts: Mapping[TallyKey, int]) -> None:
        """These were counted."""
        self._agreement.add(counts)

    async def look(self) -> None:
        """Tell what has changed; what cannot be written while the store is away is told anew later."""
        now_us = self._clock.utc_us()
        minute = now_us // _US_PER_MINUTE
        turns = self._agreement.judge(minute)
        lost = {each.operator for each in turns if each.is_lost}
        due = [
            (operator, parked)
            for operator, parked in self.disagreeing.items()
            if operator in lost or minute - self._told_at.get(operator, 0) >= AGAIN_MINUTES
        ]
        if not turns and not due:
            return
        events = EventBatch(now_us)
        for operator, parked in due:
            self._told_at[operator] = minute
            detail = f"{parked} receipts of {WINDOW_MINUTES} min match nothing: chappe profile learn {operator}"
            events.add(EventName.RECEIPTS_DISAGREE, operator=operator, detail=detail)
        for turn in turns:
            if not turn.is_lost:
                events.add(EventName.RECEIPTS_AGREE, operator=turn.operator, detail=_told(turn))
        if len(events):
            with suppress(StoreAway):
                await self._record(events)


def _told(turn: Turn) -> str:
    return f"{turn.matched} of {turn.matched + turn.parked} receipts of {WINDOW_MINUTES} min match"
