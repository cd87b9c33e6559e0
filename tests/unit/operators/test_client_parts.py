"""Parts that a client has cut: UDH and sar_ TLVs say the same, and one becomes the other where it can."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chappe.operators.client_parts import renamed
from chappe.text import udh
from chappe.text.segments import SplitMethod
from chappe.wire.smpp.tlvs import Tag, integer_of, integer_tlv

VENDOR = (0x1401, b"v")
PORTS = udh.Element(udh.PORTS_16, bytes.fromhex("0b8423f0"))


def sar(reference: int = 0x1234, total: int = 3, number: int = 2) -> tuple[tuple[int, bytes], ...]:
    return (
        integer_tlv(Tag.SAR_MSG_REF_NUM, reference),
        integer_tlv(Tag.SAR_TOTAL_SEGMENTS, total),
        integer_tlv(Tag.SAR_SEGMENT_SEQNUM, number),
    )


def test_sar_becomes_a_header_where_the_profile_names_parts_there() -> None:
    octets, esm_class, tlvs = renamed(b"text", 0, (*sar(), VENDOR), 0, SplitMethod.UDH8)

    assert (octets, esm_class, tlvs) == (bytes.fromhex("050003340302") + b"text", 0x40, (VENDOR,))
    assert renamed(b"text", 3, sar(), 0, SplitMethod.UDH16)[:2] == (bytes.fromhex("06080412340302") + b"text", 0x43)


def test_a_header_that_is_there_keeps_its_other_elements() -> None:
    given_octets = udh.build([PORTS]) + b"text"

    octets, esm_class, tlvs = renamed(given_octets, 0x40, sar(), 4, SplitMethod.UDH8)

    header, text = udh.strip(octets)
    assert (text, esm_class, tlvs) == (b"text", 0x40, ())
    assert header.concatenation == udh.Concatenation(0x34, 3, 2, False)
    assert header.ports == udh.Ports(0x0B84, 0x23F0)


def test_a_header_becomes_sar_where_the_profile_wants_it() -> None:
    given_octets = udh.build([udh.concatenation_16(0x1234, 3, 2), PORTS]) + b"text"

    octets, esm_class, tlvs = renamed(given_octets, 0x40, (VENDOR,), 4, SplitMethod.SAR)

    assert (octets, esm_class, tlvs) == (udh.build([PORTS]) + b"text", 0x40, (VENDOR, *sar()))
    alone = udh.build([udh.concatenation_8(7, 2, 1)]) + b"text"
    assert renamed(alone, 0x43, (), 0, SplitMethod.SAR) == (b"text", 3, sar(7, 2, 1))


def test_what_cannot_be_said_otherwise_stays_as_it_is() -> None:
    full = b"x" * 160
    for octets, esm_class, tlvs in (
        (full, 0, sar()),
        (b"text", 0, sar(number=4)),
        (b"text", 0, sar()[:2]),
        (udh.build([udh.concatenation_8(1, 2, 1)]) + b"text", 0x40, sar()),
        (b"\xff", 0x40, sar()),
        (b"text", 0, (VENDOR,)),
    ):
        assert renamed(octets, esm_class, tlvs, 0, SplitMethod.UDH8) == (octets, esm_class, tlvs)
    assert renamed(b"text", 0, sar(), 0, SplitMethod.NONE) == (b"text", 0, sar())
    assert renamed(b"text", 0, sar(), 0, SplitMethod.SAR) == (b"text", 0, sar())


@given(
    octets=st.binary(max_size=150),
    esm_class=st.sampled_from((0, 0x40, 0xC0)),
    tlvs=st.lists(st.tuples(st.sampled_from((0x020C, 0x020E, 0x020F, 0x1401)), st.binary(max_size=3)), max_size=4),
    data_coding=st.sampled_from((0, 4, 8)),
    split=st.sampled_from(SplitMethod),
)
def test_any_octets_and_tlvs_come_through(
    octets: bytes, esm_class: int, tlvs: list[tuple[int, bytes]], data_coding: int, split: SplitMethod
) -> None:
    renamed(octets, esm_class, tuple(tlvs), data_coding, split)


@given(
    text=st.binary(max_size=130),
    reference=st.integers(0, 0xFF),
    total=st.integers(1, 255),
    data=st.data(),
)
def test_there_and_back_is_the_same_part(text: bytes, reference: int, total: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, total))
    tlvs = sar(reference, total, number)

    octets, esm_class, rest = renamed(text, 0, tlvs, 4, SplitMethod.UDH8)

    assert integer_of(rest, Tag.SAR_MSG_REF_NUM) is None
    assert renamed(octets, esm_class, rest, 4, SplitMethod.SAR) == (text, 0, tlvs)
