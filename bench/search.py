"""How long people wait for a message among ten million, while they lie in history and in the hot file.

    python bench/search.py [--lives 10000000] [--hot 500000] [--folder DIR]
    python bench/search.py --folder DIR --load 200000 [--generator PATH]

It fills a data folder as the mover and the doors do (a named one is kept, and filled once), then asks what people ask.
With `--load` a gateway works in that folder (give it a copy) and carries whole lives, without and with looks beside it.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rig import Box
from search_load import Question, beside
from search_load import options as load_options

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker, made_at_ms
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.bodies import pack
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.history import Finished, HistoryDay, path_of
from chappe.store.sqlite.mover import MOVE_LIVES
from chappe.store.sqlite.opening import STORE_FILE
from chappe.store.sqlite.reader import SqliteReader
from chappe.store.sqlite.searching import first_id_of
from chappe.store.views import Look, Reader

CLIENTS = [f"client{number}" for number in range(200)]
ASKED_AGAIN = 9


def message_of(message_id: int, chance: random.Random) -> Message:
    handset = f"3712{chance.randrange(10_000_000):07}"
    client = CLIENTS[min(int(chance.expovariate(0.05)), len(CLIENTS) - 1)]
    reference = f"order-{chance.randrange(1 << 40)}"
    text = b"Your code is %d. Do not tell it anybody, we never ask." % chance.randrange(100_000)
    return Message(message_id, Direction.MT, client, "", 5, 0, "SHOP", 1, 1, handset, text, reference=reference)


def fill_history(folder: Path, lives: int, chance: random.Random) -> list[Finished]:
    """All in yesterday, in bulks as the mover makes them; returns some of them."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    start = first_id_of(yesterday)
    step = (first_id_of(yesterday + timedelta(days=1)) - start) // lives
    day, kept = HistoryDay(path_of(folder, yesterday)), []
    for first in range(0, lives, MOVE_LIVES):
        bulk = []
        for number in range(first, min(first + MOVE_LIVES, lives)):
            message = message_of(start + number * step, chance)
            status = Status.FAILED if number % 1_000 == 7 else Status.DELIVERED
            bulk.append(
                Finished(
                    message.id, message.client, "three", int(status), message.dest, message.source, message.reference,
                    f"{chance.randrange(1 << 60):x}", 1, 2, "000", pack(message),
                )
            )  # fmt: skip
        day.add(bulk, [])
        kept += chance.sample(bulk, 3)
    day.close()
    return kept


async def fill_hot(folder: Path, lives: int, chance: random.Random) -> list[Message]:
    store = SqliteStore(folder / STORE_FILE, version="bench")
    store.open()
    ids = IdMaker(store.run, last_id=store.last_id)
    kept: list[Message] = []
    for _ in range(0, lives, 1_000):
        now_ms = int(time.time() * 1000)
        batch = [message_of(ids.next(now_ms), chance) for _ in range(1_000)]
        items = [Item("operator:three", 1, each.client, 0, each.id, each) for each in batch]
        await store.accept(items, EventBatch(now_ms * 1000))
        kept.append(batch[0])
    await store.close()
    return kept


def tell(name: str, reader: Reader, looks: list[Look], expected: int) -> None:
    """Ask each, and say how long people waited."""
    took = []
    for look in looks:
        begun = time.perf_counter()
        found = reader.look(look).lives
        took.append((time.perf_counter() - begun) * 1000)
        assert len(found) >= expected, (name, look)
    print(f"{name:<40} median {statistics.median(took):7.1f} ms   max {max(took):7.1f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=10_000_000)
    parser.add_argument("--hot", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, default=None)
    load_options(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        chance = random.Random(1)
        if not (folder / "sample").exists():
            old = fill_history(folder, options.lives, chance)
            hot = asyncio.run(fill_hot(folder, options.hot, chance))
            sample = [f"{each.id} {each.msisdn} {each.client_ref} {each.operator_ref}" for each in old]
            sample += [f"{each.id} {each.dest} {each.reference} -" for each in hot]
            (folder / "sample").write_text("\n".join(sample))
        rows = [line.split() for line in (folder / "sample").read_text().splitlines()]
        if options.load:
            sys.exit(0 if with_load(folder, rows, chance, options) else 1)
        begun = time.perf_counter()
        reader = SqliteReader(folder, is_lasting=True)
        reader.follow()
        print(f"reading the hot file for the first time {time.perf_counter() - begun:.1f} s", flush=True)
        ask(reader, rows, chance)


def with_load(folder: Path, rows: list[list[str]], chance: random.Random, told: argparse.Namespace) -> bool:
    """The same while a gateway works in that folder; what is hot there waits for an operator that nobody reaches."""
    with tempfile.TemporaryDirectory(prefix="chappe-search-") as temporary:
        place = Path(temporary)
        (place / "data").symlink_to(folder.resolve())
        box = Box(place, "sqlite", ["all"], main="load", other="three", asleep_to="3712*", handsets="3713")
        box.start()
        try:
            reader = SqliteReader(folder, is_lasting=True)
            reader.follow()
            return beside(box, place, told, reader, questions(rows, chance))
        finally:
            box.stop()


def ask(reader: SqliteReader, rows: list[list[str]], chance: random.Random) -> None:
    """What people ask, one after the other."""
    for name, looks, expected in questions(rows, chance):
        tell(name, reader, list(looks), expected)


def questions(rows: list[list[str]], chance: random.Random) -> list[Question]:
    """What people ask."""
    moved, hot_rows = [row for row in rows if row[3] != "-"], [row for row in rows if row[3] == "-"]
    found: list[Question] = []
    for at, name in enumerate(("id", "number", "client's reference", "operator's reference")):
        found.append((f"{name}, in history", [Look(row[at]) for row in chance.sample(moved, ASKED_AGAIN)], 1))
        if at < 3:
            found.append(
                (f"{name}, in the hot file", [Look(row[at]) for row in chance.sample(hot_rows, ASKED_AGAIN)], 1)
            )
    midday_us = made_at_ms(int(moved[len(moved) // 2][0])) * 1000
    failed = Look(statuses=(Status.FAILED,), until_us=midday_us)
    one = Look(client=CLIENTS[3], statuses=(Status.FAILED,), until_us=midday_us)
    return [
        *found,
        ("a number that nobody has", [Look(f"4420{each:07}") for each in range(ASKED_AGAIN)], 0),
        ("the newest", [Look()] * ASKED_AGAIN, 50),
        ("the newest before a moment", [Look(until_us=midday_us)] * ASKED_AGAIN, 50),
        ("those that failed before it", [failed] * ASKED_AGAIN, 50),
        ("those of a client", [Look(client=each, until_us=midday_us) for each in CLIENTS[:80:10]], 1),
        ("those of a client that failed", [one] * ASKED_AGAIN, 1),
    ]


if __name__ == "__main__":
    main()
