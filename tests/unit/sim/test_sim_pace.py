"""A pace grants what its rate allows, never more than a tenth of a second's worth at once."""

from hypothesis import given
from hypothesis.strategies import floats, integers, lists

from chappe.sim.pace import Pace


def test_without_a_rate_everything_is_granted() -> None:
    pace = Pace(0.0, now=0.0)

    assert pace.grant(0.0, 1_000) == 1_000
    assert pace.deadline() is None


def test_a_slow_pace_grants_one_and_says_when_the_next_may_go() -> None:
    pace = Pace(2.0, now=10.0)

    assert pace.grant(10.0, 5) == 1
    assert pace.grant(10.4, 5) == 0
    assert pace.deadline() == 10.5
    assert pace.grant(10.5, 5) == 1


def test_an_idle_pace_saves_up_a_tenth_of_a_second() -> None:
    pace = Pace(1_000.0, now=0.0)

    assert pace.grant(60.0, 5_000) == 100


@given(rate=floats(1.0, 10_000.0), steps=lists(floats(0.0, 1.0), max_size=50), wanted=integers(1, 5_000))
def test_no_pattern_of_asking_gets_more_than_the_rate(rate: float, steps: list[float], wanted: int) -> None:
    pace, now, granted = Pace(rate, now=0.0), 0.0, 0
    for step in steps:
        now += step
        granted += pace.grant(now, wanted)

    assert granted <= now * rate + 1.001
