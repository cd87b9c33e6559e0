"""How much is open, waits and is parked over all boxes: what others have counted, and exactly what we have.

Admission asks for it with every message, so it is answered from memory.  Each run counts for itself; nobody updates a
row that others update too.
"""

from collections.abc import Iterable
from typing import Any, Final

from chappe.store.port import QueueDepth
from chappe.store.postgres.names import Names
from chappe.store.postgres.writes import Kind

_OTHERS: Final = (
    "SELECT kind, name, sum(n)::bigint AS n FROM counts WHERE run <> $1 GROUP BY kind, name HAVING sum(n) <> 0"
)
#: The dead run's part goes to run 0, which nobody is.
_FOLD: Final = """
WITH gone AS (DELETE FROM counts WHERE run = $1 RETURNING kind, name, n)
INSERT INTO counts AS c (run, kind, name, n) SELECT 0, kind, name, n FROM gone ORDER BY kind, name
ON CONFLICT (run, kind, name) DO UPDATE SET n = c.n + excluded.n"""

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


async def fold(connection: Any, runs: Iterable[int]) -> None:
    """These runs are dead: what they counted stays counted."""
    for run in runs:
        await connection.execute(_FOLD, run)
