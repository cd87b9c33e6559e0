"""What is due later comes out in order, once, and not too early."""

from hypothesis import given
from hypothesis.strategies import floats, lists

from chappe.sim.schedule import Schedule


def test_nothing_comes_before_it_is_due() -> None:
    schedule = Schedule[str]()
    schedule.add(2.0, "late")
    schedule.add(1.0, "early")

    assert schedule.deadline() == 1.0
    assert schedule.take_due(0.9) == []
    assert schedule.take_due(1.0) == ["early"]
    assert schedule.take_due(5.0) == ["late"]
    assert schedule.deadline() is None


def test_equal_moments_keep_the_order_of_adding() -> None:
    schedule = Schedule[int]()
    for number in range(100):
        schedule.add(1.0, number)

    assert schedule.take_due(1.0) == list(range(100))


@given(moments=lists(floats(0, 100)))
def test_everything_comes_once_and_sorted(moments: list[float]) -> None:
    schedule = Schedule[float]()
    for moment in moments:
        schedule.add(moment, moment)

    assert len(schedule) == len(moments)
    assert schedule.take_due(100.0) == sorted(moments)
    assert len(schedule) == 0
