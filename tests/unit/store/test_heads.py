"""The head of a queue: order, fairness between lanes, shares of priorities, bounded memory."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.store.heads import HEAD_ITEMS, LANE_ITEMS, Head, Loaded

HIGH, NORMAL, BULK = 0, 1, 2


def item(number: int, lane: str = "acme", priority: int = NORMAL) -> Item:
    message = Message(number, Direction.MT, lane, "", 1, 1, "SHOP", 1, 1, "37120000001", b"hello")
    return Item("operator:three", priority, lane, 0, number, message, has_row=True)


class Disk:
    """What the store holds of one queue, and who has taken what."""

    def __init__(self) -> None:
        self.rows: dict[int, Item] = {}
        self.leased: set[int] = set()
        self.head = Head("operator:three", self.load)

    def load(self, priority: int, lane: str, after_id: int, limit: int) -> Loaded:
        of_lane = sorted(
            (each for each in self.rows.values() if (each.priority, each.lane) == (priority, lane)),
            key=lambda each: each.id,
        )
        found = [each for each in of_lane if each.id > after_id][:limit]
        free = [each for each in found if each.id not in self.leased]
        return Loaded(free, found[-1].id if found else after_id, len(found) == limit)

    def push(self, *items: Item) -> None:
        for each in items:
            self.rows[each.id] = each
            self.head.push(each.priority, each.lane, [each])

    def take(self, limit: int) -> list[int]:
        taken = self.head.take(limit)
        self.leased.update(each.id for each in taken)
        return [each.id for each in taken]

    def settle(self, ids: list[int]) -> None:
        for each in ids:
            del self.rows[each]
            self.leased.discard(each)

    def give_back(self, ids: list[int]) -> None:
        self.leased.difference_update(ids)
        self.head.give_back([self.rows[each] for each in ids])


def test_a_lane_is_taken_in_the_order_in_which_it_was_filled() -> None:
    disk = Disk()
    disk.push(*map(item, range(1, 8)))

    assert disk.take(3) == [1, 2, 3]
    assert disk.take(10) == [4, 5, 6, 7]
    assert disk.head.is_empty


def test_one_client_of_a_million_does_not_delay_the_one_message_of_another() -> None:
    disk = Disk()
    disk.push(*(item(number, "big") for number in range(1, 20_001)))
    disk.push(item(20_001, "small"))

    assert 20_001 in disk.take(10)


def test_lanes_take_turns_when_one_item_is_taken_at_a_time() -> None:
    disk = Disk()
    disk.push(*(item(number, "big") for number in range(1, 6)), item(6, "small"), item(7, "small"))

    assert [disk.take(1)[0] for _ in range(5)] == [1, 6, 2, 7, 3]


def test_bulk_keeps_a_twentieth_under_endless_high() -> None:
    disk = Disk()
    disk.push(*(item(number, priority=BULK) for number in range(1, 1_001)))
    disk.push(*(item(number, priority=NORMAL) for number in range(1_001, 2_001)))
    following, taken = 2_001, []
    for _ in range(1_000):
        disk.push(item(following, priority=HIGH))
        following += 1
        taken += disk.take(1)

    bulk = [number for number in taken if number <= 1_000]
    normal = [number for number in taken if 1_000 < number <= 2_000]
    assert len(bulk) == 50
    assert len(normal) == 150


def test_what_a_priority_does_not_use_goes_to_the_next() -> None:
    disk = Disk()
    disk.push(*(item(number, priority=BULK) for number in range(1, 101)))

    assert len(disk.take(100)) == 100


def test_items_given_back_leave_first_and_in_order() -> None:
    disk = Disk()
    disk.push(*map(item, range(1, 9)))
    taken = disk.take(4)

    disk.give_back(taken)

    assert disk.take(8) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_items_given_back_by_two_calls_keep_their_order_whichever_came_first() -> None:
    disk = Disk()
    disk.push(*map(item, range(1, 9)))
    disk.take(6)

    disk.give_back([1, 2])
    disk.give_back([5, 3])
    disk.give_back([4, 6])

    assert disk.take(8) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_lane_that_overflowed_while_its_first_items_are_out_does_not_offer_them_again() -> None:
    disk = Disk()
    disk.push(item(1), item(2))
    out = disk.take(2)
    disk.push(*(item(number, f"other{number}") for number in range(3, HEAD_ITEMS + 3)))
    disk.push(*(item(number) for number in range(HEAD_ITEMS + 3, HEAD_ITEMS + 6)))

    taken = disk.take(2 * HEAD_ITEMS)

    assert out == [1, 2]
    assert sorted(taken) == list(range(3, HEAD_ITEMS + 6))


def test_what_does_not_fit_into_memory_is_read_from_disk_later_and_nothing_twice() -> None:
    disk = Disk()
    total = 5 * LANE_ITEMS
    disk.push(*map(item, range(1, total + 1)))
    in_memory_before = sum(len(lane.items) for lane in disk.head._lanes.values())

    taken: list[int] = []
    while not disk.head.is_empty:
        taken += disk.take(300)

    assert in_memory_before == LANE_ITEMS
    assert taken == list(range(1, total + 1))


def test_ten_thousand_lanes_on_disk_do_not_fill_memory() -> None:
    disk = Disk()
    for lane in range(300):
        for number in range(200):
            made = item(lane * 1_000 + number + 1, f"client{lane}", BULK)
            disk.rows[made.id] = made
        disk.head.remember(BULK, f"client{lane}")

    disk.take(300)

    assert sum(len(lane.items) for lane in disk.head._lanes.values()) <= 2 * HEAD_ITEMS


def test_an_item_taken_out_is_no_longer_offered() -> None:
    disk = Disk()
    disk.push(*map(item, range(1, 6)))
    disk.take(1)

    assert disk.head.discard({1, 3, 9}) == {3}
    assert disk.take(9) == [2, 4, 5]


def test_a_lane_without_items_costs_no_memory() -> None:
    disk = Disk()
    for number in range(1, 1_001):
        disk.push(item(number, f"handset{number}"))
    disk.take(1_000)

    assert not disk.head._lanes


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_each_item_is_offered_exactly_once_whatever_comes_back_and_overflows(seed: int, steps: int) -> None:
    chance, disk, number = random.Random(seed), Disk(), 0
    done: list[int] = []
    for _ in range(steps):
        for _ in range(chance.choice((1, 5, 1_500))):
            number += 1
            disk.push(item(number, chance.choice("ab"), chance.choice((HIGH, BULK))))
        taken = disk.take(chance.choice((1, 7, 900)))
        back = [each for each in taken if chance.random() < 0.3]
        settled = [each for each in taken if each not in set(back)]
        disk.settle(settled)
        done += settled
        disk.give_back(back)

    while not disk.head.is_empty:
        done += (rest := disk.take(1_000))
        disk.settle(rest)
    assert sorted(done) == list(range(1, number + 1))
