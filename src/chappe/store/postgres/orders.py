"""What the nodes of all boxes are to do at once: each that it concerns finds it here, and does it once.

An order changes nothing durable; who starts later needs none that came before.
"""

from typing import Final

from chappe.store.postgres.opening import Session

#: Orders are forgotten after so long: whoever has not seen one by then was away.
KEPT_US: Final = 3_600_000_000

_GIVE: Final = "INSERT INTO orders (instruction, at_us, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_FORGET: Final = "DELETE FROM orders WHERE at_us < $1"
_SINCE: Final = "SELECT instruction, body FROM orders WHERE instruction > $1 ORDER BY instruction"
_NEWEST: Final = "SELECT coalesce(max(instruction), 0) FROM orders"


class PostgresOrders:
    """Every method raises StoreAway, SettingsError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def give(self, instruction: int, body: bytes, at_us: int) -> None:
        """Have it done; the same instruction gives one order."""
        async with self._session.lend() as connection:
            await connection.execute(_GIVE, instruction, at_us, body)
            await connection.execute(_FORGET, at_us - KEPT_US)

    async def close(self) -> None:
        """Give the connection back."""
        await self._session.close()

    async def newest(self) -> int:
        """The instruction of the youngest order; 0 for none."""
        async with self._session.lend() as connection:
            return int(await connection.fetchval(_NEWEST))

    async def since(self, instruction: int) -> list[tuple[int, bytes]]:
        """Orders of later instructions, in their order."""
        async with self._session.lend() as connection:
            return [(row[0], bytes(row[1])) for row in await connection.fetch(_SINCE, instruction)]
