"""Moves a store from SQLite to PostgreSQL: batch by batch, again from where it stopped, and looked at afterwards.

Nobody may use either of the two meanwhile; the caller sees to that for the source.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import chappe
from chappe.model.address import handset_key
from chappe.model.errors import ResourceError
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Status
from chappe.store.bodies import message_or_none, unpack_report
from chappe.store.postgres.hashing import Hashing, pack_part, pack_report
from chappe.store.postgres.writes import Kind
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.opening import STORE_FILE
from chappe.store.transfer.source import Source
from chappe.store.transfer.tables import BY_NAME, TABLES, TRANSLATED, Digest, Row
from chappe.store.transfer.target import References, Target

_DAY_MS: Final = 86_400_000
#: An MO bears the operator that brought it, an MT bears one from when it was sent.
_SENT: Final = frozenset({Status.SENT, Status.BUFFERED, Status.UNKNOWN})
#: Copies of the events that must hold everything before a store is left.
_COPIES: Final = ("events", "counters")

Tell = Callable[[str, int], None]


async def move_up(
    folder: Path, dsn: str, *, box: str, allow_single_copy: bool = False, tell: Tell = lambda what, rows: None
) -> dict[str, int]:
    """Move the store in `folder`; returns how many rows each table has, compared on both sides.

    `tell` hears of each batch.  Raises: StoreAway, SettingsError; ResourceError when it cannot or may not be moved.
    """
    await _bring_to_rest(folder)
    source = Source(folder)
    try:
        check_source(source)
        target = await Target.open(dsn, source.reference_key, f"{box}/sqlite", allow_single_copy=allow_single_copy)
        try:
            return await _Move(source, target, tell).run()
        finally:
            await target.close()
    finally:
        source.close()


async def _bring_to_rest(folder: Path) -> None:
    """Open the store and close it: what only memory knew gets rows, what a death left to be decided is decided."""
    if (folder / STORE_FILE).exists():
        store = SqliteStore(folder / STORE_FILE, version=chappe.__version__)
        store.open()
        await store.close()


def check_source(source: Source) -> None:
    """Raises: ResourceError when something of the source would be left behind."""
    unknown = source.tables() - BY_NAME.keys() - TRANSLATED
    if unknown:
        raise ResourceError(f"the store has tables that this release cannot move: {', '.join(sorted(unknown))}")
    last, copies = source.last_block, source.copies()
    for name in _COPIES:
        if last and copies.get(name, (0, ""))[0] != last:
            raise ResourceError(
                f"{name} do not hold all events of the store yet: start the gateway with every node once more, stop it "
                "with SIGTERM, and copy again"
            )


class _Move:
    """One move, from wherever an earlier one stopped."""

    def __init__(self, source: Source, target: Target, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._tell = tell
        self._hashing = Hashing(source.reference_key)

    async def run(self) -> dict[str, int]:
        """Everything, then a look at it."""
        source, target = self._source, self._target
        await target.learn(source.names)
        for table in TABLES:
            after = tuple(await target.place(table.name) or ())
            for rows, place in source.batches(table, after):
                await target.write(table.name, place, [(table, rows)], self._references(table.name, rows))
                self._tell(table.name, len(rows))
        await self._history()
        await target.prove(source.mo_proofs())
        expected, counts = self._expected()
        await target.count(counts)
        await self._compare(expected)
        await target.finish()
        return {name: digest.rows for name, digest in expected.items()}

    async def _history(self) -> None:
        """Finished lives go where finished ones of PostgreSQL begin: its own mover carries them on."""
        messages, parts = BY_NAME["messages"], BY_NAME["parts"]
        day, last = await self._target.place("history") or ("", 0)
        for place, lives, their_parts in self._source.history((day, last)):
            await self._target.learn(sorted({name for row in lives for name in (row[1], row[8]) if name}))
            await self._target.write("history", place, [(messages, lives), (parts, their_parts)])
            self._tell(f"history of {place[0]}", len(lives))

    def _references(self, table: str, rows: Sequence[Row]) -> References | None:
        """What the references of these rows lead to: parts that were sent, reports that wait."""
        of_row = {"messages": self._of_message, "parts": self._of_part, "parked": self._of_report}.get(table)
        if of_row is None:
            return None
        found = [pair for row in rows for pair in of_row(row)]
        day = max(made_at_ms(row[0]) for row in rows) // _DAY_MS
        return References(found, is_reports=table == "parked", day=day)

    def _of_report(self, row: Row) -> Iterable[tuple[int, bytes]]:
        report = unpack_report(row[3])
        for reference in dict.fromkeys(report.references):
            yield self._hashing.hash(report.operator, reference), pack_report(report.id)

    def _of_message(self, row: Row) -> Iterable[tuple[int, bytes]]:
        message_id, operator, reference = row[0], row[8], row[11]
        message = message_or_none(row[-1])
        if operator and reference and message is not None and message.parts == 1:
            hash_ = self._hashing.hash(operator, reference.decode())
            yield hash_, pack_part(message_id, 1, handset_key(message.handset))

    def _of_part(self, row: Row) -> Iterable[tuple[int, bytes]]:
        message_id, part, _, operator, reference, *_ = row
        handset = self._source.handset_of(message_id)
        if operator and reference and handset:
            yield self._hashing.hash(operator, reference.decode()), pack_part(message_id, part, handset_key(handset))

    def _expected(self) -> tuple[dict[str, Digest], dict[tuple[int, str], int]]:
        """What each table must hold, and how much is open."""
        digests = {table.name: Digest() for table in TABLES}
        counts: dict[tuple[int, str], int] = {}
        for table in TABLES:
            for rows, _ in self._source.batches(table):
                digests[table.name].add(rows)
                for row in rows:
                    for key in _counted(table.name, row):
                        counts[key] = counts.get(key, 0) + 1
        for _, lives, parts in self._source.history():
            digests["messages"].add(lives)
            digests["parts"].add(parts)
        return digests, counts

    async def _compare(self, expected: dict[str, Digest]) -> None:
        """Raises: ResourceError when a table of the target is not what it must be."""
        for table in TABLES:
            found = Digest()
            async for rows in self._target.rows(table):
                found.add(rows)
            if found != expected[table.name]:
                raise ResourceError(
                    f"{table.name}: {expected[table.name].rows} rows were to be copied, {found.rows} are there, and"
                    " they differ: something wrote into one of the two; empty the database and copy again"
                )


def _counted(table: str, row: Row) -> Iterable[tuple[int, str]]:
    """What a row adds to, by kind and name."""
    if table == "messages" and row[2] not in FINAL and (row[8] is None or row[2] in _SENT):
        yield Kind.OPEN, row[1]
    elif table == "queue":
        yield Kind.DEPTH, row[0]
    elif table == "parked":
        yield Kind.PARKED, ""
    elif table == "held":
        yield Kind.HELD, ""
