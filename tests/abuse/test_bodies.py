"""Bodies and TLV streams that are broken in every way: each is refused alone, and its neighbours are taken."""

import struct
from pathlib import Path

import pytest
from test_octets import DATA_FIELDS, FIELDS, PAYLOAD, body_of, check_named, submit_all

from chappe.wire.smpp.codec import encode
from chappe.wire.smpp.pdus import (
    BindReceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSmResp,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
)
from house import Raw, bound, framed, journey, small_house

SUBMIT_SM, DATA_SM = 0x04, 0x103
GOOD = framed(SUBMIT_SM, body_of(FIELDS, 3), number=3)


def tlv(tag: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack(">HH", tag, len(value) if length is None else length) + value


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (b"\x00", 0xC0),
        (b"\x14\x01", 0xC0),
        (b"\x14\x01\x00", 0xC0),
        (tlv(0x1401, b"", 1), 0xC0),
        (tlv(0x1401, b"abc", 0xFFFF), 0xC0),
        (tlv(0x1401, b"abc", 4), 0xC0),
        (tlv(0x1401, b"abc", 2), 0xC0),
        (tlv(0x1401, b"ok") + b"\xff\xff\xff", 0xC0),
        (tlv(0x0204, b"1"), 0xC2),
        (tlv(0x0204, b"123"), 0xC2),
        (tlv(0x020C, b""), 0xC2),
        (tlv(0x001E, b"x" * 66), 0xC2),
        (tlv(PAYLOAD, b"text"), 0xC1),
        (tlv(PAYLOAD, b"") + tlv(PAYLOAD, b""), 0xC1),
        (b"", 0),
        (tlv(0x1401, b""), 0),
        (tlv(0xFFFF, b"x"), 0),
        (tlv(0x0000, b"x"), 0),
        (tlv(0x1401, b"one") + tlv(0x1401, b"two"), 0),
        (b"".join(tlv(0x1401 + number, b"x" * 30) for number in range(1_000)), 0),
        (tlv(0x1401, b"x" * 60_000), 0),
    ],
)
@journey
async def test_tlv_stream_is_taken_or_refused_by_name(tmp_path: Path, stream: bytes, status: int) -> None:
    async with small_house(tmp_path) as (house, smsc):
        odd = framed(SUBMIT_SM, body_of(FIELDS, 2) + stream, number=2)
        answers, arrived = await submit_all(house, smsc, [odd, GOOD])

    assert answers == {2: status, 3: 0}
    assert set(arrived) == ({3} if status else {2, 3})
    if not status:
        assert encode(arrived[2], 1).endswith(stream)


@pytest.mark.parametrize(("command_id", "fields"), [(SUBMIT_SM, FIELDS), (DATA_SM, DATA_FIELDS)])
@journey
async def test_body_that_is_cut_anywhere_is_refused_or_read_and_never_more(
    tmp_path: Path, command_id: int, fields: dict[str, bytes]
) -> None:
    whole = body_of(fields, 1, b"text" if command_id == DATA_SM else None)
    cuts = [framed(command_id, whole[:at], number=2 + at) for at in range(len(whole))]

    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        raw.send(b"".join(cuts) + GOOD.replace(b"\0\0\0\3", b"\0\1\0\0", 1))
        answers = {answer[2]: answer[1] for answer in [await raw.read() for _ in range(len(cuts) + 1)]}
        assert await raw.is_alive()
        raw.close()
        accepted = [number for number, status in answers.items() if not status]
        await house.until(lambda: len(smsc.submitted) == len(accepted))

    check_named(answers)
    assert set(answers) == {*range(2, 2 + len(cuts)), 0x10000}
    assert answers[0x10000] == 0
    # Whole without its TLVs, or with empty ones at a place where one TLV ends.
    assert len(accepted) <= 3


@journey
async def test_length_of_the_text_that_lies_is_refused(tmp_path: Path) -> None:
    head = b"".join(value for name, value in FIELDS.items() if name != "short_message")
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        raw.tell(SUBMIT_SM, head + b"\x64" + b"only this", number=2)
        assert (await raw.read())[:3] == (0x8000_0004, 0x01, 2)
        raw.tell(SUBMIT_SM, head + b"\x01" + b"much more than that", number=3)
        assert (await raw.read())[:3] == (0x8000_0004, 0xC0, 3)
        raw.close()
        assert smsc.submitted == []


@journey
async def test_operations_that_are_not_offered_are_refused_and_the_link_lives(tmp_path: Path) -> None:
    asked = [QuerySm("1"), CancelSm("", "1"), ReplaceSm("1"), SubmitMulti()]
    async with small_house(tmp_path) as (house, _), bound(house) as demo:
        for pdu in asked:
            assert (await demo.ask(pdu)).command_status != 0
        assert (await demo.ask(SubmitSm(destination_addr="371"))).command_status == 0


@journey
async def test_what_the_bind_does_not_allow_is_refused(tmp_path: Path) -> None:
    async with small_house(tmp_path) as (house, _):
        receiver = await Raw.connect(house.port)
        await receiver.ask(BindReceiver("demo", "secret"))
        assert (await receiver.ask(SubmitSm(destination_addr="371"), number=2))[1] == 0x04
        transmitter = await Raw.connect(house.port)
        await transmitter.ask(BindTransmitter("demo", "secret"))
        for command_id, answer_id in ((0x05, 0x8000_0005), (0x0B, 0x8000_0000), (0x102, 0x8000_0000)):
            transmitter.tell(command_id, bytes(40), number=3)
            assert (await transmitter.read())[:2] == (answer_id, 0x04)
        transmitter.send(encode(DeliverSmResp(), 77))
        transmitter.tell(0x8000_0000, number=78, status=3)
        assert await transmitter.is_alive()
        receiver.close()
        transmitter.close()


@journey
async def test_one_number_for_two_requests_at_once_gets_two_answers_and_harms_nobody(tmp_path: Path) -> None:
    good, bad = SubmitSm(destination_addr="371"), SubmitSm(destination_addr="")
    odd = DataSm(destination_addr="")
    async with small_house(tmp_path) as (house, smsc):
        raw = await Raw.bound(house.port)
        raw.send(b"".join(encode(pdu, 5) for pdu in (good, odd, good, bad, odd, good)))

        answers = [(await raw.read())[:3] for _ in range(6)]

        assert sorted(answers) == [
            *[(0x8000_0004, 0x00, 5)] * 3,
            (0x8000_0004, 0x0B, 5),
            *[(0x8000_0103, 0x0B, 5)] * 2,
        ]
        assert await raw.is_alive()
        raw.close()
        await house.until(lambda: len(smsc.submitted) == 3)


@pytest.mark.parametrize("number", [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
@journey
async def test_any_sequence_number_is_echoed(tmp_path: Path, number: int) -> None:
    async with small_house(tmp_path) as (house, _):
        raw = await Raw.bound(house.port)
        assert (await raw.ask(SubmitSm(destination_addr="371"), number=number))[1:3] == (0, number)
        raw.close()
