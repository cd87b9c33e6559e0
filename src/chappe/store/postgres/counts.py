"""How much is open, waits and is parked over all boxes: what others have counted, and exactly what we have.

Admission asks for it with every message, so it is answered from memory.  Each run counts for itself, and each block of
events says by how much its transaction changed what is counted: that rewrites no row.  A row that every transaction
rewrote would have thousands of dead versions, which each further one had to pass, as soon as an old snapshot kept them.
Now and then the changes of a run's blocks are added to its rows of `counts`; `runs.folded_seq` says up to which block.
"""

from collections.abc import Iterable
from typing import Any, Final

from chappe.store.port import QueueDepth
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Kind

_CHANGES: Final = "unnest(b.counted_kinds, b.counted_names, b.counted_numbers) AS change (kind, name, n)"
#: Whether a run has ended does not matter: a block of it may come late.
_OTHERS: Final = f"""
SELECT kind, name, sum(n)::bigint AS n FROM (
  SELECT kind, name, n FROM counts WHERE run <> $1
  UNION ALL
  SELECT change.kind, change.name, change.n FROM runs r
  CROSS JOIN LATERAL (
    SELECT run, counted_kinds, counted_names, counted_numbers FROM event_blocks e
    WHERE e.writer = ANY (ARRAY[r.writer]) AND e.seq > r.folded_seq
  ) b CROSS JOIN LATERAL {_CHANGES}
  WHERE r.run <> $1 AND r.folded_seq IS NOT NULL AND b.run = r.run
) AS told GROUP BY kind, name HAVING sum(n) <> 0"""

_FOLDED_SEQ: Final = (
    "SELECT folded_seq FROM runs WHERE run = $1 AND ended_at IS NULL AND folded_seq < $2 FOR NO KEY UPDATE"
)
_FOLD_OWN: Final = f"""
INSERT INTO counts AS c (run, kind, name, n)
SELECT $1, change.kind, change.name, sum(change.n)::bigint FROM event_blocks b CROSS JOIN LATERAL {_CHANGES}
WHERE b.writer = $2 AND b.seq > $3 AND b.seq <= $4 GROUP BY change.kind, change.name ORDER BY change.kind, change.name
ON CONFLICT (run, kind, name) DO UPDATE SET n = c.n + excluded.n"""
_PLACE: Final = "UPDATE runs SET folded_seq = $2 WHERE run = $1"
#: What is lost with a crash of the server is lost with the place that it came to: it is done again.
_CARELESS: Final = "SET LOCAL synchronous_commit = off"

#: The dead run's part goes to run 0, which nobody is.  Once another run has written under the same name, no block of
#: the dead one can come any more, since it would bear a number that is taken.
_FOLD: Final = f"""
WITH b AS (
  SELECT e.seq, e.run, e.counted_kinds, e.counted_names, e.counted_numbers
  FROM runs r JOIN event_blocks e ON e.writer = ANY (ARRAY[r.writer]) AND e.seq > r.folded_seq WHERE r.run = $1
), gone AS (
  DELETE FROM counts WHERE run = $1 RETURNING kind, name, n
), placed AS (
  UPDATE runs SET folded_seq = CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.run <> $1) THEN NULL
                               ELSE greatest(folded_seq, (SELECT max(seq) FROM b)) END
  WHERE run = $1 AND folded_seq IS NOT NULL
)
INSERT INTO counts AS c (run, kind, name, n)
SELECT 0, kind, name, sum(n)::bigint FROM (
  SELECT kind, name, n FROM gone
  UNION ALL
  SELECT change.kind, change.name, change.n FROM b CROSS JOIN LATERAL {_CHANGES} WHERE b.run = $1
) AS each GROUP BY kind, name ORDER BY kind, name
ON CONFLICT (run, kind, name) DO UPDATE SET n = c.n + excluded.n"""
#: Dead runs whose counts were folded, and of whose name there are blocks that were not looked at then.
_LATE: Final = """
SELECT run FROM runs r WHERE ended_at IS NOT NULL AND is_cleared AND folded_seq IS NOT NULL
  AND EXISTS (SELECT 1 FROM event_blocks b WHERE b.writer = ANY (ARRAY[r.writer]) AND b.seq > r.folded_seq)
ORDER BY run FOR UPDATE OF r SKIP LOCKED"""

Key = tuple[int, str]


class Counts:
    """Sums over all runs."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._others: dict[Key, int] = {}
        self._own: dict[Key, int] = {}
        self._oldest_ms: dict[str, int] = {}

    def add(self, counted: dict[Key, int]) -> None:
        """A transaction of ours has changed these counts."""
        own = self._own
        for key, number in counted.items():
            own[key] = own.get(key, 0) + number

    def number(self, kind: Kind, name: str = "") -> int:
        """How many there are; never below zero."""
        return max(0, self._others.get((kind, name), 0) + self._own.get((kind, name), 0))

    def depths(self, now_ms: int) -> list[QueueDepth]:
        """Every queue that holds something or has held something, by name."""
        queues = sorted({name for kind, name in [*self._others, *self._own] if kind == Kind.DEPTH})
        return [QueueDepth(queue, self.number(Kind.DEPTH, queue), self._age_s(queue, now_ms)) for queue in queues]

    def _age_s(self, queue: str, now_ms: int) -> float:
        oldest = self._oldest_ms.get(queue)
        return 0.0 if oldest is None or not self.number(Kind.DEPTH, queue) else max(0, now_ms - oldest) / 1000

    async def look(self, connection: Any, run: int) -> None:
        """Read what others have counted."""
        rows = await connection.fetch(_OTHERS, run)
        await self._names.meet(connection, {row["name"] for row in rows})
        self._others = {(row["kind"], self._names.name(row["name"])): row["n"] for row in rows}

    def oldest(self, oldest_ms: dict[str, int]) -> None:
        """The moments of the oldest items of queues."""
        self._oldest_ms = oldest_ms


async def fold_own(connection: Any, run: int, writer: int, seq: int) -> None:
    """What the blocks of this run, which lives, have counted up to `seq` is in its rows."""
    async with connection.transaction():
        await connection.execute(_CARELESS)
        folded_seq = await connection.fetchval(_FOLDED_SEQ, run, seq)
        if folded_seq is not None:
            await connection.execute(_FOLD_OWN, run, writer, folded_seq, seq)
            await connection.execute(_PLACE, run, seq)


async def fold(connection: Any, runs: Iterable[int]) -> None:
    """These runs are dead: what they counted stays counted."""
    for run in runs:
        await connection.execute(_FOLD, run)


async def fold_late(connection: Any) -> None:
    """Commits that came after their run's burial count as well."""
    await fold(connection, [row[0] for row in await connection.fetch(_LATE)])
