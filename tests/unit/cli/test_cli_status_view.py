"""Times and sizes as people read them."""

from __future__ import annotations

import pytest

from chappe.cli.status_view import duration, octets


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59.9, "59 s"), (75, "1 min 15 s"), (7_980, "2 h 13 min"), (270_000, "3 d 3 h")],
)
def test_a_time_is_told_in_its_two_greatest_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 octets"), (1_023, "1023 octets"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 40, "3.0 TiB")],
)
def test_a_size_is_told_in_the_unit_that_keeps_it_short(number: int, told: str) -> None:
    assert octets(number) == told
