"""How long people wait for a message among ten million of one day in a PostgreSQL database.

    python bench/search_postgres.py [--lives 10000000] [--hot 500000] [--load 200000 [--generator PATH]]

The database itself lays the rows: bodies are those of one message with other ids, numbers and references in them.
With `--load` a box of processes carries whole lives in it, without and with looks beside it.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
from rig import Box, server
from search import ASKED_AGAIN, tell
from search_load import Question, beside
from search_load import options as load_options

from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.store.bodies import pack
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.hashing import Hashing, pack_part, ref_key
from chappe.store.postgres.reader import PostgresReader
from chappe.store.postgres.searching import first_id_of
from chappe.store.views import Look

CLIENTS = 200
#: What stands in the body of the one message, as long as what takes its place.
_ID, _HANDSET, _REFERENCE, _CLIENT = 1 << 62, "37120000000", "order-000000000", "client000"


def body() -> str:
    """SQL that makes the body of a row: `id`, `digits` (7), `number` (9) and `client` (3) are in reach."""
    text = b"Your code is 12345. Do not tell it anybody, we never ask."
    plain = Message(_ID, Direction.MT, _CLIENT, "", 5, 0, "SHOP", 1, 1, _HANDSET, text, reference=_REFERENCE)
    octets = pack(plain)
    made = []
    for mark, sql in (
        (_ID.to_bytes(8, "big"), "int8send(id)"),
        (_CLIENT.encode(), "convert_to('client' || client, 'UTF8')"),
        (_HANDSET.encode(), "convert_to('3712' || digits, 'UTF8')"),
        (_REFERENCE.encode(), "convert_to('order-' || number, 'UTF8')"),
    ):
        before, octets = octets.split(mark, 1)
        made += [f"'\\x{before.hex()}'::bytea", sql]
    return " || ".join([*made, f"'\\x{octets.hex()}'::bytea"])


def rows(start: int, step: int, lives: int) -> str:
    """Ids that rise, with handsets and references at random."""
    return (
        f"(SELECT {start} + n * {step}::bigint AS id, lpad((random() * 9999999)::int::text, 7, '0') AS digits,"
        " lpad((random() * 999999999)::int::text, 9, '0') AS number,"
        f" lpad(least({CLIENTS - 1}, (-20 * ln(1 - random()))::int)::text, 3, '0') AS client, n"
        f" FROM generate_series(0, {lives - 1}) AS n)"
    )


async def fill(connection: asyncpg.Connection, day: date, lives: int, hot: int) -> None:
    """History of a day without its indexes, then with them as the gateway makes them; and what is hot today."""
    names = [f"client{number:03}".encode() for number in range(CLIENTS)]
    await connection.execute("INSERT INTO names (name) SELECT unnest($1::bytea[]) ON CONFLICT DO NOTHING", names)
    start = first_id_of(day)
    step = (first_id_of(day + timedelta(days=1)) - start) // lives
    table = f"history_{day:%Y%m%d}"
    await connection.execute(f"CREATE TABLE {table} (LIKE history)")
    columns = "id, client, status, sent_at_us, final_at_us, operator_ref, handset, client_ref, body"
    failed = f"CASE WHEN n % 1000 = 7 THEN {int(Status.FAILED)} ELSE {int(Status.DELIVERED)} END"
    number = "(SELECT number FROM names WHERE name = convert_to('client' || client, 'UTF8'))"
    # Keys of references are the gateway's own: those of what is asked for are put right below.
    made = (
        f"id, {number}, {failed}, 1, 2, convert_to(to_hex(hashint8extended(id, 7)), 'UTF8'), digits::bigint,"
        f" (random() * 4e9 - 2e9)::int, {body()}"
    )
    await connection.execute(
        f"INSERT INTO {table} (day, {columns}) SELECT '{day}', {made} FROM {rows(start, step, lives)} r"
    )
    await put_references_right(connection, table)
    await connection.execute(f"ALTER TABLE history ATTACH PARTITION {table} FOR VALUES IN ('{day}')")
    today = first_id_of(day + timedelta(days=1))
    await connection.execute(
        f"INSERT INTO messages ({columns}, queue, priority, lane, place, due_at_ms) SELECT {made}, 1, 1, 1, 1, 0"
        f" FROM {rows(today, 1 << 12, hot)} r"
    )
    await put_references_right(connection, "messages")
    await connection.execute("ANALYZE")


async def lead_there(connection: asyncpg.Connection, key: bytes) -> None:
    """Give those of the hot table that may be asked for what leads from their operator's reference to them."""
    hashing = Hashing(key)
    rows = await connection.fetch("SELECT id, operator_ref, handset FROM messages WHERE id % 100003 < 100")
    led = {hashing.hash("three", row["operator_ref"].decode()): pack_part(row["id"], 1, row["handset"]) for row in rows}
    add = "INSERT INTO refs (hash, parts, day) SELECT h, p, 1 << 20 FROM unnest($1::bigint[], $2::bytea[]) AS u (h, p)"
    await connection.execute(add, [*led], [*led.values()])


async def put_references_right(connection: asyncpg.Connection, table: str) -> None:
    """Give those that may be asked for the keys of their references."""
    sampled = await connection.fetch(f"SELECT id, body FROM {table} WHERE id % 100003 < 100 ORDER BY id LIMIT 3000")
    ids = [row["id"] for row in sampled]
    keys = []
    for row in sampled:
        place = row["body"].index(b"order-")
        keys.append(ref_key(row["body"][place : place + len(_REFERENCE)].decode()))
    await connection.execute(
        f"UPDATE {table} SET client_ref = k FROM unnest($1::bigint[], $2::int[]) AS u (i, k) WHERE id = i", ids, keys
    )


async def known(connection: asyncpg.Connection, table: str) -> list[list[str]]:
    """Some messages, as people know them: id, number, reference, the operator's."""
    sampled = await connection.fetch(
        f"SELECT id, body, operator_ref FROM {table} WHERE id % 100003 < 100 ORDER BY id LIMIT 3000"
    )
    found = []
    for row in sampled:
        octets = row["body"]
        reference = octets[(at := octets.index(b"order-")) : at + len(_REFERENCE)].decode()
        handset = octets[(at := octets.index(b"3712")) : at + len(_HANDSET)].decode()
        found.append([str(row["id"]), handset, reference, row["operator_ref"].decode()])
    return found


def questions(moved: list[list[str]], hot: list[list[str]]) -> list[Question]:
    """What people ask."""
    chance = random.Random(1)
    found: list[Question] = []
    for at, name in enumerate(("id", "number", "client's reference", "operator's reference")):
        found.append((f"{name}, in history", [Look(row[at]) for row in chance.sample(moved, ASKED_AGAIN)], 1))
        found.append((f"{name}, in the hot table", [Look(row[at]) for row in chance.sample(hot, ASKED_AGAIN)], 1))
    midday_us = made_at_ms(int(moved[len(moved) // 2][0])) * 1000
    failed = Look(statuses=(Status.FAILED,), until_us=midday_us)
    one = Look(client="client003", statuses=(Status.FAILED,), until_us=midday_us)
    return [
        *found,
        ("a number that nobody has", [Look(f"4420{each:07}9999") for each in range(ASKED_AGAIN)], 0),
        ("the newest", [Look()] * ASKED_AGAIN, 50),
        ("the newest before a moment", [Look(until_us=midday_us)] * ASKED_AGAIN, 50),
        ("those that failed before it", [failed] * ASKED_AGAIN, 50),
        ("those of a client", [Look(client=f"client{n:03}", until_us=midday_us) for n in range(0, 80, 10)], 1),
        ("those of a client that failed", [one] * ASKED_AGAIN, 1),
    ]


def with_load(dsn: str, asked: list[Question], told: argparse.Namespace) -> bool:
    """The same while a box of processes works on that database."""
    clients, operators = (int(each) for each in told.steps.split("+"))
    nodes = [f"client-smpp*{clients}", f"operator:three*{operators}", "router", "counter"]
    with tempfile.TemporaryDirectory(prefix="chappe-search-") as temporary:
        place = Path(temporary)
        box = Box(place / "box", dsn, nodes)
        box.start()
        try:
            return beside(box, place, told, PostgresReader(dsn), asked)
        finally:
            box.stop()


async def prepare(dsn: str, lives: int, hot: int) -> tuple[list[list[str]], list[list[str]]]:
    store = PostgresStore(dsn, version="bench", allow_single_copy=True)
    await store.open()
    await store.close()
    connection = await asyncpg.connect(dsn)
    day = datetime.now(UTC).date() - timedelta(days=1)
    await fill(connection, day, lives, hot)
    await connection.execute("INSERT INTO names (name) VALUES ('operator:three') ON CONFLICT DO NOTHING")
    await lead_there(connection, store.key)
    found = await known(connection, f"history_{day:%Y%m%d}"), await known(connection, "messages")
    await connection.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=10_000_000)
    parser.add_argument("--hot", type=int, default=500_000)
    parser.add_argument("--dsn", default=None)
    parser.add_argument("--steps", default="2+2", help="with --load: client nodes + operator nodes")
    load_options(parser)
    options = parser.parse_args()
    with server(options.dsn) as reached:
        dsn = reached.new_database()
        moved, hot = asyncio.run(prepare(dsn, options.lives, options.hot))
        asked = questions(moved, hot)
        if options.load:
            sys.exit(0 if with_load(dsn, asked, options) else 1)
        reader = PostgresReader(dsn)
        for name, looks, expected in asked:
            tell(name, reader, list(looks), expected)


if __name__ == "__main__":
    main()
