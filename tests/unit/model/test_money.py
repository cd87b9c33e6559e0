"""Amounts are whole units of the smallest kind, and are written as people write them."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from

from chappe.model.money import text_of, told, units_of


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [("12.50", "EUR", 12_500_000), ("0.000001", "EUR", 1), ("-5", "EUR", -5_000_000), ("3", "", 3), ("1e2", "", 100)],
)
def test_an_amount_is_read_in_units(text: str, currency: str, units: int) -> None:
    assert units_of(text, currency) == units


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("", "EUR"),
        ("x", "EUR"),
        ("0.0000001", "EUR"),
        ("1.5", ""),
        ("nan", ""),
        ("inf", "EUR"),
        ("1e30", "EUR"),
        ("1e999999", ""),
    ],
)
def test_what_is_no_amount_is_told(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        units_of(text, currency)


@given(integers(-(10**16), 10**16), sampled_from(["EUR", ""]))
def test_what_is_written_reads_the_same(units: int, currency: str) -> None:
    assert units_of(text_of(units, currency), currency) == units


@pytest.mark.parametrize(
    ("units", "currency", "text"),
    [
        (0, "EUR", "0.00 EUR"),
        (45_000, "EUR", "0.045 EUR"),
        (-5_000_000, "EUR", "-5.00 EUR"),
        (1, "", "1 part"),
        (3, "", "3 parts"),
    ],
)
def test_people_read_an_amount_with_what_it_is_of(units: int, currency: str, text: str) -> None:
    assert told(units, currency) == text
