"""Receipts that stop to match are noticed, and nobody is alarmed by receipts that overtake their answers."""

from __future__ import annotations

from chappe.rules.agreement import WINDOW_MINUTES, Agreement, Key, Turn
from chappe.rules.learn import PROOF


def counts(minute: int, *, matched: int = 0, parked: int = 0, operator: str = "three") -> dict[Key, int]:
    return {(minute, "dr_matched", "acme", operator): matched, (minute, "dr_parked", "", operator): parked}


def test_receipts_that_match_nothing_are_told_of_once_there_is_proof() -> None:
    agreement = Agreement()
    agreement.add(counts(1, matched=3, parked=PROOF - 1))
    assert agreement.judge(1) == []

    agreement.add(counts(2, parked=1))

    assert agreement.judge(2) == [Turn("three", True, 3, PROOF)]
    assert agreement.judge(2) == []
    assert agreement.disagreeing == {"three": PROOF}


def test_a_few_among_many_that_match_are_no_alarm() -> None:
    agreement = Agreement()
    agreement.add(counts(1, matched=1000, parked=500))

    assert agreement.judge(1) == []


def test_receipts_that_overtake_their_answers_are_no_alarm() -> None:
    agreement = Agreement()
    agreement.add(counts(1, matched=100, parked=100))

    assert agreement.judge(1) == []


def test_slow_traffic_is_judged_over_the_window_and_not_beyond() -> None:
    agreement = Agreement()
    for minute in range(100):
        agreement.add(counts(minute, parked=1))
        assert agreement.judge(minute) == []

    assert sum(each[1] for each in agreement._counts["three"].values()) == WINDOW_MINUTES


def test_it_ends_when_nearly_all_match_again_and_not_by_silence() -> None:
    agreement = Agreement()
    agreement.add(counts(1, parked=40))
    agreement.judge(1)
    assert agreement.judge(100) == []
    assert agreement.disagreeing == {"three": 40}

    agreement.add(counts(101, matched=10, parked=5))
    assert agreement.judge(101) == []
    agreement.add(counts(102, matched=10))

    assert agreement.judge(102) == [Turn("three", False, 20, 5)]
    assert agreement.disagreeing == {}


def test_operators_are_judged_by_themselves() -> None:
    agreement = Agreement()
    agreement.add(counts(1, matched=500, operator="two"))
    agreement.add(counts(1, parked=30))

    assert [each.operator for each in agreement.judge(1)] == ["three"]
