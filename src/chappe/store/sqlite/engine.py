"""The SQLite engine: the store of one box, in the loop's own thread.

Whatever nodes ask for during one turn of the loop is written by one transaction and one sync.
Every answer follows its commit.  All nodes live in this process, so a lease lives in memory.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chappe.store.cursor import Cursor
from chappe.store.port import BlockListener
from chappe.store.sqlite import crediting
from chappe.store.sqlite.asking import MAX_STORIES, Asking
from chappe.store.sqlite.committing import Committing
from chappe.store.sqlite.credits import Credits
from chappe.store.sqlite.decisions import Decisions
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.looking import Looking
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.mo_proofs import MoProofs
from chappe.store.sqlite.opening import open_run
from chappe.store.sqlite.picking import Picking
from chappe.store.sqlite.questions import Questions
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.reading import Reading
from chappe.store.sqlite.recovery import Recovery
from chappe.store.sqlite.references import References
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.sweeping import Sweeping
from chappe.store.sqlite.unreadable import Unreadable
from chappe.store.sqlite.verbs import Verbs

#: How often the engine looks for items that have become due.
LOOK_EVERY_S: Final = 0.1


class SqliteStore(Verbs, Decisions, Credits, Questions):
    """The store of one box without anything to install.  See `store.port.Store`."""

    def __init__(
        self, path: Path, *, version: str, clock_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self.path = path
        self._version = version
        self._now_us = clock_us
        file = self._file = StoreFile(path, clock_us)
        memory = self._memory = Memory()
        self._open_by_client = memory.open_by_client
        queues = self._queues = Queues(file, clock_us, lambda row: self._unreadable.hold(row))
        committing = self._committing = Committing(file, queues, memory, clock_us)
        group = self._group = GroupCommit(file, queues, memory, committing, clock_us)
        self._crediting = memory.crediting = crediting.Crediting(file)
        self._unreadable = Unreadable(file, group.ask, queues.leased, queues.depths, clock_us)
        self._picking = Picking(file, queues)
        self._sweeping = Sweeping(file, queues, group.ask)
        self._reading = Reading(file, lambda ids: committing.transaction().lives(ids))
        self._searches = Asking(path)
        self._stories = Asking(path, most=MAX_STORIES, most_of_client=MAX_STORIES)
        self._looking = Looking(file)
        self._mo_proofs = MoProofs(file, self.write)
        self._silence_cursor = Cursor()
        self._parked_cursor = Cursor()

    def open(self) -> None:
        """Open the file, migrate it, find out what is in it.  Raises: StoreAway, SettingsError."""
        self._group.open()
        self._file.open()
        memory, connection = self._memory, self._file.connection
        memory.run, self.last_id, key = open_run(connection, self._version)
        self.run = memory.run
        #: Random octets that were made with the file: keyed hashes stay the same from run to run.
        self.key = key
        self._file.load_names()
        memory.references = References(key)
        memory.references.load(connection)
        newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM event_blocks").fetchone()[0])
        memory.seq = max(newest, self._file.meta_int("blocks_until"))
        Recovery(self._file, self._queues, memory, self._committing, self._now_us).recover()

    @property
    def slot(self) -> int:
        """The slot of this run's ids."""
        return self.run

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        return str(self.path)

    def sizes(self) -> tuple[int, int]:
        """Octets of the file and of its log."""
        return _octets(self.path), _octets(Path(f"{self.path}-wal"))

    async def close(self) -> None:
        """Write what waits and close the file."""
        await self._searches.close()
        await self._stories.close()
        self._group.write_rest()
        self._file.close()

    @property
    def is_away(self) -> bool:
        """The disk takes nothing: everyone hears no."""
        return self._file.is_away

    # -- bells and time -----------------------------------------------------------------------------

    def listen(self, queue: str, bell: Callable[[], None]) -> None:
        self._queues.listen(queue, bell)

    def unlisten(self, queue: str, bell: Callable[[], None]) -> None:
        self._queues.unlisten(queue, bell)

    def on_block(self, listener: BlockListener) -> None:
        """Call `listener` after each commit with the block that it wrote."""
        self._group.listeners.append(listener)

    def on_call(self, observer: Callable[[str, float], None]) -> None:
        """Call `observer` after each commit, once for every verb in it, with the verb and the commit's seconds."""
        self._group.observers.append(observer)

    def on_receipts(self, observer: Callable[[str, float, int], None]) -> None:
        """Call `observer` after each commit that matched reports.

        Its arguments are an operator, the seconds from its yes to the first of its reports, and how many there were.
        """
        self._group.receipt_observers.append(observer)

    async def keep_time(self, stopping: asyncio.Event) -> None:
        """Ring for items that become due, until asked to stop."""
        while not stopping.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            self._queues.ring_due()
            if self.is_away:
                self.try_again()

    def try_again(self) -> bool:
        """The store is away: find out whether the disk takes octets again.  True: it is back."""
        return self._group.try_again()


def _octets(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
