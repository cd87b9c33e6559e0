"""What any store must do when a part's answer comes after its message was deferred or held."""

from __future__ import annotations

from store_box import HANDSET, Box, Deferred, Held

from chappe.model.lifecycle import Status
from chappe.model.message import Item


def long_one(box: Box) -> Item:
    item = box.mt(octets=b"x" * 300, parts=2)
    box.accept(item)
    (leased,) = box.lease()
    return leased


def test_a_part_taken_while_the_message_waits_for_another_try_is_not_sent_again(box: Box) -> None:
    item = long_one(box)
    box.settle(Deferred(item, box.now_ms + 5_000))

    box.settle(box.sent(item, "A2", part=2))

    assert box.run(box.store.parts_sent(item.id)) == {2}
    box.restart()
    assert box.run(box.store.parts_sent(item.id)) == {2}
    box.pass_s(6)
    (again,) = box.lease()
    box.settle(box.sent(again, "A1", part=1))
    assert box.status(item) is Status.SENT
    box.report(box.report_on("A1"), box.report_on("A2"))
    assert box.status(item) is Status.DELIVERED


def test_a_part_taken_while_the_message_is_held_is_not_sent_again(box: Box) -> None:
    item = long_one(box)
    box.settle(Held(item, "no response in time"))

    box.settle(box.sent(item, "A2", part=2))

    assert box.run(box.store.parts_sent(item.id)) == {2}
    assert box.status(item) is Status.HELD


def test_the_last_part_taken_while_the_message_waits_leaves_nothing_to_try(box: Box) -> None:
    item = long_one(box)
    box.settle(box.sent(item, "A1", part=1))
    box.settle(Deferred(item, box.now_ms + 5_000))

    box.settle(box.sent(item, "A2", part=2))

    assert box.status(item) is Status.SENT
    box.pass_s(6)
    assert box.lease() == []
    box.restart()
    assert box.lease() == []
    box.report(box.report_on("A1"), box.report_on("A2"))
    assert box.status(item) is Status.DELIVERED


def test_the_last_part_taken_while_the_message_is_held_ends_the_doubt(box: Box) -> None:
    item = long_one(box)
    box.settle(box.sent(item, "A1", part=1))
    box.settle(Held(item, "no response in time"))

    box.settle(box.sent(item, "A2", part=2))

    assert box.status(item) is Status.SENT
    assert box.store.held_messages == 0
    assert box.run(box.store.resolve_held([item.id], is_resent=True)) == []


def test_the_last_part_of_an_older_try_takes_the_message_from_where_it_is_now(box: Box) -> None:
    item = long_one(box)
    box.settle(box.sent(item, "A1", part=1))
    box.settle(Deferred(item, box.now_ms + 5_000))
    box.pass_s(6)
    assert box.leased_ids() == [item.id]

    box.settle(box.sent(item, "A2", part=2))

    assert box.status(item) is Status.SENT
    box.restart()
    assert box.lease() == []


def test_an_answer_to_a_part_of_a_message_that_has_ended_changes_nothing(box: Box) -> None:
    item = long_one(box)
    box.settle(box.ended(item))

    box.settle(box.sent(item, "A2", part=2))

    assert box.status(item) is Status.FAILED
    assert box.run(box.store.parts_sent(item.id)) == set()
    box.report(box.report_on("A2", handset=HANDSET))
    assert box.status(item) is Status.FAILED
