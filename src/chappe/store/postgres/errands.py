"""Errands in the database: rows that the box of an errand answers, over a connection of their own."""

from collections.abc import Sequence
from typing import Final

from chappe.store.errands import Answer, Progress
from chappe.store.postgres.opening import Session

#: Errands are forgotten after so long, whoever has not done one by then.
KEPT_US: Final = 3_600_000_000

_GIVE: Final = (
    "INSERT INTO errands (instruction, box, at_us, body) SELECT $1, box, $3, $4 FROM unnest($2::text[]) AS box"
    " ON CONFLICT DO NOTHING"
)
_FORGET: Final = "DELETE FROM errands WHERE at_us < $1"
_UNDONE: Final = "SELECT instruction, body FROM errands WHERE box = $1 AND progress < 2 ORDER BY instruction"
#: Each step is one statement with its condition: who asks and who obeys never undo each other's.
_HEAR: Final = (
    "UPDATE errands SET progress = 1, answer = $3 WHERE instruction = $1 AND box = $2 AND progress < 2"
    " RETURNING instruction"
)
_FINISH: Final = "UPDATE errands SET progress = 2, answer = $3 WHERE instruction = $1 AND box = $2 AND progress < 2"
_GIVE_UP: Final = (
    "UPDATE errands SET progress = 2 WHERE instruction = $1 AND box = $2 AND progress = 0 RETURNING instruction"
)
_ANSWERS: Final = "SELECT box, progress, answer FROM errands WHERE instruction = $1 ORDER BY box"


class PostgresErrands:
    """See `store.errands.Errands`.  Every method raises StoreAway, SettingsError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def give(self, instruction: int, boxes: Sequence[str], body: bytes, at_us: int) -> None:
        async with self._session.lend() as connection:
            await connection.execute(_GIVE, instruction, list(boxes), at_us, body)
            await connection.execute(_FORGET, at_us - KEPT_US)

    async def undone(self, box: str) -> list[tuple[int, bytes]]:
        async with self._session.lend() as connection:
            return [(row[0], bytes(row[1])) for row in await connection.fetch(_UNDONE, box)]

    async def hear(self, instruction: int, box: str, answer: bytes) -> bool:
        async with self._session.lend() as connection:
            return await connection.fetchval(_HEAR, instruction, box, answer) is not None

    async def finish(self, instruction: int, box: str, answer: bytes) -> None:
        async with self._session.lend() as connection:
            await connection.execute(_FINISH, instruction, box, answer)

    async def give_up(self, instruction: int, box: str) -> bool:
        async with self._session.lend() as connection:
            return await connection.fetchval(_GIVE_UP, instruction, box) is not None

    async def answers(self, instruction: int) -> dict[str, Answer]:
        async with self._session.lend() as connection:
            rows = await connection.fetch(_ANSWERS, instruction)
        return {box: Answer(Progress(progress), bytes(answer)) for box, progress, answer in rows}

    async def close(self) -> None:
        """Give the connection back."""
        await self._session.close()
