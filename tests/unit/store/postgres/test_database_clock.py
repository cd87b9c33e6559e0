"""What time it is in the database, told from answers that are under way for a while."""

from __future__ import annotations

import pytest

from chappe.store.postgres import clock
from chappe.store.postgres.clock import DRIFT_PPM, DatabaseClock

HOUR_US = 3_600_000_000


class Boot:
    """A CLOCK_BOOTTIME that a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1_000.0
        monkeypatch.setattr(clock, "boot_s", lambda: self.now_s)


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Boot:
    return Boot(monkeypatch)


def hear(known: DatabaseClock, boot: Boot, *, there_s: float, back_s: float, ahead_us: int = HOUR_US) -> None:
    """A question and its answer by a database whose clock shows `ahead_us` more than CLOCK_BOOTTIME."""
    asked_at_s = boot.now_s
    database_us = int((asked_at_s + there_s) * 1e6) + ahead_us
    boot.now_s += there_s + back_s
    known.heard(database_us, asked_at_s)


def test_one_answer_is_off_by_at_most_half_of_its_way(boot: Boot) -> None:
    known = DatabaseClock()

    hear(known, boot, there_s=0.080, back_s=0.0)

    assert known.now_us() - (boot.now_s * 1e6 + HOUR_US) == pytest.approx(40_000, abs=1)


def test_a_slow_answer_spoils_nothing_that_a_quick_one_told(boot: Boot) -> None:
    known = DatabaseClock()
    hear(known, boot, there_s=0.0005, back_s=0.0005)
    boot.now_s += 1.0

    hear(known, boot, there_s=0.200, back_s=0.0)

    assert known.now_us() - (boot.now_s * 1e6 + HOUR_US) == pytest.approx(0, abs=DRIFT_PPM * 1.3)


def test_two_slow_answers_of_which_each_was_late_on_another_way_are_close_together(boot: Boot) -> None:
    known = DatabaseClock()

    hear(known, boot, there_s=0.100, back_s=0.001)
    hear(known, boot, there_s=0.001, back_s=0.100)

    assert abs(known.now_us() - (boot.now_s * 1e6 + HOUR_US)) < 1_000


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US, 300_000])
def test_a_database_whose_clock_was_set_is_believed_at_once(boot: Boot, step_us: int) -> None:
    known = DatabaseClock()
    hear(known, boot, there_s=0.001, back_s=0.001)
    boot.now_s += 1.0

    hear(known, boot, there_s=0.001, back_s=0.001, ahead_us=HOUR_US + step_us)

    assert known.now_us() - (boot.now_s * 1e6 + HOUR_US + step_us) == pytest.approx(0, abs=1_100)


def test_a_clock_that_goes_a_little_faster_is_followed(boot: Boot) -> None:
    known, ahead_us = DatabaseClock(), HOUR_US
    for _ in range(3_600):
        hear(known, boot, there_s=0.001, back_s=0.001, ahead_us=ahead_us)
        boot.now_s += 1.0
        ahead_us += 50

    assert known.now_us() - (boot.now_s * 1e6 + ahead_us) == pytest.approx(0, abs=2_200)


def test_the_clock_of_this_machine_may_be_set_and_nothing_changes(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DatabaseClock()
    hear(known, boot, there_s=0.001, back_s=0.001)
    before = known.now_us()

    monkeypatch.setattr(clock.time, "time_ns", lambda: 0)

    assert known.now_us() == before
