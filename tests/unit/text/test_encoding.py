"""Encodings: which one a text needs, and which one a data_coding names."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary, characters, integers, sampled_from, text

from chappe.text.encoding import Encoding, choose, data_coding_of, decode_text, encode_text, encoding_of
from chappe.text.gsm7 import NotInAlphabet


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        ("", Encoding.GSM7),
        ("Your code is 1234 €", Encoding.GSM7),
        ("ΔΦΓ", Encoding.GSM7),
        ("ÇA VA", Encoding.GSM7),
        ("ça va", Encoding.UCS2),
        ("a\tb", Encoding.UCS2),
        ("“quoted”", Encoding.UCS2),
        ("Привет", Encoding.UCS2),
        ("👍", Encoding.UCS2),
    ],
)
def test_a_text_gets_gsm7_if_it_fits_and_ucs2_else(written: str, encoding: Encoding) -> None:
    assert choose(written) is encoding


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        # SMPP 3.4 §5.2.19
        ([0x00], Encoding.GSM7),
        ([0x01, 0x03], Encoding.LATIN1),
        ([0x02, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0A, 0x0D, 0x0E], Encoding.BINARY),
        ([0x08], Encoding.UCS2),
        # 3GPP TS 23.038 §4, general groups
        ([0x10, 0x11, 0x12, 0x13, 0x40, 0x50, 0x53], Encoding.GSM7),
        ([0x14, 0x15, 0x16, 0x17, 0x44, 0x54], Encoding.BINARY),
        ([0x18, 0x19, 0x1A, 0x1B, 0x48, 0x58], Encoding.UCS2),
        ([0x0C, 0x0F, 0x1C, 0x1F, 0x5C, 0x80, 0x9F, 0xBF], Encoding.GSM7),  # reserved
        ([0x20, 0x28, 0x30, 0x3F, 0x60, 0x78], Encoding.BINARY),  # compressed
        # message waiting and message class
        ([0xC0, 0xC8, 0xCF, 0xD0, 0xDB], Encoding.GSM7),
        ([0xE0, 0xE8, 0xEF], Encoding.UCS2),
        ([0xF0, 0xF1, 0xF2, 0xF3], Encoding.GSM7),
        ([0xF4, 0xF5, 0xF6, 0xF7], Encoding.BINARY),
    ],
)
def test_a_data_coding_names_the_encoding_of_its_group(values: list[int], encoding: Encoding) -> None:
    assert {encoding_of(value) for value in values} == {encoding}


@pytest.mark.parametrize("default", list(Encoding))
def test_data_coding_0_means_what_the_peer_says(default: Encoding) -> None:
    assert encoding_of(0, default) is default
    assert encoding_of(8, default) is Encoding.UCS2


@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_data_coding_of_an_encoding_names_it_again(encoding: Encoding) -> None:
    assert encoding_of(data_coding_of(encoding)) is encoding


def test_every_data_coding_of_one_octet_has_an_encoding() -> None:
    assert all(isinstance(encoding_of(value), Encoding) for value in range(256))
    with pytest.raises(IndexError):
        encoding_of(256)


@pytest.mark.parametrize(
    ("octets_hex", "data_coding", "shown"),
    [
        ("00111B65", 0x00, "@_€"),
        ("405F80", 0x01, "@_\x80"),
        ("E9", 0x03, "é"),
        ("1BFF", 0x04, "\x1bÿ"),
        ("82A0", 0x05, "あ"),
        ("BFE0D8", 0x06, "При"),
        ("F9", 0x07, "ש"),
        ("041F", 0x08, "П"),
        ("1B244224221B2842", 0x0A, "あ"),
        ("B0A1", 0x0E, "가"),
        ("00", 0x10, "@"),
        ("D83DDE00", 0x18, "😀"),
        ("02", 0xF1, "$"),
        ("02", 0xF5, "\x02"),
        ("042F", 0xE0, "Я"),
    ],
)
def test_octets_are_read_in_the_alphabet_of_their_data_coding(octets_hex: str, data_coding: int, shown: str) -> None:
    assert decode_text(bytes.fromhex(octets_hex), data_coding) == shown


def test_the_default_alphabet_of_a_peer_may_be_latin_1() -> None:
    assert decode_text(b"a_\xe9@", 0, Encoding.LATIN1) == "a_é@"


@given(octets=binary(max_size=160), data_coding=integers(0, 255), default=sampled_from(Encoding))
def test_no_octets_under_any_data_coding_crash_the_reader(octets: bytes, data_coding: int, default: Encoding) -> None:
    shown = decode_text(octets, data_coding, default)

    assert shown.encode("utf-8").decode("utf-8") == shown


@given(written=text(characters(exclude_categories=["Cs"], exclude_characters="\ufeff\ufffe"), max_size=100))
def test_a_text_in_its_chosen_encoding_comes_back_unchanged(written: str) -> None:
    encoding = choose(written)

    octets = encode_text(written, encoding)

    assert decode_text(octets, data_coding_of(encoding)) == written


@given(written=text(characters(max_codepoint=0xFF), max_size=100))
def test_latin_1_keeps_every_octet(written: str) -> None:
    assert decode_text(encode_text(written, Encoding.LATIN1), data_coding_of(Encoding.LATIN1)) == written


def test_a_text_that_an_encoding_cannot_write_names_the_character() -> None:
    with pytest.raises(NotInAlphabet) as caught:
        encode_text("5 €", Encoding.LATIN1)

    assert (caught.value.character, caught.value.index) == ("€", 2)
    with pytest.raises(NotInAlphabet):
        encode_text("ж", Encoding.GSM7)


def test_binary_writes_no_text() -> None:
    with pytest.raises(ValueError, match="binary"):
        encode_text("a", Encoding.BINARY)
