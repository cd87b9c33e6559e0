"""Receipts come to one node within milliseconds of the commit by which another one notes what they tell of.

Each meets its message, whichever of the two is first: at the end nothing is parked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import asyncpg
import pytest
from store_pair import Node, nodes

from chappe.model.lifecycle import Status
from chappe.model.message import Item
from postgres_server import Reached

#: So many messages are answered and reported at once, in groups that are a transaction each.
TURN = 200
GROUP = 10
#: So far from the commit a receipt comes.
AROUND_S = 0.005


@dataclass
class Races:
    """How close they were, by the millisecond from the answer to the commit to the receipt's arrival."""

    chance: random.Random = field(default_factory=lambda: random.Random(7))
    by_ms: Counter[int] = field(default_factory=Counter)
    #: How long the commit of a group takes, as far as is known.
    commit_s: float = 0.005

    async def run(self, sender: Node, receiver: Node, pairs: list[tuple[Item, str]]) -> None:
        """A group is answered, and reported around that moment."""
        await asyncio.sleep(self.chance.random() * AROUND_S)
        begun_s, answered_s = time.monotonic(), asyncio.get_running_loop().create_future()

        async def answer() -> None:
            await sender.send(*pairs)
            answered_s.set_result(time.monotonic())

        is_after = self.chance.random() < 0.5

        async def report() -> float:
            if is_after:
                await answered_s
                await asyncio.sleep(self.chance.uniform(0.0, 0.8 * AROUND_S))
            else:
                await asyncio.sleep(max(0.0, self.commit_s - self.chance.uniform(0.0, AROUND_S)))
            came_s = time.monotonic()
            await receiver.report(*(receiver.report_on(name, item.content.dest) for item, name in pairs))  # type: ignore[union-attr]
            return came_s

        _, came_s = await asyncio.gather(answer(), report())
        self.by_ms[int((came_s - answered_s.result()) * 1000 // 1)] += len(pairs)
        self.commit_s += 0.1 * (answered_s.result() - begun_s - self.commit_s)

    @property
    def near(self) -> int:
        """How many came within those milliseconds."""
        return sum(count for ms, count in self.by_ms.items() if -AROUND_S * 1000 <= ms < AROUND_S * 1000)


async def race(dsn: str, wanted: int) -> Races:
    """Messages are sent by one node and reported to another one, so many of them that close to their commit."""
    races = Races()
    async with nodes(dsn, "sender", "receiver") as (sender, receiver):
        turn = 0
        while races.near < wanted:
            turn += 1
            items = [sender.mt(dest=f"371{turn:05}{number:03}") for number in range(TURN)]
            await sender.accept(*items)
            leased = await sender.leased(len(items))
            pairs = [(item, f"R{item.id}") for item in leased]
            races.chance.shuffle(pairs)
            groups = [pairs[start : start + GROUP] for start in range(0, TURN, GROUP)]
            await asyncio.gather(*(races.run(sender, receiver, group) for group in groups))
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0
        # Those that have ended may be in history already.
        lives = "SELECT status FROM messages UNION ALL SELECT status FROM history"
        rows = await connection.fetch(f"SELECT status, count(*) FROM ({lives}) AS l GROUP BY 1")
        assert [tuple(row) for row in rows] == [(Status.DELIVERED, turn * TURN)]
        assert await connection.fetchval("SELECT sum(n)::bigint FROM counts WHERE kind IN (0, 2)") == 0
    finally:
        await connection.close()
    return races


def test_receipts_around_the_commit_of_what_they_tell_of_all_meet_it(postgres_server: Reached) -> None:
    races = asyncio.run(asyncio.wait_for(race(postgres_server.new_database(), 2_000), 120))

    assert races.near >= 2_000


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_two_hundred_thousand_receipts_around_the_commit_of_what_they_tell_of_all_meet_it(
    postgres_server: Reached,
) -> None:
    races = asyncio.run(asyncio.wait_for(race(postgres_server.new_database(), 200_000), 1_700))

    before = sum(count for ms, count in races.by_ms.items() if -AROUND_S * 1000 <= ms < 0)
    print(f"{races.by_ms.total():,} receipts, {races.near:,} within 5 ms of the commit, {before:,} of them before it")
    assert races.near >= 200_000
