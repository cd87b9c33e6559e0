"""What any store must do when single items are taken out of the midst of a queue."""

from __future__ import annotations

from collections.abc import Callable

from store_box import QUEUE, Box, Deferred, Moved

from chappe.model.message import Item
from chappe.store.port import Place


def pick_all(box: Box, fits: Callable[[Item], bool], limit: int = 2_000) -> list[Item]:
    """One whole round."""
    place: Place = ()
    picked: list[Item] = []
    while True:
        found = box.run(box.store.pick(QUEUE, fits, place, limit))
        picked += found.items
        place = found.place
        if not place:
            return picked


def is_vip(item: Item) -> bool:
    return item.content.client == "vip"


def test_what_fits_is_leased_from_behind_thousands_that_do_not(box: Box) -> None:
    many = [box.mt("big") for _ in range(3_000)]
    box.accept(*many)
    vips = [box.mt("vip", lane="big") for _ in range(3)]
    box.accept(*vips)

    picked = pick_all(box, is_vip, 500)

    assert sorted(item.id for item in picked) == [item.id for item in vips]
    box.settle(*(Moved(item, "operator:four") for item in picked))
    assert box.leased_ids("operator:four") == [item.id for item in vips]
    assert sorted(each for _ in range(7) for each in box.leased_ids(limit=500)) == [item.id for item in many]


def test_what_somebody_holds_is_not_shown(box: Box) -> None:
    box.accept(box.mt("vip"), box.mt("vip"))
    (held,) = box.lease(limit=1)

    assert held.id not in [item.id for item in pick_all(box, is_vip)]


def test_what_was_picked_is_nobody_elses_until_it_is_given_back_and_then_comes_once(box: Box) -> None:
    items = [box.mt("vip") for _ in range(2_500)]
    box.accept(*items)
    picked = pick_all(box, lambda item: item.id in {items[5].id, items[2_400].id})
    box.release(*picked)

    taken: list[int] = []
    while got := box.lease(limit=400):
        taken += [item.id for item in got]
        box.settle(*(box.sent(item, f"r{item.id}") for item in got))

    assert taken == [item.id for item in items]


def test_what_waits_for_a_moment_is_shown_and_given_back_waits_on(box: Box) -> None:
    item = box.mt("vip", due_at_ms=box.now_ms + 60_000)
    box.accept(item)
    (picked,) = pick_all(box, is_vip)
    assert picked.due_at_ms == item.due_at_ms

    box.release(picked)

    assert box.lease() == []
    box.pass_s(61)
    (again,) = pick_all(box, is_vip)
    box.release(again)
    assert box.leased_ids() == [item.id]
    assert box.lease() == []


def test_what_was_deferred_is_picked_once_and_moves_with_its_moment(box: Box) -> None:
    box.accept(box.mt("vip"))
    (leased,) = box.lease()
    box.settle(Deferred(leased, box.now_ms + 60_000))

    (picked,) = pick_all(box, is_vip)
    box.settle(Moved(picked, "operator:four", picked.due_at_ms))

    assert pick_all(box, is_vip) == []
    assert box.lease("operator:four") == []
    box.pass_s(61)
    assert box.leased_ids("operator:four") == [leased.id]
    assert sum(each.messages for each in box.store.depths()) == 1


def test_a_restart_shows_everything_again(box: Box) -> None:
    items = [box.mt("vip") for _ in range(5)]
    box.accept(*items)
    pick_all(box, is_vip)
    box.restart()

    assert sorted(item.id for item in pick_all(box, is_vip, 2)) == [item.id for item in items]
