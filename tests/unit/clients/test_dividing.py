"""Several doors give one client together what it may have, and no more."""

from __future__ import annotations

from chappe.clients.account import Account
from chappe.clients.dividing import IDLE_S, Divided, Used
from chappe.runtime.throttle import Throttle


def account(rate: float = 100.0) -> Account:
    made = Account("acme", True, 1, 1_000, 0, Throttle(rate, 0.0), 60.0)
    made.max_binds = 4
    return made


def divided(one: Account, *elsewhere: Used, rate: float = 100.0) -> Divided:
    return Divided([one], {"acme": rate}, lambda: elsewhere)


def granted(one: Account, since: float, until: float) -> int:
    """How much may be sent between two moments by somebody who always wants more."""
    one.throttle.take(one.throttle.available(since))
    return one.throttle.available(until)


def test_a_client_that_uses_one_door_has_its_whole_rate_there() -> None:
    one = account()

    divided(one, {"other": (True, 2)}, {"acme": (False, 1)}).divide(0.0)

    assert granted(one, 0.0, 1.0) == 100


def test_a_client_that_sends_to_several_doors_has_its_part_at_each() -> None:
    one = account()

    divided(one, {"acme": (True, 1)}, {"acme": (True, 0)}, {"acme": (True, 1)}).divide(0.0)

    assert granted(one, 0.0, 1.0) == 25


def test_the_whole_comes_back_when_the_others_have_nothing_to_do_any_more() -> None:
    one, others = account(), [{"acme": (True, 1)}]
    doors = Divided([one], {"acme": 100.0}, lambda: others)
    doors.divide(0.0)
    others.clear()

    doors.divide(1.0)

    assert granted(one, 1.0, 2.0) == 100


def test_a_client_without_a_bound_has_none() -> None:
    one = account(rate=0.0)

    divided(one, {"acme": (True, 1)}, rate=0.0).divide(0.0)

    assert one.throttle.is_unlimited


def test_others_hear_whether_a_client_sends_here_and_how_often_it_is_bound() -> None:
    one = account()
    doors = divided(one)
    assert doors.used(0.0) == {}

    one.peers.append(object())
    assert doors.used(0.0) == {"acme": (False, 1)}
    one.throttle.take(50)
    assert doors.used(0.1) == {"acme": (True, 1)}
    assert doors.used(2.0) == {"acme": (True, 1)}, "it has just sent"

    assert doors.used(0.1 + IDLE_S) == {"acme": (False, 1)}


def test_binds_at_other_doors_count() -> None:
    one = account()

    divided(one, {"acme": (False, 3)}, {"acme": (True, 1)}).divide(0.0)

    assert one.binds_elsewhere == 4
