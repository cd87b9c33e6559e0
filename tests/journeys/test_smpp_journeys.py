"""What an SMPP client meets on whole ways through the gateway: each test is one promise of the door."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chappe.runtime.settings_client_doors import IdForm
from chappe.runtime.settings_profiles import IdBase, Profile, Split
from chappe.sim.faults import Event, Fault, ReceiptIdBase
from chappe.sim.ledger import Kind
from chappe.sim.message_ids import IdStyle
from chappe.sim.options import SmscOptions
from chappe.sim.script import Faults, Rule
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.constants import VERSION_3_3
from chappe.wire.smpp.pdus import BindReceiver, DataSm, DeliverSm, SubmitSm, Unbind
from house import Raw, bound, client, journey, mo, mt, small_house

HELLO = SubmitSm(source_addr="SHOP", destination_addr="37120000001", short_message=b"hello", registered_delivery=1)

PAYLOAD = 0x0424


def submit(**fields: object) -> SubmitSm:
    values = {name: getattr(HELLO, name) for name in HELLO.__struct_fields__}
    return SubmitSm(**{**values, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "stat", "told"),
    [
        (0x00, "DELIVRD", []),
        (0x00, "UNDELIV", []),
        (0x01, "DELIVRD", ["DELIVRD"]),
        (0x01, "UNDELIV", ["UNDELIV"]),
        (0x02, "DELIVRD", []),
        (0x02, "UNDELIV", ["UNDELIV"]),
        (0x03, "DELIVRD", ["DELIVRD"]),
        (0x03, "UNDELIV", []),
        (0x10, "DELIVRD", ["ENROUTE"]),
        (0x11, "DELIVRD", ["ENROUTE", "DELIVRD"]),
        (0x12, "UNDELIV", ["ENROUTE", "UNDELIV"]),
        (0x1D, "DELIVRD", ["ENROUTE", "DELIVRD"]),
        (0x0C, "DELIVRD", []),
    ],
)
@journey
async def test_client_hears_what_its_registered_delivery_asked_for(
    tmp_path: Path, asked: int, stat: str, told: list[str]
) -> None:
    faults = Faults((Rule(fault=Fault.UNDELIVERED, stat=stat),))
    async with small_house(tmp_path, faults=faults) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(submit(registered_delivery=asked))
        await house.until(lambda: smsc.receipts_acked == (2 if asked & 0x10 else 1))
        # A second message whose receipt follows all of the first one's.
        last = await demo.ask(submit(registered_delivery=0x03 if stat == "DELIVRD" else 0x02))
        await demo.until(lambda: demo.received and demo.received[-1].message_id == last.message_id)

        assert [each.stat for each in demo.received if each.message_id == answer.message_id] == told
        kinds = [each.pdu.esm_class & 0x3C for each in demo.received if each.message_id == answer.message_id]
        assert kinds == [0x20 if stat == "ENROUTE" else 0x04 for stat in told]


@journey
async def test_client_that_asked_for_nothing_still_has_its_message_followed_to_the_end(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        await demo.ask(submit(registered_delivery=0))
        await house.until(lambda: house.events("mt_delivered"))

        assert smsc.submitted[0].pdu.registered_delivery & 0x03 == 1
        assert demo.received == []


@journey
async def test_data_sm_reaches_the_operator_with_its_text(tmp_path: Path) -> None:
    text = b"x" * 200
    pdu = DataSm(
        source_addr="SHOP",
        destination_addr="37120000001",
        registered_delivery=1,
        tlvs=((PAYLOAD, text), (0x1401, b"v")),
    )

    whole = Profile(split=Split.PAYLOAD)
    async with small_house(tmp_path, profile=whole) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(pdu)
        await demo.until(lambda: demo.received)

        assert answer.command_status == 0
        assert demo.received[0].message_id == answer.message_id
        assert smsc.submitted[0].octets == text
        assert (0x1401, b"v") in smsc.submitted[0].pdu.tlvs


@journey
async def test_long_text_in_message_payload_reaches_the_operator_whole(tmp_path: Path) -> None:
    text = bytes(range(256)) * 255

    async with small_house(tmp_path, profile=Profile(split=Split.PAYLOAD)) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(submit(short_message=b"", tlvs=((PAYLOAD, text),), data_coding=4))
        both = await demo.ask(submit(short_message=b"one", tlvs=((PAYLOAD, b"two"),)))
        await house.until(lambda: smsc.submitted)

        assert answer.command_status == 0
        assert smsc.submitted[0].octets == text
        assert both.command_status == 0xC1


@journey
async def test_scheduled_message_leaves_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        due_at = asyncio.get_running_loop().time() + 1.0
        later = await demo.ask(submit(schedule_delivery_time="000000000001000R", short_message=b"later"))
        await demo.ask(submit(short_message=b"now"))
        wrong = await demo.ask(submit(schedule_delivery_time="999999999999999Z"))
        await demo.until(lambda: len(demo.received) == 2)

        assert [each.octets for each in smsc.submitted] == [b"now", b"later"]
        assert smsc.submitted[1].at >= due_at - 0.05
        assert demo.received[1].message_id == later.message_id
        assert wrong.command_status == 0x61


@journey
async def test_message_that_outlives_its_validity_ends_as_expired(tmp_path: Path) -> None:
    past = f"{datetime.now(UTC) - timedelta(hours=1):%y%m%d%H%M%S}000+"

    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        stale = await demo.ask(submit(validity_period=past))
        wrong = await demo.ask(submit(validity_period="not a time at al"))
        await demo.until(lambda: demo.received)

        assert (demo.received[0].message_id, demo.received[0].stat) == (stale.message_id, "EXPIRED")
        assert wrong.command_status == 0x62
        assert smsc.submitted == []


@journey
async def test_receipts_wait_while_nobody_is_bound_and_come_after_the_bind(tmp_path: Path) -> None:
    smsc_options = SmscOptions(receipt_delay_s=0.2)
    async with small_house(tmp_path, smsc=smsc_options) as (house, smsc):
        async with bound(house) as demo:
            sent = [(await demo.ask(submit())).message_id for _ in range(5)]
        await house.until(lambda: smsc.receipts_acked == 5)
        assert house.depth("client:demo") == 5

        async with bound(house, bind="receiver") as demo:
            await demo.until(lambda: len(demo.received) == 5)
            await house.until(lambda: house.depth("client:demo") == 0)

        assert [each.message_id for each in demo.received] == sent


@journey
async def test_receipts_never_go_to_a_transmitter(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path) as (house, smsc),
        bound(house, bind="transmitter") as sender,
        bound(house, bind="receiver") as receiver,
    ):
        answer = await sender.ask(submit())
        await receiver.until(lambda: receiver.received)

        assert receiver.received[0].message_id == answer.message_id
        assert sender.received == []
        assert smsc.submitted[0].octets == b"hello"


@pytest.mark.parametrize("status", [0x64, 0x08, 0x14])
@journey
async def test_receipt_that_is_refused_for_now_comes_again(tmp_path: Path, status: int) -> None:
    faults = Faults((Rule(fault=Fault.REFUSE, on=Event.DELIVER, at_count=1, status=status),))
    impatient = client(smpp={"retry_s": 0.3})
    async with small_house(tmp_path, clients=[impatient]) as (house, _), bound(house, faults=faults) as demo:
        answer = await demo.ask(submit())
        await demo.until(lambda: demo.received)
        await house.until(lambda: house.depth("client:demo") == 0)

        assert demo.inbox.deliveries == 2
        assert demo.received[0].message_id == answer.message_id


@pytest.mark.parametrize("status", [0x65, 0x66, 0x45])
@journey
async def test_receipt_that_is_refused_for_good_is_dropped_and_told_of(tmp_path: Path, status: int) -> None:
    faults = Faults((Rule(fault=Fault.REFUSE, on=Event.DELIVER, at_count=1, status=status),))
    async with small_house(tmp_path) as (house, _), bound(house, faults=faults) as demo:
        await demo.ask(submit())
        await house.until(lambda: house.events("dr_refused"))

        assert house.depth("client:demo") == 0
        assert demo.received == []


@journey
async def test_what_follows_a_refused_receipt_for_the_same_handset_waits_behind_it(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.REFUSE, on=Event.DELIVER, at_count=1, status=0x64),))
    patient = client(smpp={"retry_s": 0.5, "window": 1})
    async with small_house(tmp_path, clients=[patient]) as (house, _), bound(house, faults=faults) as demo:
        sent = [(await demo.ask(submit())).message_id for _ in range(4)]
        other = (await demo.ask(submit(destination_addr="37120000002"))).message_id
        await demo.until(lambda: len(demo.received) == 5)

        told = [each.message_id for each in demo.received]
        assert told[0] == other
        assert told[1:] == sent


@journey
async def test_receipt_that_is_never_answered_is_sent_again(tmp_path: Path) -> None:
    faults = Faults((Rule(fault=Fault.DROP_RESPONSE, on=Event.DELIVER, at_count=1),))
    impatient = client(smpp={"response_s": 0.4, "retry_s": 0.2})
    async with small_house(tmp_path, clients=[impatient]) as (house, _), bound(house, faults=faults) as demo:
        answer = await demo.ask(submit())
        await demo.until(lambda: len(demo.received) == 2)
        await house.until(lambda: house.depth("client:demo") == 0)

        assert [each.message_id for each in demo.received] == [answer.message_id] * 2


@pytest.mark.parametrize(
    ("form", "pattern"), [("decimal", r"\d{1,19}"), ("hex", r"[0-9a-f]+"), ("text", r"m[0-9a-f]+")]
)
@journey
async def test_ids_have_the_form_the_client_can_digest(tmp_path: Path, form: str, pattern: str) -> None:
    of_form = client(smpp={"id_form": IdForm(form)})
    async with small_house(tmp_path, clients=[of_form]) as (house, _), bound(house) as demo:
        answer = await demo.ask(submit())
        await demo.until(lambda: demo.received)

        assert re.fullmatch(pattern, answer.message_id)
        receipt = demo.received[0]
        assert receipt.message_id == answer.message_id
        tlvs = dict(receipt.pdu.tlvs)
        assert tlvs[0x001E] == answer.message_id.encode() + b"\0"
        assert tlvs[0x0427] == b"\x02"


@journey
async def test_client_of_version_3_3_gets_no_tlvs(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.connect(house.port)
        bound_as = await raw.ask(BindReceiver("demo", "secret", interface_version=VERSION_3_3))
        async with bound(house, bind="transmitter") as sender:
            await sender.ask(submit())
        smsc.send_mo(b"VOTE 1", tlvs=((0x1401, b"vendor"),))

        told = [await raw.read() for _ in range(2)]

        assert bound_as[3] == b"chappe\0"
        for command_id, _, number, body in told:
            raw.tell(0x8000_0005, b"\0", number=number)
            assert command_id == 0x05
            assert decode(command_id, body).tlvs == ()
        await house.until(lambda: house.depth("client:demo") == 0)
        raw.close()


@journey
async def test_mo_finds_its_client_by_keyword_and_by_number(tmp_path: Path) -> None:
    clients = [client("votes"), client("shop"), client("rest")]
    routes = [mt(), mo("votes", to="12345", keyword="vote"), mo("shop", to="12345"), mo("rest", to="777*")]
    async with (
        small_house(tmp_path, clients=clients, routes=routes) as (house, smsc),
        bound(house, "votes") as votes,
        bound(house, "shop") as shop,
        bound(house, "rest") as rest,
    ):
        smsc.send_mo(b"Vote 5", destination="12345")
        smsc.send_mo("vote ja".encode("utf-16-be"), destination="12345", data_coding=8)
        smsc.send_mo(b"voted", destination="12345")
        smsc.send_mo(b"vote", destination="77712")
        smsc.send_mo(b"vote", destination="999")
        await house.until(lambda: smsc.mo_acked == 5 and len(votes.received) == 2)
        await house.until(lambda: shop.received and rest.received)

        assert [each.pdu.short_message for each in votes.received] == [b"Vote 5", "vote ja".encode("utf-16-be")]
        assert [each.pdu.short_message for each in shop.received] == [b"voted"]
        assert [each.pdu.destination_addr for each in rest.received] == ["77712"]
        assert all(each.kind is Kind.MO for each in votes.received)
        assert house.depth("unrouted") == 1
        assert [line[6] for line in house.events("mo_unrouted")] == ["999"]


@journey
async def test_mo_waits_for_its_client_and_keeps_its_order(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        for number in range(20):
            smsc.send_mo(b"%d" % number)
        await house.until(lambda: smsc.mo_acked == 20)

        async with bound(house, window_pdus=3) as demo:
            await demo.until(lambda: len(demo.received) == 20)

        assert [each.pdu.short_message for each in demo.received] == [b"%d" % number for number in range(20)]


@journey
async def test_mo_arrives_octet_for_octet_with_its_header_and_tlvs(tmp_path: Path) -> None:
    text = bytes((5, 0, 3, 7, 2, 1)) + bytes(range(128, 256))

    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        smsc.send_mo(text, data_coding=0xF5, esm_class=0x40, tlvs=((0x1401, bytes(range(256))),))
        await demo.until(lambda: demo.received)

        pdu = demo.received[0].pdu
        assert isinstance(pdu, DeliverSm)
        assert (pdu.short_message, pdu.data_coding, pdu.esm_class) == (text, 0xF5, 0x40)
        assert (0x1401, bytes(range(256))) in pdu.tlvs


@journey
async def test_client_without_route_hears_it_at_once(tmp_path: Path) -> None:
    async with small_house(tmp_path, routes=[mt(to="371*"), mo()]) as (house, _), bound(house) as demo:
        nowhere = await demo.ask(submit(destination_addr="4412345"))
        nobody = await demo.ask(submit(destination_addr=""))
        somewhere = await demo.ask(submit())

        assert (nowhere.command_status, nobody.command_status, somewhere.command_status) == (0x0B, 0x0B, 0)


@journey
async def test_unbind_waits_for_the_answers_that_are_still_open(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        raw.send(
            b"".join(encode(submit(registered_delivery=0), number) for number in range(2, 52)) + encode(Unbind(), 52)
        )

        answers = [await raw.read() for _ in range(51)]

        assert {answer[2] for answer in answers[:50]} == set(range(2, 52))
        assert answers[50][:3] == (0x8000_0006, 0, 52)
        assert await raw.ended() == b""
        await house.until(lambda: len(smsc.submitted) == 50)


@pytest.mark.parametrize(
    ("base", "kept"), [(ReceiptIdBase.HEX, "either"), (ReceiptIdBase.DECIMAL, "either"), (ReceiptIdBase.SAME, "exact")]
)
@journey
async def test_receipts_with_ids_in_another_base_find_their_message(
    tmp_path: Path, base: ReceiptIdBase, kept: str
) -> None:
    faults = Faults((Rule(fault=Fault.RECEIPT_ID_BASE, base=base),))
    style = IdStyle.HEX if base is ReceiptIdBase.DECIMAL else IdStyle.COUNTING
    options = SmscOptions(receipt_tlvs=False, ids=style)
    profile = Profile(id_base=IdBase(kept), id_ignores_case=True, id_ignores_zeros=True)
    async with small_house(tmp_path, smsc=options, faults=faults, profile=profile) as (house, _), bound(house) as demo:
        answer = await demo.ask(submit())
        await demo.until(lambda: demo.received)

        assert (demo.received[0].message_id, demo.received[0].stat) == (answer.message_id, "DELIVRD")
        assert house.gateway.store.parked_reports == 0
