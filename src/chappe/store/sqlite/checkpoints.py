"""Carries SQLite's log into the database file: the bulk in a thread beside the loop, the small rest within it.

Only a log that is carried over whole is begun anew, and under load it never is while it is written to; so the
rest, a few commits, is carried over by the loop itself.  Without that the log grows until the disk is full.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

#: Written items after which the log is carried over: some ten megabytes of it.
AFTER_ITEMS: Final = 10_000
#: The longest time between two checkpoints while there is something to carry over.
AFTER_S: Final = 1.0

_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """Decides when the log is carried over, and does it."""

    def __init__(self, path: Path, connection: Callable[[], sqlite3.Connection]) -> None:
        """`connection` gives the one that writes; it may change when the file is opened again."""
        self._path = path
        self._connection = connection
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._items = 0
        self._due_at = 0.0
        self._work: asyncio.Future[None] | None = None
        self._is_closed = False

    def wrote(self, items: int) -> None:
        """A commit wrote so many items."""
        self._items += items
        now = time.perf_counter()
        if self._work is None and (self._items >= AFTER_ITEMS or now >= self._due_at):
            self._items = 0
            self._due_at = now + AFTER_S
            self._work = asyncio.get_running_loop().run_in_executor(self._pool, self._carry)
            self._work.add_done_callback(self._finish)

    def _carry(self) -> None:
        """Carry over what is there, beside the loop: SQLite lets go of the interpreter meanwhile."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_CHECKPOINT).fetchone()
        finally:
            connection.close()

    def _finish(self, work: "asyncio.Future[None]") -> None:
        """Carry over what was written meanwhile, so that the log begins anew with the next commit."""
        self._work = None
        if work.cancelled() or work.exception() is not None or self._is_closed:
            # The log keeps everything meanwhile; should it not grow any more either, the next commit says so.
            return
        try:
            self._connection().execute(_CHECKPOINT).fetchone()
        except sqlite3.Error:
            return

    async def idle(self) -> None:
        """Wait until no checkpoint runs."""
        while self._work is not None:
            await asyncio.wait([self._work])
            await asyncio.sleep(0)

    def close(self) -> None:
        """Begin nothing new, and wait for what runs."""
        self._is_closed = True
        self._pool.shutdown(wait=True)
