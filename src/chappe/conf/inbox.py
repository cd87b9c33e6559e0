"""Where the conf node finds what people ask: the file of its box, or the table of all boxes.

It must never carry anything out.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from chappe.instructions import shared
from chappe.instructions.file import Instructions
from chappe.instructions.outcome import Asked, Outcome
from chappe.store.postgres.opening import LOCK_CLASS, Session

#: The advisory lock of the one conf node that carries out what all boxes ask.
LOCK_CONF: Final = -5


class Inbox(Protocol):
    """Every method raises ResourceError when it cannot be reached."""

    async def has_changed(self) -> bool:
        """Whether it is worth while to look: somebody may have written since the last call."""
        ...

    async def waiting(self, limit: int, after: int = 0) -> Sequence[Asked]:
        """What is not carried out yet, in the order in which it was asked; nothing where somebody else does it."""
        ...

    async def find(self, number: int) -> Asked | None:
        """One instruction."""
        ...

    async def note(self, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
        """Write what came of one; what has ended keeps its first outcome.  `bare`: what it asked, without secrets."""
        ...

    async def forget_secret(self, number: int) -> None:
        """The secret of an outcome has been there long enough."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...


class FileInbox:
    """The file of instructions of this box."""

    def __init__(self, instructions: Instructions) -> None:
        self._instructions = instructions

    async def has_changed(self) -> bool:
        return self._instructions.has_changed()

    async def waiting(self, limit: int, after: int = 0) -> Sequence[Asked]:
        return self._instructions.waiting(limit, after)

    async def find(self, number: int) -> Asked | None:
        return self._instructions.find(number)

    async def note(self, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
        self._instructions.note(number, outcome, bare)

    async def forget_secret(self, number: int) -> None:
        self._instructions.forget_secret(number)

    async def close(self) -> None:
        self._instructions.close()


class SharedInbox:
    """The table of all boxes.  One conf node at a time holds its lock; the others wait until its connection ends."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._locked: Any = None

    async def has_changed(self) -> bool:
        return True

    async def waiting(self, limit: int, after: int = 0) -> Sequence[Asked]:
        async with self._session.lend() as connection:
            if self._locked is not connection:
                lock = "SELECT pg_try_advisory_lock($1::integer, $2::integer)"
                if not await connection.fetchval(lock, LOCK_CLASS, LOCK_CONF):
                    return ()
                self._locked = connection
            return await shared.waiting(connection, limit, after)

    async def find(self, number: int) -> Asked | None:
        async with self._session.lend() as connection:
            return await shared.find(connection, number)

    async def note(self, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
        async with self._session.lend() as connection:
            await shared.note(connection, number, outcome, bare)

    async def forget_secret(self, number: int) -> None:
        async with self._session.lend() as connection:
            await shared.forget_secret(connection, number)

    async def close(self) -> None:
        await self._session.close()
