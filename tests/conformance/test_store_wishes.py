"""What any store must do when clients cancel or replace messages that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from store_box import QUEUE, Box, Deferred, Held, Moved, Sending

from chappe.model.events import EventName
from chappe.model.lifecycle import Status
from chappe.model.message import Item, Message, Receipt
from chappe.rules.decide import ROUTE
from chappe.store.endings import end
from chappe.store.port import Cancel, Granted, Replace

DONE, ALREADY, TOO_LATE, UNKNOWN = Granted.DONE, Granted.ALREADY, Granted.TOO_LATE, Granted.UNKNOWN


def cancel(box: Box, *items: Item, client: str = "acme") -> list[Granted]:
    return list(box.run(box.store.grant([Cancel(item.id, client) for item in items])))


def replace(box: Box, item: Item, **fields: Any) -> Granted:
    message = item.content
    assert isinstance(message, Message)
    (granted,) = box.run(box.store.grant([Replace(message, msgspec.structs.replace(message, **fields))]))
    assert isinstance(granted, Granted)
    return granted


def accepted(box: Box, **fields: Any) -> Item:
    item = box.mt(**fields)
    assert box.accept(item) == [None]
    return item


def octets_of(items: list[Item]) -> list[bytes]:
    return [item.content.octets for item in items if isinstance(item.content, Message)]


# -- cancel -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_cancelled_message_ends_leaves_its_queue_and_tells_its_client(box: Box, is_restarted: bool) -> None:
    item, other = accepted(box), accepted(box)
    if is_restarted:
        box.restart()

    assert cancel(box, item) == [DONE]

    assert box.status(item) is Status.CANCELLED
    assert box.find(item.id).final_at_us == box.now_ms * 1000
    assert box.told(item.id)[-1] == "mt_cancelled"
    assert box.store.open_messages("acme") == 1
    assert [depth.messages for depth in box.store.depths() if depth.queue == QUEUE] == [1]
    assert box.leased_ids() == [other.id]
    (receipt,) = box.lease("client:acme")
    assert isinstance(receipt.content, Receipt)
    assert (receipt.content.message_id, receipt.content.status) == (item.id, Status.CANCELLED)


def test_a_cancelled_message_stays_cancelled_after_a_restart(box: Box) -> None:
    item = accepted(box, registered_delivery=0)
    cancel(box, item)

    box.restart()

    assert box.status(item) is Status.CANCELLED
    assert box.lease() == []
    assert box.lease("client:acme") == []
    assert box.store.open_messages("acme") == 0


def test_a_cancel_that_is_asked_for_again_is_done_once(box: Box) -> None:
    item = accepted(box)

    assert cancel(box, item) == [DONE]
    assert cancel(box, item) == [ALREADY]
    box.restart()
    assert cancel(box, item, item) == [ALREADY, ALREADY]

    assert box.told(item.id).count("mt_cancelled") == 1
    assert len(box.lease("client:acme")) == 1


def test_two_cancels_of_one_moment_are_one_end(box: Box) -> None:
    item = accepted(box)
    wish = [Cancel(item.id, "acme")]

    first, second = box.together(lambda store: store.grant(wish), lambda store: store.grant(wish))

    assert [*first, *second] == [DONE, ALREADY]
    assert box.told(item.id).count("mt_cancelled") == 1
    assert box.store.open_messages("acme") == 0


def leased(box: Box, item: Item) -> None:
    assert item.id in box.leased_ids()


def marked(box: Box, item: Item) -> None:
    leased(box, item)
    box.settle(Sending(item))


def held(box: Box, item: Item) -> None:
    leased(box, item)
    box.settle(Held(item, "nobody knows"))


def sent(box: Box, item: Item) -> None:
    leased(box, item)
    box.settle(box.sent(item, "A1"))


def delivered(box: Box, item: Item) -> None:
    sent(box, item)
    box.report(box.report_on("A1"))


def failed(box: Box, item: Item) -> None:
    leased(box, item)
    box.settle(box.ended(item))


@pytest.mark.parametrize("happen", [leased, marked, held, sent, delivered, failed])
def test_it_is_too_late_for_what_somebody_holds_or_what_has_left_or_ended(
    box: Box, happen: Callable[[Box, Item], None]
) -> None:
    item = accepted(box)
    happen(box, item)
    was = box.status(item)

    assert cancel(box, item) == [TOO_LATE]
    assert replace(box, item, octets=b"new") is TOO_LATE

    assert box.status(item) is was
    assert "mt_cancelled" not in box.told(item.id)
    assert "mt_replaced" not in box.told(item.id)


def test_a_wish_in_the_moment_of_a_lease_is_for_one_of_the_two(box: Box) -> None:
    item = accepted(box)

    granted, taken = box.together(
        lambda store: store.grant([Cancel(item.id, "acme")]), lambda store: store.lease(QUEUE, 10)
    )

    assert (granted == [DONE]) is (taken == [])
    assert granted in ([DONE], [TOO_LATE])


def test_a_message_of_which_a_part_has_left_is_not_cancelled(box: Box) -> None:
    item = accepted(box, parts=2)
    leased(box, item)
    box.settle(box.sent(item, "A1", 1), Deferred(item, box.now_ms + 1))

    assert cancel(box, item) == [TOO_LATE]

    assert box.status(item) is Status.QUEUED


def test_a_message_that_was_given_back_or_waits_for_another_try_can_be_cancelled(box: Box) -> None:
    given, deferred, moved = accepted(box), accepted(box), accepted(box)
    box.lease()
    box.release(given)
    box.settle(Deferred(deferred, box.now_ms + 60_000), Moved(moved, "operator:four"))

    assert cancel(box, given, deferred, moved) == [DONE, DONE, DONE]

    box.pass_s(120)
    assert box.lease() == []
    assert box.lease("operator:four") == []
    box.restart()
    assert box.lease() == []
    assert box.lease("operator:four") == []


@pytest.mark.parametrize("has_come", [False, True])
def test_a_scheduled_message_can_be_cancelled_until_somebody_takes_it(box: Box, has_come: bool) -> None:
    item = box.mt(due_at_ms=box.now_ms + 60_000)
    box.accept(item)
    if has_come:
        box.pass_s(61)
        (due,) = box.lease()
        box.release(due)

    assert cancel(box, item) == [DONE]

    box.pass_s(61)
    assert box.lease() == []


def test_a_message_that_is_just_settled_is_not_cancelled_as_well(box: Box) -> None:
    item = accepted(box)
    box.lease()
    box.release(item)

    _, granted = box.together(
        lambda store: store.settle([box.ended(item, Status.EXPIRED)], box.events()),
        lambda store: store.grant([Cancel(item.id, "acme")]),
    )

    assert granted == [TOO_LATE]
    assert box.status(item) is Status.EXPIRED
    assert box.store.open_messages("acme") == 0


def test_nobody_cancels_what_is_not_his_or_does_not_exist(box: Box) -> None:
    item, mo = accepted(box), box.mo()
    box.accept(mo)

    assert cancel(box, item, client="other") == [UNKNOWN]
    granted = box.run(box.store.grant([Cancel(each, "acme") for each in (mo.id, 0, -1, 4711, 1 << 62, 1 << 70)]))

    assert set(granted) == {UNKNOWN}
    assert box.status(item) is Status.QUEUED
    assert box.leased_ids() == [item.id]


def test_one_wish_that_comes_too_late_harms_no_other(box: Box) -> None:
    first = accepted(box)
    leased(box, first)
    second, third = accepted(box), accepted(box)

    assert cancel(box, second, first, third) == [DONE, TOO_LATE, DONE]


def looked_up(box: Box, **fields: Any) -> Item:
    """A message whose reader asks for its network."""
    item = msgspec.structs.replace(box.mt(**fields), queue=ROUTE)
    assert box.accept(item) == [None]
    (leased,) = box.lease(ROUTE)
    return leased


def test_a_message_is_cancelled_while_its_network_is_asked_for(box: Box) -> None:
    item = looked_up(box)

    assert cancel(box, item) == [DONE]
    assert cancel(box, item) == [ALREADY]

    assert box.status(item) is Status.CANCELLED
    assert box.store.open_messages("acme") == 0
    assert [depth.messages for depth in box.store.depths() if depth.queue == ROUTE and depth.messages] == []


@pytest.mark.parametrize("is_moved", [True, False])
def test_what_its_reader_says_after_the_cancel_counts_for_nothing_and_is_not_told(box: Box, is_moved: bool) -> None:
    item = looked_up(box)
    cancel(box, item)
    told = box.told(item.id)

    events = box.events()
    events.add(EventName.MT_ROUTED if is_moved else EventName.MT_FAILED, item.id, "acme")
    outcome = Moved(item, QUEUE) if is_moved else end(item, Status.REJECTED, "NET", box.now_ms * 1000, "")
    box.run(box.store.settle([outcome], events))

    assert box.told(item.id) == told
    assert box.status(item) is Status.CANCELLED
    assert box.leased_ids() == []
    box.restart()
    assert box.leased_ids() == []
    assert box.lease(ROUTE) == []


def test_a_message_that_is_looked_up_is_not_replaced(box: Box) -> None:
    item = looked_up(box)

    assert replace(box, item, octets=b"other") is TOO_LATE


# -- replace ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_new_message_leaves_instead_in_the_turn_of_the_old(box: Box, is_restarted: bool) -> None:
    items = [accepted(box, octets=b"%d" % number) for number in range(3)]

    assert replace(box, items[1], octets=b"new", registered_delivery=0) is DONE

    if is_restarted:
        box.restart()
    assert octets_of(box.lease()) == [b"0", b"new", b"2"]
    assert box.told(items[1].id)[-1] == "mt_replaced"
    life = box.find(items[1].id)
    assert life.message is not None
    assert (life.message.octets, life.message.registered_delivery) == (b"new", 0)


def test_a_replacement_that_is_asked_for_again_is_done_once(box: Box) -> None:
    item = accepted(box)

    assert replace(box, item, octets=b"new") is DONE
    assert replace(box, item, octets=b"new") is ALREADY
    assert replace(box, item, octets=b"other") is TOO_LATE

    assert box.told(item.id).count("mt_replaced") == 1
    assert octets_of(box.lease()) == [b"new"]


def test_a_replaced_message_can_be_cancelled(box: Box) -> None:
    item = accepted(box)
    replace(box, item, octets=b"new")

    assert cancel(box, item) == [DONE]

    assert box.lease() == []
    box.restart()
    assert box.lease() == []


def test_where_both_are_wished_at_once_it_is_cancelled(box: Box) -> None:
    item = accepted(box)
    message = item.content
    assert isinstance(message, Message)
    wish = Replace(message, msgspec.structs.replace(message, octets=b"new", send_at_ms=box.now_ms + 9_000))

    assert list(box.run(box.store.grant([wish, Cancel(item.id, "acme")]))) == [TOO_LATE, DONE]

    box.pass_s(10)
    assert box.lease() == []
    assert box.status(item) is Status.CANCELLED


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_message_can_be_put_off_and_brought_forward(box: Box, is_restarted: bool) -> None:
    at_once = accepted(box, octets=b"now")
    moment = box.now_ms + 60_000
    later = box.mt(due_at_ms=moment, send_at_ms=moment, octets=b"later")
    box.accept(later)

    assert replace(box, at_once, send_at_ms=box.now_ms + 30_000) is DONE
    assert replace(box, later, send_at_ms=0) is DONE

    if is_restarted:
        box.restart()
    assert (box.status(at_once), box.status(later)) == (Status.SCHEDULED, Status.QUEUED)
    assert octets_of(box.lease()) == [b"later"]
    box.pass_s(31)
    assert octets_of(box.lease()) == [b"now"]
    box.pass_s(31)
    assert box.lease() == []
    assert sum(depth.messages for depth in box.store.depths()) == 2


def test_a_pause_after_a_refusal_outlives_a_replacement_of_the_text(box: Box) -> None:
    item = accepted(box)
    leased(box, item)
    box.settle(Deferred(item, box.now_ms + 60_000))

    assert replace(box, item, octets=b"new") is DONE

    assert box.lease() == []
    box.pass_s(61)
    (again,) = box.lease()
    assert (octets_of([again]), again.attempts) == ([b"new"], 1)


def test_a_replaced_message_expires_at_its_new_moment_only(box: Box) -> None:
    item = accepted(box, expires_at_ms=box.now_ms + 10_000)

    assert replace(box, item, expires_at_ms=box.now_ms + 60_000) is DONE

    assert box.run(box.store.expired(box.now_ms + 20_000)) == []
    assert [each.id for each in box.run(box.store.expired(box.now_ms + 61_000))] == [item.id]


def test_many_more_messages_than_memory_holds_are_cancelled_and_replaced(box: Box) -> None:
    items = [box.mt(octets=b"%d" % number) for number in range(3_000)]
    box.accept(*items)
    assert set(cancel(box, *items[::3])) == {DONE}
    for item in items[1:3_000:300]:
        assert replace(box, item, octets=b"new") is DONE

    found: list[Item] = []
    while taken := box.lease(limit=700):
        found += taken

    kept = [item for number, item in enumerate(items) if number % 3]
    assert [item.id for item in found] == [item.id for item in kept]
    assert octets_of(found).count(b"new") == 10


# -- what waits -------------------------------------------------------------------------------------


def test_what_waits_between_two_addresses_is_found_by_its_client(box: Box) -> None:
    wanted, second = accepted(box, dest="441"), accepted(box, dest="441", due_at_ms=box.now_ms + 9_000)
    for fields in ({"dest": "4412"}, {"dest": "44", "octets": b"441"}, {"dest": "441", "client": "other"}):
        accepted(box, **fields)
    gone = accepted(box, dest="441", queue="operator:four")
    box.lease("operator:four")
    box.settle(box.sent(gone, "A1"))

    def waiting(client: str, source: str, after_id: int, limit: int) -> list[int]:
        found = box.run(box.store.waiting(client, source, "441", after_id, limit))
        return [message.id for message in found]

    assert waiting("acme", "SHOP", 0, 10) == [wanted.id, second.id]
    assert waiting("acme", "SHOP", 0, 1) == [wanted.id]
    assert waiting("acme", "SHOP", wanted.id, 10) == [second.id]
    assert waiting("acme", "SHO", 0, 10) == []
    assert waiting("nobody", "SHOP", 0, 10) == []


@pytest.mark.parametrize("is_restarted", [False, True])
def test_messages_are_found_by_what_their_client_knows_them_as(box: Box, is_restarted: bool) -> None:
    items = [box.mt(known_as="a1b2c3d4", dest=f"44{number}") for number in range(3)]
    others = [box.mt(known_as="a1b2c3d5"), box.mt(octets=b"a1b2c3d4"), box.mt("other", known_as="a1b2c3d4")]
    box.accept(*items, *others)
    cancel(box, items[1])
    if is_restarted:
        box.restart()

    found = box.run(box.store.known_as("acme", "a1b2c3d4", items[0].id, items[-1].id + 1))
    fewer = box.run(box.store.known_as("acme", "a1b2c3d4", items[1].id, items[-1].id))

    assert [life.id for life in found] == [item.id for item in items]
    assert [life.status for life in found] == [Status.QUEUED, Status.CANCELLED, Status.QUEUED]
    assert [life.id for life in fewer] == [items[1].id]
