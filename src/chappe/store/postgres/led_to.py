"""Which hot messages an operator's reference leads to, for people who know no operator.

The references of reports lead there, for whoever may read the store's key; the role of the web pages may not, and looks
through the hot table: an index of what each message learns when it is sent would cost every life a seventh.
"""

from typing import Any, Final

import asyncpg

from chappe.store.postgres.hashing import Hashing, unpack_parts

_KEY: Final = "SELECT value FROM meta WHERE key = 'reference_key'"
_OPERATORS: Final = "SELECT substr(name, 10) FROM names WHERE substr(name, 1, 9) = 'operator:'::bytea"
_LED_TO: Final = (
    "SELECT parts FROM refs WHERE hash = ANY($1::bigint[]) AND parts <> ''"
    " UNION ALL SELECT parts FROM refs_older WHERE hash = ANY($1::bigint[])"
)
_LOOKED_THROUGH: Final = (
    "SELECT id FROM messages WHERE operator_ref = $1 UNION SELECT id FROM parts WHERE operator_ref = $1"
)
#: All of it is read, so it is read in order, and by several.
_ALL_OF_IT: Final = (
    "SET LOCAL enable_seqscan = on; SET LOCAL max_parallel_workers_per_gather = 2; SET LOCAL parallel_setup_cost = 0"
)


async def led_to(connection: Any, reference: str) -> list[int]:
    """Messages that may have this reference; the caller compares."""
    octets = reference.encode("utf-8", "replace")
    try:
        key = await connection.fetchval(_KEY)
    except asyncpg.InsufficientPrivilegeError:
        return await _looked_through(connection, octets)
    hashing, text = Hashing(bytes(key or b"")), octets.decode()
    operators = [bytes(row[0]).decode() for row in await connection.fetch(_OPERATORS)]
    found = await connection.fetch(_LED_TO, [hashing.hash(operator, text) for operator in operators])
    return [message_id for (parts,) in found for message_id, _, _ in unpack_parts(parts)]


async def _looked_through(connection: Any, octets: bytes) -> list[int]:
    async with connection.transaction():
        await connection.execute(_ALL_OF_IT)
        return [row[0] for row in await connection.fetch(_LOOKED_THROUGH, octets)]
