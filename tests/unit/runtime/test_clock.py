"""A machine's clock may be set: ours follows small steps, and goes on past great ones until it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from chappe.model.events import EventName
from chappe.runtime.clock import SystemClock
from chappe.runtime.clock_watch import ClockWatch

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US


class Machine:
    """Its two clocks."""

    now_us = 1_800_000_000 * SECOND_US
    steady_us = 500 * SECOND_US

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.now_us, lambda: self.steady_us)

    def pass_us(self, time_us: int) -> None:
        self.now_us += time_us
        self.steady_us += time_us


class Noted:
    """Notes that are kept."""

    def __init__(self) -> None:
        self.details: list[str] = []

    def add(self, event: EventName, **fields: Any) -> None:
        assert event is EventName.CLOCK_SET
        self.details.append(fields["detail"])


@pytest.mark.parametrize("step_us", [SECOND_US, -SECOND_US, 2 * SECOND_US])
def test_a_small_step_is_followed_at_once_and_so_is_the_next(step_us: int) -> None:
    machine = Machine()
    clock = machine.clock()

    for _ in range(3):
        machine.now_us += step_us
        machine.pass_us(HOUR_US)

        assert clock.utc_us() == machine.now_us
        assert clock.set_by_s == 0


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US, 3 * SECOND_US])
def test_a_great_step_is_not_followed_and_time_goes_on(step_us: int) -> None:
    machine = Machine()
    clock, before_us = machine.clock(), machine.now_us

    machine.now_us += step_us
    machine.pass_us(10 * SECOND_US)

    assert clock.utc_us() == before_us + 10 * SECOND_US
    assert clock.set_by_s == step_us / SECOND_US


def test_a_clock_that_comes_back_is_followed_again() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.now_us += HOUR_US
    clock.utc_us()

    machine.now_us -= HOUR_US - SECOND_US
    machine.pass_us(SECOND_US)

    assert clock.utc_us() == machine.now_us
    assert clock.set_by_s == 0


def test_what_a_clock_was_set_by_is_told_once_and_so_is_its_return() -> None:
    machine, noted = Machine(), Noted()
    watch = ClockWatch(machine.clock(), noted)  # type: ignore[arg-type]

    watch.look()
    machine.now_us -= HOUR_US
    for _ in range(3):
        machine.pass_us(10 * SECOND_US)
        watch.look()
    machine.now_us += HOUR_US
    watch.look()

    assert noted.details == ["-3600 s", "+0 s"]
