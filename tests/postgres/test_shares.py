"""Runs on many boxes share what there is of a thing, and never use more of it together than there is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import chappe.store.postgres
from chappe.store.postgres.fleet import PostgresFleet
from postgres_server import Reached

TABLE = (Path(chappe.store.postgres.__file__).parent / "migrations" / "0002_shares.sql").read_text(encoding="utf-8")
#: What the fleet asks of runs, and some that live.
RUNS = "CREATE TABLE runs AS SELECT run, NULL::timestamptz AS ended_at FROM generate_series(1, 9) AS run"

Share = Callable[..., "OneFleet"]


class OneFleet(PostgresFleet):
    async def end(self) -> None:
        """What is known of a run that has ended, in order or not."""
        async with self._connecting() as connection:
            await connection.execute("UPDATE runs SET ended_at = clock_timestamp() WHERE run = $1", self._run)


@asynccontextmanager
async def runs_of(server: Reached) -> AsyncIterator[Share]:
    """Makes runs over one empty database."""
    pool = await asyncpg.create_pool(server.new_database(), min_size=1, max_size=4)
    async with pool.acquire() as connection:
        await connection.execute(TABLE)
        await connection.execute(RUNS)
    try:
        yield lambda run, share_s=30.0: OneFleet(pool.acquire, run, lambda told: None, share_s=share_s)
    finally:
        await pool.close()


def over_postgres(test: Callable[[Share], Coroutine[Any, Any, None]]) -> Callable[[Reached], None]:
    def run(postgres_server: Reached) -> None:
        async def work() -> None:
            async with asyncio.timeout(30), runs_of(postgres_server) as made:
                await test(made)

        asyncio.run(work())

    return run


@over_postgres
async def test_a_run_alone_has_everything(made: Share) -> None:
    assert await made(1).share("links:three", 5, 0) == 5


@over_postgres
async def test_a_newcomer_gets_its_part_only_when_the_other_has_given_it_up(made: Share) -> None:
    one, two = made(1), made(2)
    assert await one.share("links:three", 5, 0) == 5

    assert await two.share("links:three", 5, 0) == 0
    assert await one.share("links:three", 5, 5) == 3, "told to give two up, and still counted with five"
    assert await two.share("links:three", 5, 0) == 0
    assert await one.share("links:three", 5, 3) == 3

    assert await two.share("links:three", 5, 0) == 2


@over_postgres
async def test_what_a_dead_run_had_goes_to_the_others_when_its_time_is_over(made: Share) -> None:
    dead, living = made(1, share_s=0.2), made(2)
    await dead.share("rate:three", 100, 0)
    assert await living.share("rate:three", 100, 0) == 0

    await asyncio.sleep(0.3)

    assert await living.share("rate:three", 100, 0) == 100


@over_postgres
async def test_what_a_run_had_that_has_ended_is_free_at_once(made: Share) -> None:
    ended, living = made(1), made(2)
    await ended.share("links:three", 2, 0)
    assert await living.share("links:three", 2, 0) == 0

    await ended.end()

    assert await living.share("links:three", 2, 0) == 2


@over_postgres
async def test_what_a_run_leaves_is_free_at_once(made: Share) -> None:
    one, two = made(1), made(2)
    await one.share("rate:three", 100, 0)

    await one.leave("rate:three")

    assert await two.share("rate:three", 100, 0) == 100


@over_postgres
async def test_names_are_shared_apart(made: Share) -> None:
    assert await made(1).share("links:three", 5, 0) == 5
    assert await made(2).share("links:north", 7, 0) == 7


@over_postgres
async def test_more_runs_than_units_leave_some_with_none(made: Share) -> None:
    runs = [made(number) for number in range(1, 4)]
    held = [0, 0, 0]
    for _ in range(4):
        for number, run in enumerate(runs):
            held[number] = await run.share("links:three", 2, held[number])

    assert held == [1, 1, 0]


@over_postgres
async def test_a_limit_that_was_lowered_is_given_up_step_by_step(made: Share) -> None:
    one, two = made(1), made(2)
    held = [0, 0]
    for total, wanted in ((10, [5, 5]), (4, [2, 2]), (0, [0, 0])):
        for _ in range(3):
            held = [await one.share("links:three", total, held[0]), await two.share("links:three", total, held[1])]
        assert held == wanted


@pytest.mark.parametrize("seed", range(3))
def test_runs_that_come_go_and_ask_at_once_never_use_more_than_there_is(postgres_server: Reached, seed: int) -> None:
    chance = random.Random(seed)

    async def work() -> None:
        async with asyncio.timeout(30), runs_of(postgres_server) as made:
            runs = {number: made(number) for number in range(1, 6)}
            held = dict.fromkeys(runs, 0)

            async def ask(number: int) -> None:
                granted = await runs[number].share("links:three", 7, held[number])
                held[number] = granted
                assert sum(held.values()) <= 7

            for _ in range(40):
                await asyncio.gather(*(ask(number) for number in chance.sample(sorted(runs), 3)))
                if chance.random() < 0.2:
                    gone = chance.choice(sorted(runs))
                    held[gone] = 0
                    await runs[gone].leave("links:three")
            for _ in range(3):
                for number in runs:
                    await ask(number)
            assert sum(held.values()) == 7

    asyncio.run(work())
