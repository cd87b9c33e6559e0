"""Operators whose links are pairs of a transmitter and a receiver, and MO that come twice."""

import asyncio
from pathlib import Path

import pytest

from chappe.runtime.settings_operators import Bind
from chappe.sim.faults import Action, Event, Fault, LinkFault
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.constants import CommandId
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, journey, operator, settings_of, small_house

PAIR = {"bind": Bind.TRANSMITTER_AND_RECEIVER}


@journey
async def test_pair_sends_on_its_transmitter_and_hears_on_its_receiver(tmp_path: Path) -> None:
    async with (
        SmscSimulator() as smsc,
        House(settings_of(tmp_path, [operator(smsc.port, **PAIR)])) as house,
        bound(house) as demo,
    ):
        await house.until(lambda: sum(link.is_ready for link in smsc.links) == 2)
        answer = await demo.ask(SubmitSm(destination_addr="371", short_message=b"hi", registered_delivery=1))
        smsc.send_mo(b"VOTE 5")
        await demo.until(lambda: len(demo.received) == 2)

        assert {each.message_id for each in demo.received} == {answer.message_id, ""}
        assert [each.pdu.short_message for each in smsc.submitted] == [b"hi"]


@journey
async def test_equal_votes_on_a_living_receiver_all_count_while_the_transmitter_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No proof of reading by a probe: what the transmitter does must not stand in for it.
    monkeypatch.setattr("chappe.operators.node.TICK_S", 30.0)
    async with (
        SmscSimulator() as smsc,
        House(settings_of(tmp_path, [operator(smsc.port, **PAIR)])) as house,
        bound(house) as demo,
    ):
        await house.until(lambda: sum(link.is_ready for link in smsc.links) == 2)
        for number in range(1, 6):
            smsc.send_mo(b"VOTE 5")
            await house.until(lambda number=number: smsc.mo_acked == number)  # type: ignore[misc]
            transmitter = next(link for link in smsc.links if link.session._bind_id == CommandId.BIND_TRANSMITTER)
            transmitter.strike(LinkFault.CUT, smsc.now())
            await house.until(lambda number=number: smsc.binds == 2 + number)  # type: ignore[misc]
            await house.until(lambda: sum(link.is_ready for link in smsc.links) == 2)
        await demo.until(lambda: len(demo.received) == 5)

        assert house.events("mo_suppressed") == []


@journey
async def test_equal_votes_of_one_handset_all_count(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        for _ in range(50):
            smsc.send_mo(b"VOTE 5")
        await demo.until(lambda: len(demo.received) == 50)

        assert house.events("mo_suppressed") == []


@journey
async def test_vote_whose_answer_was_lost_with_its_link_counts_once(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        # The gateway answers, and nobody is there any more to read it: the SMSC sends it again.
        smsc.strike(Action(link_fault=LinkFault.HALF_OPEN))
        for link in smsc.links:
            link._is_silent = False
        smsc.send_mo(b"VOTE 5")
        await demo.until(lambda: demo.received)
        for link in list(smsc.links):
            link.reset()
        await house.until(lambda: smsc.mo_acked == 1)
        await asyncio.sleep(0.2)

        assert len(demo.received) == 1
        await house.until(lambda: len(house.events("mo_suppressed")) == 1)


@journey
async def test_early_double_and_contradictory_receipts_tell_the_client_once(tmp_path: Path) -> None:
    rules = (
        Rule(fault=Fault.EARLY_RECEIPT, on=Event.SUBMIT, delay_s=0.2),
        Rule(fault=Fault.DOUBLE_RECEIPT, on=Event.RECEIPT),
        Rule(fault=Fault.CONTRADICTORY_RECEIPT, on=Event.RECEIPT),
    )
    async with small_house(tmp_path, faults=Faults(rules)) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(SubmitSm(destination_addr="371", short_message=b"hi", registered_delivery=1))
        await house.until(lambda: smsc.receipts_acked == 3)
        await demo.until(lambda: demo.received)
        await house.until(lambda: house.gateway.store.parked_reports == 0)
        await asyncio.sleep(0.2)

        assert [(each.message_id, each.stat) for each in demo.received] == [(answer.message_id, "DELIVRD")]
