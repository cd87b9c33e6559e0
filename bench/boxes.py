"""Measures a box of processes over PostgreSQL: whole lives a second, and the CPU of each process for one of them.

    .venv/bin/python bench/boxes.py --lives 300000 --generator PATH
    .venv/bin/python bench/boxes.py --steps 1+1,2+1,1+2,2+2 --share 0.2     # does a second node of a kind help?

A life is a message from submit_sm to the client's answer to its receipt, every yes after a synced commit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cpu
from rig import Box, Ends, Reached, server, server_pid


@dataclass
class Measured:
    """One run."""

    nodes: str
    lives: int
    lives_a_second: float
    #: Between a tenth and nine tenths of the receipts.
    steady_a_second: float
    #: µs of CPU for one life, by process.
    python_us: dict[str, float]
    server_us: float
    #: The client and the SMSC.
    ends_us: float
    busy_cores: float
    verdict: dict[str, int]
    sizes_mib: dict[str, int]

    @property
    def python_total_us(self) -> float:
        """All processes of the box together."""
        return sum(self.python_us.values())


#: Its name, how many lives, what happens just before: sends them, and measures.
Load = Callable[..., Measured]


def options() -> argparse.ArgumentParser:
    """What every measurement of boxes can be told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lives", type=int, default=300_000)
    parser.add_argument("--warm", type=int, default=30_000, help="lives before those that are measured")
    parser.add_argument("--steps", default="2+2", help="client nodes + operator nodes, several parted by commas")
    parser.add_argument("--binds", type=int, default=8, help="connections of the client")
    parser.add_argument("--window", type=int, default=500, help="PDUs in flight on each")
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0 is as fast as it goes")
    parser.add_argument("--receipt-delay-ms", type=int, default=500)
    parser.add_argument("--generator", help="a load generator that plays both ends instead of the Python simulators")
    parser.add_argument("--dsn", help="a server to use, instead of one that is started for the run")
    parser.add_argument("--folder", type=Path, help="where settings, ledgers and logs are kept")
    parser.add_argument("--statements", action="store_true", help="show what each statement cost")
    parser.add_argument("--share", type=float, help="each node gets at most this much of a core (root, control groups)")
    parser.add_argument("--json", action="store_true")
    return parser


@contextmanager
def folder(wanted: Path | None) -> Iterator[Path]:
    """A place for files: that one, or one that goes away afterwards."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="chappe-boxes-") as made:
        yield Path(made)


def run_step(
    reached: Reached,
    dsn: str,
    place: Path,
    step: str,
    told: argparse.Namespace,
    prepare: Callable[[Box], None] | None = None,
) -> Measured:
    """Start a box with so many nodes, warm it up, measure, stop it."""
    with running(reached, dsn, place, step, told) as load:
        if told.warm:
            load("warm", told.warm)
        return load(f"ends-{step}", told.lives, prepare)


@contextmanager
def running(reached: Reached, dsn: str, place: Path, step: str, told: argparse.Namespace) -> Iterator[Load]:
    """A box with so many nodes, to measure one load after the other."""
    clients, operators = (int(each) for each in step.split("+"))
    box = Box(place / "box", dsn, [f"client-smpp*{clients}", f"operator:three*{operators}", "router", "counter"])

    def load(name: str, lives: int, prepare: Callable[[Box], None] | None = None) -> Measured:
        ends = Ends(box, told.generator, place / name)
        try:
            ends.open(told.receipt_delay_ms)
            time.sleep(2)
            if prepare is not None:
                prepare(box)
            if told.statements:
                reset_statements(reached, dsn)
            before, busy_s = snapshot(box, reached, ends), cpu.machine_busy_s()[0]
            began = time.monotonic()
            ends.wait(ends.send(lives, told.binds, told.window, told.rate))
            after, took_s = snapshot(box, reached, ends), time.monotonic() - began
            busy_s = cpu.machine_busy_s()[0] - busy_s
        finally:
            ends.close()
        if told.statements and name != "warm":
            print(statements(reached, dsn, lives))
        return judge(step, lives, ends, before, after, busy_s / took_s, sizes(reached, dsn))

    box.start()
    try:
        if told.share:
            box.hold_back(told.share)
        yield load
    finally:
        box.stop()


def snapshot(box: Box, reached: Reached, ends: Ends) -> dict[str, float]:
    """CPU seconds so far by process, the server's among them."""
    found = {name: used.total_s for name, used in box.used().items()}
    found["ends"] = ends.used_s()
    found["server"] = cpu.of_tree(server_pid(reached)).total_s if server_pid(reached) else 0.0
    return found


def judge(
    step: str,
    lives: int,
    ends: Ends,
    before: dict[str, float],
    after: dict[str, float],
    busy_cores: float,
    sizes_mib: dict[str, int],
) -> Measured:
    """Make figures of what was seen."""
    sent, told = ends.moments()
    whole_s = told[-1] - sent[0] if told else float("inf")
    tenth = len(told) // 10
    steady_s = told[-tenth] - told[tenth] if tenth else float("inf")
    each = {name: (after[name] - before[name]) / lives * 1e6 for name in after}
    server_us, ends_us = each.pop("server"), each.pop("ends")
    return Measured(
        nodes=step,
        lives=len(told),
        lives_a_second=len(told) / whole_s,
        steady_a_second=0.8 * len(told) / steady_s,
        python_us=each,
        server_us=server_us,
        ends_us=ends_us,
        busy_cores=busy_cores,
        verdict=ends.verdict(),
        sizes_mib=sizes_mib,
    )


def sizes(reached: Reached, dsn: str) -> dict[str, int]:
    """MiB of each table with its indexes."""
    database = dsn.partition("?")[0].rpartition("/")[2]
    told = reached.sql(
        "SELECT relname || '=' || pg_total_relation_size(oid) / 1048576 FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND pg_total_relation_size(oid) > 1048576 ORDER BY pg_total_relation_size(oid) DESC",
        database,
    )
    return {name: int(number) for name, _, number in (line.partition("=") for line in told.splitlines())}


def reset_statements(reached: Reached, dsn: str) -> None:
    """Begin to count what statements cost."""
    database = dsn.partition("?")[0].rpartition("/")[2]
    reached.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", database)
    reached.sql("SELECT pg_stat_statements_reset()", database)


def statements(reached: Reached, dsn: str, lives: int) -> str:
    """What each statement cost since then."""
    database = dsn.partition("?")[0].rpartition("/")[2]
    rows = reached.sql(
        "SELECT round(total_exec_time::numeric), calls, rows, shared_blks_hit, round(wal_bytes / 1024),"
        " left(regexp_replace(query, '\\s+', ' ', 'g'), 90)"
        " FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " ORDER BY total_exec_time DESC LIMIT 24",
        database,
    )
    lines = [f"{'µs/life':>8} {'calls':>8} {'rows':>9} {'hits/life':>9} {'wal o/life':>10}"]
    for row in rows.splitlines():
        total, calls, count, hits, wal, query = row.split("|", 5)
        cost = float(total) / lives * 1000
        lines.append(
            f"{cost:8.2f} {calls:>8} {count:>9} {int(hits) / lives:9.1f} {float(wal) * 1024 / lives:10.0f} {query}"
        )
    return "\n".join(lines)


def show(measured: Measured, *, as_json: bool) -> None:
    """Print one run."""
    if as_json:
        print(json.dumps(asdict(measured)))
        return
    by_kind = ", ".join(f"{name} {us:.1f}" for name, us in measured.python_us.items() if us >= 0.1)
    print(
        f"{measured.nodes}: {measured.lives:,} lives, {measured.lives_a_second:,.0f} a second"
        f" ({measured.steady_a_second:,.0f} in the midst), {measured.busy_cores:.2f} cores busy\n"
        f"  CPU µs a life: Python {measured.python_total_us:.1f} ({by_kind}), PostgreSQL {measured.server_us:.1f},"
        f" peers {measured.ends_us:.1f}\n"
        f"  {measured.verdict}\n  MiB: {measured.sizes_mib}",
        flush=True,
    )


def main() -> int:
    """Measure each step in a database of its own."""
    told = options().parse_args()
    is_exact = True
    with folder(told.folder) as place, server(told.dsn) as reached:
        for step in told.steps.split(","):
            measured = run_step(reached, reached.new_database(), place, step, told)
            show(measured, as_json=told.json)
            is_exact &= not measured.verdict.get("lost") and not measured.verdict.get("duplicated")
    return 0 if is_exact else 1


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
