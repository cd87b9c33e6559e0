"""Measures a box of processes among millions of waiting messages, and while a snapshot is held open.

    .venv/bin/python bench/boxes_full.py --waiting 5000000 --snapshot-s 600 --generator PATH

Half of what waits is for an operator that is away, half is scheduled for later with the operator that is measured.
Runs in one database: empty; then, of one box that goes on running, with what waits, with a snapshot held open besides,
and without it again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
from rig import server

from boxes import Load, folder, options, running, show
from chappe.model.address import handset_key
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.store.bodies import pack

CHUNK = 20_000
DAY_MS = 86_400_000
MESSAGES = [
    "id",
    "client",
    "status",
    "queue",
    "priority",
    "lane",
    "place",
    "due_at_ms",
    "operator",
    "sent_at_us",
    "final_at_us",
    "operator_ref",
    "error",
    "handset",
    "client_ref",
    "body",
]
QUEUE = ["queue", "priority", "lane", "place", "id", "run", "attempts", "due_at_ms", "body"]


async def lay_waiting(dsn: str, waiting: int) -> None:
    """So many messages that wait: rows as the gateway writes them."""
    connection = await asyncpg.connect(dsn)
    numbers = dict(await connection.fetch("SELECT convert_from(name, 'UTF8'), number FROM names"))
    for name in ("acme", "operator:three", "operator:asleep"):
        if name not in numbers:
            add = "INSERT INTO names (name) VALUES ($1) RETURNING number"
            numbers[name] = await connection.fetchval(add, name.encode())
    # A slot that no run has: they came yesterday.
    ids, came_ms = IdMaker(2_047), int(time.time() * 1000) - DAY_MS
    for start in range(0, waiting, CHUNK):
        messages, queue = [], []
        for number in range(start, min(start + CHUNK, waiting)):
            is_later = number % 2 == 1
            due_ms = came_ms + DAY_MS + 7_200_000 + number if is_later else 0
            message = _message(ids.next(came_ms + number // 100), due_ms, away=not is_later)
            place = (numbers["operator:three" if is_later else "operator:asleep"], 1, numbers["acme"])
            at_ms = due_ms or came_ms + number // 100
            status = int(Status.SCHEDULED if is_later else Status.QUEUED)
            key, body = handset_key(message.dest), pack(message)
            row = (message.id, numbers["acme"], status, *place, at_ms, due_ms, None, 0, 0, None, None, key, None, body)
            messages.append(row)
            queue.append((*place, at_ms, message.id, 0, 0, due_ms, None))
        await connection.copy_records_to_table("messages", records=messages, columns=MESSAGES)
        await connection.copy_records_to_table("queue", records=queue, columns=QUEUE)
    await connection.execute("VACUUM ANALYZE messages, queue")
    await connection.close()


def _message(message_id: int, due_ms: int, *, away: bool) -> Message:
    dest = f"{'99' if away else '37'}12{random.randrange(10_000_000):07}"
    text = b"0123456789abcdef the quick brown fox jumps over the lazy dog"
    return Message(
        message_id, Direction.MT, "acme", "", 1, 1, "12345", 1, 1, dest, text, registered_delivery=1, send_at_ms=due_ms
    )


class Snapshot:
    """A transaction that has read something and stays open, in a process of its own."""

    def __init__(self, dsn: str) -> None:
        program = (
            "import asyncio, asyncpg, sys\n"
            "async def hold():\n"
            "    c = await asyncpg.connect(sys.argv[1])\n"
            "    await c.execute('BEGIN ISOLATION LEVEL REPEATABLE READ')\n"
            "    print(await c.fetchval('SELECT count(*) FROM runs'), flush=True)\n"
            "    await asyncio.sleep(86400)\n"
            "asyncio.run(hold())\n"
        )
        self._process = subprocess.Popen([sys.executable, "-c", program, dsn], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.since = time.monotonic()

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()


def main() -> int:
    """All four runs; 1 when something was lost or doubled."""
    parser = options()
    parser.add_argument("--waiting", type=int, default=5_000_000)
    parser.add_argument("--snapshot-s", type=float, default=600.0)
    parser.add_argument("--pace", type=float, default=3_000.0, help="messages a second while the snapshot grows old")
    told = parser.parse_args()
    with folder(told.folder) as place, server(told.dsn) as reached:
        dsn, is_exact = reached.new_database(), True

        def run(load: Load, name: str, lives: int) -> None:
            nonlocal is_exact
            print(f"# {name}", flush=True)
            measured = load(name.replace(" ", "-"), lives)
            show(measured, as_json=told.json)
            is_exact &= not (measured.verdict.get("lost") or measured.verdict.get("duplicated"))

        with running(reached, dsn, place / "empty", told.steps, told) as load:
            load("warm", told.warm)
            run(load, "empty", told.lives)
        began = time.monotonic()
        asyncio.run(lay_waiting(dsn, told.waiting))
        print(f"# laid {told.waiting:,} messages in {time.monotonic() - began:.0f} s", flush=True)
        with running(reached, dsn, place / "full", told.steps, told) as load:
            load("warm", told.warm)
            run(load, "waiting", told.lives)
            _under_snapshot(dsn, told, lambda name, lives: run(load, name, lives))
            run(load, "snapshot gone", told.lives)
    return 0 if is_exact else 1


def _under_snapshot(dsn: str, told: argparse.Namespace, run: Callable[[str, int], None]) -> None:
    """A run when it is taken, a slower one until it is old enough, and the one that counts."""
    snapshot = Snapshot(dsn)
    try:
        run("a snapshot just taken", told.lives)
        left_s = max(0.0, told.snapshot_s - (time.monotonic() - snapshot.since))
        told.rate = told.pace
        run("paced", max(1, int(left_s * told.pace)))
        told.rate = 0
        run(f"a snapshot held for {time.monotonic() - snapshot.since:.0f} s", told.lives)
    finally:
        snapshot.end()


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
