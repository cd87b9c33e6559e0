"""Letters of the GSM alphabet for those of others, and a report of what was changed."""

import pytest
from hypothesis import given
from hypothesis.strategies import text as texts

from chappe.text import gsm7
from chappe.text.transliteration import Change, transliterate


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("Grüße, señor: 5 € [ok]", "Grüße, señor: 5 € [ok]"),
        ("“Hello” – it’s 5…", '"Hello" - it\'s 5...'),
        ("Příliš žluťoučký kůň", "Prilis zlutoucky kun"),
        ("İstanbul’da ğüşiöç", "Istanbul'da güsiöc"),
        ("cœur Ärger ½", "coeur Ärger 1/2"),
        ("Привет", "Privet"),
        ("北京", "BeiJing"),
        ("e\u0301te\u0301", "été"),
        ("a\u00a0b\tc", "a b c"),
        ("😂 ok ❤\ufe0f", "? ok ?"),
        ("سلام", "slam"),
    ],
)
def test_a_text_is_written_in_the_alphabet(text: str, written: str) -> None:
    assert transliterate(text).text == written


def test_each_character_that_was_changed_is_reported_once_with_its_count() -> None:
    result = transliterate("“a” “b” – ç")

    assert result.changes == (Change("“", '"', 2), Change("”", '"', 2), Change("–", "-", 1), Change("ç", "c", 1))


def test_nothing_is_reported_where_nothing_was_changed() -> None:
    assert transliterate("Order 881 is on its way @ 5 €").changes == ()


@given(text=texts(max_size=200))
def test_any_text_comes_out_in_the_alphabet(text: str) -> None:
    assert gsm7.fits(transliterate(text).text)
