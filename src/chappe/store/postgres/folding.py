"""Folding: the blocks of all nodes become counts, each block once, whoever folds.

Places and counts are read and written in one transaction that nobody else has at the same time, so nothing of it needs
to be remembered here, and a lost answer to its COMMIT changes nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

from chappe.crash import ARMED, CrashPoint, reach
from chappe.store.bodies import unpack_counts
from chappe.store.folding import FOLD_BLOCKS, Fold
from chappe.store.port import Block
from chappe.store.postgres.opening import LOCK_CLASS, LOCK_FOLD, Session

_LOCK: Final = f"SELECT pg_try_advisory_xact_lock({LOCK_CLASS}, {LOCK_FOLD})"
#: Of each node some of the blocks that follow its place, oldest first.
_BLOCKS: Final = """
SELECT w.writer, b.seq, b.at_us, b.counts
FROM (SELECT DISTINCT writer FROM runs) w
LEFT JOIN copies c ON c.writer = w.writer AND c.name = $1
CROSS JOIN LATERAL (
  SELECT seq, at_us, counts FROM event_blocks e
  WHERE e.writer = w.writer AND e.seq > coalesce(c.seq, 0) ORDER BY e.seq LIMIT $2
) b ORDER BY w.writer, b.seq LIMIT $2"""
_PLACE: Final = """
INSERT INTO copies (writer, name, seq, position) SELECT writer, $1, seq, ''
FROM unnest($2::integer[], $3::bigint[]) AS places (writer, seq)
ON CONFLICT (writer, name) DO UPDATE SET seq = excluded.seq"""
_COUNT: Final = """
INSERT INTO counters AS c (minute, event, client, operator, writer, count)
SELECT minute, event, client, operator, $1, count
FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::bytea[], $6::bigint[])
  AS counts (minute, event, client, operator, count)
ON CONFLICT (minute, event, client, operator, writer) DO UPDATE SET count = c.count + excluded.count"""


class PostgresFolding:
    """Folds for the node that is number `writer` among the names."""

    def __init__(self, session: Session, writer: int) -> None:
        self._session = session
        self._writer = writer

    async def fold(self, name: str, fold: Fold) -> int:
        """Fold some blocks; 0 when there are none, or while another process folds."""
        async with self._session.lend() as connection:
            async with connection.transaction():
                rows = await self._take(connection, name)
                if rows:
                    await self._write(connection, name, rows, fold)
                if ARMED is not None and rows:
                    reach(CrashPoint.BEFORE_COMMIT_COPY)
            if ARMED is not None and rows:
                reach(CrashPoint.AFTER_COMMIT_COPY)
            return len(rows)

    async def _take(self, connection: Any, name: str) -> Sequence[Any]:
        if not await connection.fetchval(_LOCK):
            return ()
        return list(await connection.fetch(_BLOCKS, name, FOLD_BLOCKS))

    async def _write(self, connection: Any, name: str, rows: Sequence[Any], fold: Fold) -> None:
        # They come in the order of their numbers: the last one of each node stands.
        places = sorted({row["writer"]: row["seq"] for row in rows}.items())
        await connection.execute(_PLACE, name, *map(list, zip(*places, strict=True)))
        counts = sorted(fold([_block(row) for row in rows]).items())
        if counts:
            values = [(m, e, c.encode(), o.encode(), count) for (m, e, c, o), count in counts]
            await connection.execute(_COUNT, self._writer, *map(list, zip(*values, strict=True)))

    async def close(self) -> None:
        """End its connection."""
        await self._session.close()


def _block(row: Any) -> Block:
    counts = {(event, client, operator): n for event, client, operator, n in unpack_counts(row["counts"])}
    return Block(row["seq"], row["at_us"], b"", counts)
