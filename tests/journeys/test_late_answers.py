"""An answer that comes after its time is an answer all the same: nothing goes twice that need not."""

import asyncio
from collections import Counter
from pathlib import Path

from chappe.runtime.settings_profiles import Profile, UnknownOutcome
from chappe.sim.faults import Fault
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import DeliverSmResp, SubmitSm
from house import Raw, bound, client, journey, small_house

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)
LATE = SmscOptions(resp_delay_s=1.2)
IMPATIENT = {"response_s": 0.3, "retry_s": (30.0,)}


@journey
async def test_a_late_yes_of_an_operator_is_a_yes_and_the_message_does_not_go_again(tmp_path: Path) -> None:
    async with small_house(tmp_path, smsc=LATE, of_operator=IMPATIENT) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(HELLO)
        await demo.until(lambda: demo.received)

        assert [(each.message_id, each.stat) for each in demo.received] == [(answer.message_id, "DELIVRD")]
        assert len(smsc.submitted) == 1
        assert [line[9] for line in house.events("mt_deferred", "mt_sent")] == ["no response in time", "late response"]
        assert house.gateway.store.parked_reports == 0
        assert house.depth("operator:sim") == 0


@journey
async def test_late_yeses_to_two_copies_end_one_message_once(tmp_path: Path) -> None:
    hasty = {"response_s": 0.3, "retry_s": (0.1,)}
    async with small_house(tmp_path, smsc=LATE, of_operator=hasty) as (house, smsc), bound(house) as demo:
        told: Counter[str] = Counter()
        house.gateway.store.on_block(lambda block: told.update({key[0]: n for key, n in block.counts.items()}))
        await demo.ask(HELLO)
        await house.until(lambda: told["mt_sent"] == len(smsc.submitted) > 1)
        await house.until(lambda: smsc.receipts_acked == len(smsc.submitted))
        await house.until(lambda: told["dr_repeated"] == len(smsc.submitted) - 1)

        assert told["mt_delivered"] == 1
        assert [each.stat for each in demo.received] == ["DELIVRD"]
        assert house.gateway.store.parked_reports == 0
        assert house.depth("operator:sim") == 0


@journey
async def test_a_late_yes_frees_what_is_held_for_its_sake(tmp_path: Path) -> None:
    profile = Profile(unknown_outcome=UnknownOutcome.HOLD)
    faults = Faults((Rule(fault=Fault.NO_RECEIPT),))
    async with (
        small_house(tmp_path, smsc=LATE, of_operator=IMPATIENT, profile=profile, faults=faults) as (house, smsc),
        bound(house) as demo,
    ):
        await demo.ask(HELLO)
        await house.until(lambda: house.gateway.store.held_messages == 1)
        await house.until(lambda: house.gateway.store.held_messages == 0)

        assert len(smsc.submitted) == 1
        assert len(house.events("mt_sent")) == 1


@journey
async def test_a_late_yes_of_a_client_ends_the_delivery(tmp_path: Path) -> None:
    patient = [client(smpp={"response_s": 0.3, "retry_s": 1.5})]
    async with small_house(tmp_path, clients=patient) as (house, _):
        raw = await Raw.bound(house.port)
        raw.send(encode(HELLO, 2))
        frames = [await raw.read(), await raw.read()]
        number = next(frame[2] for frame in frames if frame[0] == 5)
        await house.until(lambda: house.gateway.store._queues._due.queues(1 << 60))
        raw.send(encode(DeliverSmResp(), number))
        await house.until(lambda: house.depth("client:demo") == 0)
        await asyncio.sleep(1.6)

        assert len(house.events("dr_delivered")) == 1
        assert await raw.is_alive()
        raw.close()
