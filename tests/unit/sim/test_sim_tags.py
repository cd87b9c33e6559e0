"""Tags: which word names a message, and which part of a long one these octets are."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers

from chappe.sim.tags import WHOLE, Part, TagReader, split_header, tag_of
from chappe.wire.smpp.pdus import DataSm, DeliverSm, SubmitSm


@pytest.mark.parametrize(
    ("octets", "tag"),
    [
        (b"abc17 Your code", "abc17"),
        (b"abc17", "abc17"),
        (b"VOTE 5 #m17", "m17"),
        (b"VOTE 5 #m17 thanks", "m17"),
        (b"#m17 first", "#m17"),
        (b"", ""),
        (b"\x00\xff x", "\x00\xff"),
    ],
)
def test_the_tag_is_the_marked_word_or_the_first(octets: bytes, tag: str) -> None:
    assert tag_of(octets) == tag


def test_the_tag_is_found_in_ucs2() -> None:
    assert tag_of("abc17 Привет".encode("utf-16-be"), data_coding=8) == "abc17"


@pytest.mark.parametrize(
    ("octets", "part"),
    [
        (b"\x05\x00\x03\x2a\x03\x02text", Part(0x2A, 3, 2)),
        (b"\x06\x08\x04\x01\x2a\x03\x02text", Part(0x012A, 3, 2)),
        (b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x01text", Part(7, 2, 1)),
        (b"\x06\x05\x04\x0b\x84\x23\xf0text", WHOLE),
    ],
)
def test_a_header_names_the_part(octets: bytes, part: Part) -> None:
    assert split_header(octets) == (part, b"text")


def test_a_header_longer_than_the_message_is_taken_for_text() -> None:
    assert split_header(b"\x20abc") == (WHOLE, b"\x20abc")


@given(octets=binary(max_size=255), esm_class=integers(0, 255), data_coding=integers(0, 255))
def test_no_octets_break_the_reader(octets: bytes, esm_class: int, data_coding: int) -> None:
    pdu = SubmitSm(short_message=octets, esm_class=esm_class, data_coding=data_coding)

    reading = TagReader().read(pdu)

    assert octets.endswith(reading.octets)


def test_later_parts_carry_the_tag_of_the_first() -> None:
    reader = TagReader()
    parts = [
        DeliverSm(source_addr="371200", esm_class=0x40, short_message=b"\x05\x00\x03\x2a\x02\x01abc17 Your"),
        DeliverSm(source_addr="371200", esm_class=0x40, short_message=b"\x05\x00\x03\x2a\x02\x02 code"),
    ]

    first, second = (reader.read(pdu) for pdu in parts)

    assert (first.tag, second.tag) == ("abc17", "abc17")
    assert second.octets == b" code"
    assert second.part_detail == " part=2/2"


def test_parts_named_by_sar_tlvs_are_parts_too() -> None:
    tlvs = ((0x020C, b"\x01\x02"), (0x020E, b"\x02"), (0x020F, b"\x01"))

    reading = TagReader().read(SubmitSm(short_message=b"abc17 x", tlvs=tlvs))

    assert reading.part == Part(0x0102, 2, 1)
    assert reading.octets == b"abc17 x"


def test_the_text_of_data_sm_is_in_its_payload() -> None:
    reading = TagReader().read(DataSm(tlvs=((0x0424, b"abc17 x"),)))

    assert (reading.tag, reading.octets, reading.part_detail) == ("abc17", b"abc17 x", "")


def test_a_reader_forgets_long_messages_that_never_end() -> None:
    reader = TagReader()
    for number in range(10_001):
        text = b"\x06\x08\x04" + number.to_bytes(2, "big") + b"\x02\x01t%d x" % number
        reader.read(SubmitSm(esm_class=0x40, short_message=text))

    oldest, newest = (
        reader.read(SubmitSm(esm_class=0x40, short_message=b"\x06\x08\x04" + number.to_bytes(2, "big") + b"\x02\x02 y"))
        for number in (0, 10_000)
    )

    assert (oldest.tag, newest.tag) == ("", "t10000")
