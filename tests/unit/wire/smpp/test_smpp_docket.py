from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chappe.wire.smpp.docket import Docket

SUBMIT_SM, QUERY_SM = 4, 3


def test_an_answer_closes_its_request_once() -> None:
    docket = Docket()
    docket.enter(7, SUBMIT_SM)

    assert not docket.strike(8, SUBMIT_SM)
    assert not docket.strike(7, QUERY_SM)
    assert len(docket) == 1
    assert docket.strike(7, SUBMIT_SM)
    assert not docket.strike(7, SUBMIT_SM)
    assert len(docket) == 0


def test_a_number_used_twice_wants_two_answers() -> None:
    docket = Docket()
    docket.enter(7, SUBMIT_SM)
    docket.enter(7, SUBMIT_SM)

    assert len(docket) == 2
    assert docket.strike(7, SUBMIT_SM)
    assert docket.strike(7, SUBMIT_SM)
    assert not docket.strike(7, SUBMIT_SM)


def test_two_kinds_under_one_number_are_answered_in_any_order() -> None:
    docket = Docket()
    docket.enter(7, SUBMIT_SM)
    docket.enter(7, QUERY_SM)

    assert docket.strike(7, QUERY_SM)
    assert docket.oldest(7) == SUBMIT_SM
    assert docket.strike(7, SUBMIT_SM)
    assert docket.oldest(7) is None


@given(
    entries=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([SUBMIT_SM, QUERY_SM]))),
    answers=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([SUBMIT_SM, QUERY_SM]))),
)
def test_the_docket_is_a_count_of_open_requests(entries: list[tuple[int, int]], answers: list[tuple[int, int]]) -> None:
    docket = Docket()
    open_ones = Counter(entries)
    for entry in entries:
        docket.enter(*entry)

    for answer in answers:
        assert docket.strike(*answer) == (open_ones[answer] > 0)
        open_ones[answer] = max(open_ones[answer] - 1, 0)

    assert len(docket) == open_ones.total()
    for number, _ in open_ones.elements():
        oldest = docket.oldest(number)
        assert oldest is not None
        assert docket.strike(number, oldest)
    assert len(docket) == 0


def test_a_dead_connection_leaves_nothing_open() -> None:
    docket = Docket()
    for command_id in (SUBMIT_SM, SUBMIT_SM, QUERY_SM):
        docket.enter(7, command_id)

    docket.clear()

    assert len(docket) == 0
    assert docket.oldest(7) is None
    assert not docket.strike(7, QUERY_SM)
