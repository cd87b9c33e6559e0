"""When a callback and its host are tried again."""

from datetime import UTC, datetime

import pytest

from chappe.rules.calling import Circuit, pause_s, retry_after_s

NOW = datetime(2026, 1, 16, 12, 0, 0, tzinfo=UTC)


def broken(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(Circuit.TRIPS_AFTER):
        circuit.failed(now, jitter=0.5)
    return circuit


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "17", 17.0),
        (503, "Fri, 16 Jan 2026 12:00:30 GMT", 30.0),
        (503, "Fri, 16 Jan 2026 11:00:00 GMT", 0.0),
        (503, "99999999999999999999", 86_400.0),
        (503, "soon", 0.0),
        (503, "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 0.0),
        (503, "Mon, 01 Jan 2027 00:00:00 +9999999999999", 0.0),
        (503, "-5", 0.0),
        (503, "", 0.0),
        (500, "17", 0.0),
    ],
)
def test_retry_after_is_read_where_it_may_stand(status: int, header: str, seconds: float) -> None:
    assert retry_after_s(status, header, NOW) == seconds


def test_the_last_pause_repeats_and_chance_only_adds() -> None:
    assert [pause_s(tries, (5.0, 30.0), 0.0) for tries in range(4)] == [5.0, 30.0, 30.0, 30.0]
    assert pause_s(0, (5.0, 30.0), 1.0) == 6.0


def test_single_failures_do_not_stop_a_host() -> None:
    circuit = Circuit()
    for _ in range(20):
        circuit.failed(0.0, jitter=0.5)
        circuit.answered()

    assert circuit.may_try(0.0)
    assert not circuit.is_broken


def test_a_host_that_fails_thrice_in_a_row_is_left_alone_for_a_while() -> None:
    circuit = broken()

    assert not circuit.may_try(0.9)
    assert circuit.opens_in_s(0.25) == 0.75
    assert circuit.may_try(1.0)


def test_a_broken_host_gets_one_callback_at_a_time() -> None:
    circuit = broken()
    circuit.trying = 1

    assert not circuit.may_try(5.0)
    circuit.trying = 0
    assert circuit.may_try(5.0)


def test_pauses_grow_up_to_a_bound_while_a_host_stays_dead() -> None:
    circuit, now = broken(), 0.0
    pauses = []
    for _ in range(12):
        pauses.append(circuit.opens_in_s(now))
        now += pauses[-1]
        circuit.failed(now, jitter=0.5)

    assert pauses[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == Circuit.LONGEST_PAUSE_S


def test_what_was_under_way_when_a_host_broke_makes_its_pause_no_longer() -> None:
    circuit = broken()
    for _ in range(50):
        circuit.failed(0.1, jitter=0.5)

    assert circuit.opens_in_s(0.0) == 1.0


def test_a_good_answer_makes_a_host_whole_again() -> None:
    circuit = broken()
    circuit.failed(1.0, jitter=0.5)
    circuit.answered()

    assert not circuit.is_broken
    for _ in range(Circuit.TRIPS_AFTER):
        circuit.failed(100.0, jitter=0.5)
    assert circuit.opens_in_s(100.0) == 1.0


def test_a_host_that_asks_for_a_pause_gets_it() -> None:
    circuit = Circuit()
    circuit.leave_alone(10.0, 30.0)

    assert not circuit.may_try(39.0)
    assert circuit.may_try(40.0)
