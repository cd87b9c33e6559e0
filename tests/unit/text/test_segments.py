"""Cutting long user data: the limits of every method, and what a cut must never part."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, sampled_from

from chappe.text import gsm7, ucs2, udh
from chappe.text.encoding import Encoding
from chappe.text.segments import (
    MAX_PARTS,
    Segment,
    SplitMethod,
    TooManyParts,
    count_parts,
    room_of_one,
    room_of_part,
    split,
)
from chappe.text.udh import Element

UDH_METHODS = [SplitMethod.UDH8, SplitMethod.UDH16]
WAP_PUSH = Element(udh.PORTS_16, b"\x0b\x84\x23\xf0")

any_gsm7 = lists(sampled_from([b"a", b"\x1be", b"\x1b\x1b", b"\0"]), max_size=700).map(b"".join)
any_ucs2 = lists(sampled_from(["я", "😀", "a"]), max_size=300).map(lambda pieces: ucs2.encode("".join(pieces)))


def text_of(segment: Segment) -> bytes:
    return udh.strip(segment.octets)[1] if segment.has_udh else segment.octets


@pytest.mark.parametrize(
    ("method", "rooms"),
    [
        (SplitMethod.UDH8, {"gsm7": 153, "latin1": 134, "ucs2": 134, "binary": 134}),
        (SplitMethod.UDH16, {"gsm7": 152, "latin1": 133, "ucs2": 132, "binary": 133}),
        (SplitMethod.SAR, {"gsm7": 153, "latin1": 134, "ucs2": 134, "binary": 134}),
    ],
)
def test_a_part_holds_what_the_radio_leaves(method: SplitMethod, rooms: dict[str, int]) -> None:
    assert {encoding.value: room_of_part(encoding, method) for encoding in Encoding} == rooms


def test_one_message_holds_160_septets_or_140_octets() -> None:
    assert [room_of_one(encoding) for encoding in Encoding] == [160, 140, 140, 140]


@pytest.mark.parametrize("method", list(SplitMethod))
@pytest.mark.parametrize("encoding", list(Encoding))
def test_what_fits_one_message_is_not_cut(method: SplitMethod, encoding: Encoding) -> None:
    octets = b"a" * room_of_one(encoding)

    assert split(octets, encoding, method=method, reference=7) == [Segment(1, 1, octets, False, 0)]
    assert split(b"", encoding, method=method) == [Segment(1, 1, b"", False, 0)]
    assert count_parts(octets, encoding, method=method) == 1


def test_parts_with_element_00_are_numbered_from_1() -> None:
    segments = split(b"a" * 307, Encoding.GSM7, method=SplitMethod.UDH8, reference=0x1CC)

    assert [segment.octets[:6].hex() for segment in segments] == ["050003cc0301", "050003cc0302", "050003cc0303"]
    assert [len(text_of(segment)) for segment in segments] == [153, 153, 1]
    assert [(segment.number, segment.total, segment.has_udh) for segment in segments] == [
        (1, 3, True),
        (2, 3, True),
        (3, 3, True),
    ]
    assert {segment.reference for segment in segments} == {0xCC}


def test_parts_with_element_08_keep_16_bits_of_the_reference() -> None:
    segments = split(b"a" * 161, Encoding.GSM7, method=SplitMethod.UDH16, reference=0x1CAFE)

    assert [segment.octets[:7].hex() for segment in segments] == ["060804cafe0201", "060804cafe0202"]
    assert [len(text_of(segment)) for segment in segments] == [152, 9]
    assert segments[0].reference == 0xCAFE


def test_parts_for_sar_have_no_header_but_leave_its_room() -> None:
    segments = split(b"a" * 161, Encoding.GSM7, method=SplitMethod.SAR, reference=0x1CAFE)

    assert segments == [Segment(1, 2, b"a" * 153, False, 0xCAFE), Segment(2, 2, b"a" * 8, False, 0xCAFE)]


def test_without_a_method_the_user_data_stays_whole() -> None:
    octets = b"a" * 60_000

    assert split(octets, Encoding.GSM7, method=SplitMethod.NONE, reference=7) == [Segment(1, 1, octets, False, 0)]
    assert count_parts(octets, Encoding.GSM7, method=SplitMethod.NONE) == 1


@pytest.mark.parametrize(
    ("written", "lengths"),
    [
        ("a" * 159 + "€", [153, 8]),
        ("a" * 152 + "€" + "a" * 8, [152, 10]),  # the escape would be the 153rd septet
        ("€" * 81, [152, 10]),
        ("€" * 160, [152, 152, 16]),
    ],
)
def test_an_escape_moves_to_the_next_part_with_its_code(written: str, lengths: list[int]) -> None:
    segments = split(gsm7.encode(written), Encoding.GSM7)

    assert [len(text_of(segment)) for segment in segments] == lengths
    assert "".join(gsm7.decode(text_of(segment)) for segment in segments) == written


def test_two_escapes_are_a_pair_of_their_own_and_do_not_move() -> None:
    octets = b"a" * 151 + b"\x1b\x1b" + b"e" * 20

    assert [text_of(segment) for segment in split(octets, Encoding.GSM7)] == [octets[:153], octets[153:]]


@pytest.mark.parametrize(
    ("written", "units"),
    [
        ("я" * 135, [67, 67, 1]),
        ("я" * 69 + "😀", [67, 4]),
        ("я" * 66 + "😀" + "я" * 10, [66, 12]),
        ("😀" * 67, [66, 66, 2]),
    ],
)
def test_a_surrogate_pair_moves_to_the_next_part_whole(written: str, units: list[int]) -> None:
    segments = split(ucs2.encode(written), Encoding.UCS2)

    assert [len(text_of(segment)) // 2 for segment in segments] == units
    assert "".join(ucs2.decode(text_of(segment)) for segment in segments) == written


def test_octets_that_look_like_an_escape_or_a_pair_are_cut_anywhere_in_binary() -> None:
    segments = split(b"\x1b\xd8" * 134, Encoding.BINARY)

    assert [len(text_of(segment)) for segment in segments] == [134, 134]


@pytest.mark.parametrize("method", UDH_METHODS)
def test_ports_are_repeated_in_every_part(method: SplitMethod) -> None:
    segments = split(b"\xae" * 300, Encoding.BINARY, method=method, reference=1, elements=[WAP_PUSH])

    assert all(udh.parse(segment.octets).find(udh.PORTS_16) == WAP_PUSH.data for segment in segments)
    assert all(len(segment.octets) <= 140 for segment in segments)
    assert b"".join(text_of(segment) for segment in segments) == b"\xae" * 300


def test_ports_of_a_single_message_take_their_room() -> None:
    fits, too_long = b"a" * 133, b"a" * 134

    assert split(fits, Encoding.BINARY, elements=[WAP_PUSH]) == [
        Segment(1, 1, bytes.fromhex("0605040b8423f0") + fits, True, 0)
    ]
    assert count_parts(too_long, Encoding.BINARY, elements=[WAP_PUSH]) == 2


def test_ports_travel_in_the_header_of_sar_parts() -> None:
    segments = split(b"a" * 161, Encoding.GSM7, method=SplitMethod.SAR, elements=[WAP_PUSH])

    assert all(segment.octets[:7] == bytes.fromhex("0605040b8423f0") and segment.has_udh for segment in segments)
    assert [len(text_of(segment)) for segment in segments] == [146, 15]  # 12 octets of header are 14 septets


def test_elements_that_leave_no_room_are_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        split(b"a" * 10, Encoding.BINARY, elements=[Element(0x70, b"x" * 132)])


@pytest.mark.parametrize("method", UDH_METHODS)
def test_255_parts_are_the_most(method: SplitMethod) -> None:
    most = b"a" * room_of_part(Encoding.GSM7, method) * MAX_PARTS

    assert len(split(most, Encoding.GSM7, method=method)) == MAX_PARTS
    with pytest.raises(TooManyParts, match="256 parts") as caught:
        split(most + b"a", Encoding.GSM7, method=method)
    assert caught.value.parts == count_parts(most + b"a", Encoding.GSM7, method=method) == 256


@given(octets=any_gsm7, method=sampled_from(UDH_METHODS), reference=integers(0, 0xFFFF_FFFF))
def test_gsm7_parts_join_to_the_whole_and_read_alone(octets: bytes, method: SplitMethod, reference: int) -> None:
    segments = split(octets, Encoding.GSM7, method=method, reference=reference)

    texts = [text_of(segment) for segment in segments]
    assert b"".join(texts) == octets
    assert "".join(map(gsm7.decode, texts)) == gsm7.decode(octets)
    assert [segment.number for segment in segments] == list(range(1, len(segments) + 1))
    assert {segment.total for segment in segments} == {count_parts(octets, Encoding.GSM7, method=method)}
    for segment, text in zip(segments, texts, strict=True):
        header_septets = -(-(len(segment.octets) - len(text)) * 8 // 7)
        assert header_septets + len(text) <= 160


@given(octets=any_ucs2, method=sampled_from([*UDH_METHODS, SplitMethod.SAR]))
def test_ucs2_parts_join_to_the_whole_and_read_alone(octets: bytes, method: SplitMethod) -> None:
    segments = split(octets, Encoding.UCS2, method=method)

    texts = [text_of(segment) for segment in segments]
    assert b"".join(texts) == octets
    assert "".join(map(ucs2.decode, texts)) == ucs2.decode(octets)
    assert all(len(segment.octets) <= 140 for segment in segments)


@given(octets=binary(max_size=1000), encoding=sampled_from(Encoding), method=sampled_from(SplitMethod))
def test_no_octets_are_lost_whatever_they_are(octets: bytes, encoding: Encoding, method: SplitMethod) -> None:
    segments = split(octets, encoding, method=method)

    assert b"".join(text_of(segment) for segment in segments) == octets
