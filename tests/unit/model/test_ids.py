"""Message ids: rising, never twice, readable as a moment."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chappe.model.ids import EPOCH_MS, SEQUENCES, SLOTS, IdMaker, first_id_at, made_at_ms

NOW_MS = 1_800_000_000_000


def test_an_id_says_when_it_was_made() -> None:
    assert made_at_ms(IdMaker(7).next(NOW_MS)) == NOW_MS


def test_ids_have_63_bits_until_the_clock_bits_end() -> None:
    last = IdMaker(SLOTS - 1).next(EPOCH_MS + (1 << 41) - 1)

    assert last < 1 << 63


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=200), st.integers(0, 10_000))
def test_ids_rise_whatever_the_clock_does(steps: list[int], slot: int) -> None:
    maker, now_ms, made = IdMaker(slot), NOW_MS, []
    for step in steps:
        now_ms += step
        made.append(maker.next(now_ms))

    assert made == sorted(set(made))


def test_more_ids_than_a_millisecond_holds_borrow_from_the_next() -> None:
    made = IdMaker(1).take(SEQUENCES + 1, NOW_MS)

    assert len(set(made)) == SEQUENCES + 1
    assert made_at_ms(made[-1]) == NOW_MS + 1


def test_a_new_run_goes_on_above_the_last_id() -> None:
    last = IdMaker(5).next(NOW_MS)

    assert IdMaker(0, last_id=last).next(NOW_MS - 60_000) > last


def test_two_runs_of_one_millisecond_make_different_ids() -> None:
    one, two = IdMaker(1), IdMaker(2)

    assert not set(one.take(100, NOW_MS)) & set(two.take(100, NOW_MS))


def test_the_first_id_of_a_moment_parts_what_came_before_from_what_came_since() -> None:
    assert IdMaker(SLOTS - 1).next(NOW_MS - 1) < first_id_at(NOW_MS) <= IdMaker(0).next(NOW_MS)
    assert first_id_at(0) == 0
