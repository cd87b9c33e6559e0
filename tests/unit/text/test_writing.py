"""How a text is best written: fewest parts, and among equals what most handsets read."""

import pytest
from hypothesis import given
from hypothesis.strategies import frozensets, sampled_from
from hypothesis.strategies import text as texts

from chappe.text import gsm7, national, ucs2
from chappe.text.encoding import Encoding
from chappe.text.national import DEFAULT, Shift
from chappe.text.national_tables import Language
from chappe.text.segments import split
from chappe.text.writing import EVERY_LANGUAGE, write


def test_what_the_default_alphabet_has_is_written_with_it() -> None:
    written = write("Grüße für 5 €", languages=EVERY_LANGUAGE)

    assert (written.encoding, written.shift, written.parts) == (Encoding.GSM7, DEFAULT, 1)
    assert written.octets == gsm7.encode("Grüße für 5 €")


def test_without_languages_anything_else_is_ucs2() -> None:
    assert write("ığş").encoding is Encoding.UCS2


def test_tables_are_not_used_where_ucs2_takes_no_more_parts() -> None:
    assert write("ığş", languages=[Language.TURKISH]).encoding is Encoding.UCS2


def test_one_table_is_used_where_it_saves_a_part() -> None:
    written = write("İyi günler, şimdi " * 6, languages=EVERY_LANGUAGE)

    assert (written.encoding, written.parts) == (Encoding.GSM7, 1)
    assert written.shift == Shift(single=Language.TURKISH)


def test_a_locking_table_is_used_where_escapes_would_cost_a_part() -> None:
    text = "ş" * 150

    written = write(text, languages=EVERY_LANGUAGE)

    assert (written.shift, written.parts) == (Shift(locking=Language.TURKISH), 1)


def test_hindi_in_one_part_where_ucs2_takes_three() -> None:
    text = "नमस्ते दुनिया " * 10

    assert write(text).parts == 3
    assert write(text, languages=EVERY_LANGUAGE).parts == 1


@given(text=texts(max_size=400), languages=frozensets(sampled_from(Language)))
def test_a_text_reads_the_same_however_it_is_written_and_cut(text: str, languages: frozenset[Language]) -> None:
    written = write(text, languages=languages)
    parts = split(written.octets, written.encoding, elements=written.shift.elements)

    bare = b"".join(part.octets[1 + part.octets[0] :] if part.has_udh else part.octets for part in parts)
    read = ucs2.decode(bare) if written.encoding is Encoding.UCS2 else national.decode(bare, written.shift)
    assert len(parts) == written.parts
    if written.encoding is Encoding.GSM7:
        assert read == text
    else:
        assert bare == ucs2.encode(text)


@pytest.mark.parametrize("text", ["", "a", "ş" * 300, "😀" * 100])
def test_more_languages_never_take_more_parts(text: str) -> None:
    assert write(text, languages=EVERY_LANGUAGE).parts <= write(text).parts
