"""Which parts of a long MO belong together, and how the whole reads.  3GPP TS 23.040 §9.2.3.24.1."""

from collections.abc import Sequence
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis.strategies import data as drawn
from hypothesis.strategies import integers, permutations
from hypothesis.strategies import text as texts

from chappe.model.ids import IdMaker, made_at_ms
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.rules.join import Groups, Place, joined, place_of
from chappe.text import ucs2, udh
from chappe.text.encoding import Encoding
from chappe.text.reading import read
from chappe.text.segments import SplitMethod, split

START_MS = 1_750_000_000_000
PATIENCE_MS = 600_000

slots = count()


def part(
    number: int,
    total: int = 3,
    *,
    reference: int = 7,
    octets: bytes = b"",
    at_ms: int = START_MS,
    source: str = "37120000001",
    extra: Sequence[udh.Element] = (),
) -> Message:
    header = udh.build([udh.concatenation_8(reference, total, number), *extra])
    text = octets or f"<{number}>".encode()
    # A slot of its own: no id is pushed past its moment by an earlier one.
    made = IdMaker(next(slots)).next(at_ms)
    return Message(made, Direction.MO, "", "three", 1, 1, source, 0, 1, "12345", header + text, esm_class=0x40)


def add(groups: Groups, message: Message) -> list[Message] | None:
    place = place_of(message)
    assert place is not None
    at_ms = made_at_ms(message.id)
    group = groups.add(Item("join", 0, "", 0, message.id, message), place, PATIENCE_MS, at_ms)
    return None if group is None else [_message(item) for item in group.in_order]


def _message(item: Item) -> Message:
    assert isinstance(item.content, Message)
    return item.content


def text_of(message: Message) -> str:
    return read(message.octets, message.data_coding, has_udh=bool(message.esm_class & 0x40))


def test_parts_in_any_order_make_the_whole() -> None:
    groups = Groups()

    assert add(groups, part(3)) is None
    assert add(groups, part(1)) is None
    whole = add(groups, part(2))

    assert whole is not None
    assert [text_of(each) for each in whole] == ["<1>", "<2>", "<3>"]
    assert len(groups) == 0


def test_other_handsets_numbers_totals_and_widths_of_reference_are_other_texts() -> None:
    groups = Groups()
    wide = udh.build([udh.concatenation_16(7, 2, 2)])

    assert add(groups, part(1, 2)) is None
    assert add(groups, part(2, 2, source="37120000002")) is None
    assert add(groups, part(2, 2, reference=8)) is None
    assert add(groups, part(2, 3)) is None
    assert add(groups, msgspec.structs.replace(part(2, 2), octets=wide + b"x")) is None
    assert add(groups, msgspec.structs.replace(part(2, 2), operator="four")) is None
    assert add(groups, msgspec.structs.replace(part(2, 2), dest="54321")) is None
    assert len(groups) == 7


def test_a_reference_that_is_used_again_begins_a_new_group() -> None:
    groups = Groups()
    add(groups, part(1, 2, octets=b"old"))

    add(groups, part(1, 2, octets=b"new", at_ms=START_MS + 1000))
    whole = add(groups, part(2, 2, at_ms=START_MS + 2000))

    assert whole is not None
    assert [text_of(each) for each in whole] == ["new", "<2>"]
    late = groups.overdue(START_MS + PATIENCE_MS)
    assert [text_of(_message(item)) for group in late for item in group.in_order] == ["old"]


def test_the_same_part_twice_is_one_part() -> None:
    groups = Groups()
    first, again = part(1, 2), part(1, 2)
    add(groups, first)
    add(groups, again)
    place = place_of(last := part(2, 2))
    assert place is not None

    group = groups.add(Item("join", 0, "", 0, last.id, last), place, PATIENCE_MS, START_MS)

    assert group is not None
    assert [item.id for item in group.in_order] == [first.id, last.id]
    assert [item.id for item in group.repeats] == [again.id]


def test_a_text_is_given_up_when_its_first_part_has_waited_long_enough() -> None:
    groups = Groups()
    add(groups, part(2))
    add(groups, part(1, at_ms=START_MS + 5000))

    assert groups.overdue(START_MS + PATIENCE_MS - 1) == []
    late = groups.overdue(START_MS + PATIENCE_MS)

    assert [[text_of(_message(item)) for item in group.in_order] for group in late] == [["<1>", "<2>"]]
    assert len(groups) == 0
    assert add(groups, part(3)) is None  # and nothing of it is left to complete


@pytest.mark.parametrize(
    ("octets", "esm_class"),
    [
        (b"plain", 0),
        (udh.build([udh.concatenation_8(7, 1, 1)]) + b"one of one", 0x40),
        (udh.build([udh.concatenation_8(7, 2, 3)]) + b"three of two", 0x40),
        (udh.build([udh.concatenation_8(7, 2, 0)]) + b"none of two", 0x40),
        (udh.build([udh.Element(udh.PORTS_16, b"\x0b\x84\x23\xf0")]) + b"ports", 0x40),
        (udh.build([udh.concatenation_8(7, 2, 1)]) + b"UDHI is not set", 0),
        (b"\xff", 0x40),
        (b"", 0x40),
    ],
)
def test_a_text_of_its_own_is_no_part(octets: bytes, esm_class: int) -> None:
    message = msgspec.structs.replace(part(1), octets=octets, esm_class=esm_class)

    assert place_of(message) is None


@pytest.mark.parametrize(
    ("tlvs", "number"),
    [
        (((0x020C, b"\x00\x07"), (0x020E, b"\x02"), (0x020F, b"\x01")), 1),
        (((0x020C, b"\x00\x07"), (0x020E, b"\x02"), (0x020F, b"\x03")), None),
        (((0x020C, b"\x00\x07"), (0x020E, b"\x01"), (0x020F, b"\x01")), None),
        (((0x020C, b"\x00\x07"), (0x020E, b"\x02")), None),
        (((0x0204, b"\x00\x07"),), None),
    ],
)
def test_parts_may_be_numbered_by_parameters(tlvs: tuple[tuple[int, bytes], ...], number: int | None) -> None:
    message = msgspec.structs.replace(part(1), octets=b"bare", esm_class=0, tlvs=tlvs)

    place = place_of(message)

    assert (place and place.number) == number


def test_a_whole_keeps_ports_and_loses_the_numbering() -> None:
    ports = udh.Element(udh.PORTS_16, b"\x0b\x84\x23\xf0")

    whole = joined([part(1, 2, extra=[ports]), part(2, 2, extra=[ports])], 99)

    assert whole is not None
    assert whole.octets == udh.build([ports]) + b"<1><2>"
    assert (whole.id, whole.esm_class) == (99, 0x40)


def test_a_whole_without_further_elements_has_no_header() -> None:
    whole = joined([part(1, 2), part(2, 2)], 99)

    assert whole is not None
    assert (whole.octets, whole.esm_class) == (b"<1><2>", 0)


def test_a_whole_of_parts_by_parameters_keeps_the_others() -> None:
    tlvs = ((0x020C, b"\x00\x07"), (0x020E, b"\x02"), (0x1401, b"x"), (0x020F, b"\x01"))
    parts = [msgspec.structs.replace(part(1), octets=b"ab", esm_class=0, tlvs=tlvs)] * 2

    whole = joined(parts, 99)

    assert whole is not None
    assert (whole.octets, whole.tlvs) == (b"abab", ((0x1401, b"x"),))


def test_a_possible_duplicate_among_the_parts_marks_the_whole() -> None:
    parts = [part(1, 2), msgspec.structs.replace(part(2, 2), possible_duplicate=True)]

    whole = joined(parts, 99)

    assert whole is not None
    assert whole.possible_duplicate


def test_parts_of_different_kinds_are_not_joined() -> None:
    assert joined([part(1, 2), msgspec.structs.replace(part(2, 2), data_coding=8)], 99) is None
    ports = udh.Element(udh.PORTS_16, b"\x0b\x84\x23\xf0")
    assert joined([part(1, 2, extra=[ports]), part(2, 2)], 99) is None


@given(text=texts(min_size=80, max_size=600), reference=integers(0, 65535), drawer=drawn())
def test_what_was_cut_is_joined_again_whatever_order_it_comes_in(text: str, reference: int, drawer: object) -> None:
    octets = ucs2.encode(text)
    segments = split(octets, Encoding.UCS2, method=SplitMethod.UDH16, reference=reference)
    messages = [
        msgspec.structs.replace(part(1), octets=segment.octets, esm_class=0x40, data_coding=8) for segment in segments
    ]
    order = drawer.draw(permutations(messages))  # type: ignore[attr-defined]
    groups = Groups()

    wholes = [whole for message in order if len(segments) > 1 and (whole := add(groups, message)) is not None]

    if len(segments) > 1:
        assert len(wholes) == 1
        whole = joined(wholes[0], 99)
        assert whole is not None
        assert whole.octets == octets
        assert Place(place_of(messages[0]).key, 1) == place_of(messages[0])  # type: ignore[union-attr]


def test_a_clock_that_was_set_back_makes_nobody_wait_longer() -> None:
    groups = Groups()
    ahead = part(1, at_ms=START_MS + 3_600_000)
    place = place_of(ahead)
    assert place is not None
    groups.add(Item("join", 0, "", 0, ahead.id, ahead), place, PATIENCE_MS, START_MS)

    assert groups.overdue(START_MS + PATIENCE_MS - 1) == []
    assert len(groups.overdue(START_MS + PATIENCE_MS)) == 1


def test_the_oldest_texts_are_given_up_where_there_are_too_many() -> None:
    groups = Groups()
    for reference in range(3):
        add(groups, part(1, reference=reference, octets=str(reference).encode()))

    given_up = groups.oldest(2)

    assert [text_of(_message(group.in_order[0])) for group in given_up] == ["0", "1"]
    assert len(groups) == 1
