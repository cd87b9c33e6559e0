"""The gateway's side of the history mover: starts its process, deletes what it has copied, starts it anew when it dies.

Deletions go in small steps through the group commit, so that nobody waits behind them.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Final

import msgspec

from chappe.crash import CrashPoint, reach
from chappe.model.lifecycle import FINAL
from chappe.store.port import StoreAway
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.mover import Order

#: Rows that one group commit deletes, and the pause after it.
STEP_ROWS: Final = 500
STEP_BLOCKS: Final = 100
STEP_PAUSE_S: Final = 0.005
RESTART_PAUSE_S: Final = 5.0
#: While the store is away nothing is deleted.
AWAY_PAUSE_S: Final = 1.0
#: A bulk of scattered lives names many ranges in one line.
LINE_OCTETS: Final = 1 << 22

_IDS = "(SELECT id FROM finished WHERE seq BETWEEN ? AND ?)"
_FORGET_PARTS = f"DELETE FROM parts WHERE id IN {_IDS}"
_FORGET_LIVES = (
    f"DELETE FROM messages WHERE id IN {_IDS} AND status IN ({','.join(str(int(status)) for status in sorted(FINAL))})"
)
_FORGET_FINISHED = "DELETE FROM finished WHERE seq BETWEEN ? AND ?"
_FORGET_BLOCKS = "DELETE FROM event_blocks WHERE seq BETWEEN ? AND ?"
_NOTE_BLOCKS = (
    "INSERT INTO meta VALUES ('blocks_until', ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)"
)
_FORGET_REFS = "DELETE FROM refs WHERE generation = ? AND hash IN (SELECT hash FROM refs WHERE generation = ? LIMIT ?)"
_FORGET_GENERATION = "DELETE FROM reference_generations WHERE generation = ?"


class HistoryMoves:
    """Keeps one mover at work for a store."""

    def __init__(self, store: SqliteStore, retention_days: int) -> None:
        self._store = store
        self._retention_days = retention_days
        self._process: Process | None = None

    async def run(self) -> None:
        """Move until cancelled; the mover dies with us, as its input ends."""
        while True:
            process = self._process = await self._start()
            try:
                await self._follow(process)
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                if process.returncode is None:
                    process.terminate()
                await process.wait()
            await asyncio.sleep(RESTART_PAUSE_S)

    async def _start(self) -> Process:
        path = self._store.path
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chappe.store.sqlite.mover",
            str(path.parent),
            path.name,
            str(self._retention_days),
            stdin=PIPE,
            stdout=PIPE,
            limit=LINE_OCTETS,
        )

    async def _follow(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        while line := await process.stdout.readline():
            await self.forget(msgspec.json.decode(line, type=Order))
            process.stdin.write(b"done\n")

    async def forget(self, order: Order) -> None:
        """Delete what is in history."""
        for first, last in steps(order.finished, STEP_ROWS):
            rows = [(first, last)]
            await self._write((_FORGET_PARTS, rows), (_FORGET_LIVES, rows), (_FORGET_FINISHED, rows))
        if order.blocks_until:
            oldest = self._store.oldest_block()
            for first, last in steps([(oldest, order.blocks_until)], STEP_BLOCKS):
                await self._write((_FORGET_BLOCKS, [(first, last)]), (_NOTE_BLOCKS, [(last,)]))
        for generation in order.generations:
            await self._forget_generation(generation)
        if order.finished or order.blocks_until:
            reach(CrashPoint.AFTER_HISTORY_DELETE)

    async def _forget_generation(self, generation: int) -> None:
        while self._store.has_references(generation):
            await self._write((_FORGET_REFS, [(generation, generation, STEP_ROWS)]))
        await self._write((_FORGET_GENERATION, [(generation,)]))
        self._store.forget_generation(generation)

    async def _write(self, *statements: tuple[str, Sequence[tuple[int, ...]]]) -> None:
        while True:
            try:
                await self._store.write_together(statements)
            except StoreAway:
                await asyncio.sleep(AWAY_PAUSE_S)
            else:
                await asyncio.sleep(STEP_PAUSE_S)
                return


def steps(ranges: list[tuple[int, int]], numbers: int) -> list[tuple[int, int]]:
    """Cut ranges, both ends included, into such of at most so many numbers; neighbours are joined no further apart."""
    return [
        (start, min(start + numbers - 1, last)) for first, last in ranges for start in range(first, last + 1, numbers)
    ]
