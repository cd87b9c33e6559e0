"""User data headers: elements, concatenation, ports, and what is malformed.  3GPP TS 23.040 §9.2.3.24."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, booleans, builds, integers, lists

from chappe.text import udh
from chappe.text.udh import Concatenation, Element, Ports, Udh

any_element = builds(Element, integers(0, 255), binary(max_size=20))


def hexadecimal(octets: str) -> bytes:
    return bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("header_hex", "concatenation"),
    [
        ("050003CC0201", Concatenation(0xCC, 2, 1, is_16_bit=False)),
        ("060804CAFE0302", Concatenation(0xCAFE, 3, 2, is_16_bit=True)),
        ("0B05040B8423F00003120503", Concatenation(0x12, 5, 3, is_16_bit=False)),  # ports first
        ("050003CC0000", None),  # total 0
        ("050003CC0200", None),  # number 0
        ("050003CC0203", None),  # number above total
        ("040002CC02", None),  # too short for its element
        ("06000400CC0201", None),  # element 00 with the data of 08
        ("0A0003CC02010003DD0302", Concatenation(0xDD, 3, 2, is_16_bit=False)),  # repeated: the last wins
        ("0B0003CC0201080400DD0302", Concatenation(0xDD, 3, 2, is_16_bit=True)),
        ("0A0003CC02010003DD0304", Concatenation(0xCC, 2, 1, is_16_bit=False)),  # the last one is unreadable
        ("00", None),
    ],
)
def test_a_concatenation_is_read_and_an_impossible_one_ignored(
    header_hex: str, concatenation: Concatenation | None
) -> None:
    header = udh.parse(hexadecimal(header_hex))

    assert header.concatenation == concatenation
    assert not header.is_malformed


@pytest.mark.parametrize(
    ("header_hex", "ports"),
    [
        ("0605040B8423F0", Ports(destination=2948, source=9200)),
        ("040402F0FF", Ports(destination=240, source=255)),
        ("0505030B8423", None),
        ("050003CC0201", None),
    ],
)
def test_ports_are_read(header_hex: str, ports: Ports | None) -> None:
    assert udh.parse(hexadecimal(header_hex)).ports == ports


def test_a_header_is_parted_from_its_text() -> None:
    header, text = udh.strip(hexadecimal("050003CC0201") + b"Hello")

    assert header == Udh((Element(0x00, b"\xcc\x02\x01"),))
    assert text == b"Hello"


def test_the_last_of_repeated_elements_is_found() -> None:
    header = udh.parse(hexadecimal("06240101240103"))

    assert header.find(udh.NATIONAL_SINGLE_SHIFT) == b"\x03"
    assert header.find(udh.NATIONAL_LOCKING_SHIFT) is None


@pytest.mark.parametrize(
    ("octets_hex", "text_hex"),
    [
        ("", ""),
        ("050004CC020161", "61"),  # the element is longer than the header: ignore all of it
        ("0100" + "61", "61"),  # an identifier without a length
        ("060003CC0201FF61", "61"),  # a stray octet behind the last element
        ("48656C6C6F", "48656C6C6F"),  # UDHI set on a bare text
        ("05", "05"),
        ("062401012501", "062401012501"),  # one octet is missing
        ("0124", ""),  # the user data ends where a length should be
    ],
)
def test_a_malformed_header_has_no_elements_and_costs_no_text(octets_hex: str, text_hex: str) -> None:
    header, text = udh.strip(hexadecimal(octets_hex))

    assert header == Udh((), is_malformed=True)
    assert text == hexadecimal(text_hex)


def test_headers_are_built_from_elements() -> None:
    assert udh.build([udh.concatenation_8(0x1CC, 2, 1)]) == hexadecimal("050003CC0201")
    assert udh.build([udh.concatenation_16(0x1CAFE, 3, 2)]) == hexadecimal("060804CAFE0302")
    assert udh.build([]) == b""


def test_a_header_above_255_octets_is_not_built() -> None:
    with pytest.raises(ValueError, match="255"):
        udh.build([Element(0x70, b"a" * 127), Element(0x71, b"a" * 127)])
    with pytest.raises(ValueError):
        udh.build([Element(0x70, b"a" * 256)])


@given(elements=lists(any_element, min_size=1, max_size=8), text=binary(max_size=100))
def test_what_is_built_is_read_back(elements: list[Element], text: bytes) -> None:
    header, rest = udh.strip(udh.build(elements) + text)

    assert header == Udh(tuple(elements))
    assert rest == text


@given(octets=binary(max_size=160))
def test_no_octets_crash_the_reader(octets: bytes) -> None:
    header, rest = udh.strip(octets)

    assert octets.endswith(rest)
    assert not (header.is_malformed and header.elements)
    concatenation = header.concatenation
    assert concatenation is None or 1 <= concatenation.number <= concatenation.total
    assert header.ports is None or header.ports.destination >= 0


@given(reference=integers(0, 0xFFFF), total=integers(1, 255), is_16_bit=booleans())
def test_a_concatenation_comes_back_unchanged(reference: int, total: int, is_16_bit: bool) -> None:
    make = udh.concatenation_16 if is_16_bit else udh.concatenation_8

    header = udh.parse(udh.build([make(reference, total, total)]))

    kept = reference if is_16_bit else reference & 0xFF
    assert header.concatenation == Concatenation(kept, total, total, is_16_bit)
