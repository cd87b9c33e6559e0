"""What any store must do with messages on their way: accept, lease, release, settle."""

from __future__ import annotations

import pytest
from store_box import HANDSET, OPERATOR, QUEUE, Box, Deferred, Held, Moved, Sending

from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message
from chappe.rules.match import receipt_of
from chappe.store.port import Unwritten


def receipt_for(box: Box, item: Item, status: Status = Status.FAILED) -> Item:
    message = item.content
    assert isinstance(message, Message)
    told = receipt_of(
        message, status, error="011", submitted_at_ms=made_at_ms(item.id), done_at_ms=box.now_ms, operator="three"
    )
    return Item(f"client:{message.client}", 0, "", 0, item.id, told)


def places(items: list[Item]) -> list[tuple[object, ...]]:
    """What a reader sees of items."""
    return [(each.queue, each.priority, each.lane, each.due_at_ms, each.content, each.attempts) for each in items]


def test_an_accepted_message_is_leased_once_as_it_was_given(box: Box) -> None:
    item = box.mt()

    assert box.accept(item) == [None]

    assert places(box.lease()) == places([item])
    assert box.lease() == []
    assert box.status(item) is Status.QUEUED


def test_a_queue_that_is_said_to_hold_nothing_rings_when_something_comes(box: Box) -> None:
    rung: list[bool] = []
    box.store.listen(QUEUE, lambda: rung.append(box.store.is_waiting(QUEUE)))
    box.lease()
    was_waiting, rung[:] = box.store.is_waiting(QUEUE), []

    box.accept(box.mt())

    assert was_waiting or rung
    assert box.store.is_waiting(QUEUE)
    assert len(box.lease()) == 1


def test_a_queue_is_waiting_as_long_as_something_is_left_or_comes_back(box: Box) -> None:
    box.accept(box.mt(), box.mt())
    (first,) = box.lease(limit=1)

    assert box.store.is_waiting(QUEUE)

    box.lease()
    box.release(first)

    assert box.store.is_waiting(QUEUE)
    assert box.leased_ids() == [first.id]


def test_a_queue_is_waiting_when_the_moment_of_something_has_come(box: Box) -> None:
    item = box.mt(due_at_ms=box.now_ms + 5_000)
    box.accept(item)
    assert box.lease() == []

    box.pass_s(6)

    assert box.store.is_waiting(QUEUE)
    assert box.leased_ids() == [item.id]


def test_messages_of_a_lane_leave_in_their_order(box: Box) -> None:
    items = [box.mt() for _ in range(50)]
    box.accept(*items[:20])
    box.accept(*items[20:])

    assert box.leased_ids(limit=7) + box.leased_ids() == [item.id for item in items]


def test_a_released_message_is_leased_again_before_its_followers(box: Box) -> None:
    items = [box.mt() for _ in range(6)]
    box.accept(*items)
    leased = box.lease(limit=4)

    box.release(*leased[:2])
    box.release(*leased[2:])

    assert box.leased_ids() == [item.id for item in items]


def test_releasing_twice_does_not_double(box: Box) -> None:
    box.accept(box.mt())
    leased = box.lease()

    box.release(*leased)
    box.release(*leased)

    assert len(box.lease()) == 1


def test_one_client_with_thousands_does_not_delay_the_one_message_of_another(box: Box) -> None:
    box.accept(*(box.mt("big") for _ in range(3_000)))
    lone = box.mt("small")
    box.accept(lone)

    assert lone.id in box.leased_ids(limit=4)


def test_a_lone_message_is_not_delayed_after_a_restart_either(box: Box) -> None:
    box.accept(*(box.mt("big") for _ in range(3_000)))
    lone = box.mt("small")
    box.accept(lone)
    box.restart()

    assert lone.id in box.leased_ids(limit=4)


def test_bulk_keeps_its_share_under_high(box: Box) -> None:
    items = [box.mt(priority=2) for _ in range(100)]
    bulk = {item.id for item in items}
    box.accept(*items)
    box.accept(*(box.mt(priority=0) for _ in range(900)))

    taken = [each for _ in range(40) for each in box.leased_ids(limit=10)]

    assert len(bulk.intersection(taken)) >= 20


def test_what_does_not_fit_into_memory_comes_back_in_order_and_once(box: Box) -> None:
    ids: list[int] = []
    for _ in range(6):
        items = [box.mt("big") for _ in range(500)]
        box.accept(*items)
        ids += [item.id for item in items]

    taken: list[int] = []
    while got := box.lease(limit=400):
        taken += [item.id for item in got]
        box.settle(*(box.sent(item, f"r{item.id}") for item in got))

    assert taken == ids


def test_a_message_for_later_waits_for_its_moment(box: Box) -> None:
    later = box.mt(due_at_ms=box.now_ms + 10_000)
    box.accept(later)

    assert box.lease() == []
    assert box.status(later) is Status.SCHEDULED
    box.pass_s(11)
    assert box.leased_ids() == [later.id]
    box.settle(box.sent(later, "A1"))
    assert box.lease() == []
    assert box.status(later) is Status.SENT


def test_a_moment_outlives_a_restart(box: Box) -> None:
    later = box.mt(due_at_ms=box.now_ms + 10_000)
    box.accept(later)
    box.restart()

    assert box.lease() == []
    box.pass_s(11)
    box.restart()
    assert box.leased_ids() == [later.id]


def test_many_messages_of_one_moment_all_come(box: Box) -> None:
    moment = box.now_ms + 60_000
    items = [box.mt(due_at_ms=moment) for _ in range(1_200)]
    box.accept(*items)
    box.pass_s(61)

    taken: list[int] = []
    for _ in range(12):
        got = box.lease()
        taken += [item.id for item in got]
        box.settle(*(box.sent(item, f"r{item.id}") for item in got))
        box.pass_s(1)

    assert sorted(taken) == [item.id for item in items]


def test_a_deferred_message_comes_again_with_one_more_attempt(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    box.settle(Deferred(item, box.now_ms + 5_000))

    assert box.lease() == []
    box.pass_s(6)
    (again,) = box.lease()
    assert (again.id, again.attempts, again.content) == (item.id, 1, item.content)


def test_a_moved_message_is_leased_from_its_new_queue_alone(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    box.settle(Moved(item, "operator:four"))

    assert box.lease() == []
    (moved,) = box.lease("operator:four")
    assert (moved.id, moved.attempts) == (item.id, 1)
    box.restart()
    assert box.lease() == []
    assert box.leased_ids("operator:four") == [item.id]


def test_a_sent_message_leaves_its_queue_and_remembers_who_took_it(box: Box) -> None:
    item = box.send_one("A1")

    life = box.find(item.id)

    assert (life.status, life.operator, life.operator_ref) == (Status.SENT, "three", "A1")
    assert box.lease() == []


def test_an_ended_message_is_final_and_its_client_hears_of_it_once(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    told = receipt_for(box, item)
    box.settle(box.ended(item, Status.REJECTED, told))

    assert box.status(item) is Status.REJECTED
    (receipt,) = box.lease("client:acme")
    assert receipt.content == told.content
    box.settle(box.delivered(receipt))
    box.restart()
    assert box.lease("client:acme") == []
    assert box.lease() == []


def test_an_undelivered_receipt_waits_over_a_restart(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()
    box.settle(box.ended(item, Status.REJECTED, receipt_for(box, item)))
    box.lease("client:acme")

    box.restart()

    assert len(box.lease("client:acme")) == 1


def test_settling_again_what_is_settled_changes_nothing(box: Box) -> None:
    first, second, third = (box.mt() for _ in range(3))
    box.accept(first, second, third)
    box.lease()
    box.settle(box.sent(first, "A1"), box.ended(second), Deferred(third, box.now_ms + 1_000))
    box.report(box.report_on("A1"))

    box.settle(box.sent(first, "A1"), box.ended(second), Deferred(third, box.now_ms + 9_000))

    box.pass_s(2)
    assert box.status(first) is Status.DELIVERED
    assert box.leased_ids() == [third.id]
    assert box.store.open_messages("acme") == 1


def test_a_message_given_back_and_then_ended_is_not_offered_again(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.release(*box.lease())

    box.settle(box.ended(item))

    assert box.lease() == []


def test_a_held_message_is_offered_to_nobody(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    box.settle(Held(item, "link lost before the response"))

    assert box.status(item) is Status.HELD
    assert box.lease() == []
    box.restart()
    assert box.lease() == []
    assert box.store.open_messages("acme") == 1


def test_a_message_marked_before_its_write_is_held_after_a_restart_since_nobody_knows(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    box.settle(Sending(item))

    assert box.status(item) is Status.SENDING
    box.restart()
    assert box.status(item) is Status.HELD
    assert box.lease() == []
    assert box.told(item.id)[-1] == "mt_held"


def test_a_mark_is_taken_back_when_nothing_was_written_after_all(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()
    box.settle(Sending(item))

    box.settle(Unwritten(item))

    assert box.status(item) is Status.QUEUED
    assert box.lease() == []
    box.restart()
    assert box.leased_ids() == [item.id]


def test_a_leased_message_is_offered_again_after_a_restart(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.lease()

    box.restart()

    assert box.leased_ids() == [item.id]


def test_an_mo_waits_for_its_client_and_ends_when_delivered(box: Box) -> None:
    item = box.mo()
    box.accept(item)
    box.restart()
    (leased,) = box.lease("client:acme")

    box.settle(box.delivered(leased))

    assert places([leased]) == places([item])
    assert box.status(item) is Status.DELIVERED
    assert box.store.open_messages("acme") == 0


def test_open_messages_are_those_of_a_client_that_are_not_final(box: Box) -> None:
    queued, sent, held, failed, delivered = (box.mt() for _ in range(5))
    box.accept(queued, sent, held, failed, delivered, box.mt("other"), box.mo())
    box.lease()
    box.settle(box.sent(sent, "S"), Held(held, "why"), box.ended(failed), box.sent(delivered, "D"))
    box.report(box.report_on("D"))

    assert (box.store.open_messages("acme"), box.store.open_messages("other")) == (3, 1)
    box.restart()
    assert (box.store.open_messages("acme"), box.store.open_messages("other")) == (3, 1)
    assert box.store.open_messages("nobody") == 0


def test_a_bell_rings_after_a_commit_that_laid_something_into_its_queue(box: Box) -> None:
    rung: list[int] = []
    box.store.listen(QUEUE, lambda: rung.append(1))
    box.store.listen("client:acme", lambda: rung.append(-1))

    box.accept(box.mt(), box.mt())

    assert rung == [1]
    assert len(box.lease()) == 2


@pytest.mark.parametrize("field", ["octets", "source", "dest", "reference", "service_type", "tlv"])
def test_every_octet_comes_back_as_it_was_given(box: Box, field: str) -> None:
    every = bytes(range(256))
    text = every.decode("latin-1")
    fields = {
        "octets": {"octets": every},
        "source": {"reference": text},
        "dest": {"dest": text},
        "reference": {"reference": text},
        "service_type": {"service_type": text},
        "tlv": {"tlvs": ((0x1400, every), (0x1401, b""))},
    }[field]
    item = box.mt(**fields)

    box.accept(item)
    box.restart()

    assert places(box.lease()) == places([item])


def test_every_octet_of_an_operators_reference_leads_back_to_the_message(box: Box) -> None:
    references = [f"A{chr(octet)}B" for octet in range(256)]
    items = [box.mt() for _ in references]
    box.accept(*items)
    box.lease()
    box.settle(*(box.sent(item, reference) for item, reference in zip(items, references, strict=True)))

    box.report(*(box.report_on(reference) for reference in references))

    assert {box.status(item) for item in items} == {Status.DELIVERED}
    assert [box.find(item.id).operator_ref for item in items] == references


def test_ids_go_on_after_a_restart_even_when_the_clock_stepped_back(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    box.now_ms -= 3_600_000

    box.restart()

    assert box.mt().id > item.id
    assert box.store.last_id >= item.id
    assert first_id_at(made_at_ms(item.id)) <= item.id


def test_a_message_that_nobody_knows_is_not_found(box: Box) -> None:
    assert box.run(box.store.find(4711)) is None
    assert HANDSET


def test_only_an_mo_whose_answer_was_perhaps_not_read_is_suspect_after_a_restart(box: Box) -> None:
    items = [box.mo() for _ in range(4)]
    for item in items:
        box.accept(item)
    ids = [item.id for item in items]

    box.run(box.store.prove_mo(OPERATOR, ids[3], [ids[1]]))
    box.restart()

    assert [message.id for message in box.run(box.store.mo_memory(OPERATOR, 0)).unproved] == [ids[1], ids[3]]
    # Whoever asks before it knows the operator, or for nothing, is answered too.
    assert set(box.run(box.store.mo_identities_elsewhere("never heard of", [b"\0\xff"], 0))) == set()


def test_what_only_waits_behind_another_keeps_its_number_of_attempts(box: Box) -> None:
    box.accept(box.mt())
    (item,) = box.lease()
    box.settle(Deferred(item, box.now_ms + 1_000))
    box.pass_s(2)
    (tried,) = box.lease()
    box.settle(Deferred(tried, box.now_ms + 1_000, was_tried=False))
    box.pass_s(2)

    assert (tried.attempts, box.lease()[0].attempts) == (1, 1)
