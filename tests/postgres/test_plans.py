"""What statements of the message path do when the database believes that the tables are empty, as they are when idle.

Plans are made once: one that joins a whole table, since that was empty, costs the more, the more is in it later.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from chappe.store.postgres import counts, finding, led_to, moving, resolving, runs
from chappe.store.postgres import lease_statements as leases
from chappe.store.postgres import statements as sql
from chappe.store.postgres.opening import migrate
from chappe.store.postgres.reaching import connect
from postgres_server import Reached

#: What touches rows of big tables that it finds by arrays of keys.
BY_KEYS = {
    "counts of others": counts._OTHERS,
    "counts of a dead run": counts._FOLD,
    "counts that came late": counts._LATE,
    "in doubt": runs._IN_DOUBT,
    "has doubts": runs._HAS_DOUBTS,
    "failed callbacks": resolving._FAILED,
    "history": moving._MOVE,
    "hot messages that people know": finding._HOT_KNOWN,
    "messages that a reference leads to": led_to._LED_TO,
    **{
        name: each
        for name, each in [*vars(sql).items(), *vars(leases).items()]
        if name.isupper() and name[0] != "_" and isinstance(each, str)
    },
}
_SCAN = re.compile(r"Scan.* on (messages|queue|parts|refs|expiries|event_blocks)\b")


def test_rows_are_found_by_their_keys_though_the_tables_were_empty_when_plans_were_made(
    postgres_server: Reached,
) -> None:
    async def plans(dsn: str) -> dict[str, list[str]]:
        connection = await connect(dsn, "plans")
        try:
            await migrate(connection)
            await _empty(connection)
            return {name: await _plan(connection, each) for name, each in BY_KEYS.items()}
        finally:
            await connection.close()

    found = asyncio.run(plans(postgres_server.new_database()))

    whole = {name: scans for name, plan in found.items() if (scans := [*_whole_scans(plan)])}
    assert not whole


async def _empty(connection: Any) -> None:
    """Rows came and went, and the database has counted what is left."""
    await connection.execute(
        "INSERT INTO queue (queue, priority, lane, place, id) SELECT 1, 1, 1, n, n FROM generate_series(1, 2000) n;"
        "INSERT INTO messages (id, client, status, queue, priority, lane, place, due_at_ms, handset, body)"
        " SELECT n, 1, 3, 1, 1, 1, n, 0, n, 'x' FROM generate_series(1, 2000) n;"
        "INSERT INTO parts (id, part, status, operator_ref, sent_at_us) SELECT n, 1, 3, '', 0"
        " FROM generate_series(1, 2000) n;"
        "INSERT INTO expiries SELECT n, n FROM generate_series(1, 2000) n;"
        "INSERT INTO event_blocks SELECT 1, n, 1, 0, 0, '', '', '' FROM generate_series(1, 2000) n;"
        "DELETE FROM queue; DELETE FROM messages; DELETE FROM parts; DELETE FROM expiries; DELETE FROM event_blocks;"
    )
    for table in ("queue", "messages", "parts", "expiries", "event_blocks"):
        await connection.execute(f"VACUUM (ANALYZE, TRUNCATE off) {table}")


async def _plan(connection: Any, statement: str) -> list[str]:
    await connection.execute(f"PREPARE planned AS {statement}")
    numbers = len({*re.findall(r"\$\d+", statement)})
    values = f"({', '.join(['NULL'] * numbers)})" if numbers else ""
    async with connection.transaction():
        if statement == finding._HOT_KNOWN:
            await connection.execute(finding._BY_KEYS)
        rows = await connection.fetch(f"EXPLAIN (COSTS off) EXECUTE planned{values}")
    await connection.execute("DEALLOCATE planned")
    return [row[0] for row in rows]


def _whole_scans(plan: list[str]) -> list[str]:
    """Scans that no condition on a key narrows."""
    following = [*plan[1:], ""]
    return [
        line.strip()
        for line, after in zip(plan, following, strict=True)
        if _SCAN.search(line) and "Cond:" not in after and "Bitmap Heap" not in line
    ]
