"""What any store must do with a yes that comes late: the peer has it, wherever the gateway thought that it waits."""

from __future__ import annotations

import pytest
from store_box import QUEUE, Box, Deferred, Held, Moved

from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.match import receipt_of


def leased(box: Box, **fields: object) -> Item:
    box.accept(box.mt(**fields))
    (item,) = box.lease()
    return item


def in_minutes(box: Box) -> int:
    return box.now_ms + 60_000


def test_a_late_yes_takes_a_deferred_message_out_of_its_queue(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))

    box.settle(box.sent(item, "A1"))

    assert box.status(item) is Status.SENT
    assert box.store.depths()[0].messages == 0
    box.restart()
    box.pass_s(120)
    assert box.lease() == []


def test_a_report_finds_what_a_late_yes_named(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.report(box.report_on("A1"))

    box.settle(box.sent(item, "A1"))

    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0


def test_a_late_yes_takes_what_another_operator_was_to_send(box: Box) -> None:
    item = leased(box)
    box.settle(Moved(item, "operator:four"))

    box.settle(box.sent(item, "A1"))

    assert box.lease("operator:four") == []
    assert box.find(item.id).operator == "three"
    assert sum(each.messages for each in box.store.depths()) == 0


def test_a_late_yes_ends_the_lease_of_whoever_has_the_message_now(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.pass_s(61)
    (again,) = box.lease()

    box.settle(box.sent(item, "A1"))
    box.release(again)
    box.settle(Deferred(again, in_minutes(box)))
    box.settle(box.ended(again, Status.REJECTED))
    box.settle(Held(again, "link lost"))

    assert box.status(item) is Status.SENT
    box.pass_s(120)
    assert box.lease() == []
    assert box.store.held_messages == 0
    box.restart()
    assert box.lease() == []


def test_a_late_yes_frees_what_is_held(box: Box) -> None:
    item = leased(box)
    box.settle(Held(item, "no response in time"))

    box.settle(box.sent(item, "A1"))

    assert box.status(item) is Status.SENT
    assert box.store.held_messages == 0


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_report_finds_a_message_under_both_names_that_two_yeses_gave(box: Box, is_restarted: bool) -> None:
    first, second = leased(box), leased(box)
    for item, late in ((first, "A1"), (second, "B1")):
        box.settle(Deferred(item, in_minutes(box)))
        box.pass_s(61)
        (again,) = box.lease()
        box.settle(box.sent(again, f"{late}-again"))
        box.settle(box.sent(item, late))
    if is_restarted:
        box.restart()

    box.report(box.report_on("A1"), box.report_on("A1-again"), box.report_on("B1-again"), box.report_on("B1"))

    assert (box.status(first), box.status(second)) == (Status.DELIVERED, Status.DELIVERED)
    assert box.store.parked_reports == 0
    assert box.told(first.id)[-5:].count("mt_delivered") == 1
    assert box.told(second.id)[-5:].count("mt_delivered") == 1
    assert len(box.lease("client:acme")) == 2


def test_a_late_yes_changes_nothing_of_what_has_ended_and_its_report_is_told(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.pass_s(61)
    (again,) = box.lease()
    box.settle(box.ended(again, Status.EXPIRED))

    box.settle(box.sent(item, "A1"))
    box.report(box.report_on("A1"))

    assert box.status(item) is Status.EXPIRED
    assert box.store.parked_reports == 0
    assert "dr_contradicted" in box.told(item.id)


def test_the_same_yes_twice_is_one(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))

    box.settle(box.sent(item, "A1"))
    box.settle(box.sent(item, "A1"))
    box.report(box.report_on("A1"))

    assert box.told(item.id).count("mt_delivered") == 1


def test_a_deferral_and_a_late_yes_in_one_moment_leave_nothing_behind(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.pass_s(61)
    (again,) = box.lease()
    later = in_minutes(box)

    box.together(
        lambda store: store.settle([Deferred(again, later)], box.events()),
        lambda store: store.settle([box.sent(item, "A1")], box.events()),
    )

    assert box.status(item) is Status.SENT
    box.pass_s(120)
    assert box.lease() == []
    assert box.store.depths()[0].messages == 0
    box.restart()
    assert box.lease() == []


def test_a_move_and_a_late_yes_in_one_moment_leave_nothing_behind(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.pass_s(61)
    (again,) = box.lease()

    box.together(
        lambda store: store.settle([Moved(again, "operator:four")], box.events()),
        lambda store: store.settle([box.sent(item, "A1")], box.events()),
    )

    assert box.lease("operator:four") == []
    assert sum(each.messages for each in box.store.depths()) == 0


def test_late_yeses_to_all_parts_end_the_deferral_of_their_message(box: Box) -> None:
    item = leased(box, octets=b"x" * 300, parts=2)
    box.settle(Deferred(item, in_minutes(box)))

    box.settle(box.sent(item, "A1", 1))
    assert box.status(item) is Status.QUEUED
    box.settle(box.sent(item, "A2", 2))

    assert box.status(item) is Status.SENT
    box.pass_s(120)
    assert box.lease() == []


def test_a_late_yes_of_a_client_ends_the_delivery_of_a_receipt(box: Box) -> None:
    message = leased(box)
    content = message.content
    assert isinstance(content, Message)
    told = receipt_of(content, Status.FAILED, error="011", submitted_at_ms=1, done_at_ms=2, operator="three")
    box.settle(box.ended(message, receipt=Item("client:acme", 0, "", 0, message.id, told)))
    (receipt,) = box.lease("client:acme")
    box.settle(Deferred(receipt, in_minutes(box)))

    box.settle(box.delivered(receipt))

    box.pass_s(120)
    assert box.lease("client:acme") == []
    assert sum(each.messages for each in box.store.depths()) == 0
    box.restart()
    assert box.lease("client:acme") == []


@pytest.mark.parametrize("is_leased_again", [False, True])
def test_a_late_yes_of_a_client_ends_the_delivery_of_an_mo(box: Box, is_leased_again: bool) -> None:
    box.accept(box.mo())
    (item,) = box.lease("client:acme")
    box.settle(Deferred(item, in_minutes(box)))
    if is_leased_again:
        box.pass_s(61)
        (again,) = box.lease("client:acme")

    box.settle(box.delivered(item))

    assert box.status(item) is Status.DELIVERED
    if is_leased_again:
        box.settle(Deferred(again, in_minutes(box)))
    box.pass_s(120)
    assert box.lease("client:acme") == []
    box.restart()
    assert box.lease("client:acme") == []


def test_what_is_said_late_of_what_somebody_else_holds_is_left_alone_unless_it_is_a_yes(box: Box) -> None:
    item = leased(box)
    box.settle(Deferred(item, in_minutes(box)))
    box.pass_s(61)
    (again,) = box.lease()

    box.settle(box.ended(item, Status.REJECTED))
    box.settle(Moved(item, "operator:four"))

    assert box.status(item) is Status.QUEUED
    assert box.lease("operator:four") == []
    box.release(again)
    assert box.leased_ids(QUEUE) == [item.id]


def test_a_part_that_was_taken_twice_tells_of_the_message_once(box: Box) -> None:
    item = leased(box, octets=b"x" * 300, parts=2)
    box.settle(box.sent(item, "A1", 1), box.sent(item, "A2", 2))

    box.settle(box.sent(item, "A1-again", 1))
    box.report(box.report_on("A1-again"), box.report_on("A2"), box.report_on("A1"))

    assert box.status(item) is Status.DELIVERED
    assert box.told(item.id).count("mt_delivered") == 1
    assert box.store.parked_reports == 0
