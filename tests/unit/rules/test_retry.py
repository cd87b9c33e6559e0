"""What a refusal means, when it is tried again, and how long a throttled operator is left alone."""

from __future__ import annotations

import pytest

from chappe.rules.retry import Gate, Refusal, RefusalRules, classify, retry_at_ms

RULES = RefusalRules(throttled=frozenset({0x58, 0x14}), temporary=frozenset({0x08, 0x64}))


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(0x58, Refusal.THROTTLED), (0x14, Refusal.THROTTLED), (0x08, Refusal.TEMPORARY), (0x0B, Refusal.PERMANENT)],
)
def test_the_profile_says_what_a_status_means_and_what_it_does_not_name_is_permanent(
    status: int, refusal: Refusal
) -> None:
    assert classify(status, RULES) is refusal


def test_pauses_follow_each_other_and_the_last_one_repeats() -> None:
    pauses_s = (5.0, 30.0)

    assert [retry_at_ms(attempts, pauses_s, 1_000, 0.0) for attempts in range(4)] == [6_000, 31_000, 31_000, 31_000]


def test_jitter_makes_a_pause_longer_and_never_shorter() -> None:
    assert retry_at_ms(0, (5.0,), 0, 1.0) == 6_000
    assert 5_000 <= retry_at_ms(0, (5.0,), 0, 0.5) <= 6_000


def test_a_gate_closes_longer_each_time_and_at_most_so_long() -> None:
    gate, now, pauses = Gate(), 100.0, []
    for _ in range(8):
        assert gate.close(now)
        pauses.append(gate.opens_in_s(now))
        now += pauses[-1]

    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_refusals_while_it_is_closed_count_once() -> None:
    gate = Gate()

    assert gate.close(100.0)
    assert not gate.close(100.1)
    assert gate.opens_in_s(100.1) == pytest.approx(0.15)
    assert gate.opens_in_s(100.3) == 0.0


def test_after_something_passed_the_next_pause_is_short_again() -> None:
    gate = Gate()
    gate.close(100.0)
    gate.close(101.0)

    gate.passed(101.2)
    assert gate.opens_in_s(101.2) > 0
    gate.passed(102.0)
    gate.close(103.0)

    assert gate.opens_in_s(103.0) == 0.25


def test_operator_is_doubted_from_its_refusal_until_it_takes_something() -> None:
    gate = Gate()
    assert not gate.is_doubted

    gate.close(100.0)
    gate.passed(100.1)
    assert gate.is_doubted

    gate.passed(101.0)
    assert not gate.is_doubted
