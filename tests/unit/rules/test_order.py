from hypothesis import given
from hypothesis import strategies as st

from chappe.rules.order import BEHIND_MS, MAX_LINES, PATIENCE_MS, HandsetOrder

HANDSET = "37120000001"
OTHER = "37120000002"
DUE = 10_000


def refused(item_id: int = 1) -> HandsetOrder:
    order = HandsetOrder()
    assert order.refused(HANDSET, item_id, DUE) == DUE
    return order


def test_nobody_waits_while_nothing_was_refused() -> None:
    order = HandsetOrder()

    assert not order.lines
    assert order.wait_until(HANDSET, 1, 5_000) == 0


def test_what_follows_waits_behind_what_was_refused_and_others_do_not() -> None:
    order = refused()

    assert order.wait_until(HANDSET, 2, 5_000) == DUE + BEHIND_MS
    assert order.wait_until(OTHER, 3, 5_000) == 0


def test_what_was_refused_leaves_at_its_moment_and_its_followers_wait_for_its_answer() -> None:
    order = refused()
    order.wait_until(HANDSET, 2, 5_000)

    assert order.wait_until(HANDSET, 1, DUE) == 0
    assert order.wait_until(HANDSET, 2, DUE + BEHIND_MS) == DUE + 2 * BEHIND_MS


def test_followers_leave_in_order_once_it_has_its_answer_and_what_is_new_waits_with_them() -> None:
    order = refused()
    order.wait_until(HANDSET, 1, DUE)
    order.answered(HANDSET, 1, DUE + 10)

    assert order.wait_until(HANDSET, 3, DUE + 20) == DUE + BEHIND_MS
    assert order.wait_until(HANDSET, 2, DUE + BEHIND_MS) == 0
    assert order.wait_until(HANDSET, 3, DUE + BEHIND_MS) == 0
    assert not order.lines


def test_a_second_refusal_makes_followers_wait_for_the_next_moment() -> None:
    order = refused()
    order.wait_until(HANDSET, 1, DUE)

    assert order.refused(HANDSET, 1, 30_000) == 30_000
    assert order.wait_until(HANDSET, 2, DUE + BEHIND_MS) == 30_000 + BEHIND_MS


def test_of_two_refused_the_older_one_comes_first_whichever_was_refused_first() -> None:
    order = refused(1)
    assert order.refused(HANDSET, 2, DUE - 5_000) > DUE

    order = refused(2)
    assert order.refused(HANDSET, 1, DUE + 5_000) == DUE + 5_000
    assert order.wait_until(HANDSET, 2, DUE) == DUE + 5_000 + BEHIND_MS


def test_nobody_waits_for_what_ended_elsewhere() -> None:
    order = refused()
    order.wait_until(HANDSET, 2, 5_000)

    assert order.wait_until(HANDSET, 2, DUE + BEHIND_MS) == 0


def test_nobody_waits_for_ever_for_an_answer() -> None:
    order = refused()
    order.wait_until(HANDSET, 1, DUE)

    assert order.wait_until(HANDSET, 2, DUE + PATIENCE_MS - 1) > 0
    assert order.wait_until(HANDSET, 2, DUE + 2 * PATIENCE_MS) == 0


def test_memory_is_bounded() -> None:
    order = HandsetOrder()

    for number in range(MAX_LINES + 5):
        order.refused(number, number + 1, DUE)

    assert len(order.lines) == MAX_LINES


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_whatever_is_refused_nothing_overtakes(refusals: list[bool], window: int) -> None:
    order, now, queue = HandsetOrder(), 0, [(0, number) for number in range(1, 9)]
    arrived: list[int] = []
    verdicts = iter(refusals)
    for _ in range(400):
        now += 100
        # What is due comes to the front of its lane, which is in the order of ids.
        leased = sorted((each for each in queue if each[0] <= now), key=lambda each: each[1])[:window]
        for moment, number in leased:
            queue.remove((moment, number))
            later = order.wait_until(HANDSET, number, now)
            if later:
                queue.append((later, number))
            elif next(verdicts, False):
                queue.append((order.refused(HANDSET, number, now + 1_000), number))
            else:
                order.answered(HANDSET, number, now)
                arrived.append(number)
    assert arrived == list(range(1, 9))
