"""Operators that give an id twice: one that begins to count anew, and one that names everything alike.

No batch fails, and each receipt reaches the message that it is about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chappe.sim.account import account
from chappe.sim.faults import Fault
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from house import House, bound, journey, small_house
from web_operator import web_house

COUNT = 60
LATE = Rule(fault=Fault.LATE_RECEIPT, delay_s=0.5)
FAILED = Rule(fault=Fault.UNDELIVERED, at_count=tuple(range(2, 2 * COUNT, 3)))


@asynccontextmanager
async def house_of(folder: Path, protocol: str, *rules: Rule) -> AsyncIterator[tuple[House, SmscSimulator]]:
    if protocol == "smpp":
        async with small_house(folder, faults=Faults(rules)) as (house, smsc):
            yield house, smsc
    else:
        async with web_house(folder, faults=Faults(rules)) as (house, smsc):
            yield house, smsc


def outcomes(house: House) -> dict[str, str]:
    """Handset → what became of the message to it."""
    return {line[5]: line[1] for line in house.events("mt_delivered", "mt_failed")}


@pytest.mark.parametrize("protocol", ["smpp", "http"])
@journey
async def test_ids_that_are_all_alike_fail_no_batch_and_each_handset_has_its_own_receipt(
    tmp_path: Path, protocol: str
) -> None:
    async with (
        house_of(tmp_path, protocol, Rule(fault=Fault.REUSE_IDS), LATE, FAILED) as (house, smsc),
        bound(house, count=COUNT, destinations=COUNT) as demo,
    ):
        assert await demo.run()

        assert len({taken.message_id for taken in smsc.submitted}) == 1
        result = account([smsc.ledger.entries, demo.ledger.entries])
        assert result.is_clean, result.as_text()
        assert sorted(outcomes(house).values()) == ["mt_delivered"] * 40 + ["mt_failed"] * 20
        assert not house.events("dr_parked", "dr_contradicted")


@pytest.mark.parametrize("protocol", ["smpp", "http"])
@journey
async def test_an_operator_that_counts_from_one_again_confuses_nobody(tmp_path: Path, protocol: str) -> None:
    restarts = Rule(fault=Fault.RESTART_IDS, at_count=(21, 41))
    async with (
        house_of(tmp_path, protocol, restarts, LATE, FAILED) as (house, smsc),
        bound(house, count=COUNT, destinations=COUNT) as demo,
    ):
        assert await demo.run()

        assert len({taken.message_id for taken in smsc.submitted}) == 20
        result = account([smsc.ledger.entries, demo.ledger.entries])
        assert result.is_clean, result.as_text()
        assert not house.events("dr_parked", "dr_contradicted")
        assert set(outcomes(house).values()) == {"mt_delivered", "mt_failed"}
