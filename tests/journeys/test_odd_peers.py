"""Peers that are odd and within their rights, or nearly: they are understood, and what cannot be is refused by name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from raw_smsc import RawSmsc, raw_smsc

from chappe.model.lifecycle import Status
from chappe.runtime.settings_client_doors import IdForm
from chappe.sim.client import ClientSimulator
from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.pdus import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DeliverSm,
    EnquireLink,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from house import House, Raw, bound, client, framed, journey, mo, mt, operator, settings_of, small_house

PAYLOAD, SAR_REF, SAR_TOTAL, SAR_NUMBER = 0x0424, 0x020C, 0x020E, 0x020F
RECEIPT = b"id:%b sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"


def message(**fields: Any) -> bytes:
    terms = {"source_addr": "SHOP", "source_addr_ton": 5, "destination_addr": "37120000001", "short_message": b"x"}
    return encode(SubmitSm(**{**terms, **fields}), 7)  # type: ignore[arg-type]


def with_more(octets: bytes, more: bytes) -> bytes:
    """A PDU with octets behind its body, and a length that counts them."""
    return (len(octets) + len(more)).to_bytes(4, "big") + octets[4:] + more


# -- clients ------------------------------------------------------------------------------------------------------


async def status_of(raw: Raw, octets: bytes) -> int:
    """What a request is answered with; what is handed over meanwhile is taken."""
    raw.send(octets)
    while True:
        command, status, number, _ = await raw.read()
        if command != 0x05:
            return status
        raw.tell(0x8000_0005, b"\0", number=number)


#: Name → a request, and what is answered.
REQUESTS = {
    "odd octets of UCS-2": (message(data_coding=8, short_message=b"\0a\0"), 0),
    "NUL is the @ of GSM": (message(short_message=b"a @ is \0"), 0),
    "nothing to say": (message(short_message=b""), 0),
    "every bit of registered_delivery": (message(registered_delivery=0x1F), 0),
    "reserved bits of registered_delivery": (message(registered_delivery=0xE0), 0),
    "a plus": (message(destination_addr="+37120000001"), 0),
    "no source": (message(source_addr="", source_addr_ton=0), 0),
    "flash in UCS-2": (message(data_coding=0x19, short_message=b"\0a"), 0),
    "a TLV twice": (message(tlvs=((0x1401, b"v"), (0x0204, b"\0\1"), (0x0204, b"\0\2"))), 0),
    "five hours": (message(validity_period="000000000500000R"), 0),
    "text in two places": (message(tlvs=((PAYLOAD, b"twice"),)), 0xC1),
    "replace_if_present": (message(replace_if_present_flag=1), 0x54),
    "a predefined message": (message(sm_default_msg_id=3, short_message=b""), 0x63),
    "no time at all": (message(validity_period="999999999999999+"), 0x62),
    "to nobody": (message(destination_addr=""), 0x0B),
    "an octet too many": (with_more(message(), b"\0"), 0xC0),
    "a TLV that is cut": (with_more(message(), b"\x14\x01\0\x05ab"), 0xC0),
    "an unknown command": (framed(0x0ABC, b"zz", number=7), 0x03),
    "what only we may send": (encode(DeliverSm(destination_addr="1"), 7), 0x04),
}


@journey
async def test_an_odd_request_of_a_client_is_taken_or_refused_by_name(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.bound(house.port, system_type="", address_range="", interface_version=0x50)

        answers = {name: await status_of(raw, octets) for name, (octets, _) in REQUESTS.items()}

        assert answers == {name: status for name, (_, status) in REQUESTS.items()}
        assert await raw.is_alive()
        raw.close()


@journey
async def test_a_request_that_comes_in_two_pieces_and_answers_to_nothing_harm_nobody(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.connect(house.port)
        assert await status_of(raw, encode(EnquireLink(), 1)) == 0
        assert await status_of(raw, encode(BindTransceiver("demo", "secret"), 2)) == 0

        raw.send(framed(0x8000_0004, b"7\0", number=99) + framed(0x8000_0000, number=0) + message()[:30])
        await asyncio.sleep(0.05)

        assert await status_of(raw, message()[30:]) == 0
        await house.until(lambda: len(smsc.submitted) == 1)
        raw.close()


@journey
async def test_a_header_in_message_payload_and_parts_named_in_any_order_reach_the_operator(tmp_path: Path) -> None:
    wap = b"\x06\x05\x04\x0b\x84\x23\xf0"
    sar = ((SAR_NUMBER, b"\1"), (SAR_REF, b"\0\7"), (0x1401, b"v"), (SAR_TOTAL, b"\2"))
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        assert (
            await status_of(raw, message(esm_class=0x40, short_message=b"", tlvs=((PAYLOAD, wap + b"a" * 100),))) == 0
        )
        assert (
            await status_of(raw, message(esm_class=0x40, short_message=b"", tlvs=((PAYLOAD, wap + b"b" * 200),))) == 0
        )
        assert await status_of(raw, message(short_message=b"c", tlvs=sar)) == 0
        await house.until(lambda: len(smsc.submitted) == 4)

        whole, *parts, named = [each.pdu for each in sorted(smsc.submitted, key=lambda each: each.at)]
        assert whole.short_message == wap + b"a" * 100
        assert all(part.esm_class == 0x40 and wap[1:] in part.short_message[:14] for part in parts)
        assert sum(part.short_message.count(b"b") for part in parts) == 200
        assert named.short_message == b"\x05\0\3\7\2\1c"
        raw.close()


@journey
async def test_who_unbinds_with_messages_under_way_hears_of_each_before_the_end(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.bound(house.port)

        raw.send(message() * 50 + encode(Unbind(), 77))

        answers = [await raw.read() for _ in range(51)]
        assert [answer[:2] for answer in answers] == [(0x8000_0004, 0)] * 50 + [(0x8000_0006, 0)]
        assert await raw.ended() == b""


@journey
async def test_an_old_client_with_short_ids_gets_receipts_that_name_them(tmp_path: Path) -> None:
    old = client("old", smpp={"id_form": IdForm.SHORT})
    async with small_house(tmp_path, clients=[old]) as (house, _):
        sender, hearer = await Raw.connect(house.port), await Raw.connect(house.port)
        assert (await sender.ask(BindTransmitter("old", "secret", interface_version=0x33)))[3] == b"chappe\0"
        assert (await hearer.ask(BindReceiver("old", "secret", interface_version=0x00)))[3] == b"chappe\0"

        command, _, _, body = await sender.ask(SubmitSm(destination_addr="371", registered_delivery=1), number=2)

        answer = decode(command, body)
        assert isinstance(answer, SubmitSmResp)
        assert len(answer.message_id) == 8
        receipt = decode(*(await hearer.read())[::3])
        assert isinstance(receipt, DeliverSm)
        assert receipt.short_message.startswith(b"id:%b " % answer.message_id.encode())
        assert receipt.tlvs == ()
        sender.close()
        hearer.close()


@pytest.mark.parametrize("answer", [framed(0x8000_0000, number=1, status=3), framed(0x8000_0005, number=1)])
@journey
async def test_a_delivery_that_is_nacked_or_answered_without_a_body_is_over(tmp_path: Path, answer: bytes) -> None:
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        smsc.send_mo(b"VOTE 5")
        assert (await raw.read())[::2] == (0x05, 1)

        raw.send(answer)

        await house.until(lambda: house.depth("client:demo") == 0)
        assert await raw.is_alive()
        raw.close()


# -- operators ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def house_of(folder: Path, smsc: RawSmsc) -> AsyncIterator[tuple[House, ClientSimulator]]:
    terms = {"response_s": 0.5, "reconnect_min_s": 0.02, "reconnect_max_s": 0.05, "retry_s": (0.05,)}
    settings = settings_of(folder, [operator(smsc.port, **terms)], [client()], [mt(), mo()])
    async with House(settings) as house, bound(house) as demo:
        yield house, demo


def answered(*pieces: bytes) -> Any:
    """Answers a submit so the first time, and well from then on; `N` in the pieces is the sequence number."""
    left = [pieces]

    def answer(number: int) -> list[bytes]:
        if not left:
            return [framed(0x8000_0004, b"good\0", number=number)]
        return [piece.replace(b"NNNN", number.to_bytes(4, "big")) for piece in left.pop()]

    return answer


def response(body: bytes, status: int = 0, command: int = 0x8000_0004) -> bytes:
    return framed(command, body, number=int.from_bytes(b"NNNN", "big"), status=status)


#: Name → what is written in answer to a submit, and what becomes of the message.
ANSWERS: dict[str, tuple[tuple[bytes, ...], Status, str]] = {
    "in two pieces": ((response(b"r1\0")[:7], response(b"r1\0")[7:]), Status.SENT, "r1"),
    "no NUL behind the id": ((response(b"r2"),), Status.SENT, "r2"),
    "octets too many": ((response(b"r3\0\0\0"),), Status.SENT, "r3"),
    "twice": ((response(b"r4\0") * 2,), Status.SENT, "r4"),
    "no body": ((response(b""),), Status.SENT, ""),
    "an empty id": ((response(b"\0"),), Status.SENT, ""),
    "an id beside a refusal": ((response(b"r5\0", 0x45),), Status.REJECTED, ""),
    "a status of its own": ((response(b"", 0x7FFF_FFFF),), Status.REJECTED, ""),
    "generic_nack": ((response(b"", 3, 0x8000_0000),), Status.REJECTED, ""),
    "the answer to another request": ((response(b"r6\0", 0, 0x8000_0103),), Status.SENT, "good"),
    "a nack to nothing": ((framed(0x8000_0000, number=0, status=1),), Status.SENT, "good"),
    "an unbind": ((framed(0x06, number=900),), Status.SENT, "good"),
    "the receipt first": (
        (encode(DeliverSm(source_addr="371", esm_class=4, short_message=RECEIPT % b"r7"), 600), response(b"r7\0")),
        Status.DELIVERED,
        "r7",
    ),
}


@journey
async def test_an_odd_answer_of_an_operator_is_understood_or_the_message_is_sent_again(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, house_of(tmp_path, smsc) as (house, demo):
        for pieces, status, reference in ANSWERS.values():
            smsc.answers = {0x04: answered(*pieces)}
            asked = await demo.ask(SubmitSm(destination_addr="371", short_message=b"x"))
            found: list[tuple[Status, str]] = []
            async with asyncio.timeout(20):
                while found[-1:] != [(status, reference)]:
                    life = await house.gateway.store.find(int(asked.message_id))
                    assert life is not None
                    found.append((life.status, life.operator_ref))
                    await asyncio.sleep(0.01)


@journey
async def test_a_bind_answered_without_a_body_and_probed_before_is_a_bind(tmp_path: Path) -> None:
    async with raw_smsc() as smsc:
        smsc.answers = {0x09: lambda number: [framed(0x15, number=500) + framed(0x8000_0009, number=number)]}
        async with house_of(tmp_path, smsc) as (_, demo):
            assert (await demo.ask(SubmitSm(destination_addr="371", short_message=b"x"))).command_status == 0
            await demo.until(lambda: smsc.said(0x04))

        assert smsc.said(0x8000_0015) == [(0, 500)]


@journey
async def test_whatever_an_operator_hands_over_is_answered_and_the_link_lives(tmp_path: Path) -> None:
    def delivery(number: int, **fields: Any) -> bytes:
        return encode(DeliverSm(source_addr="37120000001", destination_addr="12345", **fields), number)

    async with raw_smsc() as smsc, house_of(tmp_path, smsc) as (house, demo):
        await house.until(lambda: smsc.got)
        octets = [
            delivery(701, short_message=b"hello", esm_class=4),
            delivery(702, short_message="id:3 stat:EXPIRED".encode("utf-16-be"), esm_class=4, data_coding=8),
            delivery(703, tlvs=((PAYLOAD, b"by payload"),)),
            delivery(704, short_message=b"odd\0u", data_coding=8),
            delivery(705, short_message=b"an acknowledgement", esm_class=0x08),
            framed(0x05, b"\0\0\0", number=706),
            framed(0x04, number=707),
            framed(0x0ABC, number=708),
            framed(0x0102, b"\0\1\1371\0\1\1371\0", number=709),
            framed(0x15, number=710),
        ]
        smsc.write(b"".join(octets))

        await house.until(lambda: len(smsc.said(0x8000_0005)) == 6 and smsc.said(0x8000_0015))
        assert sorted(smsc.said(0x8000_0005), key=lambda each: each[1]) == [
            *((0, number) for number in range(701, 706)),
            (2, 706),
        ]
        assert smsc.said(0x8000_0004) == [(4, 707)]
        assert smsc.said(0x8000_0000) == [(3, 708)]
        await demo.until(lambda: len(demo.received) == 3)
        texts = {dict(each.pdu.tlvs).get(PAYLOAD) or each.pdu.short_message for each in demo.received}
        assert texts == {b"by payload", b"odd\0u", b"an acknowledgement"}
