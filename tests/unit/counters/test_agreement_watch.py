"""Operators whose receipts stop to match are told of, again and again, until they match."""

from __future__ import annotations

import asyncio

from chappe.counters.agreement_watch import AGAIN_MINUTES, AgreementWatch
from chappe.model.events import EventBatch
from chappe.model.events import count as counted
from chappe.store.port import StoreAway

MINUTE_US = 60_000_000


class House:
    """A watch, a clock that is set by hand, and what was recorded."""

    def __init__(self) -> None:
        self.at_us = 1_768_564_800_000_000
        self.is_away = False
        self.events: list[str] = []
        self.watch = AgreementWatch(self.record, self)

    def utc_us(self) -> int:
        return self.at_us

    def monotonic(self) -> float:
        return self.at_us / 1e6

    async def record(self, events: EventBatch) -> None:
        if self.is_away:
            raise StoreAway("away")
        self.events += [f"{name} {operator}" for name, _, operator in counted([events])]

    def happen(self, minutes: int = 0, **counts: int) -> None:
        self.at_us += minutes * MINUTE_US
        self.watch.add({(self.at_us // MINUTE_US, event, "", "three"): count for event, count in counts.items()})
        asyncio.run(self.watch.look())


def test_it_is_told_at_once_and_anew_while_it_lasts() -> None:
    house = House()
    house.happen(dr_parked=25)
    assert house.events == ["receipts_disagree three"]
    assert house.watch.disagreeing == {"three": 25}

    house.happen(1, dr_parked=1)
    assert len(house.events) == 1
    house.happen(AGAIN_MINUTES)
    assert house.events == ["receipts_disagree three"] * 2

    house.happen(1, dr_matched=200)
    assert house.events[2:] == ["receipts_agree three"]
    assert house.watch.disagreeing == {}


def test_what_the_store_could_not_take_is_told_later() -> None:
    house = House()
    house.is_away = True
    house.happen(dr_parked=25)
    house.is_away = False

    house.happen(AGAIN_MINUTES)

    assert house.events == ["receipts_disagree three"]
