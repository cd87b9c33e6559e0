"""Waits counted by their upper bound."""

from __future__ import annotations

from chappe.observe.histogram import LONG_S, SHORT_S, Histogram


def test_buckets_add_up_and_a_value_on_the_bound_lies_within() -> None:
    histogram = Histogram((0.1, 1.0))

    histogram.add(0.1)
    histogram.add(0.5, times=3)
    histogram.add(7.0)

    assert histogram.buckets() == [("0.1", 1), ("1.0", 4), ("+Inf", 5)]
    assert histogram.sum == 0.1 + 1.5 + 7.0


def test_bounds_rise() -> None:
    assert list(SHORT_S) == sorted(set(SHORT_S))
    assert list(LONG_S) == sorted(set(LONG_S))
