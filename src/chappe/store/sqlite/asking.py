"""The gateway's side of the search process: starts it with the first question, asks one at a time, ends it when idle.

Clients have their turns: one that asks without end waits for itself alone.
"""

import asyncio
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Final

from chappe.store.port import Overloaded, StoreAway
from chappe.store.sqlite.search_process import LENGTH, Answer, Question, decode_answer, encode_question

#: Questions of one client that may wait, and of all.
MAX_WAITING_OF_CLIENT: Final = 4
MAX_WAITING: Final = 200
#: Stories are short, and who asks for one has a message to show without it: none waits behind more than so many.
MAX_STORIES: Final = 16
#: A question that is not answered by then never will be: the process is ended.
PATIENCE_S: Final = 20.0
#: A process that nobody asks gives its memory back.
IDLE_S: Final = 300.0


class Asking:
    """One search process, at most.  Raises: StoreAway, Overloaded."""

    def __init__(
        self, store_path: Path, *, most: int = MAX_WAITING, most_of_client: int = MAX_WAITING_OF_CLIENT
    ) -> None:
        """`most` questions may wait, and `most_of_client` of one client."""
        self._store_path = store_path
        self._most = most
        self._most_of_client = most_of_client
        self._process: Process | None = None
        #: Client → its questions that are asked or wait.
        self._waiting: dict[str, int] = {}
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, question: Question, client: str = "") -> Answer:
        """Ask in the client's turn."""
        waiting = self._waiting
        if waiting.get(client, 0) >= self._most_of_client or sum(waiting.values()) >= self._most:
            raise Overloaded("too many searches wait")
        waiting[client] = waiting.get(client, 0) + 1
        try:
            async with self._turn:
                answer = await self._answer(question)
        finally:
            waiting[client] -= 1
            if not waiting[client]:
                del waiting[client]
        if answer.fault:
            raise StoreAway(f"search of {self._store_path}: {answer.fault}")
        return answer

    async def _answer(self, question: Question) -> Answer:
        """Ask; a process that died meanwhile is started anew, once."""
        if self._idle is not None:
            self._idle.cancel()
        try:
            for is_last in (False, True):
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        return await self._exchange(question)
                except (OSError, EOFError, struct.error, TimeoutError) as error:
                    await self.close()
                    if is_last or isinstance(error, TimeoutError):
                        raise StoreAway(f"search of {self._store_path}: {type(error).__name__} {error}") from error
                except BaseException:
                    # Whoever asked is gone: what comes now would be the answer to another question.
                    self._kill()
                    raise
        finally:
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._kill)
        raise AssertionError

    async def _exchange(self, question: Question) -> Answer:
        process = self._process = self._process or await self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        octets = encode_question(question)
        process.stdin.write(LENGTH.pack(len(octets)) + octets)
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return decode_answer(await process.stdout.readexactly(length))

    async def _start(self) -> Process:
        command = (sys.executable, "-m", "chappe.store.sqlite.search_process", str(self._store_path))
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        process = self._process
        self._kill()
        if process is not None:
            await process.wait()
