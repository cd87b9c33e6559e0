"""Doubt: the answer to a COMMIT was lost.  The database is asked whether it holds before anyone hears anything.

The number of an event block is the proof of its transaction.  It must never know what the transaction was about.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from chappe.model.errors import MisuseError
from chappe.store.port import StoreAway
from chappe.store.postgres import statements as sql
from chappe.store.postgres.opening import Session
from chappe.store.postgres.reaching import AWAY
from chappe.store.postgres.runs import Run

#: Pause between two questions whether a COMMIT holds.
DOUBT_PAUSE_S: Final = 0.1


class Doubt:
    """Finds out for one run."""

    def __init__(self, run: Run, go_away: Callable[[str], None], come_back: Callable[[], None]) -> None:
        """While nobody knows, everyone hears that the store is away."""
        self._run = run
        self._go_away = go_away
        self._come_back = come_back

    async def is_durable(self, session: Session, seq: int, error: BaseException) -> bool:
        """Whether the block of this number, and with it its transaction, is there for good.

        Raises: MisuseError when another process has taken our place and written a block of this number.
        """
        self._go_away(f"the answer to a COMMIT was lost: {error}")
        while True:
            try:
                connection = await session.get()
                run = await self._run_of_block(connection, seq)
                if run is not None:
                    # A wait for the standby that was given up leaves a commit which the primary alone has: it is
                    # answered only when one that comes after it has been confirmed.
                    await connection.execute(sql.CONFIRM)
            except (StoreAway, *AWAY):
                session.drop()
                await asyncio.sleep(DOUBT_PAUSE_S)
                continue
            self._come_back()
            if run not in (None, self._run.number):
                self._run.is_fenced = True
                raise MisuseError("another process writes under the name of this node")
            return run is not None

    async def _run_of_block(self, connection: Any, seq: int) -> int | None:
        """Whose block it is; whoever is just writing it is waited for."""
        await connection.execute("BEGIN")
        try:
            if await connection.fetchval(sql.IS_WRITTEN, self._run.writer, seq) is not None:
                return None
            return int(await connection.fetchval(sql.BLOCK_RUN, self._run.writer, seq))
        finally:
            await roll_back(connection)


async def roll_back(connection: Any) -> None:
    """Undo what was not committed; a connection that cannot is given up."""
    try:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
    except AWAY:
        connection.terminate()
