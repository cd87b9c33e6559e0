"""UCS2: UTF-16 big endian that no input can break."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, characters, text

from chappe.text import ucs2


@pytest.mark.parametrize(
    ("written", "octets_hex"),
    [("", ""), ("Я", "042F"), ("a", "0061"), ("😀", "D83DDE00"), ("e\u0301", "00650301")],
)
def test_characters_are_big_endian_and_emoji_are_pairs(written: str, octets_hex: str) -> None:
    octets = ucs2.encode(written)

    assert octets.hex().upper() == octets_hex
    assert ucs2.decode(octets) == written
    assert ucs2.units(written) == len(octets) // 2


@pytest.mark.parametrize(
    ("octets_hex", "shown"),
    [
        ("D83D", "\ufffd"),  # half a pair, as a careless cut leaves it
        ("DE000061", "\ufffda"),
        ("D83D0061", "\ufffda"),
        ("006100", "a\ufffd"),
        ("00", "\ufffd"),
        ("FEFF0061", "a"),
        ("FFFE6100", "a"),
    ],
)
def test_broken_or_marked_octets_are_still_read(octets_hex: str, shown: str) -> None:
    assert ucs2.decode(bytes.fromhex(octets_hex)) == shown


def test_half_a_pair_is_written_as_the_replacement_character() -> None:
    assert ucs2.encode("a\ud83db").hex().upper() == "0061FFFD0062"


@given(
    written=text(characters(exclude_categories=["Cs"]), max_size=100).filter(
        lambda text: text[:1] not in "\ufeff\ufffe"
    )
)
def test_a_text_comes_back_unchanged(written: str) -> None:
    assert ucs2.decode(ucs2.encode(written)) == written


@given(written=text(characters(), max_size=50))
def test_no_text_crashes_the_encoder(written: str) -> None:
    assert len(ucs2.encode(written)) == 2 * ucs2.units(written)


@given(octets=binary(max_size=141))
def test_no_octets_crash_the_decoder(octets: bytes) -> None:
    shown = ucs2.decode(octets)

    # What was read can always be written elsewhere.
    assert shown.encode("utf-8").decode("utf-8") == shown
