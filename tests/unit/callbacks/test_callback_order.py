"""Whose turn it is among the callbacks of one message."""

import msgspec

from chappe.callbacks.order import FORGET_MS, GO, KEPT, LEAST_WAIT_MS, MAX_REMEMBERED, MessageOrder
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Receipt

NOW = 1_000_000


def told(number: int, status: Status = Status.SENT, message_id: int = 1) -> Item:
    receipt = Receipt(message_id, "acme", status, "000", 0, 0, 1, 1, "371", 1, 1, "SHOP", b"")
    return Item("callback:acme", 0, "", 0, number, receipt)


def test_messages_that_tell_only_their_end_are_not_remembered() -> None:
    order = MessageOrder()

    assert order.turn(told(1, Status.DELIVERED), NOW) == GO
    assert order.turn(told(2, Status.DELIVERED), NOW) == GO


def test_what_follows_is_kept_until_the_one_before_it_has_passed() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    assert order.turn(first, NOW) == GO
    assert order.turn(last, NOW) == KEPT
    assert order.turn(told(3, message_id=2), NOW) == GO

    assert list(order.passed(first)) == [last]

    assert order.turn(last, NOW) == GO


def test_what_follows_a_delayed_one_waits_behind_it() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(last, NOW)

    assert list(order.delayed(first, NOW + 5_000)) == [last]

    assert order.turn(last, NOW) == NOW + 5_001
    assert order.turn(first, NOW + 5_000) == GO
    assert order.turn(last, NOW + 5_001) == KEPT


def test_what_follows_one_whose_time_has_come_does_not_ask_all_the_time() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.delayed(first, NOW + 10)

    assert order.turn(last, NOW + 5_000) == NOW + 5_000 + LEAST_WAIT_MS


def test_one_that_never_comes_again_is_not_waited_for_for_ever() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.delayed(first, NOW + 10)

    due_at_ms = order.turn(last, NOW + 10 + FORGET_MS)

    assert due_at_ms == NOW + 10 + FORGET_MS + LEAST_WAIT_MS
    assert order.turn(msgspec.structs.replace(last, due_at_ms=due_at_ms), due_at_ms) == GO


def test_what_lay_long_while_its_host_took_nothing_does_not_overtake_what_waited_as_long() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.delayed(first, NOW + 10)
    later = NOW + 10 + 100 * FORGET_MS

    assert order.turn(last, later) > later
    assert order.turn(msgspec.structs.replace(first, due_at_ms=NOW + 10), later) == GO


def test_those_that_are_kept_go_in_their_order_whoever_came_first() -> None:
    order, first, second, last = MessageOrder(), told(1), told(2, Status.BUFFERED), told(3, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(last, NOW)
    order.turn(second, NOW)

    assert list(order.passed(first)) == [second, last]


def test_what_is_given_back_is_not_overtaken_by_what_lay_before_it() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(last, NOW)

    assert list(order.returned(first, NOW)) == [last]

    assert order.turn(last, NOW) > NOW
    assert order.turn(first, NOW) == GO


def test_nothing_is_known_any_more_of_what_somebody_else_posted_meanwhile() -> None:
    order, first, second, last = MessageOrder(), told(1), told(2, Status.BUFFERED), told(3, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(second, NOW)
    order.waits(told(4, message_id=4), NOW + 5_000)
    assert list(order.clear()) == [second]

    order.begin_anew()

    assert order.turn(last, NOW) == GO
    assert order.turn(told(5, Status.DELIVERED, message_id=4), NOW) == GO


def test_what_is_given_up_is_waited_for_no_longer() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.delayed(first, NOW + 5_000)

    order.passed(first)

    assert order.turn(last, NOW) == GO


def test_a_stop_gives_back_those_that_wait() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(last, NOW)

    assert list(order.clear()) == [last]
    assert list(order.clear()) == []


def test_what_is_under_way_is_never_forgotten_however_many_there_are() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)
    order.turn(first, NOW)
    order.turn(last, NOW)

    for number in range(MAX_REMEMBERED + 10):
        other = told(10 + number, message_id=10 + number)
        order.turn(other, NOW)
        order.delayed(other, NOW + 5_000)

    assert list(order.passed(first)) == [last]


def test_no_more_waiting_ones_than_can_be_remembered_are() -> None:
    order = MessageOrder()

    for number in range(MAX_REMEMBERED + 1):
        order.waits(told(number, message_id=number + 1), NOW + 5_000)

    assert order.turn(told(-1, Status.DELIVERED, message_id=1), NOW) == GO
    assert order.turn(told(-1, Status.DELIVERED, message_id=2), NOW) > NOW


def test_what_follows_one_that_waited_before_the_start_waits_behind_it() -> None:
    order, first, last = MessageOrder(), told(1), told(2, Status.DELIVERED)

    order.waits(first, NOW + 5_000)

    assert order.turn(last, NOW) == NOW + 5_001
    assert order.turn(first, NOW + 5_000) == GO
    assert order.turn(last, NOW + 5_001) == KEPT


def test_of_two_that_waited_before_the_start_the_older_one_comes_first() -> None:
    order = MessageOrder()
    sent, buffered = told(1), told(2, Status.BUFFERED)

    order.waits(buffered, NOW + 9_000)
    order.waits(sent, NOW + 5_000)

    assert order.turn(buffered, NOW + 1_000) == NOW + 5_001


def test_what_was_put_off_behind_a_delayed_one_is_not_overtaken_once_that_has_passed() -> None:
    order, first, second, last = MessageOrder(), told(1), told(2, Status.BUFFERED), told(3, Status.DELIVERED)
    order.turn(first, NOW)
    order.delayed(first, NOW + 100)
    put_off = order.turn(second, NOW)
    assert order.turn(first, NOW + 100) == GO
    assert list(order.passed(first)) == []

    assert order.turn(last, NOW + 200) == NOW + 200 + LEAST_WAIT_MS

    assert order.turn(second, put_off) == GO
    assert list(order.passed(second)) == []
    assert order.turn(last, put_off + 1) == GO
