"""Watches a box of processes over millions of lives: rate, CPU for a life, sizes of tables, memory of processes.

    .venv/bin/python bench/boxes_long.py --lives 10000000 --generator PATH

Prints a line for every `--every` seconds.  Retention keeps history and event blocks longer than the run: they grow; the
hot tables must not.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

import cpu
from rig import Box, Ends, Reached, server

from boxes import folder, options, sizes, snapshot

HOT = ("messages", "queue", "refs", "parts", "counts", "parked", "expiries")
_RECEIPTS = re.compile(rb"receipts=(\d+)")


class Watch:
    """One line now and then."""

    def __init__(self, box: Box, reached: Reached, ends: Ends, dsn: str, log: Path) -> None:
        self._box, self._reached, self._ends, self._dsn, self._log = box, reached, ends, dsn, log
        self._at = time.monotonic()
        self._lives = 0
        self._used = snapshot(box, reached, ends)
        self.largest = dict.fromkeys(HOT, 0)

    def look(self) -> None:
        """What happened since the last look."""
        now, lives, used = time.monotonic(), self._told(), snapshot(self._box, self._reached, self._ends)
        new = max(1, lives - self._lives)
        each = {name: (used[name] - self._used.get(name, 0.0)) / new * 1e6 for name in used}
        server_us, ends_us = each.pop("server"), each.pop("ends")
        tables = sizes(self._reached, self._dsn)
        for name in HOT:
            self.largest[name] = max(self.largest[name], tables.get(name, 0))
        memory = max(cpu.resident_mib(pid) for pid in self._box.pids.values())
        print(
            f"{lives:>10,} lives {new / (now - self._at):>7,.0f}/s  Python {sum(each.values()):5.1f} PostgreSQL"
            f" {server_us:5.1f} peers {ends_us:4.1f} µs  RSS {memory} MiB  {tables}",
            flush=True,
        )
        self._at, self._lives, self._used = now, lives, used

    def _told(self) -> int:
        """Receipts that the client has had, by its own words."""
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - 2_000))
            found = _RECEIPTS.findall(file.read())
        return int(found[-1]) if found else self._lives


def watch(told: argparse.Namespace, reached: Reached, place: Path) -> bool:
    """Run and look; False when something was lost or doubled."""
    dsn = reached.new_database()
    clients, operators = (int(each) for each in told.steps.split("+"))
    box = Box(place / "box", dsn, [f"client-smpp*{clients}", f"operator:three*{operators}", "router", "counter"])
    ends = Ends(box, told.generator, place / "ends")
    box.start()
    try:
        ends.open(told.receipt_delay_ms)
        time.sleep(2)
        client = ends.send(told.lives, told.binds, told.window, told.rate)
        watching = Watch(box, reached, ends, dsn, place / "ends" / "client.log")
        while client.poll() is None:
            time.sleep(told.every)
            watching.look()
        ends.close()
        verdict = ends.verdict()
        print(f"{verdict}; largest MiB of the hot tables: {watching.largest}")
        return not (verdict.get("lost") or verdict.get("duplicated"))
    finally:
        ends.close()
        box.stop()


def main() -> int:
    """One run."""
    parser = options()
    parser.set_defaults(lives=10_000_000)
    parser.add_argument("--every", type=float, default=20.0)
    told = parser.parse_args()
    with folder(told.folder) as place, server(told.dsn) as reached:
        return 0 if watch(told, reached, place) else 1


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
