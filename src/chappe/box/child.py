"""One process of a box: started, heard, asked, stopped.

It must never decide when a process is to be started or stopped.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Final

import msgspec

from chappe.box.beats import MAX_LINE_OCTETS, Beat, Left, Show, Shown, from_node, line_of
from chappe.box.parent import VARIABLE
from chappe.box.plan import Process

#: How long a process may take to show how things are.
SHOW_WITHIN_S: Final = 2.0


class Child:
    """One process and the socket to it; a new one for each start."""

    def __init__(self, process: Process, on_beat: Callable[[Beat], None]) -> None:
        self.process = process
        self._on_beat = on_beat
        self._child: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[Shown]] = {}
        self._numbers = count(1)
        #: A signal that came before the process did.
        self._early: signal.Signals | None = None
        self.beat: Beat | None = None
        #: What it said when it left; None while it runs, and of one that died.
        self.left: Left | None = None

    @property
    def pid(self) -> int:
        """Its number; 0 before the start."""
        return self._child.pid if self._child is not None else 0

    async def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start it and wait until it has ended; returns its exit code.  Raises: OSError."""
        ours, theirs = socket.socketpair()
        try:
            self._child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                env={**environment, VARIABLE: str(theirs.fileno())},
                pass_fds=(theirs.fileno(),),
                # Ctrl-C is for the box, which stops its processes itself.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        if self._early is not None:
            self._signal(self._early)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_OCTETS)
        try:
            await self._listen(reader)
            return await self._child.wait()
        finally:
            self._writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Hear what it says until it has no more to say."""
        with suppress(OSError, ValueError):
            while line := await reader.readline():
                with suppress(msgspec.MsgspecError):
                    self._hear(from_node(line))
        for future in self._asked.values():
            future.cancel()

    def _hear(self, said: Beat | Shown | Left) -> None:
        if isinstance(said, Beat):
            self.beat = said
            self._on_beat(said)
        elif isinstance(said, Shown):
            future = self._asked.pop(said.number, None)
            if future is not None and not future.done():
                future.set_result(said)
        else:
            self.left = said

    async def show(self) -> Shown | None:
        """How things are with it; None when it does not say in time."""
        if self._writer is None or self._writer.is_closing():
            return None
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        self._writer.write(line_of(Show(number)))
        done, _ = await asyncio.wait([future], timeout=SHOW_WITHIN_S)
        self._asked.pop(number, None)
        return future.result() if done and not future.cancelled() else None

    def stop(self) -> None:
        """Ask it to drain and leave."""
        self._signal(signal.SIGTERM)

    def hang_up(self) -> None:
        """Have it read its certificates anew."""
        self._signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it now, whatever it does, standing still included."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is None:
            self._early = number
        elif self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(number)


def environment_of_children() -> dict[str, str]:
    """What a process inherits from its box."""
    return {key: value for key, value in os.environ.items() if key != VARIABLE}
