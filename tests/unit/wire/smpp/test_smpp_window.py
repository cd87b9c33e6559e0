from hypothesis import given
from hypothesis import strategies as st

from chappe.wire.smpp.window import LATE_KEPT, MAX_SEQUENCE_NUMBER, Window

ANSWER = 0x8000_0004


def window_of(window_pdus: int = 10, *, last_number: int = 0) -> Window:
    window = Window(window_pdus, response_s=30.0)
    window._last_number = last_number
    return window


def send(window: Window, now: float = 0.0, context: object = None) -> int:
    number = window.take_number()
    window.reserve(number, now, ANSWER, context)
    return number


def test_numbers_start_at_one_and_wrap_to_one() -> None:
    assert window_of().take_number() == 1

    window = window_of(last_number=MAX_SEQUENCE_NUMBER - 1)
    assert [window.take_number() for _ in range(3)] == [MAX_SEQUENCE_NUMBER, 1, 2]


def test_a_number_that_is_in_flight_is_skipped() -> None:
    window = window_of()
    assert [send(window), send(window)] == [1, 2]

    window._last_number = MAX_SEQUENCE_NUMBER

    assert window.take_number() == 3


def test_room_is_what_is_not_in_flight() -> None:
    window = window_of(2)

    number = send(window)
    assert (window.room, len(window)) == (1, 1)
    send(window)
    assert (window.room, len(window)) == (0, 2)
    assert window.release(number, ANSWER) is not None
    assert (window.room, len(window)) == (1, 1)


def test_only_the_right_answer_releases() -> None:
    window = window_of()
    number = send(window, 5.0, "order-881")

    assert window.release(number + 1, ANSWER) is None
    assert window.release(number, ANSWER + 1) is None
    assert window.release(number, ANSWER) == (5.0, ANSWER, "order-881")
    assert window.release(number, ANSWER) is None


def test_a_nack_releases_whatever_was_asked() -> None:
    window = window_of()
    number = send(window, 5.0, "order-881")

    assert window.release_any(number) == (5.0, ANSWER, "order-881")
    assert window.release_any(number) is None


def test_the_oldest_is_the_first_to_run_out() -> None:
    window = window_of()
    for at, context in [(0.0, "a"), (1.0, "b"), (2.0, "c")]:
        send(window, at, context)

    assert window.deadline() == 30.0
    assert window.expire(29.9) == []
    assert window.expire(31.0) == ["a", "b"]
    assert window.deadline() == 32.0
    assert window.abandon() == ["c"]
    assert window.deadline() is None


def test_a_late_answer_is_known_once() -> None:
    window = window_of()
    number = send(window, 0.0, "order-881")
    window.expire(30.0)

    assert window.forgive(number, ANSWER + 1) is None
    assert window.forgive(number, ANSWER) == (0.0, ANSWER, "order-881")
    assert window.forgive(number, ANSWER) is None


def test_a_late_nack_answers_whatever_was_asked() -> None:
    window = window_of()
    number = send(window, 0.0, "order-881")
    window.expire(30.0)

    assert window.forgive_any(number) == (0.0, ANSWER, "order-881")
    assert window.forgive_any(number) is None


def test_late_answers_are_forgotten_with_their_connection() -> None:
    window = window_of()
    number = send(window)
    window.expire(30.0)

    window.abandon()

    assert window.forgive(number, ANSWER) is None


def test_memory_for_late_answers_is_bounded() -> None:
    window = window_of(LATE_KEPT + 5)
    numbers = [send(window) for _ in range(LATE_KEPT + 5)]

    window.expire(30.0)

    assert len(window._late) == LATE_KEPT
    assert window.forgive(numbers[0], ANSWER) is None
    assert window.forgive(numbers[-1], ANSWER) is not None


@given(answered=st.lists(st.integers(1, 20)))
def test_what_is_abandoned_is_what_was_not_answered_in_the_order_of_sending(answered: list[int]) -> None:
    window = window_of(20)
    for number in range(1, 21):
        assert send(window, 0.0, number) == number

    for number in answered:
        window.release(number, ANSWER)

    assert window.abandon() == [number for number in range(1, 21) if number not in answered]
    assert window.room == 20
