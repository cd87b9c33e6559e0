"""When operators say that something became of a message: their dates are read in their own time, and judged."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from chappe.rules.done_dates import SLACK_MS, believed, read_done, shown

RIGA = ZoneInfo("Europe/Riga")
NOON = datetime(2026, 1, 16, 12, 38, tzinfo=UTC)
NOW_MS = int(NOON.timestamp() * 1000) + 42_000


@pytest.mark.parametrize(
    "text",
    [
        "2601161438",
        "260116143800",
        "20260116143800",
        "202601161438",
        "2026-01-16 14:38:00",
        "2026-01-16T14:38:00",
        "2026-01-16T12:38:00Z",
        "2026-01-16T13:38:00.000+0100",
        "2026-01-16 12:38:00 +0000",
        "260116143800008+",
        "1768567080",
        "1768567080000",
    ],
)
def test_every_form_names_the_same_moment_in_the_zone_of_its_writer(text: str) -> None:
    assert read_done(text, RIGA, NOW_MS) == int(NOON.timestamp() * 1000)


@pytest.mark.parametrize(
    "text", [None, "", "0", "0001010000", "9999999999", "2699999999", "soon", "٢٦٠١١٦١٤٣٨", "9" * 500]
)
def test_what_names_no_moment_says_nothing(text: str | None) -> None:
    assert read_done(text, RIGA, NOW_MS) in (0, int(datetime(2000, 1, 1, tzinfo=RIGA).timestamp() * 1000))


def test_what_is_still_to_come_is_no_moment_at_which_it_happened() -> None:
    assert read_done("2601161638", RIGA, NOW_MS) == 0


def test_an_hour_that_comes_twice_is_the_one_nearest_to_its_hearing() -> None:
    # On 25 October 2026 it is half past three twice in Riga: at 0:30 and at 1:30 UTC.
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000)
    assert read_done("2610250330", RIGA, first + 5_000) == first
    assert read_done("2610250330", RIGA, first + 3_605_000) == first + 3_600_000


def test_a_date_between_sending_and_hearing_is_believed() -> None:
    assert believed(2_000_000, 1_000_000, 3_000_000) == 2_000_000


def test_a_minute_that_is_cut_off_does_not_precede_the_sending() -> None:
    assert believed(1_000_000 - 59_000, 1_000_000, 1_004_000) == 1_000_000
    assert believed(1_004_000 + 3_000, 1_000_000, 1_004_000) == 1_004_000


@pytest.mark.parametrize("told_ms", [10_000_000 - SLACK_MS - 1, 10_004_000 + SLACK_MS + 1])
def test_a_date_of_another_hour_is_not_believed(told_ms: int) -> None:
    assert believed(told_ms, 10_000_000, 10_004_000) == 0


def test_a_receipt_that_overtook_its_answer_is_judged_by_its_hearing() -> None:
    assert believed(1_000_000, 1_005_000, 1_001_000) == 1_001_000


def test_events_show_moments_in_utc() -> None:
    assert shown(int(NOON.timestamp() * 1000)) == "2026-01-16T12:38:00Z"
