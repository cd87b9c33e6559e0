"""Reading: what is asked of the database without changing it, over a connection that no commit waits for.

Raises StoreAway while the database is away.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

import zstandard

from chappe.model.lifecycle import NEVER_SENT, Direction
from chappe.model.message import Message
from chappe.rules.opt_outs import OptOut
from chappe.store.bodies import life_of, message_or_none, unpack_counts
from chappe.store.port import Block, CallbacksOff, FailedCallback, Kept, Life, MoMemory
from chappe.store.postgres import opting, resolving
from chappe.store.postgres import statements as sql
from chappe.store.postgres.history import day_of, find_life
from chappe.store.postgres.lives import LIFE, read_lives
from chappe.store.postgres.names import Names
from chappe.store.postgres.opening import Session
from chappe.store.postgres.runs import Run

#: MO that a start looks at for answers which were perhaps not read.
MO_REMEMBERED: Final = 100_000

_BLOCKS: Final = (
    "SELECT seq, at_us, counts, lines FROM event_blocks WHERE writer = $1 AND seq > $2 ORDER BY seq LIMIT $3"
)
_OLDEST_BLOCK: Final = "SELECT coalesce(min(seq), 0) FROM event_blocks WHERE writer = $1"
_COPIED: Final = "SELECT seq, position FROM copies WHERE writer = $1 AND name = $2"
_PARTS_SENT: Final = "SELECT part FROM parts WHERE id = $1"
_PROVED: Final = "SELECT proved, unproved FROM mo_proofs WHERE operator = $1 AND writer = $2"
_MO_SINCE: Final = (
    "SELECT id FROM messages WHERE id >= $1 AND operator = $2 AND sent_at_us = 0"
    " AND ((id >> 11) & 2047) = ANY($3::integer[]) ORDER BY id DESC LIMIT $4"
)
_SLOTS: Final = "SELECT DISTINCT slot::integer FROM runs WHERE writer = $1"
_IDENTITIES: Final = "SELECT identity, at_ms FROM mo_identities WHERE operator = $1 AND at_ms >= $2 ORDER BY at_ms"
_AMONG: Final = "SELECT identity FROM mo_identities WHERE operator = $1 AND identity = ANY($2) AND at_ms >= $3"
_IN_BODY: Final = "position($4::bytea IN body) > 0"
#: A body holds addresses and names as they are, so that the rows of all others are passed over without being read.
_WAITING: Final = (
    "SELECT id, body FROM messages WHERE client = $1 AND id > $2 AND position($3::bytea IN body) > 0"
    f" AND {_IN_BODY} AND status IN ({','.join(str(int(status)) for status in sorted(NEVER_SENT))})"
    " ORDER BY id LIMIT $5"
)
_KNOWN_AS: Final = f"client = $1 AND id >= $2 AND id < $3 AND {_IN_BODY} ORDER BY id"
#: Rows of one look.
_LOOK_ROWS: Final = 1_000


class Reading:
    """Raises StoreAway while the database cannot be read."""

    def __init__(self, session: Session, names: Names, run: Run) -> None:
        self._session = session
        self._names = names
        self._run = run

    async def _fetch(self, statement: str, *values: Any) -> Sequence[Any]:
        async with self._session.lend() as connection:
            return list(await connection.fetch(statement, *values))

    async def _number(self, name: str) -> int | None:
        if self._names.known(name) is None:
            async with self._session.lend() as connection:
                await self._names.look(connection, [name])
        return self._names.known(name)

    async def find(self, message_id: int) -> Life | None:
        """A message by its id, from the hot tables or from history."""
        if not 0 <= message_id < 1 << 63:
            return None
        async with self._session.lend() as connection:
            # What moves meanwhile is in history when it is no longer here.
            life = (await read_lives(connection, self._names, [message_id])).get(message_id)
            return life or await find_life(connection, self._names, message_id)

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken."""
        return {row[0] for row in await self._fetch(_PARTS_SENT, message_id)}

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        """A client's messages from one address to another of which nothing was sent, oldest first."""
        number = await self._number(client)
        found: list[Message] = []
        while number is not None and len(found) < limit:
            values = (number, after_id, dest.encode(), source.encode(), _LOOK_ROWS)
            rows = await self._fetch(_WAITING, *values)
            messages = [message for row in rows if (message := message_or_none(row["body"])) is not None]
            found += [each for each in messages if (each.source, each.dest) == (source, dest)]
            if len(rows) < _LOOK_ROWS:
                break
            after_id = rows[-1]["id"]
        return [each for each in found if each.direction is Direction.MT][:limit]

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        """A client's messages that it knows as `text`, of those whose ids lie between two."""
        number = await self._number(client)
        if number is None:
            return []
        values = (number, from_id, below_id, text.encode())
        # History after the hot rows: what moves meanwhile is seen at least once.
        hot = await self._fetch(f"SELECT {LIFE} FROM messages WHERE {_KNOWN_AS}", *values)
        days = sorted({day_of(each) for each in (from_id, below_id - 1)})
        query = f"SELECT {LIFE} FROM history WHERE day = ANY($5::date[]) AND {_KNOWN_AS}"
        moved = await self._fetch(query, *values, days)
        await self.meet({row["operator"] for row in (*hot, *moved)})
        lives = {row["id"]: life_of(row, self._names.name(row["operator"])) for row in (*moved, *hot)}
        return [life for _, life in sorted(lives.items()) if _is_known_as(life, client, text)]

    async def meet(self, numbers: set[int | None]) -> None:
        """Learn the names of these numbers."""
        async with self._session.lend() as connection:
            await self._names.meet(connection, numbers)

    async def kept(self, keys: Sequence[bytes], now_ms: int) -> Mapping[bytes, Kept]:
        """What is kept under these keys and not over."""
        rows = await self._fetch(sql.KEPT, list(keys))
        return {row[0]: Kept(row[2], row[3]) for row in rows if row[4] > now_ms}

    # -- MO -------------------------------------------------------------------------------------------

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        """What this node must know of an operator's MO from before its start: its own, not those of other nodes."""
        number = await self._number(operator)
        if number is None:
            return MoMemory()
        proved = await self._fetch(_PROVED, number, self._run.writer)
        since, noted = (proved[0][0], proved[0][1]) if proved else (0, b"")
        slots = [row[0] for row in await self._fetch(_SLOTS, self._run.writer)]
        ids = {row[0] for row in await self._fetch(_MO_SINCE, since, number, slots, MO_REMEMBERED)}
        ids.update(array("q", noted))
        bodies = await self._fetch(sql.BODIES, sorted(ids))
        messages = [message for row in bodies if (message := message_or_none(row["body"])) is not None]
        unproved = sorted((each for each in messages if each.direction is Direction.MO), key=lambda each: each.id)
        identities = [(row[0], row[1]) for row in await self._fetch(_IDENTITIES, number, since_ms)]
        return MoMemory(since, unproved, identities)

    async def identities_among(self, operator: str, identities: Sequence[bytes], since_ms: int) -> set[bytes]:
        """Those of these ids of MO that some node has noted since a moment."""
        number = await self._number(operator)
        if number is None:
            return set()
        return {row[0] for row in await self._fetch(_AMONG, number, list(identities), since_ms)}

    # -- callbacks ------------------------------------------------------------------------------------

    async def failed_callbacks(self, client: str, before_id: int, limit: int) -> list[FailedCallback]:
        """Callbacks that were given up, those made last first."""
        number = await self._number(client) if client else None
        if client and number is None:
            return []
        async with self._session.lend() as connection:
            return await resolving.list_failed(connection, self._names, number, before_id, limit)

    async def has_failed_callbacks(self, before_id: int) -> bool:
        """A callback that was made before `before_id` is in the list."""
        return bool((await self._fetch(resolving.HAS_FAILED, before_id))[0][0])

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        """What handsets said last about lists since a moment."""
        return opting.said_of(await self._fetch(opting.SINCE, since_us))

    async def callbacks_off(self) -> list[CallbacksOff]:
        """Clients whose URL is gone."""
        async with self._session.lend() as connection:
            return await resolving.list_off(connection)

    # -- blocks ---------------------------------------------------------------------------------------

    async def blocks_after(self, seq: int, limit: int) -> list[Block]:
        """Event blocks of this node that follow `seq`, in order."""
        unzip = zstandard.ZstdDecompressor().decompress
        return [
            Block(each, at_us, unzip(lines), {(a, b, c): n for a, b, c, n in unpack_counts(counts)})
            for each, at_us, counts, lines in await self._fetch(_BLOCKS, self._run.writer, seq, limit)
        ]

    async def oldest_block(self) -> int:
        """The first event block of this node that is there; 0 for none."""
        return int((await self._fetch(_OLDEST_BLOCK, self._run.writer))[0][0])

    async def copied(self, name: str) -> tuple[int, str] | None:
        """How far a copy of the event blocks has come: block and position; None when it never began."""
        rows = await self._fetch(_COPIED, self._run.writer, name)
        return (rows[0][0], rows[0][1]) if rows else None


def _is_known_as(life: Life, client: str, text: str) -> bool:
    message = life.message
    return message is not None and (message.client, message.known_as) == (client, text)
