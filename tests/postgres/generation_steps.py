"""Generations of references are closed and dropped here, also by a process of its own that can be killed.

    python tests/postgres/generation_steps.py DSN DAYS

closes one, then takes all steps that are due DAYS later.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import asyncpg

from chappe.store.postgres.generations import Generations

DAY_US = 86_400_000_000


class Someday:
    """What closing and dropping needs of a store, when some days have passed."""

    def __init__(self, key: bytes, days: float) -> None:
        self.key = key
        self.days = days

    def clock_us(self) -> int:
        return int(time.time_ns() // 1000 + self.days * DAY_US)


async def generations(connection: Any, days: float = 0.0, **terms: int) -> Generations:
    """Whoever closes and drops, so many days later; each one is due as soon as something lies in it."""
    key = bytes(await connection.fetchval("SELECT value FROM meta WHERE key = 'reference_key'"))
    store: Any = Someday(key, days)
    return Generations(store, **{"close_after_ms": 0, **terms})


async def close_one(connection: Any) -> None:
    """Close the newest, now."""
    made = await generations(connection)
    await made.step(connection)
    if not await connection.fetchval("SELECT count(*) FROM reference_generations WHERE closed_at_ms IS NOT NULL"):
        # The first step only wrote down that there is one.
        await (await generations(connection)).step(connection)


async def drop_old(connection: Any, days: float) -> None:
    """Take all steps of dropping that are due then."""
    made = await generations(connection, days, close_after_ms=1 << 60)
    while await made.step(connection):
        pass


async def _both(dsn: str, days: float) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await close_one(connection)
        await drop_old(connection, days)
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(_both(sys.argv[1], float(sys.argv[2])))
