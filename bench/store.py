"""Measures the PostgreSQL engine alone, in one process: CPU for a whole life in it, step by step.

.venv/bin/python bench/store.py --lives 60000 --batch 400 [--profile]
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import random
import sys
import time

import cpu
from rig import server, server_pid

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.port import Delivered, Report, Sent
from chappe.store.postgres.engine import PostgresStore

OPERATOR = "three"
QUEUE = f"operator:{OPERATOR}"
CLIENT = "acme"
STEPS = ("accept", "lease", "sent", "report", "lease again", "delivered")


class Bench:
    """Lives in one store, as many at once as a batch has."""

    def __init__(self, store: PostgresStore, batch: int, pid: int) -> None:
        self._store = store
        self._batch = batch
        self._pid = pid
        self._ids = IdMaker(store.slot, last_id=store.last_id)
        self.python_s = dict.fromkeys(STEPS, 0.0)
        self.server_s = dict.fromkeys(STEPS, 0.0)
        self._at = (0.0, 0.0)

    def _begin(self) -> None:
        self._at = (time.process_time(), 0.0)

    def _end(self, step: str) -> None:
        self.python_s[step] += time.process_time() - self._at[0]

    async def run(self, lives: int) -> None:
        """So many of them, a batch after the other."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._store.listen(QUEUE, woken.set)
        self._store.listen(f"client:{CLIENT}", woken.set)
        del loop
        for _ in range(lives // self._batch):
            await self._one()

    async def _one(self) -> None:
        store, now_us = self._store, self._store.clock_us()
        messages = [self._message() for _ in range(self._batch)]
        events = EventBatch(now_us)
        for each in messages:
            events.add(EventName.MT_ACCEPTED, each.id, CLIENT, OPERATOR, each.dest, each.source)
        self._begin()
        await store.accept([Item(QUEUE, 1, CLIENT, 0, each.id, each) for each in messages], events)
        self._end("accept")
        self._begin()
        items = await self._lease(QUEUE)
        self._end("lease")
        references = [f"{random.getrandbits(60):x}" for _ in items]
        events = EventBatch(now_us)
        for item, reference in zip(items, references, strict=True):
            events.add(EventName.MT_SENT, item.id, CLIENT, OPERATOR, item.content.dest, "", "", reference)
        self._begin()
        sent = [Sent(item, OPERATOR, reference, now_us) for item, reference in zip(items, references, strict=True)]
        await store.settle(sent, events)
        self._end("sent")
        made, now_ms = self._ids, now_us // 1000
        reports = [
            Report(
                made.next(now_ms), OPERATOR, (reference,), item.content.dest, Status.DELIVERED, "DELIVRD", "000", now_ms
            )
            for item, reference in zip(items, references, strict=True)
        ]
        self._begin()
        await store.report(reports, EventBatch(now_us))
        self._end("report")
        self._begin()
        items = await self._lease(f"client:{CLIENT}")
        self._end("lease again")
        events = EventBatch(now_us)
        for item in items:
            events.add(EventName.DR_DELIVERED, item.content.message_id, CLIENT, OPERATOR)
        self._begin()
        await store.settle([Delivered(item, now_us) for item in items], events)
        self._end("delivered")

    async def _lease(self, queue: str) -> list[Item]:
        items: list[Item] = []
        while len(items) < self._batch:
            items += await self._store.lease(queue, self._batch - len(items))
        return items

    def _message(self) -> Message:
        dest = f"3712{random.randrange(10_000_000):07}"
        text = b"0123456789abcdef the quick brown fox jumps over the lazy dog"
        return Message(
            self._ids.next(self._store.clock_us() // 1000),
            Direction.MT,
            CLIENT,
            "",
            1,
            1,
            "12345",
            1,
            1,
            dest,
            text,
            registered_delivery=1,
        )


async def measure(dsn: str, told: argparse.Namespace, pid: int) -> None:
    """Warm up, measure, print."""
    store = PostgresStore(dsn, version="bench", allow_single_copy=True)
    await store.open()
    stopping = asyncio.Event()
    keeping = asyncio.create_task(store.keep_time(stopping))
    try:
        await Bench(store, told.batch, pid).run(told.lives // 10)
        bench = Bench(store, told.batch, pid)
        profile = cProfile.Profile(time.process_time) if told.profile else None
        began, server_began = time.monotonic(), cpu.of_tree(pid).total_s if pid else 0.0
        if profile is not None:
            profile.enable()
        await bench.run(told.lives)
        if profile is not None:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        took_s = time.monotonic() - began
        server_us = (cpu.of_tree(pid).total_s - server_began) / told.lives * 1e6 if pid else 0.0
        steps = ", ".join(f"{step} {each / told.lives * 1e6:.1f}" for step, each in bench.python_s.items())
        total = sum(bench.python_s.values()) / told.lives * 1e6
        print(f"{told.lives / took_s:,.0f} lives a second; CPU µs a life: Python {total:.1f} ({steps}),", end=" ")
        print(f"PostgreSQL {server_us:.1f}")
    finally:
        stopping.set()
        await keeping
        await store.close()


def main() -> int:
    """One server, several rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--dsn")
    told = parser.parse_args()
    import uvloop

    with server(told.dsn) as reached:
        for _ in range(told.rounds):
            uvloop.run(measure(reached.new_database(), told, server_pid(reached)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
