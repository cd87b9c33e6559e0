"""Copies event blocks into the CSV files while the gateway runs, without ever making a message wait.

The loop only hands blocks over; a thread of its own writes them and waits for the disk.  A full disk makes the files
late, never wrong: the blocks stay in the store until they are copied.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from chappe.observe.event_files import Change, EventFiles, closed_files, compress
from chappe.observe.event_paths import first_position, position_of
from chappe.observe.following import Following
from chappe.store.port import BlockSource, StoreAway

#: The name of this copy in the store.
COPY: Final = "events"
#: Time between two writes to the files, and how many of them go before their place is made safe and noted.
WRITE_EVERY_S: Final = 0.1
WRITES_PER_NOTE: Final = 10
#: Pause after the disk refused.
REFUSED_PAUSE_S: Final = 1.0
#: How often closed files are looked for.
COMPRESS_EVERY_S: Final = 30.0

T = TypeVar("T")


class EventCopier:
    """Keeps the event files of this box.  `fault` says why they are late, empty while they are not."""

    def __init__(self, source: BlockSource, folder: Path, node: str, redact: Change | None = None) -> None:
        self._source = source
        self._folder = folder
        self._node = node
        self._redact = redact
        self._stopping = threading.Event()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="events")
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="pack")
        self.fault = ""

    async def start(self) -> None:
        """Bring the files back to the place that the store knows.  Raises: OSError, StoreAway."""
        known = await self._source.copied(COPY)
        position = first_position(self._folder, self._node) if known is None else position_of(*known)
        #: What the store knows to be copied.
        self.safe = position
        self._files = EventFiles(self._folder, self._node, position, self._redact)
        self._following = Following(self._source, position.seq)
        if known is None:
            await self._source.advance(COPY, self.safe.seq, self.safe.text)
        await self._in_thread(self._files.recover)

    async def run(self) -> None:
        """Copy until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._copy_forever(), name="events copy")
            group.create_task(self._compress_forever(), name="events compress")

    async def _copy_forever(self) -> None:
        while True:
            await self._following.ready.wait()
            for _ in range(WRITES_PER_NOTE):
                await self.copy()
                if self.fault:
                    await asyncio.sleep(REFUSED_PAUSE_S)
                    break
                await asyncio.sleep(WRITE_EVERY_S)
            await self.note()

    async def copy(self) -> None:
        """Write all blocks that there are; what disk or store refuses is tried again by the next call."""
        is_behind = True
        while is_behind:
            try:
                blocks = await self._following.take()
                is_behind = self._following.is_behind
                if blocks:
                    await self._in_thread(partial(self._files.append, blocks))
            except OSError as error:
                self._refused(error)
                return
            except StoreAway as error:
                self.fault = str(error)
                return
        self.fault = ""

    async def note(self) -> None:
        """Make safe what was written, then let the store know."""
        try:
            position = await self._in_thread(self._files.sync)
        except OSError as error:
            # What a failed sync left on the disk nobody can say: it is written again from the last safe place.
            self._files.position = self.safe
            self._files.close()
            self._refused(error)
            return
        if position != self.safe:
            try:
                await self._source.advance(COPY, position.seq, position.text)
            except StoreAway:
                return
            self.safe = position

    async def compress(self) -> None:
        """Compress the files of hours that are over."""
        for file in list(closed_files(self._folder, self._node, self.safe)):
            try:
                await asyncio.get_running_loop().run_in_executor(self._packer, compress, file, self._stopping)
            except OSError as error:
                self.fault = f"{file} cannot be compressed: {error.strerror}"
                return

    async def _compress_forever(self) -> None:
        while True:
            await self.compress()
            await asyncio.sleep(COMPRESS_EVERY_S)

    async def finish(self) -> None:
        """Copy what is left, make it safe, close the files.  Call it after `run` was cancelled."""
        self._stopping.set()
        # What a cancelled call had begun ends first: one thread does all of it.
        await self._in_thread(lambda: None)
        self._following.rewind(self._files.position.seq)
        await self.copy()
        await self.note()
        self._files.close()
        self._writer.shutdown()
        self._packer.shutdown()

    def _refused(self, error: OSError) -> None:
        self.fault = f"event files in {self._folder}: {error.strerror}"
        self._following.rewind(self._files.position.seq)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)
