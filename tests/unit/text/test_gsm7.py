"""The GSM alphabet: its tables, its traps, and packing.  3GPP TS 23.038 §6."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, sampled_from, text

from chappe.text import gsm7
from chappe.text.gsm7 import BASIC, EXTENSION, NotInAlphabet

ALPHABET = BASIC.replace("\x1b", "") + "".join(EXTENSION.values())

gsm_text = text(ALPHABET, max_size=200)
septets = binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets))


def test_the_alphabet_has_127_basic_and_10_extended_characters() -> None:
    assert len(BASIC) == 128
    assert len(set(ALPHABET)) == 137


@pytest.mark.parametrize(
    ("written", "septets_hex"),
    [
        ("", ""),
        ("Hi", "4869"),
        ("@£$¥", "00010203"),
        ("a_b", "611162"),  # ASCII's underscore is 11, and 5F is the section sign
        ("§", "5F"),
        ("ÄÖÑÜ", "5B5C5D5E"),
        ("äöñüà", "7B7C7D7E7F"),
        ("ΔΦΓΛΩΠΨΣΘΞ", "1012131415161718191A"),
        ("Ça va", "0961207661"),
        ("¡¿¤", "406024"),
        ("1\n2\r", "310A320D"),
        ("€", "1B65"),
        ("{[~]}|^\\", "1B281B3C1B3D1B3E1B291B401B141B2F"),
        ("\f", "1B0A"),
        ("€@é", "1B650005"),
    ],
)
def test_characters_have_the_codes_of_the_table(written: str, septets_hex: str) -> None:
    octets = gsm7.encode(written)

    assert octets.hex().upper() == septets_hex
    assert gsm7.decode(octets) == written
    assert gsm7.septets(written) == len(octets)


@pytest.mark.parametrize(
    ("written", "character", "index"),
    [
        ("a`b", "`", 1),
        ("tab\there", "\t", 3),
        ("garçon", "ç", 3),  # only the capital is in the table
        ("it’s", "’", 2),
        ("€…", "…", 1),
        ("\x1b", "\x1b", 0),
        ("Привет", "П", 0),
        ("ok 😀", "😀", 3),
        ("\ufffe", "\ufffe", 0),
        ("ÿ", "ÿ", 0),
        ("\ufffd", "\ufffd", 0),
    ],
)
def test_a_misfit_is_named_with_its_place(written: str, character: str, index: int) -> None:
    with pytest.raises(NotInAlphabet) as caught:
        gsm7.encode(written)

    assert (caught.value.character, caught.value.index) == (character, index)
    assert f"U+{ord(character):04X} at index {index}" in str(caught.value)
    assert gsm7.first_misfit(written) == character
    assert not gsm7.fits(written)


def test_half_a_surrogate_pair_is_a_misfit() -> None:
    half = chr(0xD83D)

    with pytest.raises(NotInAlphabet, match="U\\+D83D at index 1"):
        gsm7.encode("a" + half)
    assert gsm7.first_misfit(half) == half


@pytest.mark.parametrize(
    ("octets_hex", "shown"),
    [
        ("1B1B", " "),
        ("611B1B62", "a b"),
        ("1B61", "a"),  # unknown behind the escape: the basic table's character
        ("1B00", "@"),
        ("611B", "a "),
        ("1B1B1B65", " €"),
        ("1B1B65", " e"),
        ("80FF61", "\ufffd\ufffda"),
        ("1B80", "\ufffd"),
    ],
)
def test_odd_octets_are_shown_as_a_handset_would(octets_hex: str, shown: str) -> None:
    assert gsm7.decode(bytes.fromhex(octets_hex)) == shown


@given(written=gsm_text)
def test_what_fits_comes_back_unchanged(written: str) -> None:
    octets = gsm7.encode(written)

    assert gsm7.decode(octets) == written
    assert gsm7.fits(written)
    assert gsm7.first_misfit(written) is None
    assert len(octets) == len(written) + sum(character in EXTENSION.values() for character in written)


@given(written=text(max_size=60))
def test_a_text_either_fits_or_names_its_misfit(written: str) -> None:
    misfit = gsm7.first_misfit(written)

    assert gsm7.fits(written) is (misfit is None)
    assert misfit is None or misfit not in ALPHABET
    if misfit is None:
        assert gsm7.decode(gsm7.encode(written)) == written


@given(octets=binary(max_size=200))
def test_no_octets_crash_the_decoder(octets: bytes) -> None:
    shown = gsm7.decode(octets)

    assert "\x1b" not in shown
    assert len(octets) / 2 <= len(shown) <= len(octets)


@pytest.mark.parametrize(
    ("written", "packed_hex"),
    [
        ("", ""),
        ("hello", "E8329BFD06"),
        ("TEST", "D4E2940A"),
        ("[x]", "1B1E7EE303"),
        ("a@", "6100"),
        ("1234567", "31D98C56B3DD00"),  # seven spare bits at the end
        ("12345678", "31D98C56B3DD70"),
    ],
)
def test_septets_are_packed_from_the_lowest_bit(written: str, packed_hex: str) -> None:
    octets = gsm7.encode(written)

    packed = gsm7.pack(octets)

    assert packed.hex().upper() == packed_hex
    assert gsm7.unpack(packed, len(octets)) == octets


def test_spare_bits_are_an_at_sign_only_where_the_count_says_so() -> None:
    packed = bytes.fromhex("31D98C56B3DD00")

    assert gsm7.decode(gsm7.unpack(packed, 7)) == "1234567"
    assert gsm7.decode(gsm7.unpack(packed, 8)) == "1234567@"
    assert gsm7.decode(gsm7.unpack(packed)) == "1234567@"


@pytest.mark.parametrize(
    ("header_octets", "fill_bits"), [(0, 0), (4, 3), (5, 2), (6, 1), (7, 0), (8, 6), (12, 2), (14, 0)]
)
def test_fill_bits_lead_to_a_septet_boundary(header_octets: int, fill_bits: int) -> None:
    assert gsm7.fill_bits_after(header_octets) == fill_bits
    assert (header_octets * 8 + fill_bits) % 7 == 0


def test_text_behind_a_header_begins_after_its_fill_bits() -> None:
    packed = gsm7.pack(gsm7.encode("Hi"), gsm7.fill_bits_after(6))

    assert packed.hex().upper() == "9069"
    assert gsm7.unpack(packed, 2, fill_bits=1) == b"Hi"


def test_no_more_septets_are_unpacked_than_the_octets_hold() -> None:
    assert gsm7.unpack(b"\x61\x31", 9) == b"ab"
    assert gsm7.unpack(b"", 9, fill_bits=1) == b""


@given(octets=septets, fill_bits=integers(0, 6))
def test_packing_is_undone_by_unpacking(octets: bytes, fill_bits: int) -> None:
    packed = gsm7.pack(octets, fill_bits)

    assert len(packed) == -(-(len(octets) * 7 + fill_bits) // 8)
    assert gsm7.unpack(packed, len(octets), fill_bits) == octets


@given(octets=binary(max_size=160), count=integers(0, 300), fill_bits=integers(0, 6))
def test_no_octets_crash_unpacking(octets: bytes, count: int, fill_bits: int) -> None:
    unpacked = gsm7.unpack(octets, count, fill_bits)

    assert len(unpacked) <= count
    assert all(septet < 0x80 for septet in unpacked)


@given(octet=sampled_from(range(0x80, 0x100)))
def test_an_octet_that_is_no_septet_is_not_packed(octet: int) -> None:
    with pytest.raises(ValueError, match="no septet"):
        gsm7.pack(bytes((0x61, octet)))
