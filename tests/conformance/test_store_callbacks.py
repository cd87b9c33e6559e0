"""What any store must do with callbacks: who is told where, replies, what was given up, and URLs that are gone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from store_box import HANDSET, Box, Deferred

from chappe.model.ids import first_id_at
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.match import receipt_item, receipt_of
from chappe.store.port import CallbacksOff, GivenUp, Sent

CALLBACKS = "callback:acme"
ALL = 0x11


def called_back(box: Box, operator_ref: str, /, **fields: Any) -> Item:
    """A message whose client is called back, sent."""
    return box.send_one(operator_ref, is_called_back=True, **fields)


def told(box: Box, queue: str = CALLBACKS) -> list[Receipt]:
    """What waits for a client, taken and settled."""
    items = box.lease(queue)
    box.settle(*(box.delivered(item) for item in items))
    return [item.content for item in items if isinstance(item.content, Receipt)]


def sent_telling(box: Box, item: Item, reference: str, part: int = 1) -> Sent:
    """The operator took it, and its client hears of that."""
    message = item.content
    assert isinstance(message, Message)
    receipt = receipt_of(
        message, Status.SENT, error="000", submitted_at_ms=box.now_ms, done_at_ms=box.now_ms, operator="three"
    )
    return msgspec.structs.replace(
        box.sent(item, reference, part), receipt=receipt_item(message, receipt, box.ids.next(box.now_ms))
    )


def inbound(box: Box, **fields: Any) -> Item:
    """An MO that waits for a callback, leased."""
    item = msgspec.structs.replace(box.mo(**fields), queue=CALLBACKS)
    box.accept(item)
    (leased,) = box.lease(CALLBACKS)
    return leased


def given_up(box: Box, item: Item) -> GivenUp:
    return GivenUp(item, "HTTP 500", box.now_ms * 1000)


def failed_ids(box: Box, client: str = "", **how: Any) -> list[int]:
    return [each.id for each in box.run(box.store.failed_callbacks(client, **how))]


# -- who is told where ------------------------------------------------------------------------------


def test_the_end_of_a_message_that_came_over_http_is_told_by_a_callback(box: Box) -> None:
    called_back(box, "A1", callback_url="https://shop.example/dlr?id=7", parts=1)
    box.send_one("A2")

    box.report(box.report_on("A1"), box.report_on("A2"))

    (callback,) = told(box)
    assert callback.callback_url == "https://shop.example/dlr?id=7"
    assert callback.status is Status.DELIVERED
    assert len(told(box, "client:acme")) == 1


def test_an_end_of_our_own_is_told_by_a_callback(box: Box) -> None:
    item = box.mt(is_called_back=True)
    box.accept(item)
    box.lease()
    message = item.content
    assert isinstance(message, Message)
    receipt = receipt_of(message, Status.EXPIRED, error="000", submitted_at_ms=0, done_at_ms=1, operator="three")

    box.settle(box.ended(item, Status.EXPIRED, receipt_item(message, receipt, item.id)))

    assert [each.status for each in told(box)] == [Status.EXPIRED]


def test_a_dead_url_of_one_message_stands_in_the_way_of_no_other_url(box: Box) -> None:
    for number in range(20):
        called_back(box, f"A{number}", callback_url="http://dead.example/x")
    called_back(box, "B", callback_url="http://live.example/x")
    called_back(box, "C")
    box.report(*(box.report_on(each) for each in [*(f"A{number}" for number in range(20)), "B", "C"]))

    taken = box.lease(CALLBACKS, 6)

    assert len({item.lane for item in taken}) == 3


def test_a_client_that_asked_for_everything_is_told_of_the_sending(box: Box) -> None:
    item = box.mt(is_called_back=True, registered_delivery=ALL)
    box.accept(item)
    box.lease()

    box.settle(sent_telling(box, item, "A1"))

    assert [each.status for each in told(box)] == [Status.SENT]
    box.report(box.report_on("A1", Status.BUFFERED))
    box.report(box.report_on("A1"))
    assert [each.status for each in told(box)] == [Status.BUFFERED, Status.DELIVERED]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_sending_is_told_before_what_overtook_it(box: Box, is_restarted: bool) -> None:
    item = box.mt(is_called_back=True, registered_delivery=ALL)
    box.accept(item)
    box.lease()
    box.report(box.report_on("A1", Status.BUFFERED), box.report_on("A1"))
    box.pass_s(1)

    box.settle(sent_telling(box, item, "A1"))

    if is_restarted:
        box.restart()
    assert [each.status for each in told(box)] == [Status.SENT, Status.BUFFERED, Status.DELIVERED]


def test_a_long_message_is_told_as_sent_when_its_last_part_is(box: Box) -> None:
    item = box.mt(is_called_back=True, registered_delivery=ALL, parts=2)
    box.accept(item)
    box.lease()

    box.settle(sent_telling(box, item, "A1"))
    assert told(box) == []
    box.settle(sent_telling(box, item, "A2", part=2))

    (callback,) = told(box)
    assert (callback.status, callback.parts) == (Status.SENT, 2)


# -- replies ----------------------------------------------------------------------------------------


def test_a_reply_is_accepted_with_the_outcome_of_its_callback_and_only_once(box: Box) -> None:
    item, reply = inbound(box), box.mt()
    outcome = msgspec.structs.replace(box.delivered(item), reply=reply)

    assert box.settle(outcome) == [None]
    assert box.settle(outcome) == [None]

    assert box.status(item) is Status.DELIVERED
    assert box.store.open_messages("acme") == 1
    assert box.leased_ids() == [reply.id]
    box.restart()
    assert box.leased_ids() == [reply.id]
    assert box.lease(CALLBACKS) == []


# -- given up ---------------------------------------------------------------------------------------


def test_a_callback_that_is_given_up_waits_in_the_list_of_failed_ones(box: Box) -> None:
    called_back(box, "A1", reference="KK1544")
    box.report(box.report_on("A1"))
    (item,) = box.lease(CALLBACKS)
    box.settle(Deferred(item, box.now_ms + 1_000))
    box.pass_s(2)
    (item,) = box.lease(CALLBACKS)

    assert box.settle(given_up(box, item)) == [None]

    (failed,) = box.run(box.store.failed_callbacks("acme"))
    assert (failed.id, failed.client, failed.attempts, failed.reason) == (item.id, "acme", 2, "HTTP 500")
    assert failed.content == item.content
    assert box.lease(CALLBACKS) == []
    box.restart()
    assert box.lease(CALLBACKS) == []
    assert failed_ids(box) == [item.id]
    assert failed_ids(box, "other") == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_an_mo_that_is_given_up_is_not_queued_again_by_a_start_but_by_a_person(box: Box, is_restarted: bool) -> None:
    item = inbound(box)
    box.settle(given_up(box, item))
    if is_restarted:
        box.restart()
    assert box.lease(CALLBACKS) == []

    assert box.run(box.store.replay_callbacks([item.id, 4711])) == [item.id]

    (again,) = box.lease(CALLBACKS)
    assert (again.content, again.attempts) == (item.content, 0)
    box.settle(box.delivered(again))
    assert box.status(item) is Status.DELIVERED
    assert failed_ids(box) == []
    box.restart()
    assert box.lease(CALLBACKS) == []


def test_a_client_replays_its_own_callbacks_and_no_others(box: Box) -> None:
    item = inbound(box)
    box.settle(given_up(box, item))

    assert box.run(box.store.replay_callbacks([item.id], client="other")) == []

    assert failed_ids(box) == [item.id]


def test_a_replay_that_is_asked_for_again_by_the_same_instruction_repeats_nothing(box: Box) -> None:
    item = inbound(box)
    box.settle(given_up(box, item))
    box.run(box.store.replay_callbacks([item.id], instruction=7, told="replay"))
    (again,) = box.lease(CALLBACKS)
    box.settle(given_up(box, again))

    assert box.run(box.store.replay_callbacks([item.id], instruction=7, told="replay")) == [item.id]

    assert failed_ids(box) == [item.id]


def test_failed_callbacks_are_read_page_by_page_the_youngest_first(box: Box) -> None:
    items = [inbound(box) for _ in range(5)]
    box.settle(*(given_up(box, item) for item in items))
    ids = [item.id for item in reversed(items)]

    assert failed_ids(box, "acme", limit=2) == ids[:2]
    assert failed_ids(box, "acme", before_id=ids[1], limit=2) == ids[2:4]
    assert failed_ids(box, before_id=ids[3]) == ids[4:]


def test_failed_callbacks_are_forgotten_when_they_are_too_old(box: Box) -> None:
    old = inbound(box)
    box.pass_s(100)
    young = inbound(box)
    box.settle(given_up(box, old), given_up(box, young))

    assert box.run(box.store.forget_failed_callbacks(first_id_at(box.now_ms - 50_000))) is False

    assert failed_ids(box) == [young.id]
    assert box.status(old) is Status.FAILED
    assert box.run(box.store.replay_callbacks([old.id])) == []


# -- URLs that are gone -----------------------------------------------------------------------------


def test_a_url_that_is_gone_stays_off_until_somebody_says_otherwise(box: Box) -> None:
    off = CallbacksOff("acme", "https://shop.example/cb", box.now_ms * 1000, "HTTP 410")
    box.run(box.store.switch_callbacks_off(off, box.events()))
    box.restart()
    assert box.run(box.store.callbacks_off()) == [off]

    assert box.run(box.store.switch_callbacks_on("acme", box.events())) is True

    assert box.run(box.store.callbacks_off()) == []
    assert box.run(box.store.switch_callbacks_on("acme", box.events())) is False


def test_messages_of_the_same_handset_know_where_each_is_told(box: Box) -> None:
    called_back(box, "A1")
    box.restart()

    box.report(box.report_on("A1", handset=HANDSET))

    assert len(told(box)) == 1
    assert told(box, "client:acme") == []
