"""Any sequence of verbs and restarts against a plain model: nothing lost, nothing doubled, nothing invented."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from store_box import ENGINES, Box, Deferred, Held, Moved

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Item, Message, Receipt

STEPS = 60
OTHER_QUEUE = "operator:four"


@dataclass
class Expected:
    """What the model knows of one message."""

    item: Item
    status: Status = Status.QUEUED
    queue: str = "operator:three"
    due_at_ms: int = 0
    reference: str = ""
    taken: set[int] = field(default_factory=set)
    reported: dict[int, Status] = field(default_factory=dict)

    @property
    def parts(self) -> int:
        assert isinstance(self.item.content, Message)
        return self.item.content.parts

    @property
    def is_waiting(self) -> bool:
        return self.status in (Status.QUEUED, Status.SCHEDULED)


class World:
    """The store, and beside it a model that cannot forget."""

    def __init__(self, box: Box, seed: int) -> None:
        self.box = box
        self.chance = random.Random(seed)
        self.known: dict[int, Expected] = {}
        self.leased: dict[int, Item] = {}
        self.told: dict[int, list[Status]] = {}
        self.references = 0

    # -- steps --------------------------------------------------------------------------------------

    def accept(self) -> None:
        chance, items = self.chance, []
        for _ in range(chance.choice((1, 3, 20))):
            due = self.box.now_ms + 5_000 if chance.random() < 0.15 else 0
            parts = 3 if chance.random() < 0.2 else 1
            item = self.box.mt(chance.choice("ab"), priority=chance.randrange(3), due_at_ms=due, parts=parts)
            items.append(item)
            status = Status.SCHEDULED if due else Status.QUEUED
            self.known[item.id] = Expected(item, status, due_at_ms=due)
        assert not any(self.box.accept(*items))

    def lease(self) -> None:
        queue = self.chance.choice(("operator:three", OTHER_QUEUE))
        for item in self.box.lease(queue, self.chance.choice((1, 5, 50))):
            expected = self.known[item.id]
            assert item.id not in self.leased
            assert expected.is_waiting
            assert expected.queue == queue
            assert expected.due_at_ms <= self.box.now_ms
            self.leased[item.id] = item

    def some_leased(self) -> list[Item]:
        ids = sorted(self.leased)
        self.chance.shuffle(ids)
        return [self.leased.pop(each) for each in ids[: self.chance.randrange(6)]]

    def release(self) -> None:
        self.box.release(*self.some_leased())

    def settle(self) -> None:
        settlements = [settlement for item in self.some_leased() for settlement in self.what_became_of(item)]
        assert not any(self.box.settle(*settlements))

    def what_became_of(self, item: Item) -> list[object]:
        expected, kind = self.known[item.id], self.chance.randrange(6)
        if kind == 0 and not expected.taken:
            expected.queue, expected.due_at_ms = OTHER_QUEUE, 0
            expected.status = Status.QUEUED
            return [Moved(item, OTHER_QUEUE)]
        if kind == 1:
            expected.due_at_ms = self.box.now_ms + 3_000
            expected.status = Status.QUEUED
            return [Deferred(item, expected.due_at_ms)]
        if kind == 2 and not expected.taken:
            expected.status = self.chance.choice((Status.REJECTED, Status.EXPIRED))
            return [self.box.ended(item, expected.status)]
        if kind == 3 and not expected.taken:
            expected.status = Status.HELD
            return [Held(item, "nobody knows")]
        return self.taken_by_operator(expected, item)

    def taken_by_operator(self, expected: Expected, item: Item) -> list[object]:
        left = [part for part in range(1, expected.parts + 1) if part not in expected.taken]
        now = left if self.chance.random() < 0.6 else left[:1]
        if not expected.reference:
            self.references += 1
            expected.reference = f"R{self.references}"
        expected.taken.update(now)
        if len(expected.taken) < expected.parts:
            self.leased[item.id] = item
        else:
            self.became(expected, Status.SENT)
        return [self.box.sent(item, f"{expected.reference}.{part}", part) for part in now]

    def report(self) -> None:
        sent = [each for each in self.known.values() if each.taken]
        reports = []
        for expected in self.chance.sample(sent, min(len(sent), self.chance.randrange(8))):
            part = self.chance.choice(sorted(expected.taken))
            status = self.chance.choice((Status.DELIVERED, Status.DELIVERED, Status.FAILED))
            reports.append(self.box.report_on(f"{expected.reference}.{part}", status))
            expected.reported.setdefault(part, status)
            self.became(expected, expected.status)
        assert not any(self.box.report(*reports))

    def became(self, expected: Expected, status: Status) -> None:
        """A message is what its parts are, once all have left."""
        if status in FINAL or len(expected.taken) < expected.parts:
            return
        expected.status = status
        if len(expected.reported) == expected.parts:
            ends = [expected.reported[part] for part in range(1, expected.parts + 1)]
            expected.status = next((each for each in ends if each is not Status.DELIVERED), Status.DELIVERED)
            self.told.setdefault(expected.item.id, []).append(expected.status)

    def restart(self) -> None:
        self.box.restart()
        self.leased.clear()

    def time_passes(self) -> None:
        self.box.pass_s(self.chance.choice((0.5, 4, 130)))

    # -- judgement ----------------------------------------------------------------------------------

    def check(self) -> None:
        for expected in self.known.values():
            assert self.box.status(expected.item) is expected.status, expected
        for client in "ab":
            still_open = [each for each in self.known.values() if each.item.lane == client and each.status not in FINAL]
            assert self.box.store.open_messages(client) == len(still_open)

    def check_everything_waiting_comes(self) -> None:
        self.restart()
        self.box.pass_s(10)
        for queue in ("operator:three", OTHER_QUEUE):
            wanted = sorted(each.item.id for each in self.known.values() if each.is_waiting and each.queue == queue)
            found: list[int] = []
            while got := self.box.lease(queue, 40):
                found += [item.id for item in got]
                self.box.pass_s(1)
            assert sorted(found) == wanted

    def check_clients_were_told_once(self) -> None:
        told: dict[int, list[Status]] = {}
        for client in "ab":
            for item in self.box.lease(f"client:{client}", 10_000):
                assert isinstance(item.content, Receipt)
                told.setdefault(item.content.message_id, []).append(item.content.status)
        assert told == self.told


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_lost_and_nothing_doubled_whatever_happens_in_whatever_order(
    tmp_path: Path, engine: str, seed: int
) -> None:
    world = World(Box(engine, tmp_path), seed)
    steps = [
        world.accept, world.lease, world.lease, world.settle, world.settle,
        world.report, world.release, world.restart, world.time_passes,
    ]  # fmt: skip

    for _ in range(STEPS):
        world.chance.choice(steps)()
        world.check()

    world.check_everything_waiting_comes()
    world.check_clients_were_told_once()
    world.box.close()
