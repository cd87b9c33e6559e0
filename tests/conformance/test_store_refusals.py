"""What any store must do with items that cannot be stored: refuse them alone, keep everything else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from store_box import Box, Deferred

from chappe.model.lifecycle import Status
from chappe.model.message import Item

TOO_LARGE = 1 << 70


def poisoned(box: Box, kind: str) -> Item:
    item = box.mt()
    if kind == "id beyond 64 bits":
        return msgspec.structs.replace(item, id=TOO_LARGE)
    changes: dict[str, Any] = {
        "lone surrogate": {"dest": "3712000\ud800"},
        "moment beyond 64 bits": {"expires_at_ms": TOO_LARGE},
        "text that is no text": {"reference": object()},
    }[kind]
    return msgspec.structs.replace(item, content=msgspec.structs.replace(item.content, **changes))


KINDS = ["id beyond 64 bits", "lone surrogate", "moment beyond 64 bits", "text that is no text"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_poisoned_message_is_refused_alone(box: Box, kind: str, place: int) -> None:
    items = [box.mt() for _ in range(6)]
    batch = [*items[:place], poisoned(box, kind), *items[place:]]

    faults = box.accept(*batch)

    assert [number for number, fault in enumerate(faults) if fault is not None] == [place]
    assert box.leased_ids() == [item.id for item in items]
    assert box.store.open_messages("acme") == 6


def test_the_neighbours_of_a_poisoned_message_keep_their_events(box: Box) -> None:
    items = [box.mt() for _ in range(5)]
    bad = poisoned(box, "lone surrogate")

    box.accept(bad, *items)

    assert all(box.told(item.id) == ["mt_accepted"] for item in items)
    assert "mt_accepted" not in box.told(bad.id)
    assert box.told(bad.id) == ["item_poisoned"]


def test_other_calls_of_the_same_turn_are_not_harmed(box: Box) -> None:
    bad, good = poisoned(box, "lone surrogate"), box.mt()

    faults, stored = box.together(
        lambda store: store.accept([bad], box.events()),
        lambda store: store.accept([good], box.events()),
    )

    assert faults[0] is not None
    assert stored == [None]
    assert box.leased_ids() == [good.id]


def test_a_message_given_twice_is_one_message(box: Box) -> None:
    item = box.mt()
    box.accept(item)

    assert box.accept(item) == [None]

    assert box.leased_ids() == [item.id]
    box.settle(box.sent(item, "A1"))
    assert box.accept(item) == [None]
    assert box.status(item) is Status.SENT
    assert box.lease() == []
    assert box.store.open_messages("acme") == 1


def test_another_message_under_a_known_id_is_refused(box: Box) -> None:
    item = box.mt()
    box.accept(item)
    other = msgspec.structs.replace(item, content=msgspec.structs.replace(item.content, octets=b"other"))

    assert box.accept(other)[0] is not None
    assert box.lease()[0].content == item.content


def test_a_settlement_that_cannot_be_stored_harms_no_other(box: Box) -> None:
    items = [box.mt() for _ in range(3)]
    box.accept(*items)
    box.lease()

    faults = box.settle(box.sent(items[0], "A0"), Deferred(items[1], TOO_LARGE), box.sent(items[2], "A2"))

    assert [fault is None for fault in faults] == [True, False, True]
    assert [box.status(item) for item in items] == [Status.SENT, Status.QUEUED, Status.SENT]
    box.restart()
    assert box.leased_ids() == [items[1].id]


def test_a_reference_with_a_lone_surrogate_is_refused_alone(box: Box) -> None:
    items = [box.mt() for _ in range(2)]
    box.accept(*items)
    box.lease()

    faults = box.settle(box.sent(items[0], "A\ud800"), box.sent(items[1], "B"))
    box.report(box.report_on("B"), box.report_on("A\ud800"))

    assert [fault is None for fault in faults] == [False, True]
    assert box.status(items[1]) is Status.DELIVERED


def test_a_report_that_cannot_be_stored_harms_no_other(box: Box) -> None:
    item = box.send_one("A1")
    bad = msgspec.structs.replace(box.report_on("nobody"), id=TOO_LARGE)

    faults = box.report(bad, box.report_on("A1"))

    assert [fault is None for fault in faults] == [False, True]
    assert box.status(item) is Status.DELIVERED
    assert box.store.parked_reports == 0


def test_a_batch_of_a_thousand_with_three_poisoned_stores_all_others(box: Box) -> None:
    items = [box.mt() for _ in range(997)]
    batch = list(items)
    for place in (0, 500, 996):
        batch.insert(place, poisoned(box, "lone surrogate"))

    faults = box.accept(*batch)

    assert sum(fault is not None for fault in faults) == 3
    assert box.store.open_messages("acme") == 997
    assert len(box.lease()) == 997
