"""What any store must do with messages in doubt: held until a person, or a receipt that can mean nothing else, decides."""

from __future__ import annotations

from store_box import Box

from chappe.model.lifecycle import Status
from chappe.model.message import Item
from chappe.store.port import Held, Sending


def hold(box: Box, handset: str = "37120000001") -> Item:
    item = box.mt(dest=handset)
    box.accept(item)
    (leased,) = box.lease()
    box.settle(Sending(leased))
    box.settle(Held(leased, "link lost before the response"))
    return item


def test_a_held_message_is_not_leased_again(box: Box) -> None:
    item = hold(box)

    assert box.lease() == []
    assert box.status(item) is Status.HELD
    assert box.store.open_messages("acme") == 1


def test_a_message_marked_as_sending_is_held_after_a_restart(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.settle(Sending(box.lease()[0]))

    box.restart()

    assert box.lease() == []
    assert box.status(item) is Status.HELD


def test_a_report_with_an_unknown_reference_settles_the_one_held_message_of_its_handset(box: Box) -> None:
    item = hold(box)
    other = hold(box, "37120000002")

    box.report(box.report_on("never-seen", handset="37120000001", may_settle_held=True))

    assert box.status(item) is Status.DELIVERED
    assert box.status(other) is Status.HELD
    assert box.store.parked_reports == 0
    assert box.store.open_messages("acme") == 1


def test_a_report_that_could_mean_two_held_messages_settles_neither(box: Box) -> None:
    items = [hold(box), hold(box)]

    box.report(box.report_on("never-seen", handset="37120000001", may_settle_held=True))

    assert [box.status(item) for item in items] == [Status.HELD, Status.HELD]
    assert box.store.parked_reports == 1


def test_a_report_of_an_operator_that_also_resends_settles_nothing(box: Box) -> None:
    item = hold(box)

    box.report(box.report_on("never-seen", handset="37120000001"))

    assert box.status(item) is Status.HELD
    assert box.store.parked_reports == 1
