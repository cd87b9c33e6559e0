"""The fleet over PostgreSQL: rows of `runs` and `shares`, whose moments are all the database's own.

It must never know what is shared.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from chappe.store.fleet import SHARE_S, Run, fair_part
from chappe.store.postgres.runs import LEASE_S

_RUNS: Final = """
SELECT run, box, node, version, (extract(epoch FROM started_at) * 1000)::bigint AS started_at_ms,
       extract(epoch FROM clock_timestamp() - beat_at)::float8 AS silent_s, told
FROM runs WHERE ended_at IS NULL ORDER BY box, node, run"""
#: Whoever asks under one name waits for whoever else does.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('chappe share ' || $1, 0))"
#: A run that has ended uses nothing: whoever takes its place need not wait until its share lapses.
_EXPIRE: Final = """
DELETE FROM shares s WHERE name = $1 AND run <> $2 AND (
  until <= clock_timestamp() OR NOT EXISTS (SELECT 1 FROM runs r WHERE r.run = s.run AND r.ended_at IS NULL))"""
_SHARES: Final = "SELECT run, held FROM shares WHERE name = $1"
_TAKE: Final = """
INSERT INTO shares (name, run, held, until) VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
ON CONFLICT (name, run) DO UPDATE SET held = excluded.held, until = excluded.until"""
#: That a share goes on need not be on disk, only that it has grown: without it another could have it too.
_CARELESS: Final = "SET LOCAL synchronous_commit = off"
#: A run that was silent for half of its lease may be dead, and its shares lapse before anybody ends it.
_UNBURIED: Final = """
SELECT EXISTS (SELECT 1 FROM runs WHERE NOT is_cleared AND (
  ended_at IS NOT NULL OR beat_at < clock_timestamp() - make_interval(secs => $1)))"""
_LEAVE: Final = "DELETE FROM shares WHERE name = $1 AND run = $2"

Connecting = Callable[[], AbstractAsyncContextManager[Any]]


class PostgresFleet:
    """What the run number `run` asks; `connecting` lends a connection and turns its failures into StoreAway."""

    def __init__(
        self, connecting: Connecting, run: int, tell: Callable[[bytes], None], *, share_s: float = SHARE_S
    ) -> None:
        """`tell` takes what the next heartbeat is to say."""
        self._connecting = connecting
        self._run = run
        self._tell = tell
        self._share_s = share_s

    def tell(self, told: bytes) -> None:
        """Let the others know this of the run."""
        self._tell(told)

    async def runs(self) -> Sequence[Run]:
        """All runs that have not ended, by box and node."""
        async with self._connecting() as connection:
            return [Run(*row) for row in await connection.fetch(_RUNS)]

    async def share(self, name: str, total: int, held: int) -> int:
        """How many units this run may use."""
        async with self._connecting() as connection, connection.transaction():
            await connection.execute(_LOCK, name)
            await connection.execute(_EXPIRE, name, self._run)
            held_by_run: dict[int, int] = {row["run"]: row["held"] for row in await connection.fetch(_SHARES, name)}
            known = held_by_run.get(self._run)
            runs = sorted({*held_by_run, self._run})
            fair = fair_part(total, runs.index(self._run), len(runs))
            free = total - sum(units for run, units in held_by_run.items() if run != self._run)
            granted = max(0, min(fair, free))
            # Until it says otherwise it uses what it holds: others get that only afterwards.
            taken = max(granted, held)
            if known is not None and taken <= known:
                await connection.execute(_CARELESS)
            await connection.execute(_TAKE, name, self._run, taken, self._share_s)
            return granted

    async def leave(self, name: str) -> None:
        """This run uses nothing of it any longer."""
        async with self._connecting() as connection:
            await connection.execute(_LEAVE, name, self._run)

    async def is_buried(self) -> bool:
        """What runs that have ended had leased is free, and none is silent that may have."""
        async with self._connecting() as connection:
            return not await connection.fetchval(_UNBURIED, LEASE_S / 2)
