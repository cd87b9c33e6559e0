"""What any store must do when a client's messages are looked for: newest first, each once, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from store_box import HANDSET, Box

from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.store.port import Page, Search

DAY_S = 86_400


def look(box: Box, **asked: Any) -> Page:
    values: dict[str, Any] = {"client": "acme", "direction": Direction.MT, **asked}
    page: Page = box.run(box.store.search(Search(**values)))
    return page


def ids(box: Box, **asked: Any) -> list[int]:
    """Of all pages."""
    page = look(box, **asked)
    found = [life.id for life in page.lives]
    while page.next_before_id:
        page = look(box, **{**asked, "before_id": page.next_before_id})
        found += [life.id for life in page.lives]
    return found


def test_messages_are_found_newest_first_and_those_of_others_are_not(box: Box) -> None:
    items = [box.mt() for _ in range(5)]
    box.accept(*items, box.mt("other"), box.mo())

    page = look(box)

    assert [life.id for life in page.lives] == [item.id for item in reversed(items)]
    assert page.lives[0].message == items[-1].content
    assert page.next_before_id == 0


def test_a_client_that_the_store_never_saw_has_no_messages(box: Box) -> None:
    box.accept(box.mt())

    assert look(box, client="nobody") == Page([])


def test_pages_follow_each_other_without_gap_or_overlap_while_new_messages_come(box: Box) -> None:
    items = [box.mt() for _ in range(25)]
    box.accept(*items)

    first = look(box, limit=10)
    box.accept(*(box.mt() for _ in range(7)))
    second = look(box, limit=10, before_id=first.next_before_id)
    third = look(box, limit=10, before_id=second.next_before_id)

    found = [life.id for page in (first, second, third) for life in page.lives]
    assert found == [item.id for item in reversed(items)]
    assert third.next_before_id == 0


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"to": "37120000002"}, [1, 3]),
        ({"source": "BANK"}, [2]),
        ({"reference": "order-881"}, [3]),
        ({"to": "37120000002", "reference": "order-881"}, [3]),
        ({"to": "nobody"}, []),
    ],
)
def test_a_search_is_narrowed_by_what_it_names(box: Box, asked: dict[str, Any], wanted: list[int]) -> None:
    made = [
        box.mt(),
        box.mt(dest="37120000002"),
        box.mt(source="BANK"),
        box.mt(dest="37120000002", reference="order-881"),
    ]
    box.accept(*made)

    assert sorted(ids(box, **asked)) == sorted(made[number].id for number in wanted)


def test_a_search_for_statuses_finds_those_of_now(box: Box) -> None:
    queued, sent, failed, later = box.mt(), box.mt(), box.mt(), box.mt(due_at_ms=box.now_ms + 60_000)
    box.accept(queued, sent, failed, later)
    box.lease()
    box.settle(box.sent(sent, "A1"), box.ended(failed))

    assert ids(box, statuses=(Status.SENT,)) == [sent.id]
    assert ids(box, statuses=(Status.SENT, Status.FAILED)) == [failed.id, sent.id]
    assert ids(box, statuses=(Status.SCHEDULED,)) == [later.id]
    assert ids(box, statuses=(Status.DELIVERED,)) == []


def test_a_search_from_a_moment_on_finds_nothing_older(box: Box) -> None:
    old = box.mt()
    box.pass_s(60)
    new = box.mt()
    box.accept(old, new)

    assert ids(box, from_id=first_id_at(made_at_ms(old.id) + 1)) == [new.id]
    assert ids(box, from_id=first_id_at(made_at_ms(old.id))) == [new.id, old.id]


def test_messages_from_handsets_are_found_by_their_direction(box: Box) -> None:
    mos = [box.mo(), box.mo(dest="54321")]
    refused, sent = box.mt(), box.mt()
    box.accept(*mos, refused, sent)
    box.lease()
    box.settle(box.ended(refused), box.sent(sent, "A1"))

    assert ids(box, direction=Direction.MO) == [mo.id for mo in reversed(mos)]
    assert ids(box, direction=Direction.MO, to="54321") == [mos[1].id]
    assert ids(box, direction=Direction.MO, source=HANDSET) == [mo.id for mo in reversed(mos)]
    assert ids(box, direction=Direction.MO, source="37129999999") == []


def test_messages_of_many_days_are_found_in_order(box: Box) -> None:
    items = []
    for _ in range(4):
        items += [box.mt(), box.mt()]
        box.pass_s(DAY_S)
    box.accept(*items)

    assert ids(box, limit=3) == [item.id for item in reversed(items)]


def test_a_rare_message_among_very_many_is_found_in_calls_of_bounded_work(box: Box) -> None:
    rare = box.mt("rare")
    box.accept(rare)
    box.accept(*(box.mt("big") for _ in range(6_000)))

    assert ids(box, client="rare", limit=5) == [rare.id]


def test_the_story_of_a_message_is_its_events_in_order(box: Box) -> None:
    item, other = box.mt(), box.mt()
    box.accept(item, other)
    box.lease()
    box.settle(box.sent(item, "A1"))
    box.pass_s(2)
    box.report(box.report_on("A1"))

    told = box.run(box.store.story(item.id))
    until = box.run(box.store.story(item.id, box.find(item.id).final_at_us))

    assert [each.event for each in told] == ["mt_accepted", "mt_moved", "dr_received", "dr_matched", "mt_delivered"]
    assert (told[-1].at_us, told[-1].operator, told[-1].operator_ref) == (box.now_ms * 1000, "three", "A1")
    assert until == told
    assert box.run(box.store.story(box.ids.next(box.now_ms))) == []


def test_parts_of_a_long_message_tell_their_references(box: Box) -> None:
    item = box.mt(parts=3)
    box.accept(item)
    box.lease()
    box.settle(box.sent(item, "A1", 1), box.sent(item, "A2", 2))

    life = box.find(item.id)

    assert life.parts == [Status.SENT, Status.SENT, Status.QUEUED]
    assert life.part_refs == ["A1", "A2", ""]
