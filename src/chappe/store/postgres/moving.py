"""Moving: finished lives leave the hot table in sorted bulk, and what is past retention goes.

Nothing of it passes through this process: the database copies and deletes in one transaction, some rows at a time.
Of all processes one moves; when it dies another one takes over.
"""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from chappe.crash import CrashPoint, reach
from chappe.model.errors import SettingsError
from chappe.model.ids import first_id_at, made_at_ms
from chappe.model.lifecycle import FINAL
from chappe.store.port import StoreAway
from chappe.store.postgres.cleaning import Cleaning
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.generations import Generations
from chappe.store.postgres.opening import LOCK_CLASS, LOCK_HISTORY, Session
from chappe.store.postgres.reaching import AWAY
from chappe.store.postgres.strays import Strays

#: Rows of the hot table that one transaction looks at, and the part of the time that moving takes at most.
WINDOW_ROWS: Final = 5_000
WORK_SHARE: Final = 0.25
#: It takes more the longer what has ended lies there: all of the time when that is four times as long.
LAG_US: Final = 120_000_000
#: The part of it that reading rows takes that only wait.
LOOK_SHARE: Final = 0.1
#: Pause when nothing was to be moved, or another process moves.
IDLE_PAUSE_S: Final = 5.0
LOCKED_PAUSE_S: Final = 15.0
FORGET_EVERY_S: Final = 600.0
#: Finished lives stay hot for so long: repeated receipts of theirs are told with all they need.
REST_US: Final = 60_000_000
#: Those from handsets longer: a start looks among them for copies that operators may send again.
REST_MO_US: Final = 900_000_000
FORGET_ROWS: Final = 2_000
#: Rows that came so long ago and have not ended wait for something: a window of them is passed over for as long.
QUIET_US: Final = 600_000_000
#: A message is stored so long after its id was made, at most.
LATE_US: Final = 60_000_000
#: Windows that are passed over and remembered; beyond, none are.
QUIET_WINDOWS: Final = 100_000

_FINAL: Final = ",".join(str(int(status)) for status in sorted(FINAL))
#: The UTC day in which a message came, from its id.
_DAY: Final = "to_timestamp(((id >> 22) + 1577836800000) / 1000.0)::date"
#: Those from handsets rest longer: $3 instead of $2.
_IS_OVER: Final = (
    f"status IN ({_FINAL}) AND final_at_us <= CASE WHEN operator IS NOT NULL AND sent_at_us = 0 THEN $3::bigint"
    " ELSE $2::bigint END"
)
_WINDOW: Final = (
    "SELECT min(id) AS first, max(id) AS last, count(*) AS rows, count(*) FILTER (WHERE is_over) AS over,"
    " array_agg(DISTINCT day) FILTER (WHERE is_over) AS days FROM ("
    f"SELECT id, {_DAY} AS day, {_IS_OVER} AS is_over FROM messages"
    " WHERE id > $1 AND id < $4 ORDER BY id LIMIT $5) AS some_rows"
)
_MOVE: Final = f"""
WITH gone AS (
  DELETE FROM messages m USING (
    SELECT ctid FROM messages WHERE id > $1 AND id <= $4 AND {_IS_OVER}
    ORDER BY id FOR UPDATE SKIP LOCKED
  ) v WHERE m.ctid = v.ctid RETURNING m.*
), parts_gone AS (
  DELETE FROM parts p USING gone WHERE p.id = ANY (ARRAY[gone.id]) RETURNING p.id, p.part, p.status, p.operator_ref
), long AS (
  SELECT id AS of, array_agg(status ORDER BY part) AS statuses, array_agg(operator_ref ORDER BY part) AS refs
  FROM parts_gone GROUP BY id
)
INSERT INTO history (day, id, client, operator, status, sent_at_us, final_at_us, operator_ref, error, handset,
                     client_ref, part_statuses, part_refs, body)
SELECT {_DAY}, id, client, operator, status, sent_at_us, final_at_us, operator_ref, error, handset, client_ref,
       long.statuses, long.refs, body
FROM gone LEFT JOIN long ON long.of = gone.id ORDER BY id
ON CONFLICT (day, id) DO NOTHING"""
_PARTITIONS: Final = (
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'history'::regclass"
)
_OLD_BLOCKS: Final = """
DELETE FROM event_blocks b USING (
  SELECT writer, min(seq) AS seq FROM copies GROUP BY writer
) c WHERE b.writer = c.writer AND b.seq <= c.seq AND b.at_us < $1 AND b.seq < (
  SELECT min(seq) + $2 FROM event_blocks o WHERE o.writer = b.writer)"""


class HistoryMoves:
    """Moves for one store, as long as no other process does."""

    def __init__(self, store: PostgresStore, retention_days: int) -> None:
        self._store = store
        self._retention_days = retention_days
        self._session: Session = store.session("history")
        self._generations = Generations(store)
        self._strays = Strays()
        #: The connection that holds the lock of whoever moves.
        self._locked_by: Any = None
        self._after = 0
        self._share = WORK_SHARE
        #: After this id comes nothing that could move until another one, but rows that wait or are dead: that is
        #: believed until a moment (UTC µs).
        self._quiet: dict[int, tuple[int, int]] = {}
        self._forget_at = 0.0
        self._partitions: set[str] = set()

    async def run(self) -> None:
        """Move, and clean behind it, until cancelled."""
        async with asyncio.TaskGroup() as group:
            cleaning = Cleaning(self._store, lambda: self._locked_by is not None)
            group.create_task(cleaning.run(), name="store cleaning")
            group.create_task(self._move_forever(), name="store history")

    async def _move_forever(self) -> None:
        try:
            while True:
                await asyncio.sleep(await self._step())
        finally:
            await self._session.close()

    async def _step(self) -> float:
        """One piece of work; returns how long to wait for the next."""
        began = time.monotonic()
        try:
            connection = await self._session.get()
            if connection is not self._locked_by:
                if not await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK_CLASS}, {LOCK_HISTORY})"):
                    return LOCKED_PAUSE_S
                self._locked_by = connection
            has_more = await self.move(connection)
            has_more |= await self._generations.step(connection)
            await self._strays.step(connection)
            if began >= self._forget_at:
                self._forget_at = began + FORGET_EVERY_S
                await self.forget(connection)
        except (StoreAway, SettingsError, *AWAY):
            self._session.drop()
            return IDLE_PAUSE_S
        took = time.monotonic() - began
        return took / self._share - took if has_more else max(IDLE_PAUSE_S, took / WORK_SHARE)

    async def move(self, connection: Any) -> bool:
        """Move what may leave among the next rows of the hot table.  False: the end of the table was reached."""
        now_us = self._store.clock_us()
        self._pass_quiet(now_us)
        rests = (now_us - REST_US, now_us - REST_MO_US)
        # What came since then cannot have ended before.
        row = await connection.fetchrow(_WINDOW, self._after, *rests, first_id_at(rests[0] // 1000), WINDOW_ROWS)
        self._note_quiet(row, now_us)
        self._share = LOOK_SHARE
        if row["over"]:
            # Waiting rows among them are no reason to hurry, however old they are.
            lag_us = now_us - made_at_ms(row["last"]) * 1000 if row["over"] * 2 > row["rows"] else 0
            self._share = min(1.0, WORK_SHARE * max(1.0, lag_us / LAG_US))
            await self._make_partitions(connection, row["days"])
            await connection.execute(_MOVE, row["first"] - 1, *rests, row["last"])
            reach(CrashPoint.AFTER_HISTORY_COPY)
        is_end = row["rows"] < WINDOW_ROWS
        self._after = 0 if is_end else row["last"]
        return not is_end

    def _pass_quiet(self, now_us: int) -> None:
        """Millions that wait, or are dead and seen by an old snapshot, are not read again for the few behind them."""
        began, until_us = self._after, now_us + QUIET_US
        while (window := self._quiet.pop(self._after, None)) is not None and now_us < window[1]:
            self._after, until_us = window[0], min(until_us, window[1])
        if self._after != began:
            self._quiet[began] = (self._after, until_us)

    def _note_quiet(self, row: Any, now_us: int) -> None:
        if not row["rows"] or len(self._quiet) >= QUIET_WINDOWS:
            return
        is_quiet = row["rows"] == WINDOW_ROWS and not row["over"]
        until = row["last"] if is_quiet else row["first"] - 1
        # Ids come late by no more than a transaction takes.
        if until > self._after and made_at_ms(until) * 1000 < now_us - (QUIET_US if is_quiet else LATE_US):
            self._quiet[self._after] = (until, now_us + QUIET_US)

    async def _make_partitions(self, connection: Any, days: list[date]) -> None:
        for day in sorted(days):
            name = f"history_{day:%Y%m%d}"
            if name in self._partitions:
                continue
            # Attached afterwards: making it in its place would stop everyone who reads history.
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE history INCLUDING ALL)")
            self._partitions = {each[0] for each in await connection.fetch(_PARTITIONS)}
            if name not in self._partitions:
                await connection.execute(f"ALTER TABLE history ATTACH PARTITION {name} FOR VALUES IN ('{day}')")
                self._partitions.add(name)

    # -- what is past retention -----------------------------------------------------------------------

    async def forget(self, connection: Any) -> None:
        """Drop days, blocks, parked reports and references that are too old."""
        now_us = self._store.clock_us()
        today = datetime.fromtimestamp(now_us / 1e6, UTC).date()
        before_us = now_us - self._retention_days * 86_400_000_000
        await self._drop_days(connection, today - timedelta(days=self._retention_days))
        while int((await connection.execute(_OLD_BLOCKS, before_us, FORGET_ROWS)).split()[-1]):
            await asyncio.sleep(IDLE_PAUSE_S / 10)
        await connection.execute("DELETE FROM mo_identities WHERE at_ms < $1", before_us // 1000)
        ended = "DELETE FROM runs WHERE is_cleared AND ended_at < clock_timestamp() - make_interval(days => $1)"
        await connection.execute(ended, self._retention_days)
        await self._generations.forget_rows(connection)

    async def _drop_days(self, connection: Any, first_kept: date) -> None:
        for (name,) in await connection.fetch(_PARTITIONS):
            if name < f"history_{first_kept:%Y%m%d}":
                await connection.execute(f"ALTER TABLE history DETACH PARTITION {name} CONCURRENTLY")
                await connection.execute(f"DROP TABLE {name}")
                self._partitions.discard(name)
