"""Operators over HTTP, each shape that is shipped: messages out, receipts and MO home, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession

from chappe.operators.http_node import OperatorHttpNode
from chappe.runtime.settings_profiles import UnknownOutcome
from chappe.sim.http_clouds import Infobip
from chappe.sim.options import MoOptions
from chappe.sim.script import Faults
from chappe.sim.web_session import WebReply
from chappe.text import gsm7, ucs2
from chappe.wire.smpp.pdus import SubmitSm
from house import House, Raw, bound, client, journey
from web_operator import SHAPES, profile_named, web_house

LONG = "A long letter, number {n}: " + "it goes on and on, and the operator cuts it. " * 6
CUT = '[[faults]]\nfault = "cut"\nat_count = 3\n'


@pytest.mark.parametrize("shape", SHAPES)
@journey
async def test_messages_go_out_and_receipts_and_mo_come_home(tmp_path: Path, shape: str) -> None:
    async with (
        web_house(tmp_path, shape, mo=MoOptions(count=5)) as (house, simulator),
        bound(house, count=40, expect_mo=5) as sender,
    ):
        assert await sender.run()

        assert len(simulator.submitted) == 40
        await house.until(lambda: simulator.receipts_acked == 40 and simulator.mo_acked == 5)
        assert len(house.events("mt_delivered")) == 40
        assert not house.events("dr_parked", "caller_refused", "pdu_refused")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("a & b = 'c' <d> \"e\" + %41 {f} ?g=h;i\r\nj", gsm7.encode("a & b = 'c' <d> \"e\" + %41 {f} ?g=h;i\r\nj")),
        ("Żółć → 😀", ucs2.encode("Żółć → 😀")),
    ],
)
@journey
async def test_no_text_ends_its_field(tmp_path: Path, shape: str, text: str, octets: bytes) -> None:
    data_coding = 0 if gsm7.fits(text) else 8
    async with web_house(tmp_path, shape) as (house, simulator):
        await submit(house, octets, data_coding=data_coding)

        await house.until(lambda: simulator.submitted)
        taken = simulator.submitted[0].pdu
        assert isinstance(taken, SubmitSm)
        assert (taken.short_message, taken.data_coding) == (octets, data_coding)
        assert (taken.source_addr, taken.destination_addr) == ("SHOP", "37120000001")


async def submit(house: House, octets: bytes, **fields: int) -> None:
    """Hand one message in."""
    raw = await Raw.bound(house.port)
    pdu = SubmitSm(
        source_addr_ton=5,
        source_addr="SHOP",
        dest_addr_ton=1,
        destination_addr="37120000001",
        registered_delivery=1,
        short_message=octets,
        **fields,
    )
    assert (await raw.ask(pdu))[1] == 0
    raw.close()


@journey
async def test_octets_and_their_header_reach_an_api_that_has_a_place_for_them(tmp_path: Path) -> None:
    header = bytes.fromhex("06050423f423f4")
    async with web_house(tmp_path, "kannel") as (house, simulator):
        await submit(house, header + bytes(range(100)), data_coding=4, esm_class=0x40)

        await house.until(lambda: simulator.submitted)
        taken = simulator.submitted[0].pdu
        assert isinstance(taken, SubmitSm)
        assert taken.short_message == header + bytes(range(100))
        assert taken.esm_class & 0x40


@journey
async def test_octets_are_refused_alone_where_the_api_has_no_place_for_them(tmp_path: Path) -> None:
    async with web_house(tmp_path, "twilio") as (house, simulator):
        await submit(house, b"\x00\x01\xff", data_coding=4)
        await submit(house, b"hello")

        await house.until(lambda: house.events("mt_failed") and simulator.submitted)
        assert len(simulator.submitted) == 1
        await house.until(lambda: house.events("pdu_refused"))
        assert "no place for a message that is no text" in house.events("pdu_refused")[0][9]


@pytest.mark.parametrize("shape", SHAPES)
@journey
async def test_a_slower_pace_and_a_full_house_are_waited_for(tmp_path: Path, shape: str) -> None:
    faults = Faults.parse(
        '[[faults]]\nfault = "throttle"\nat_count = [2, 3, 4]\n[[faults]]\nfault = "queue_full"\nat_count = 6\n'
    )
    async with (
        web_house(tmp_path, shape, faults=faults) as (house, simulator),
        bound(house, count=12) as sender,
    ):
        assert await sender.run()

        assert simulator.desk.refused == 4
        assert len(simulator.submitted) == 12
        await house.until(lambda: house.events("throttled"))


@pytest.mark.parametrize("shape", SHAPES)
@journey
async def test_a_request_whose_connection_dies_is_sent_again_and_told_as_a_doubt(tmp_path: Path, shape: str) -> None:
    async with (
        web_house(tmp_path, shape, faults=Faults.parse(CUT)) as (house, simulator),
        bound(house, count=10) as sender,
    ):
        assert await sender.run()

        tags = {taken.tag for taken in simulator.submitted}
        assert len(tags) == 10
        assert house.events("mt_deferred")


@journey
async def test_what_must_not_double_is_held_when_its_connection_dies(tmp_path: Path) -> None:
    profile = profile_named("vonage", unknown_outcome=UnknownOutcome.HOLD)
    async with web_house(tmp_path, "vonage", faults=Faults.parse(CUT), profile=profile) as (house, simulator):
        for _ in range(5):
            await submit(house, b"pay")

        await house.until(lambda: house.events("mt_held"))
        await house.until(lambda: len(house.events("mt_sent")) == 4)
        assert len(simulator.submitted) == 5


@journey
async def test_an_answer_that_never_comes_is_a_doubt(tmp_path: Path) -> None:
    faults = Faults.parse('[[faults]]\nfault = "drop_response"\nat_count = 1\n')
    async with (
        web_house(tmp_path, "jasmin", faults=faults, of_operator={"response_s": 0.3}) as (house, simulator),
        bound(house, count=3) as sender,
    ):
        assert await sender.run()

        assert "no answer within 0.3 s" in house.events("mt_deferred")[0][9]
        assert len(simulator.submitted) == 4


@journey
async def test_a_wrong_password_is_no_messages_fault(tmp_path: Path) -> None:
    async with web_house(tmp_path, "twilio", smsc={}) as (house, simulator):
        simulator.options = msgspec.structs.replace(simulator.options, password="another")  # type: ignore[misc]
        await submit(house, b"hello")
        await house.until(lambda: house.events("link_down"))
        assert "does not let us in: HTTP 401" in house.events("link_down")[0][9]

        simulator.options = msgspec.structs.replace(simulator.options, password="secret")  # type: ignore[misc]
        await house.until(lambda: house.events("mt_delivered"))
        assert not house.events("mt_failed")
        assert len(simulator.submitted) == 1


@journey
async def test_an_operator_that_is_gone_loses_nothing(tmp_path: Path) -> None:
    async with web_house(tmp_path, "kannel") as (house, simulator):
        simulator._server.close()
        for link in list(simulator.links)[1:]:
            link.reset()  # type: ignore[attr-defined]
        await submit(house, b"hello")
        await house.until(lambda: house.events("link_down"))

        assert "cannot be reached" in house.events("link_down")[0][9]
        assert not house.events("mt_failed", "mt_held")
        assert house.depth("operator:sim") == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", ["early_receipt", "double_receipt", "undelivered", "contradictory_receipt"])
@journey
async def test_receipts_may_come_as_they_like(tmp_path: Path, shape: str, fault: str) -> None:
    faults = Faults.parse(f'[[faults]]\nfault = "{fault}"\nevery_count = 2\ndelay_s = 0.05\n')
    async with (
        web_house(tmp_path, shape, faults=faults) as (house, _),
        bound(house, count=10) as sender,
    ):
        assert await sender.run()

        ends = house.events("mt_delivered", "mt_failed")
        assert len({line[2] for line in ends}) == 10
        assert len(house.events("mt_failed")) == (5 if fault == "undelivered" else 0)


@pytest.mark.parametrize("shape", SHAPES)
@journey
async def test_a_stranger_gets_401_and_nothing_is_stored(tmp_path: Path, shape: str) -> None:
    profile = profile_named(shape)
    assert profile.http is not None
    assert profile.http.receipt is not None
    assert profile.http.inbound is not None
    async with web_house(tmp_path, shape) as (house, _), ClientSession() as session:
        port = house.gateway.operators[0].port  # type: ignore[attr-defined]
        for path in (profile.http.receipt.path, profile.http.inbound.path):
            for query in ("", "?token=guess", "?token="):
                for headers in ({}, {"Authorization": "Basic OmhvbQ=="}, {"X-Twilio-Signature": "aGVsbG8="}):
                    url = f"http://127.0.0.1:{port}{path}{query}"
                    async with session.post(url, data={"From": "1", "To": "2"}, headers=headers) as answer:
                        assert answer.status == 401

        await house.until(lambda: house.events("caller_refused"))
        assert not house.events("mo_received", "mo_unrouted", "dr_received", "dr_parked")


@journey
async def test_one_bad_item_of_a_call_harms_no_other(tmp_path: Path) -> None:
    async with web_house(tmp_path, "infobip") as (house, _), ClientSession() as session:
        port = house.gateway.operators[0].port  # type: ignore[attr-defined]
        good = {"messageId": "a", "from": "37120000001", "to": "12345", "text": "VOTE 1"}
        body = json.dumps({"results": [good, {"messageId": "b"}, {**good, "messageId": "c", "text": "\x00VOTE 2"}]})
        url = f"http://operator:hook@127.0.0.1:{port}/infobip/inbound"

        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400

        assert len(house.events("mo_received")) == 2
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
        assert len(house.events("mo_received")) == 2
        assert len(house.events("mo_suppressed")) == 2


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"results": 5}', b'{"results": [[[]]]}', b"\xff\x00" * 100])
@journey
async def test_calls_that_say_nothing_are_answered_and_harm_nothing(tmp_path: Path, body: bytes) -> None:
    async with web_house(tmp_path, "infobip") as (house, _), ClientSession() as session:
        port = house.gateway.operators[0].port  # type: ignore[attr-defined]
        for path in ("receipts", "inbound"):
            url = f"http://operator:hook@127.0.0.1:{port}/infobip/{path}"
            async with session.post(url, data=body) as answer:
                assert answer.status in (200, 400)
        assert not house.events("mo_received", "dr_parked")


@journey
async def test_a_long_text_leaves_whole_and_is_one_message(tmp_path: Path) -> None:
    text = gsm7.encode("long " * 80)
    async with web_house(tmp_path, "infobip", clients=[client()]) as (house, simulator):
        await submit_payload(house, text)

        await house.until(lambda: house.events("mt_delivered"))
        assert len(simulator.submitted) == 1
        assert simulator.submitted[0].octets == text


async def submit_payload(house: House, octets: bytes) -> None:
    raw = await Raw.bound(house.port)
    pdu = SubmitSm(source_addr="SHOP", destination_addr="37120000001", registered_delivery=1, tlvs=((0x0424, octets),))
    assert (await raw.ask(pdu))[1] == 0
    raw.close()


@pytest.mark.parametrize("fault", ["drop_response", "cut"])
@journey
async def test_an_operator_that_can_be_asked_is_asked_and_nothing_doubles(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OperatorHttpNode, "ask_pauses_s", (0.05, 0.1, 0.1))
    faults = Faults.parse(f'[[faults]]\nfault = "{fault}"\nat_count = 2\n')
    profile = profile_named("infobip", unknown_outcome=UnknownOutcome.QUERY)
    async with (
        web_house(tmp_path, "infobip", faults=faults, profile=profile, of_operator={"response_s": 0.3}) as (
            house,
            simulator,
        ),
        bound(house, count=5) as sender,
    ):
        assert await sender.run()

        assert len(simulator.submitted) == 5
        assert not house.events("mt_held", "mt_deferred")


@pytest.mark.parametrize("answer", ["", "no list at all"])
@journey
async def test_what_the_operator_has_not_got_is_sent_again_and_what_it_cannot_say_is_held(
    tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OperatorHttpNode, "ask_pauses_s", (0.05, 0.1, 0.1))
    faults = Faults.parse('[[faults]]\nfault = "drop_response"\nat_count = 1\n')
    profile = profile_named("infobip", unknown_outcome=UnknownOutcome.QUERY)
    async with web_house(tmp_path, "infobip", faults=faults, profile=profile, of_operator={"response_s": 0.3}) as (
        house,
        simulator,
    ):
        body = b'{"results": []}' if not answer else answer.encode()
        monkeypatch.setattr(Infobip, "lookup", lambda *_: WebReply(200, body) if _[1].method == "GET" else None)
        await submit(house, b"hello")

        if answer:
            await house.until(lambda: house.events("mt_held"))
            assert "could not say" in house.events("mt_held")[0][9]
        else:
            await house.until(lambda: len(simulator.submitted) == 2)
