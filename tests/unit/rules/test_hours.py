"""Hours of a day, in their own time zone, over midnight and over the change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from chappe.rules.hours import Hours, minutes_of

RIGA = ZoneInfo("Europe/Riga")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_hours_are_those_of_their_zone_in_summer_and_winter() -> None:
    hours = Hours(RIGA, *minutes_of("08:00-18:00"))

    assert hours.hold(ms("2026-01-15T06:00"))  # 08:00 at UTC+2
    assert not hours.hold(ms("2026-01-15T05:59"))
    assert hours.hold(ms("2026-07-15T05:00"))  # 08:00 at UTC+3
    assert not hours.hold(ms("2026-07-15T15:00"))


def test_a_night_that_began_on_friday_is_fridays_until_it_ends() -> None:
    night = Hours(UTC, *minutes_of("22:00-06:00"), frozenset({4}))

    assert night.hold(ms("2026-01-16T23:00"))  # a Friday
    assert night.hold(ms("2026-01-17T05:59"))
    assert not night.hold(ms("2026-01-17T06:00"))
    assert not night.hold(ms("2026-01-16T05:00"))
    assert not night.hold(ms("2026-01-17T23:00"))


def test_days_alone_hold_all_day() -> None:
    weekend = Hours(UTC, days=frozenset({5, 6}))

    assert weekend.hold(ms("2026-01-17T00:00"))
    assert weekend.hold(ms("2026-01-18T23:59"))
    assert not weekend.hold(ms("2026-01-19T00:00"))


@pytest.mark.parametrize("text", ["08:00-25:00", "8:00-9:00", "08:00", "08:60-09:00"])
def test_what_is_no_time_of_day_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"time of day|invalid literal"):
        minutes_of(text)


def test_hours_read_as_they_are_written() -> None:
    assert str(Hours(UTC, *minutes_of("08:00-18:30"), frozenset({0, 4}))) == "mon,fri 08:00-18:30 UTC"
