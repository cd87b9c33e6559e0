"""The end of a node's process that talks to its box: beats, answers, and the wish to stop when the box is gone.

It must never know what the node does.
"""

import asyncio
import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from chappe.box.beats import BEAT_S, MAX_LINE_OCTETS, Beat, Left, Shown, from_box, line_of

#: The variable that names the inherited socket.
VARIABLE: Final = "CHAPPE_BOX_SOCKET"


class Parent:
    """The box that started this process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def from_environment(cls) -> "Parent | None":
        """The box, or None for a process that was started by hand."""
        number = os.environ.pop(VARIABLE, "")
        if not number:
            return None
        inherited = socket.socket(fileno=int(number))
        inherited.set_inheritable(False)
        return cls(*await asyncio.open_connection(sock=inherited, limit=MAX_LINE_OCTETS))

    async def run(self, beat: Callable[[], Beat], show: Callable[[int], Shown], on_gone: Callable[[], None]) -> None:
        """Beat and answer until cancelled; `on_gone` is called when the box has died."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat(beat), name="box beats")
            group.create_task(self._answer(show, on_gone), name="box answers")

    async def _beat(self, beat: Callable[[], Beat]) -> None:
        while True:
            self._say(line_of(beat()))
            await asyncio.sleep(BEAT_S)

    async def _answer(self, show: Callable[[int], Shown], on_gone: Callable[[], None]) -> None:
        while True:
            try:
                line = await self._reader.readline()
            except (OSError, ValueError):
                line = b""
            if not line:
                on_gone()
                return
            with suppress(msgspec.MsgspecError):
                # An older or newer box asks what this process cannot read: it gets no answer, and needs none.
                self._say(line_of(show(from_box(line).number)))

    async def leave(self, unanswered: int) -> None:
        """Say the last word."""
        self._say(line_of(Left(unanswered)))
        with suppress(OSError):
            await self._writer.drain()
        self._writer.close()

    def _say(self, line: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(line)


def memory_mib() -> int:
    """What this process holds in memory now."""
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1_048_576
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
