"""Measures what PostgreSQL's processes spend on a life while a snapshot grows older: CPU, by kind, not wall time.

    .venv/bin/python bench/old_snapshot.py --lives 600000 --window 50000 --statements
    .venv/bin/python bench/old_snapshot.py --lives 600000 --no-snapshot      # what it costs without one

One process does whole lives in the engine (`bench/store.py`) and moves finished ones; a few others only live.  Runs can
be compared on a machine with other work: time that others take is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path

import cpu
import uvloop
from boxes_full import Snapshot
from rig import Reached, server, server_pid
from store import Bench

from boxes import reset_statements, sizes, statements
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.moving import HistoryMoves


class Server:
    """The CPU seconds of a server, told apart."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._pid = server_pid(reached)

    def used(self) -> dict[str, float]:
        """By connection of ours; autovacuum's workers, and whatever else has ended, are `vacuum`."""
        rows = self._reached.sql(
            "SELECT pid, application_name FROM pg_stat_activity WHERE application_name LIKE 'chappe %'"
        )
        name_by_pid = {
            int(pid): name.rpartition("/")[2] for pid, _, name in (row.partition("|") for row in rows.splitlines())
        }
        found = {"all": cpu.of_tree(self._pid).total_s, "vacuum": 0.0, "background": 0.0}
        alive = 0.0
        for pid in cpu.children(self._pid):
            with suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
                used = cpu.of_process(pid).total_s
                kind = "vacuum" if "autovacuum worker" in title else name_by_pid.get(pid, "background")
                found[kind] = found.get(kind, 0.0) + used
                alive += used
        found["vacuum"] += found["all"] - alive
        return found


async def measure(reached: Reached, told: argparse.Namespace) -> None:
    """Lives in one process beside idle ones; a line for each window."""
    dsn, seen, stopping = reached.new_database(), Server(reached), asyncio.Event()
    stores = [
        PostgresStore(dsn, version="bench", node=f"n{number}", allow_single_copy=True)
        for number in range(told.processes)
    ]
    for each in stores:
        await each.open()
    tasks = [asyncio.create_task(each.keep_time(stopping)) for each in stores]
    tasks.append(asyncio.create_task(HistoryMoves(stores[0], 30).run()))
    snapshot = None
    try:
        await Bench(stores[0], told.batch, 0).run(told.warm)
        snapshot = None if told.no_snapshot else Snapshot(dsn)
        for number in range(told.lives // told.window):
            if told.statements:
                reset_statements(reached, dsn)
            began, before, own_s = time.monotonic(), seen.used(), time.process_time()
            await Bench(stores[0], told.batch, 0).run(told.window)
            after, own_s = seen.used(), time.process_time() - own_s
            each_us = {name: (after[name] - before.get(name, 0.0)) / told.window * 1e6 for name in after}
            show(
                (number + 1) * told.window, told.window / (time.monotonic() - began), own_s / told.window * 1e6, each_us
            )
            if told.statements:
                print(statements(reached, dsn, told.window), flush=True)
        print(f"MiB: {sizes(reached, dsn)}")
    finally:
        if snapshot is not None:
            snapshot.end()
        stopping.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in stores:
            each.drop()


def show(lives: int, rate: float, python_us: float, each_us: dict[str, float]) -> None:
    """One window."""
    parts = ", ".join(f"{name} {us:.1f}" for name, us in sorted(each_us.items()) if name != "all" and us >= 0.5)
    print(
        f"{lives:>9,} lives {rate:>6,.0f}/s  Python {python_us:5.1f}  PostgreSQL {each_us['all']:6.1f} µs: {parts}",
        flush=True,
    )


def main() -> int:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=600_000)
    parser.add_argument("--window", type=int, default=50_000, help="lives of one line")
    parser.add_argument("--warm", type=int, default=30_000)
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--no-snapshot", action="store_true")
    parser.add_argument("--statements", action="store_true", help="show what each statement cost")
    told = parser.parse_args()
    with server(None) as reached:
        uvloop.run(measure(reached, told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
