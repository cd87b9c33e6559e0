"""What an SMPP client can ask of messages that it handed in, and hand in in other ways than one submit_sm each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chappe.runtime.settings_client_doors import IdForm
from chappe.runtime.settings_profiles import Profile, Split
from chappe.sim.jobs import Answer
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.constants import VERSION_3_3, VERSION_5_0
from chappe.wire.smpp.pdus import (
    AlertNotification,
    CancelSm,
    DataSm,
    DistributionList,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
)
from chappe.wire.smpp.tlvs import Tag, find
from house import House, Raw, bound, client, journey, mo, mt, operator, settings_of, small_house
from ports import free_port

NUMBER = "37120000001"
LATER = "000000000500000R"


def submit(**fields: Any) -> SubmitSm:
    values = {"source_addr": "SHOP", "destination_addr": NUMBER, "short_message": b"hello", "registered_delivery": 1}
    return SubmitSm(**{**values, **fields})


def multi(*to: str, lists: tuple[str, ...] = (), **fields: Any) -> SubmitMulti:
    dests = (*(SmeAddress(1, 1, each) for each in to), *(DistributionList(each) for each in lists))
    return SubmitMulti(source_addr="SHOP", dest_address=dests, short_message=b"hello", registered_delivery=1, **fields)


@asynccontextmanager
async def deaf_house(folder: Path, **terms: Any) -> AsyncIterator[House]:
    """A gateway whose operator is not there: everything waits."""
    routes = [mt(to="371*")]
    async with House(settings_of(folder, [operator(free_port())], [client(smpp=terms)], routes)) as house:
        yield house


def told(answer: Answer) -> QuerySmResp:
    assert answer.command_status == 0
    assert isinstance(answer.pdu, QuerySmResp)
    return answer.pdu


# -- query_sm ---------------------------------------------------------------------------------------


@journey
async def test_query_tells_the_state_the_date_and_the_error(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        later = await demo.ask(submit(schedule_delivery_time=LATER))
        sent = await demo.ask(submit())
        await demo.until(lambda: demo.received)

        waiting = told(await demo.ask(QuerySm(later.message_id)))
        delivered = told(await demo.ask(QuerySm(sent.message_id, source_addr="SHOP")))

        assert (waiting.message_id, waiting.message_state, waiting.final_date) == (later.message_id, 1, "")
        assert (delivered.message_id, delivered.message_state, delivered.error_code) == (sent.message_id, 2, 0)
        assert len(delivered.final_date) == 16
        assert delivered.final_date.endswith("00+")


@pytest.mark.parametrize("text", ["4711", "", "not an id", "9" * 30, "ffffffff"])
@journey
async def test_query_for_what_is_no_message_of_the_client_is_refused(tmp_path: Path, text: str) -> None:
    both = [client(), client("other")]
    async with (
        small_house(tmp_path, clients=both, routes=[mt()]) as (house, _),
        bound(house) as demo,
        bound(house, "other") as other,
    ):
        sent = await demo.ask(submit())

        assert (await demo.ask(QuerySm(text))).command_status == 0x0C
        assert (await other.ask(QuerySm(sent.message_id))).command_status == 0x0C
        assert (await demo.ask(QuerySm(sent.message_id, source_addr="OTHER"))).command_status == 0x0A


@journey
async def test_a_message_that_cannot_be_read_is_told_of_and_stops_nobody(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        broken, whole = await demo.ask(submit()), await demo.ask(submit())
        await house.gateway.store.write("UPDATE messages SET status = 99 WHERE id = ?", [(int(broken.message_id),)])

        refused = await demo.ask(QuerySm(broken.message_id))

        assert refused.command_status == 0x08
        assert told(await demo.ask(QuerySm(whole.message_id))).message_state == 1
        await house.until(lambda: house.events("pdu_refused"))
        assert "QuerySm" in house.events("pdu_refused")[0][9]


# -- cancel_sm --------------------------------------------------------------------------------------


@journey
async def test_waiting_message_is_cancelled_once_and_its_client_hears_of_it(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        sent = await demo.ask(submit())

        first = await demo.ask(CancelSm(message_id=sent.message_id))
        again = await demo.ask(CancelSm(message_id=sent.message_id))
        await demo.until(lambda: demo.received)

        assert (first.command_status, again.command_status) == (0, 0)
        assert (demo.received[0].message_id, demo.received[0].stat) == (sent.message_id, "DELETED")
        assert told(await demo.ask(QuerySm(sent.message_id))).message_state == 4
        assert house.depth("operator:sim") == 0
        assert len(house.events("mt_cancelled")) == 1


@journey
async def test_cancel_that_comes_too_late_is_refused(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        sent = await demo.ask(submit())
        await demo.until(lambda: demo.received)

        assert (await demo.ask(CancelSm(message_id=sent.message_id))).command_status == 0x11
        assert (await demo.ask(CancelSm(message_id="4711"))).command_status == 0x0C
        assert (await demo.ask(CancelSm(message_id=sent.message_id, source_addr="X"))).command_status == 0x0A
        assert (await demo.ask(CancelSm(message_id=sent.message_id, destination_addr="1"))).command_status == 0x0B


@journey
async def test_cancel_without_an_id_takes_all_between_two_addresses(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        meant = [await demo.ask(submit(service_type="CMT")) for _ in range(3)]
        others = [
            await demo.ask(submit(source_addr="OTHER", service_type="CMT")),
            await demo.ask(submit(destination_addr="37120000002", service_type="CMT")),
            await demo.ask(submit(service_type="WAP")),
        ]

        group = CancelSm(service_type="CMT", source_addr="SHOP", destination_addr=NUMBER)
        first, again = await demo.ask(group), await demo.ask(group)
        nobody = await demo.ask(CancelSm(source_addr="SHOP"))

        assert (first.command_status, again.command_status, nobody.command_status) == (0, 0x11, 0x0B)
        states = [told(await demo.ask(QuerySm(each.message_id))).message_state for each in (*meant, *others)]
        assert states == [4, 4, 4, 1, 1, 1]


@journey
async def test_too_many_cancels_without_an_id_at_once_are_refused_and_others_are_not_held_up(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house:
        raw = await Raw.bound(house.port)
        sent = (await ask(raw, submit())).message_id
        group = CancelSm(source_addr="NOBODY", destination_addr=NUMBER)
        raw.send(b"".join(encode(group, number) for number in range(2, 42)) + encode(QuerySm(sent), 42))

        answers = [await raw.read() for _ in range(41)]

        statuses = [status for command_id, status, _, _ in answers if command_id == 0x8000_0008]
        assert statuses.count(0x58) == 30
        assert statuses.count(0x11) == 10
        assert [number for command_id, status, number, _ in answers if command_id == 0x8000_0003] == [42]
        assert await raw.is_alive()
        raw.close()


# -- replace_sm -------------------------------------------------------------------------------------


@journey
async def test_replaced_message_leaves_with_its_new_text_and_moment(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc), bound(house) as demo:
        sent = await demo.ask(submit(schedule_delivery_time=LATER, data_coding=3))

        moment = "000000000001000R"
        wish = ReplaceSm(sent.message_id, source_addr="SHOP", schedule_delivery_time=moment, short_message=b"new")
        answer = await demo.ask(wish)
        await house.until(lambda: smsc.submitted)

        assert answer.command_status == 0
        assert (smsc.submitted[0].octets, smsc.submitted[0].pdu.data_coding) == (b"new", 3)
        assert (await demo.ask(wish)).command_status == 0x13
        assert len(house.events("mt_replaced")) == 1


@journey
async def test_replacement_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        sent = await demo.ask(submit())
        name = sent.message_id

        wrong = [
            await demo.ask(ReplaceSm("4711", short_message=b"new")),
            await demo.ask(ReplaceSm(name, source_addr="OTHER", short_message=b"new")),
            await demo.ask(ReplaceSm(name, schedule_delivery_time="999999999999999Z", short_message=b"new")),
            await demo.ask(ReplaceSm(name, validity_period="999999999999999Z", short_message=b"new")),
            await demo.ask(ReplaceSm(name, sm_default_msg_id=1)),
            await demo.ask(ReplaceSm(name, short_message=b"new", tlvs=((Tag.MESSAGE_PAYLOAD, b"both"),))),
        ]

        assert [each.command_status for each in wrong] == [0x0C, 0x0A, 0x61, 0x62, 0x63, 0xC1]
        life = await house.gateway.store.find(int(name))
        assert life is not None
        assert life.message is not None
        assert life.message.octets == b"hello"
        assert house.events("mt_replaced") == []


# -- submit_multi -----------------------------------------------------------------------------------


@journey
async def test_submit_multi_is_one_message_for_each_destination_under_one_id(tmp_path: Path) -> None:
    numbers = [f"3712000000{number}" for number in range(3)]
    routes = [mt(to="371*")]
    async with small_house(tmp_path, routes=routes) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(multi(*numbers, "4412345", "", lists=("friends",)))
        await demo.until(lambda: len(demo.received) == 3)

        assert answer.command_status == 0
        assert isinstance(answer.pdu, SubmitMultiResp)
        refused = [(each.destination_addr, each.error_status_code) for each in answer.pdu.unsuccess_sme]
        assert sorted(refused) == [("", 0x0B), ("4412345", 0x0B), ("friends", 0x34)]
        assert sorted(each.pdu.destination_addr for each in smsc.submitted) == numbers
        assert {each.message_id for each in demo.received} == {answer.message_id}
        assert sorted(each.pdu.source_addr for each in demo.received) == numbers
        assert told(await demo.ask(QuerySm(answer.message_id))).message_state == 2


@journey
async def test_submit_multi_that_reaches_nobody_is_refused(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        answer = await demo.ask(multi("4412345", lists=("friends",)))

        assert answer.command_status == 0x45
        assert isinstance(answer.pdu, SubmitMultiResp)
        assert len(answer.pdu.unsuccess_sme) == 2
        assert house.events("mt_accepted") == []


@journey
async def test_one_id_cancels_and_replaces_all_messages_of_a_submit_multi(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        answer = await demo.ask(multi(NUMBER, "37120000002"))

        replaced = await demo.ask(ReplaceSm(answer.message_id, registered_delivery=1, short_message=b"new"))
        cancelled = await demo.ask(CancelSm(message_id=answer.message_id))
        await demo.until(lambda: len(demo.received) == 2)

        assert (replaced.command_status, cancelled.command_status) == (0, 0)
        assert len(house.events("mt_replaced")) == len(house.events("mt_cancelled")) == 2
        assert told(await demo.ask(QuerySm(answer.message_id))).message_state == 4


@journey
async def test_submit_multi_counts_each_message_against_the_queue_limit(tmp_path: Path) -> None:
    small = [client(queue_limit=3)]
    async with House(settings_of(tmp_path, [operator(free_port())], small)) as house, bound(house) as demo:
        many = [f"3712000000{number}" for number in range(4)]

        assert (await demo.ask(multi(*many))).command_status == 0x14
        assert (await demo.ask(multi(*many[:3]))).command_status == 0
        assert (await demo.ask(multi(NUMBER))).command_status == 0x14


# -- dedup_s ----------------------------------------------------------------------------------------


def named(reference: int, **fields: Any) -> SubmitSm:
    return submit(tlvs=((Tag.USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")),), **fields)


@journey
async def test_repeat_within_dedup_s_gets_the_first_id_back_also_after_a_restart(tmp_path: Path) -> None:
    async with deaf_house(tmp_path, dedup_s=600) as house, bound(house) as demo:
        first = await demo.ask(named(7))
        again = await demo.ask(named(7))
        others = [await demo.ask(pdu) for pdu in (named(8), named(7, short_message=b"x"), named(7, source_addr="X"))]
        group, group_again = await demo.ask(multi(NUMBER)), await demo.ask(multi(NUMBER))

        assert again.message_id == first.message_id
        assert len({first.message_id, *(each.message_id for each in others)}) == 4
        assert group_again.message_id == group.message_id
        assert len(house.events("mt_accepted")) == house.depth("operator:sim") == 5
    async with deaf_house(tmp_path, dedup_s=600) as house, bound(house) as demo:
        assert (await demo.ask(named(7))).message_id == first.message_id
        assert house.depth("operator:sim") == 5


@journey
async def test_repeats_are_stored_twice_where_nobody_asked_otherwise(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house, bound(house) as demo:
        first, again = await demo.ask(named(7)), await demo.ask(named(7))

        assert first.message_id != again.message_id
        assert house.depth("operator:sim") == 2


# -- alert_notification ------------------------------------------------------------------------------


@journey
async def test_alert_goes_to_the_client_that_is_bound_for_its_number(tmp_path: Path) -> None:
    clients = [client(), client("other")]
    routes = [mt(), mo("demo", to="12345"), mo("other", to="777")]
    async with small_house(tmp_path, clients=clients, routes=routes) as (house, smsc):
        link = smsc.links[0]
        status = ((int(Tag.MS_AVAILABILITY_STATUS), b"\0"),)
        for number in ("12345", "999"):
            alert = AlertNotification(1, 1, NUMBER, 0, 1, number, status)
            link.session.request(alert, smsc.now())
        link.flush(smsc.now())
        await house.until(lambda: len(house.events("alert_received")) == 2)

        raw = await Raw.bound(house.port)
        command_id, _, _, body = await raw.read()
        await house.until(lambda: house.depth("client:demo") == 0)

        told = decode(command_id, body)
        assert told == AlertNotification(1, 1, NUMBER, 0, 1, "12345", status)
        assert await raw.is_alive()
        assert len(house.events("alert_delivered")) == 1
        assert [line[9] for line in house.events("alert_received")] == ["", "no SMPP client has its number"]
        assert house.depth("unrouted") == 0
        raw.close()


# -- ids and versions -------------------------------------------------------------------------------


async def ask(raw: Raw, pdu: Pdu) -> Any:
    command_id, status, _, body = await raw.ask(pdu)
    assert status == 0
    return decode(command_id, body)


@pytest.mark.parametrize("form", [None, IdForm.SHORT])
@journey
async def test_client_of_version_3_3_gets_ids_of_eight_octets_and_may_ask_for_them(
    tmp_path: Path, form: IdForm | None
) -> None:
    terms = {"id_form": form} if form else {}
    async with small_house(tmp_path, clients=[client(smpp=terms)]) as (house, _):
        raw = await Raw.bound(house.port, interface_version=VERSION_3_3)
        answers = [await ask(raw, submit(registered_delivery=0)) for _ in range(3)]
        later = await ask(raw, submit(schedule_delivery_time=LATER))
        group = await ask(raw, multi(NUMBER, "37120000002", schedule_delivery_time=LATER))
        names = [answer.message_id for answer in (*answers, later, group)]
        assert len(set(names)) == 5
        assert {len(name) for name in names} == {8}

        await house.until(lambda: len(house.events("mt_delivered")) == 3)
        states = [(await ask(raw, QuerySm(name))).message_state for name in names]
        await ask(raw, CancelSm(message_id=names[3]))
        _, _, number, body = await raw.read()

        assert states == [2, 2, 2, 1, 1]
        assert decode(0x05, body).short_message.startswith(f"id:{later.message_id} ".encode())
        raw.tell(0x8000_0005, b"\0", number=number)
        assert (await raw.ask(QuerySm("ffffffff")))[1] == 0x0C
        raw.close()


@journey
async def test_client_of_version_3_3_that_wants_decimal_ids_gets_them(tmp_path: Path) -> None:
    async with small_house(tmp_path, clients=[client(smpp={"id_form": IdForm.DECIMAL})]) as (house, _):
        raw = await Raw.bound(house.port, interface_version=VERSION_3_3)

        assert len((await ask(raw, submit())).message_id) > 8
        raw.close()


@journey
async def test_client_of_version_5_0_is_told_how_much_of_its_queue_is_used(tmp_path: Path) -> None:
    small = [client(queue_limit=4)]
    async with House(settings_of(tmp_path, [operator(free_port())], small)) as house:
        raw = await Raw.bound(house.port, interface_version=VERSION_5_0)
        used = [
            find((await ask(raw, submit(schedule_delivery_time=LATER))).tlvs, Tag.CONGESTION_STATE) for _ in range(4)
        ]
        state = (await ask(raw, QuerySm(house.events("mt_accepted")[-1][2]))).message_state
        raw.close()

        assert used == [bytes((share,)) for share in (25, 50, 75, 100)]
        assert state == 0


@journey
async def test_client_of_version_3_4_is_not_told_of_congestion(tmp_path: Path) -> None:
    async with deaf_house(tmp_path) as house:
        raw = await Raw.bound(house.port)

        assert (await ask(raw, submit())).tlvs == ()
        raw.close()


# -- long messages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("how", ["message_payload", "data_sm", "short_message"])
@journey
async def test_long_message_is_cut_as_the_profile_of_its_operator_says(tmp_path: Path, split: Split, how: str) -> None:
    text = b"0123456789" * 20
    pdu: Pdu = submit(short_message=text)
    if how == "data_sm":
        payload = ((Tag.MESSAGE_PAYLOAD, text),)
        pdu = DataSm(source_addr="SHOP", destination_addr=NUMBER, registered_delivery=1, tlvs=payload)
    elif how == "message_payload":
        pdu = submit(short_message=b"", tlvs=((Tag.MESSAGE_PAYLOAD, text),))
    async with small_house(tmp_path, profile=Profile(split=split)) as (house, smsc), bound(house) as demo:
        answer = await demo.ask(pdu)
        await demo.until(lambda: demo.received)

        pieces = [each.pdu for each in smsc.submitted]
        assert demo.received[0].message_id == answer.message_id
        if split is Split.PAYLOAD:
            assert [find(each.tlvs, Tag.MESSAGE_PAYLOAD) for each in pieces] == [text]
        else:
            header = {Split.UDH8: 6, Split.UDH16: 7, Split.SAR: 0}[split]
            assert b"".join(each.short_message[header:] for each in pieces) == text
            assert [find(each.tlvs, Tag.SAR_SEGMENT_SEQNUM) is not None for each in pieces] == [split is Split.SAR] * 2


@journey
async def test_message_of_more_parts_than_can_be_numbered_is_refused(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        answer = await demo.ask(submit(short_message=b"", data_coding=4, tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 40_000),)))

        assert answer.command_status == 0x01
