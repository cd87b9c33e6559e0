"""What any store must do with held items when a person has decided."""

from __future__ import annotations

import pytest
from store_box import Box, Held

from chappe.model.lifecycle import Status
from chappe.model.message import Item, Receipt


def held_message(box: Box) -> Item:
    item = box.mt()
    box.accept(item)
    box.lease()
    box.settle(Held(item, "link lost before the response"))
    return item


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_held_message_that_is_resent_goes_on_in_its_queue(box: Box, is_restarted: bool) -> None:
    item = held_message(box)
    if is_restarted:
        box.restart()

    assert box.run(box.store.resolve_held([item.id, 4711], is_resent=True)) == [item.id]

    assert box.status(item) is Status.QUEUED
    (again,) = box.lease()
    assert again.content == item.content
    box.settle(box.sent(again, "A1"))
    assert box.status(item) is Status.SENT
    box.restart()
    assert box.lease() == []


def test_a_held_message_that_is_dropped_ends_and_tells_its_client(box: Box) -> None:
    item = held_message(box)

    assert box.run(box.store.resolve_held([item.id], is_resent=False)) == [item.id]

    assert box.status(item) is Status.CANCELLED
    assert box.store.open_messages("acme") == 0
    (receipt,) = box.lease("client:acme")
    assert isinstance(receipt.content, Receipt)
    assert receipt.content.status is Status.CANCELLED
    assert box.told(item.id)[-1] == "mt_cancelled"
    box.restart()
    assert box.lease() == []
    assert box.store.open_messages("acme") == 0


def test_a_decision_counts_once(box: Box) -> None:
    item = held_message(box)
    box.run(box.store.resolve_held([item.id], is_resent=True))

    assert box.run(box.store.resolve_held([item.id], is_resent=False)) == []

    assert box.leased_ids() == [item.id]


def test_a_held_receipt_that_is_resent_reaches_its_client(box: Box) -> None:
    box.send_one("A1")
    box.report(box.report_on("A1"))
    (receipt,) = box.lease("client:acme")
    box.settle(Held(receipt, "its client crashed"))
    assert box.lease("client:acme") == []
    box.restart()

    assert box.run(box.store.resolve_held([receipt.id], is_resent=True)) == [receipt.id]

    assert [each.content for each in box.lease("client:acme")] == [receipt.content]


def test_an_instruction_that_is_given_again_is_answered_as_before_and_changes_nothing(box: Box) -> None:
    item = held_message(box)
    assert box.run(box.store.resolve_held([item.id], is_resent=True, instruction=7)) == [item.id]
    (again,) = box.lease()
    box.settle(Held(again, "link lost once more"))
    box.restart()

    assert box.run(box.store.resolve_held([item.id], is_resent=True, instruction=7)) == [item.id]

    assert box.lease() == []
    assert box.status(item) is Status.HELD
    assert box.told(0).count("instruction_done") == 0
    assert sum(",instruction_done," in line for line in box.lines()) == 1
    assert box.run(box.store.resolve_held([item.id], is_resent=True, instruction=8)) == [item.id]
    assert box.leased_ids() == [item.id]
