"""Networks of numbers: the longest prefix, and where a number was ported to."""

from __future__ import annotations

from chappe.rules.number_plan import NumberPlan, Range

RANGES = [Range("371", "24799"), Range("37120", "24701")]


def test_the_longest_prefix_says_the_network() -> None:
    plan = NumberPlan(RANGES)

    assert plan.network_of("+37120000001") == "24701"
    assert plan.network_of("37121000001") == "24799"
    assert plan.network_of("447700900001") == ""


def test_a_ported_number_is_where_it_went() -> None:
    plan = NumberPlan(RANGES, ported={"37120000001": "24705"})

    assert plan.network_of("+371 20000001") == "24705"
    assert plan.is_ported("0037120000001")
    assert plan.network_of("37120000002") == "24701"
    assert not plan.is_ported("37120000002")
