"""Balances: what is charged with a message, what comes back, and what two runs can never spend twice."""

from __future__ import annotations

from typing import Any

import pytest
from store_box import QUEUE, Box

from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.model.money import Price
from chappe.store.port import Balance, Cancel, Ended, Once, Replace, Sent
from chappe.store.postgres.engine import PostgresStore

EUR = 1_000_000


def opened(box: Box, opening: int = 10 * EUR) -> None:
    box.run(box.store.open_credit("acme", "EUR", opening))


def balance(box: Box) -> int:
    (found,) = box.run(box.store.balances())
    assert (found.client, found.currency) == ("acme", "EUR")
    return int(found.units)


def drawn(box: Box, wish: int) -> int:
    return int(box.run(box.store.draw_credit("acme", "EUR", wish)).units)


def paid(box: Box, units: int = EUR, **fields: Any) -> Item:
    return box.mt(price=Price(units, "EUR"), **fields)


def accept(box: Box, *items: Item) -> None:
    assert box.run(box.store.accept(items, box.events())) == [None] * len(items)


def leased(box: Box) -> Item:
    (item,) = box.run(box.store.lease(QUEUE, 1))
    assert isinstance(item.content, Message)
    return item


def test_a_balance_begins_once_whoever_opens_it_again(box: Box) -> None:
    opened(box)
    opened(box, 99 * EUR)

    assert balance(box) == 10 * EUR


def test_what_was_paid_in_before_the_first_door_is_not_lost(box: Box) -> None:
    assert box.run(box.store.add_credit("acme", "EUR", EUR))

    opened(box)
    opened(box)

    assert balance(box) == 11 * EUR


def test_a_message_is_charged_when_it_is_stored_and_stays_charged_after_a_death(box: Box) -> None:
    opened(box)
    assert drawn(box, 3 * EUR) >= 3 * EUR

    accept(box, paid(box), paid(box, 2 * EUR))

    assert balance(box) == 7 * EUR
    box.restart()
    assert balance(box) == 7 * EUR
    assert box.run(box.store.lease(QUEUE, 1))[0].content.price == Price(EUR, "EUR")


def test_what_a_dead_run_had_in_hand_is_free_again(box: Box) -> None:
    opened(box)
    assert drawn(box, 10 * EUR) == 10 * EUR
    assert drawn(box, 1) == 0

    box.restart()

    assert drawn(box, 10 * EUR) == 10 * EUR


def test_what_is_given_back_can_be_drawn_again(box: Box) -> None:
    opened(box)
    assert drawn(box, 10 * EUR) == 10 * EUR

    box.run(box.store.return_credit("acme", "EUR", 4 * EUR))

    assert drawn(box, 10 * EUR) == 4 * EUR
    assert balance(box) == 10 * EUR


def test_a_message_that_no_operator_took_costs_nothing(box: Box) -> None:
    opened(box)
    drawn(box, 2 * EUR)
    accept(box, paid(box))

    ended = Ended(leased(box), Status.EXPIRED, "000", box.now_ms * 1000)
    for _ in range(2):
        box.run(box.store.settle([ended], box.events()))

    assert balance(box) == 10 * EUR
    box.run(box.store.return_credit("acme", "EUR", 1 * EUR))
    box.restart()
    assert drawn(box, 10 * EUR) == 10 * EUR


def test_a_long_message_of_which_a_part_was_taken_stays_paid(box: Box) -> None:
    opened(box)
    drawn(box, 2 * EUR)
    accept(box, paid(box, 2 * EUR, parts=2))
    item = leased(box)
    box.run(box.store.settle([Sent(item, "three", "1", box.now_ms * 1000, part=1)], box.events()))

    box.run(box.store.settle([Ended(item, Status.FAILED, "000", box.now_ms * 1000)], box.events()))

    assert balance(box) == 8 * EUR


def test_a_long_message_of_which_nothing_was_taken_comes_back(box: Box) -> None:
    opened(box)
    drawn(box, 2 * EUR)
    accept(box, paid(box, 2 * EUR, parts=2))

    box.run(box.store.settle([Ended(leased(box), Status.FAILED, "000", box.now_ms * 1000)], box.events()))

    assert balance(box) == 10 * EUR


def test_a_cancelled_message_comes_back_once(box: Box) -> None:
    opened(box)
    drawn(box, 2 * EUR)
    item = paid(box)
    accept(box, item)

    for _ in range(2):
        box.run(box.store.grant([Cancel(item.id, "acme")]))

    assert balance(box) == 10 * EUR


@pytest.mark.parametrize("new_price", [3 * EUR, EUR // 2])
def test_a_replaced_message_pays_the_difference(box: Box, new_price: int) -> None:
    opened(box)
    drawn(box, 5 * EUR)
    item = paid(box)
    accept(box, item)
    was = item.content
    assert isinstance(was, Message)
    fields = {name: getattr(was, name) for name in was.__struct_fields__}
    message = Message(**{**fields, "octets": b"longer", "price": Price(new_price, "EUR")})

    box.run(box.store.grant([Replace(was, message)]))

    assert balance(box) == 10 * EUR - new_price


def test_what_a_key_guards_is_charged_once(box: Box) -> None:
    opened(box)
    drawn(box, 5 * EUR)
    items = [paid(box), paid(box)]
    once = [Once(item.id, b"key", b"print", b"answer", box.now_ms + 60_000, (item,)) for item in items]

    box.run(box.store.accept_once(once, box.events()))

    assert balance(box) == 9 * EUR


def test_paying_in_and_taking_out(box: Box) -> None:
    opened(box)

    assert box.run(box.store.add_credit("acme", "EUR", 5 * EUR, instruction=7, told="paid"))
    assert box.run(box.store.add_credit("acme", "EUR", 5 * EUR, instruction=7, told="paid"))
    assert balance(box) == 15 * EUR
    assert not box.run(box.store.add_credit("acme", "EUR", -16 * EUR))
    assert box.run(box.store.add_credit("acme", "EUR", -15 * EUR))
    assert balance(box) == 0


def test_what_was_taken_out_is_called_back_from_who_has_it_in_hand(box: Box) -> None:
    opened(box)
    in_hand = drawn(box, 8 * EUR)
    assert box.run(box.store.add_credit("acme", "EUR", -9 * EUR))

    (called,) = box.run(box.store.called_back_credit())
    box.run(box.store.return_credit("acme", "EUR", in_hand))

    assert called.units >= in_hand - EUR
    assert box.run(box.store.called_back_credit()) == []
    assert balance(box) == EUR


def test_balances_lie_apart_by_client_and_currency(box: Box) -> None:
    opened(box)
    box.run(box.store.open_credit("acme", "", 3))
    box.run(box.store.open_credit("zeta", "", 4))

    assert box.run(box.store.balances()) == [
        Balance("acme", "", 3),
        Balance("acme", "EUR", 10 * EUR),
        Balance("zeta", "", 4),
    ]


def test_two_runs_never_have_more_in_hand_than_there_is(box: Box) -> None:
    if not isinstance(box.store, PostgresStore):
        pytest.skip("a SQLite store has one run")
    opened(box)

    async def both() -> None:
        other = PostgresStore(box.store._dsn, version="test", box="box2", allow_single_copy=True)
        await other.open()
        try:
            first = await box.store.draw_credit("acme", "EUR", EUR)
            second = await other.draw_credit("acme", "EUR", 9 * EUR)
            assert first.units + second.units <= 10 * EUR
            assert second.elsewhere == first.units
            (called,) = await box.store.called_back_credit()
            await box.store.return_credit("acme", "EUR", called.units)
            rest = await other.draw_credit("acme", "EUR", 10 * EUR - second.units)
            assert second.units + rest.units == 10 * EUR
        finally:
            await other.close()
        assert (await box.store.draw_credit("acme", "EUR", 10 * EUR)).units == 10 * EUR

    box.run(both())


def test_a_run_that_another_one_ended_stores_nothing_on_credit(box: Box) -> None:
    if not isinstance(box.store, PostgresStore):
        pytest.skip("a SQLite store has one run")
    opened(box)
    assert drawn(box, EUR) >= EUR

    async def charge_without_a_slice() -> None:
        async with box.store.lend() as connection:
            await connection.execute("DELETE FROM credit_slices")
        with pytest.raises(Exception, match="has gone back"):
            await box.store.accept([paid(box)], box.events())

    box.run(charge_without_a_slice())
