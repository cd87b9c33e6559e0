"""The gateway and its mover die while lives and events move to history: nothing is lost, nothing is there twice."""

import asyncio
import sqlite3
import time
from pathlib import Path
from random import Random

import pytest
from crash_campaign import Campaign, Traffic
from crash_gateway import Death
from crash_verdict import Verdict

from chappe.crash import CrashPoint

#: More than the mover waits for before it begins at once.
LIVES = 60_000
#: Longer than anything finished stays hot.
LONG_AGO_US = 3_600_000_000
MOVED_S = 240.0
#: From the start of a mover that dies with its first copy to the start of the next.
MOVER_AGAIN_S = 6.5
FULL = Traffic(mt_rate=0.0, mo_rate=1_000.0, client_binds=4, client_window_pdus=500)


def let_time_pass(data_dir: Path) -> None:
    """Make everything in a stopped gateway's store an hour older, which nobody wants to wait for."""
    connection = sqlite3.connect(data_dir / "chappe.db")
    with connection:
        connection.execute("UPDATE messages SET sent_at_us = sent_at_us - ? WHERE sent_at_us > 0", (LONG_AGO_US,))
        connection.execute("UPDATE messages SET final_at_us = final_at_us - ? WHERE final_at_us > 0", (LONG_AGO_US,))
        connection.execute("UPDATE parts SET sent_at_us = sent_at_us - ?", (LONG_AGO_US,))
    connection.close()


def still_hot(data_dir: Path) -> int:
    """How many of the lives that finished long ago have not moved."""
    connection = sqlite3.connect(f"file:{data_dir / 'chappe.db'}?mode=ro", uri=True)
    before_us = time.time_ns() // 1000 - LONG_AGO_US // 2
    query = "SELECT count(*) FROM finished JOIN messages USING (id) WHERE final_at_us < ?"
    (count,) = connection.execute(query, (before_us,)).fetchone()
    connection.close()
    return int(count)


def moving(folder: Path, deaths: list[Death]) -> Verdict:
    """Fill a store, let an hour pass, die while it moves, let it move to the end."""

    async def campaign() -> Verdict:
        async with Campaign(folder, FULL) as running:
            await running.up(accepted=LIVES)
            assert await running.gateway.stop() == 0
            await asyncio.to_thread(let_time_pass, running.gateway.data_dir)
            await running.die(deaths)
            await running.gateway.start()
            await moved(running.gateway.data_dir)
            return await running.settle()

    return asyncio.run(campaign())


async def moved(data_dir: Path) -> None:
    """Wait until the first bulk has moved."""
    deadline = asyncio.get_running_loop().time() + MOVED_S
    while await asyncio.to_thread(still_hot, data_dir) > LIVES // 2:
        assert asyncio.get_running_loop().time() < deadline, "the history did not move"
        await asyncio.sleep(0.2)


@pytest.mark.slow
def test_nothing_is_lost_by_deaths_at_random_instants_while_history_moves(tmp_path: Path, tally: list[Verdict]) -> None:
    random = Random(3)

    verdict = moving(tmp_path, [Death(after_s=random.uniform(1.0, 3.0)) for _ in range(6)])

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
def test_nothing_is_lost_when_the_gateway_dies_after_deleting_what_moved(tmp_path: Path, tally: list[Verdict]) -> None:
    verdict = moving(tmp_path, [Death(CrashPoint.AFTER_HISTORY_DELETE)] * 5)

    tally.append(verdict)
    verdict.check()


@pytest.mark.slow
def test_a_mover_that_dies_with_its_copies_made_is_started_anew(tmp_path: Path, tally: list[Verdict]) -> None:
    async def campaign() -> Verdict:
        async with Campaign(tmp_path, FULL) as running:
            await running.up(accepted=LIVES)
            assert await running.gateway.stop() == 0
            await asyncio.to_thread(let_time_pass, running.gateway.data_dir)
            # The mover dies each time that it has copied; the gateway lives on and starts another.
            await running.gateway.start(Death(CrashPoint.AFTER_HISTORY_COPY))
            await asyncio.sleep(4.0)
            running.cease()
            await asyncio.sleep(5 * MOVER_AGAIN_S)
            assert await running.gateway.stop() == 0
            await running.gateway.start()
            await moved(running.gateway.data_dir)
            return await running.settle()

    verdict = asyncio.run(campaign())

    tally.append(verdict)
    verdict.check(may_double=False)
