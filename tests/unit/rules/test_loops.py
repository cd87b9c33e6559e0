"""Answers to answers are a circle when they come too often, and nothing else is."""

from __future__ import annotations

from chappe.rules import loops
from chappe.rules.loops import Loops

PAIR = ("12345", "37120000001")


def rounds(guard: Loops, count: int, *, every_s: float = 1.0, begin: float = 0.0) -> list[bool]:
    told = []
    for number in range(count):
        guard.came(*PAIR)
        told.append(guard.is_circle(*PAIR, begin + number * every_s))
    return told


def test_so_many_answers_within_the_window_may_leave_and_no_more() -> None:
    assert rounds(Loops(3, 60.0), 5) == [False, False, False, True, True]


def test_a_circle_ends_when_it_was_quiet_for_a_while() -> None:
    guard = Loops(3, 60.0)
    rounds(guard, 5)

    assert rounds(guard, 1, begin=61.0) == [False]


def test_many_messages_to_one_handset_are_no_circle() -> None:
    guard = Loops(3, 60.0)
    guard.came(*PAIR)

    assert not any(guard.is_circle(*PAIR, 0.0) for _ in range(50))


def test_a_handset_that_writes_often_makes_no_circle_by_itself() -> None:
    guard = Loops(3, 60.0)
    for _ in range(50):
        guard.came(*PAIR)

    assert guard.is_circle(*PAIR, 0.0) is False
    assert guard.is_circle("12345", "37120000002", 0.0) is False


def test_pairs_are_counted_apart_and_their_number_is_bounded(monkeypatch: object) -> None:
    guard = Loops(1, 60.0)
    for number in range(10):
        guard.came("12345", str(number))

    assert not any(guard.is_circle("12345", str(number), 0.0) for number in range(10))
    assert loops.PAIRS >= 10
