"""Networks of numbers: the longest prefix, what was ported, what a look-up found, for as long as it counts."""

from __future__ import annotations

from chappe.rules import number_plan
from chappe.rules.number_plan import NumberPlan, Range


def plan(**keys: object) -> NumberPlan:
    return NumberPlan([Range("371", "24799"), Range("37120", "24701")], **keys)  # type: ignore[arg-type]


def test_the_longest_prefix_says_the_network() -> None:
    assert plan().network_of("+37120000001", 0) == "24701"
    assert plan().network_of("37121000001", 0) == "24799"
    assert plan().network_of("447700900001", 0) == ""


def test_a_ported_number_is_where_it_went() -> None:
    assert plan(ported={"37120000001": "24705"}).network_of("37120000001", 0) == "24705"


def test_what_a_look_up_found_counts_until_its_time_is_over() -> None:
    asked = plan(asked=("371*",))

    assert asked.must_ask("+37120000001", 0)
    assert not asked.must_ask("447700900001", 0)

    asked.remember("37120000001", "24702", 1_000)

    assert asked.network_of("+37120000001", 999) == "24702"
    assert not asked.must_ask("37120000001", 999)
    assert asked.must_ask("37120000001", 1_000)
    assert asked.network_of("37120000001", 1_000) == "24701"


def test_what_could_not_be_found_out_is_as_the_plan_says() -> None:
    asked = plan(asked=("*",))

    asked.remember("37120000001", "", 1_000)

    assert asked.network_of("37120000001", 0) == "24701"
    assert not asked.must_ask("37120000001", 0)


def test_answers_in_memory_are_bounded(monkeypatch: object) -> None:
    asked = plan(asked=("*",))
    for number in range(number_plan.KEPT // 1_000):
        asked.remember(f"371200{number:05}", "24702", 1_000)

    assert len(asked._found) <= number_plan.KEPT
