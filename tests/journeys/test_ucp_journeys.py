"""What an operator over UCP and a client over SMPP meet on whole ways through the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from chappe.runtime.settings_operators import Protocol
from chappe.runtime.settings_profiles import Profile, UnknownOutcome
from chappe.runtime.settings_routing import OptOutRule
from chappe.sim.account import account
from chappe.sim.client import ClientSimulator
from chappe.sim.faults import Event, Fault
from chappe.sim.ledger import Kind
from chappe.sim.options import ClientOptions, MoOptions, SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.sim.smsc import SmscSimulator
from chappe.wire.smpp.pdus import SubmitSm
from house import House, bound, client, journey, mo, mt, operator, settings_of, small_house

UCP = SmscOptions(protocol="ucp", system_id="chappe", password="secret", retry_s=0.05)


def submit(text: bytes, **fields: Any) -> SubmitSm:
    values = {"source_addr": "12345", "destination_addr": "37120000001", "registered_delivery": 1, **fields}
    return SubmitSm(dest_addr_ton=1, dest_addr_npi=1, short_message=text, **values)


@asynccontextmanager
async def ucp_house(
    folder: Path, *rules: Rule, smsc: SmscOptions = UCP, profile: Profile | None = None, **keys: Any
) -> AsyncIterator[tuple[House, SmscSimulator]]:
    of_operator = {"protocol": Protocol.UCP, "retry_s": (0.05,), **keys}
    async with small_house(
        folder, smsc=smsc, faults=Faults(tuple(rules)), of_operator=of_operator, profile=profile
    ) as (house, simulator):
        yield house, simulator


@asynccontextmanager
async def bound_client(port: int, **keys: Any) -> AsyncIterator[ClientSimulator]:
    async with ClientSimulator(
        ClientOptions(port=port, system_id="demo", password="secret", linger_s=5.0, **keys)
    ) as simulator:
        await simulator.until_bound()
        yield simulator


async def accounted(smsc: SmscSimulator, demo: ClientSimulator) -> None:
    """Nothing is lost or doubled, and every receipt has come home."""
    result = account([smsc.ledger.entries, demo.ledger.entries])
    assert result.is_clean, result.as_text()


@pytest.mark.parametrize("binds", [1, 3])
@journey
async def test_many_messages_bring_their_receipts_home(tmp_path: Path, binds: int) -> None:
    async with (
        ucp_house(tmp_path, binds=binds) as (house, smsc),
        bound_client(house.port, count=500, destinations=500) as demo,
    ):
        assert await demo.run()
        assert len(smsc.submitted) == 500
        await accounted(smsc, demo)


@journey
async def test_messages_to_one_handset_leave_one_by_one_and_in_order(tmp_path: Path) -> None:
    options = SmscOptions(protocol="ucp", resp_delay_s=0.005)
    async with (
        ucp_house(tmp_path, smsc=options, binds=2) as (house, smsc),
        bound_client(house.port, count=40, destinations=1, tag_prefix="t") as demo,
    ):
        assert await demo.run()
        assert [taken.tag for taken in smsc.submitted] == [f"t{number}" for number in range(1, 41)]
        kinds = [entry.kind for entry in smsc.ledger.entries if entry.kind in (Kind.SUBMIT, Kind.RESPONSE)]
        assert kinds == [Kind.SUBMIT, Kind.RESPONSE] * 40
        await accounted(smsc, demo)


@journey
async def test_one_busy_handset_does_not_hold_up_the_others(tmp_path: Path) -> None:
    options = SmscOptions(protocol="ucp", resp_delay_s=0.05)
    async with ucp_house(tmp_path, smsc=options) as (house, smsc), bound(house) as demo:
        for number in range(20):
            demo.send(submit(f"slow{number}".encode()))
        for number in range(20):
            demo.send(submit(f"fast{number}".encode(), destination_addr=f"3712100{number:04}"))

        await smsc.until(lambda: sum(taken.tag.startswith("fast") for taken in smsc.submitted) == 20)

        assert sum(taken.tag.startswith("slow") for taken in smsc.submitted) < 10
        await smsc.until(lambda: len(smsc.submitted) == 40)


@pytest.mark.parametrize(
    ("sent", "coding", "taken", "taken_coding"),
    [
        (b"a1 hello \x00", 0, b"a1 hello \x00", 0),
        ("a1 žšč".encode("utf-16-be"), 8, "a1 žšč".encode("utf-16-be"), 8),
        ("a1 Grüße @".encode("latin-1"), 3, b"a1 Gr\x7e\x1ee \x00", 0),
        ("a1 façade".encode("latin-1"), 3, "a1 façade".encode("utf-16-be"), 8),
        (b"a1 ascii", 1, b"a1 ascii", 0),
        (bytes(range(256))[:140], 4, bytes(range(256))[:140], 4),
    ],
)
@journey
async def test_texts_arrive_in_an_alphabet_that_ucp_has(
    tmp_path: Path, sent: bytes, coding: int, taken: bytes, taken_coding: int
) -> None:
    async with ucp_house(tmp_path) as (house, smsc), bound(house) as demo:
        await demo.ask(submit(sent, data_coding=coding))
        await smsc.until(lambda: smsc.receipts_acked == 1)

        (message,) = smsc.submitted
        assert (message.octets, message.pdu.data_coding) == (taken, taken_coding)


@journey
async def test_what_ucp_cannot_carry_is_refused_alone(tmp_path: Path) -> None:
    async with ucp_house(tmp_path) as (house, smsc), bound(house) as demo:
        await demo.ask(submit("ç".encode("latin-1") * 120, data_coding=3))
        await demo.ask(submit(b"good one"))

        await demo.until(lambda: len(demo.received) == 2)
        assert {receipt.stat for receipt in demo.received} == {"REJECTD", "DELIVRD"}
        assert [taken.tag for taken in smsc.submitted] == ["good"]
        await house.until(lambda: len(house.events("pdu_refused")) == 1)


@journey
async def test_a_long_text_leaves_in_parts_and_one_receipt_comes_home(tmp_path: Path) -> None:
    text = b"long1 " + b"abcdefghij" * 24
    async with ucp_house(tmp_path) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(submit(text))
        await demo.until(lambda: len(demo.received) == 1)

        assert [taken.part.number for taken in smsc.submitted] == [1, 2]
        assert b"".join(taken.octets for taken in smsc.submitted) == text
        assert (demo.received[0].message_id, demo.received[0].stat) == (answer.message_id, "DELIVRD")


@journey
async def test_a_sender_may_be_a_name(tmp_path: Path) -> None:
    async with ucp_house(tmp_path, notify_address="12345") as (house, smsc), bound(house) as demo:
        await demo.ask(submit(b"n1 hello", source_addr="SHOP & co", source_addr_ton=5))
        await demo.until(lambda: len(demo.received) == 1)

        assert (smsc.submitted[0].pdu.source_addr_ton, smsc.submitted[0].pdu.source_addr) == (5, "SHOP & co")


@journey
async def test_validity_is_told_to_the_minute_in_the_smscs_time(tmp_path: Path) -> None:
    profile = Profile(time_zone="Asia/Tokyo")
    moment = datetime.now(UTC).replace(hour=23, minute=59, second=30) + timedelta(days=1)
    told = (moment + timedelta(seconds=30)).astimezone(ZoneInfo("Asia/Tokyo"))
    async with ucp_house(tmp_path, profile=profile) as (house, smsc), bound(house) as demo:
        await demo.ask(submit(b"v1 hello", validity_period=f"{moment:%y%m%d%H%M%S}000+"))
        await smsc.until(lambda: len(smsc.submitted) == 1)

        assert smsc.submitted[0].pdu.validity_period == f"{told:%d%m%y}0900"


@journey
async def test_mo_reach_the_client_and_repeats_are_told_by_the_smscs_own_timestamp(tmp_path: Path) -> None:
    options = SmscOptions(protocol="ucp", mo=MoOptions(count=50), response_s=0.3)
    async with ucp_house(tmp_path, smsc=options) as (house, smsc), bound(house) as demo:
        await demo.until(lambda: len(demo.received) == 50)
        await smsc.until(lambda: smsc.mo_acked == 50)
        assert len(house.events("mo_received")) == 50

        for delivery in smsc.mo.burst(1) * 2:
            smsc.outbox.put(delivery)
        smsc.finish_batch(smsc.now())
        await smsc.until(lambda: smsc.mo_acked == 52)
        await house.until(lambda: house.events("mo_suppressed"))

        assert len(house.events("mo_received")) == 51


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.QUEUE_FULL])
@journey
async def test_throttling_and_temporary_refusals_lose_nothing(tmp_path: Path, fault: Fault) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=fault, every_count=7)) as (house, smsc),
        bound_client(house.port, count=60) as demo,
    ):
        assert await demo.run()
        assert smsc.desk.refused
        await accounted(smsc, demo)


@journey
async def test_a_permanent_refusal_ends_the_message_with_its_code(tmp_path: Path) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=Fault.REFUSE, status=6)) as (house, _),
        bound(house) as demo,
    ):
        await demo.ask(submit(b"p1 hello"))
        await demo.until(lambda: len(demo.received) == 1)

        assert demo.received[0].stat == "REJECTD"
        assert b" err:U06" in demo.received[0].pdu.short_message
        assert house.events("mt_failed")[0][-1] == "ADC_INVALID"


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.EARLY_RECEIPT, delay_s=0.05),
        Rule(fault=Fault.DOUBLE_RECEIPT),
        Rule(fault=Fault.LATE_RECEIPT, delay_s=0.1),
        Rule(fault=Fault.UNDELIVERED),
    ],
)
@journey
async def test_receipts_find_their_messages(tmp_path: Path, rule: Rule) -> None:
    async with ucp_house(tmp_path, rule) as (house, smsc), bound_client(house.port, count=100) as demo:
        assert await demo.run()
        await accounted(smsc, demo)


@journey
async def test_twins_of_one_second_never_fail_a_batch_and_both_get_their_receipts(tmp_path: Path) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=Fault.REUSE_IDS), Rule(fault=Fault.LATE_RECEIPT, delay_s=0.2)) as (house, smsc),
        bound(house) as demo,
    ):
        answers = [await demo.ask(submit(f"w{number} twin".encode())) for number in range(2)]
        await demo.until(lambda: len(demo.received) == 2)

        assert len({taken.message_id for taken in smsc.submitted}) == 1
        assert {receipt.message_id for receipt in demo.received} == {answer.message_id for answer in answers}


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.UNBIND])
@journey
async def test_a_lost_link_loses_nothing(tmp_path: Path, fault: Fault) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=fault, on=Event.SUBMIT, at_count=(30, 60)), binds=2) as (house, smsc),
        bound_client(house.port, count=100) as demo,
    ):
        assert await demo.run()
        await accounted(smsc, demo)
        await house.until(lambda: house.events("link_down"))


@journey
async def test_a_message_of_unknown_outcome_may_be_held(tmp_path: Path) -> None:
    profile = Profile(unknown_outcome=UnknownOutcome.HOLD)
    rules = (
        Rule(fault=Fault.CUT, at_count=1),
        Rule(fault=Fault.DROP_RESPONSE, at_count=1),
        Rule(fault=Fault.NO_RECEIPT),
    )
    async with ucp_house(tmp_path, *rules, profile=profile) as (house, smsc), bound(house) as demo:
        await demo.ask(submit(b"h1 hello"))
        await house.until(lambda: house.events("mt_held"))

        assert len(smsc.submitted) == 1


@journey
async def test_a_result_that_never_comes_frees_the_recipient(tmp_path: Path) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=Fault.DROP_RESPONSE, at_count=1), response_s=0.3) as (house, smsc),
        bound(house) as demo,
    ):
        await demo.ask(submit(b"d1 hello"))
        await demo.ask(submit(b"d2 hello"))
        await smsc.until(lambda: len(smsc.submitted) >= 3)

        assert {taken.tag for taken in smsc.submitted} == {"d1", "d2"}


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.QUEUE_FULL])
@journey
async def test_refusals_do_not_change_the_order_of_one_handset(tmp_path: Path, fault: Fault) -> None:
    async with (
        ucp_house(tmp_path, Rule(fault=fault, at_count=(3, 5, 6)), binds=2) as (house, smsc),
        bound_client(house.port, count=30, destinations=1, tag_prefix="t") as demo,
    ):
        assert await demo.run()
        assert [taken.tag for taken in smsc.submitted] == [f"t{number}" for number in range(1, 31)]
        await accounted(smsc, demo)


@journey
async def test_stop_reaches_what_waits_on_a_link_for_its_handset(tmp_path: Path) -> None:
    slow = msgspec.structs.replace(UCP, resp_delay_s=1.0)
    handset = "37120000001"
    async with SmscSimulator(slow) as smsc:
        settings = settings_of(
            tmp_path, [operator(smsc.port, protocol=Protocol.UCP, retry_s=(0.05,))], [client()], [mt(), mo()]
        )
        listed = (OptOutRule(name="shop", numbers=("12345",)),)
        async with House(msgspec.structs.replace(settings, opt_outs=listed)) as house, bound(house) as demo:
            await house.until(lambda: any(link.is_ready for link in smsc.links))
            for number in range(5):
                await demo.ask(submit(b"sale %d" % number))
            await house.until(lambda: smsc.submitted)
            smsc.send_mo(b"STOP", source=handset, destination="12345")
            await house.until(lambda: len(house.events("mt_failed")) == 4)
            await house.until(lambda: house.depth("operator:sim") == 0)

            assert len(smsc.submitted) == 1
            assert all("opted out" in line[9] for line in house.events("mt_failed"))
