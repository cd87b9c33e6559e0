"""What any store must do with a report that may settle a held message: only when it can mean nothing else."""

from __future__ import annotations

from store_box import HANDSET, Box, Held, Sending

from chappe.model.lifecycle import Status
from chappe.model.message import Item


def held(box: Box, **fields: object) -> Item:
    item = box.mt(**fields)
    box.accept(item)
    (leased,) = box.lease()
    box.settle(Sending(leased))
    box.settle(Held(leased, "link lost before the response"))
    return item


def on_its_way(box: Box, **fields: object) -> Item:
    item = box.mt(**fields)
    box.accept(item)
    (leased,) = box.lease()
    box.settle(Sending(leased))
    return leased


def test_a_report_that_can_mean_nothing_else_settles_a_held_message(box: Box) -> None:
    item = held(box)
    on_its_way(box, dest="37129999999")

    box.report(box.report_on("A1", may_settle_held=True))

    assert box.status(item) is Status.DELIVERED
    assert box.store.held_messages == 0


def test_an_early_report_on_what_is_being_sent_settles_no_held_message_to_the_same_handset(box: Box) -> None:
    doubtful = held(box)
    sending = on_its_way(box)

    box.report(box.report_on("A2", may_settle_held=True))

    assert box.status(doubtful) is Status.HELD
    box.settle(box.sent(sending, "A2"))
    assert box.status(sending) is Status.DELIVERED
    assert box.status(doubtful) is Status.HELD


def test_a_report_settles_nothing_while_a_held_long_message_to_the_handset_may_be_meant(box: Box) -> None:
    short = held(box)
    held(box, octets=b"x" * 300, parts=2)

    box.report(box.report_on("A1", may_settle_held=True))

    assert box.status(short) is Status.HELD
    assert box.store.parked_reports == 1


def test_a_report_settles_nothing_when_more_is_held_than_anyone_looks_at(box: Box) -> None:
    mine = held(box)
    others = [box.mt(dest=f"3712{number:07}") for number in range(5_000_000, 5_000_999)]
    twin = box.mt(dest=HANDSET)
    box.accept(*others, twin)
    while leased := box.lease():
        box.settle(*[Held(each, "link lost before the response") for each in leased])

    box.report(box.report_on("A1", may_settle_held=True))

    assert box.status(mine) is Status.HELD
    assert box.status(twin) is Status.HELD
