"""National language tables: what they hold, and what handsets show of them.  3GPP TS 23.038 §6.2.1.2, annex A."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, builds, none, one_of, sampled_from

from chappe.text import national, udh
from chappe.text.gsm7 import BASIC, NotInAlphabet
from chappe.text.gsm7 import decode as decode_default
from chappe.text.gsm7 import encode as encode_default
from chappe.text.national import DEFAULT, Shift, decode, encode, shift_of, shifts_for
from chappe.text.national_tables import LOCKING, SINGLE, Language

shifts = builds(
    Shift, locking=one_of(none(), sampled_from(sorted(LOCKING))), single=one_of(none(), sampled_from(Language))
)
septets = binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))


def test_every_language_has_a_single_table_and_all_but_spanish_a_locking_one() -> None:
    assert set(SINGLE) == set(Language)
    assert set(LOCKING) == set(Language) - {Language.SPANISH}


@pytest.mark.parametrize("language", sorted(LOCKING))
def test_a_locking_table_has_128_places_and_writes_nothing_twice(language: Language) -> None:
    table = LOCKING[language].replace("\ufffd", "")

    assert len(LOCKING[language]) == 128
    assert len(set(table)) == len(table)
    assert LOCKING[language][0x1B] == "\x1b"
    assert LOCKING[language][0x0A] == "\n"
    assert LOCKING[language][0x0D] == "\r"


@pytest.mark.parametrize("language", sorted(Language))
def test_a_single_table_has_a_page_break_and_the_euro_and_leaves_the_escape_alone(language: Language) -> None:
    table = SINGLE[language]

    assert table[0x0A] == "\f"
    assert "€" in table.values()
    assert 0x1B not in table
    assert 0x0D not in table
    assert all(0 <= code < 128 and len(character) == 1 for code, character in table.items())


@pytest.mark.parametrize("language", sorted(set(LOCKING) - {Language.TURKISH, Language.PORTUGUESE}))
def test_the_locking_tables_of_other_scripts_keep_digits_small_letters_and_points(language: Language) -> None:
    table = LOCKING[language]

    assert table[0x30:0x3C] == "0123456789:;"
    assert table[0x61:0x7B] == "abcdefghijklmnopqrstuvwxyz"
    assert (table[0x20:0x22], table[0x28:0x2A], table[0x2C], table[0x2E], table[0x3F]) == (" !", ")(", ",", ".", "?")


@pytest.mark.parametrize(
    ("text", "shift", "septets_hex"),
    [
        ("ışğ", Shift(locking=Language.TURKISH), "071D0C"),
        ("ışğ", Shift(single=Language.TURKISH), "1B691B731B67"),
        ("á", Shift(single=Language.SPANISH), "1B61"),
        ("ã€", Shift(locking=Language.PORTUGUESE, single=Language.PORTUGUESE), "7B18"),
        ("नमस्ते", Shift(locking=Language.HINDI), "2F424C5F2759"),
        ("नA", Shift(locking=Language.HINDI, single=Language.HINDI), "2F1B41"),
        ("سلام", Shift(locking=Language.URDU), "3D4D004E"),
        ("۵", Shift(single=Language.URDU), "1B21"),
        ("ಡ", Shift(locking=Language.KANNADA), "24"),
        ("¡", Shift(locking=Language.HINDI, single=Language.HINDI), "1B13"),  # at 13 and at 15: the first is written
    ],
)
def test_text_becomes_the_septets_of_the_tables_in_force(text: str, shift: Shift, septets_hex: str) -> None:
    written = encode(text, shift)

    assert written.hex().upper() == septets_hex
    assert decode(written, shift) == text


def test_what_is_in_neither_table_is_named() -> None:
    with pytest.raises(NotInAlphabet) as caught:
        encode("ok ज", Shift(single=Language.TURKISH))

    assert (caught.value.character, caught.value.index) == ("ज", 3)


def test_behind_an_escape_an_empty_place_shows_the_locking_tables_character() -> None:
    assert decode(b"\x1b\x00", Shift(locking=Language.HINDI)) == "\u0901"
    assert decode(b"\x1b\x1b\x1b", Shift(locking=Language.HINDI)) == "  "
    assert decode(b"\x0e", Shift(locking=Language.BENGALI)) == "\ufffd"


@given(shift=shifts, octets=binary(max_size=200))
def test_any_octets_show_as_some_text(shift: Shift, octets: bytes) -> None:
    assert len(decode(octets, shift)) <= len(octets)


@given(shift=shifts, octets=septets)
def test_what_is_shown_can_be_written_again_and_shows_the_same(shift: Shift, octets: bytes) -> None:
    text = decode(octets, shift).replace("\ufffd", "")

    assert decode(encode(text, shift), shift) == text


@given(octets=septets)
def test_the_default_tables_are_those_of_the_default_alphabet(octets: bytes) -> None:
    text = decode_default(octets)

    assert decode(octets, DEFAULT) == text
    assert encode(text, DEFAULT) == encode_default(text)


@given(shift=shifts)
def test_a_header_says_which_tables_are_in_force(shift: Shift) -> None:
    assert shift_of(udh.parse(udh.build(shift.elements))) == shift


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0e", b"\xff", b"\x01\x01"])
def test_a_language_that_nobody_knows_is_the_default_one(data: bytes) -> None:
    header = udh.Udh((udh.Element(udh.NATIONAL_LOCKING_SHIFT, data), udh.Element(udh.NATIONAL_SINGLE_SHIFT, data)))

    assert shift_of(header) == DEFAULT


def test_spanish_has_no_locking_table_so_that_element_is_passed_over() -> None:
    header = udh.Udh((udh.Element(udh.NATIONAL_LOCKING_SHIFT, b"\x02"),))

    assert shift_of(header) == DEFAULT


def test_every_use_of_a_language_that_can_write_the_text_is_offered() -> None:
    text = "ışğ"

    offered = dict(shifts_for(text, [Language.TURKISH, Language.HINDI]))

    assert offered == {
        Shift(single=Language.TURKISH): encode(text, Shift(single=Language.TURKISH)),
        Shift(locking=Language.TURKISH): encode(text, Shift(locking=Language.TURKISH)),
        Shift(locking=Language.TURKISH, single=Language.TURKISH): encode(text, Shift(locking=Language.TURKISH)),
    }
    assert BASIC.find("ı") == -1
    assert national.decode(b"A", DEFAULT) == "A"
