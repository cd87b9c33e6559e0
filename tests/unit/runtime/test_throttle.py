"""A rate that changes while it is used."""

from chappe.runtime.throttle import Throttle


def test_a_changed_rate_grants_no_more_than_its_own_burst() -> None:
    throttle = Throttle(100.0, 0.0)

    throttle.change(10.0, 0.0)

    assert throttle.available(0.0) == 10
    throttle.take(10)
    assert throttle.available(1.0) == 10


def test_a_rate_that_was_no_bound_becomes_one_and_back() -> None:
    throttle = Throttle(0.0, 0.0)

    throttle.change(5.0, 1.0)
    assert (throttle.available(1.0), throttle.is_unlimited) == (5, False)
    throttle.change(0.0, 2.0)

    assert throttle.is_unlimited
    assert throttle.available(2.0) > 1_000_000
