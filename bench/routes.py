"""What ten thousand routes and a thousand clients cost against one of each, in CPU of whole lives.

    python bench/routes.py [--lives 20000] [--rounds 5]

One gateway of each kind runs in a process of its own, without sockets: a client's door and an operator's node around a
SQLite store.  Rounds alternate, so that a busy machine harms both alike; medians are told, with their ratio.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUTES = 10_000
CLIENTS = 1_000
#: Lives before the clock runs: each client's name is met for the first time.
WARM_UP = 2_000


def rules(many: bool) -> list[object]:
    """One route for all; or ten thousand by prefix, client, sender and both before it, the last of which is for all."""
    from chappe.model.lifecycle import Direction
    from chappe.rules.decide import Rule

    made: list[object] = []
    for number in range(ROUTES - 1 if many else 0):
        client = f"client{number % CLIENTS}" if number % 2 else ""
        source = f"SHOP{number}" if number % 4 == 3 else "*"
        made.append(Rule(Direction.MT, to=f"3712{number:04}*", of_client=client, source=source, operators=("other",)))
    # What the bench sends fits none of those but by its prefix: all groups are looked at, and the last route decides.
    return [
        *made,
        Rule(Direction.MT, operators=("sim",)),
        Rule(Direction.MO, to="1*", queue="client:fuzz", client="fuzz"),
    ]


def one(many: bool, lives: int) -> float:
    """CPU microseconds of one life, of a process that does nothing else."""
    command = [sys.executable, __file__, "--inside", "many" if many else "one", "--lives", str(lives)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout.split()[-1])


def inside(many: bool, lives: int) -> None:
    """Judge and store messages as a client's door does, and take them as an operator's node does."""
    import asyncio
    import time

    from chappe.model.events import EventBatch, EventName
    from chappe.model.ids import IdMaker
    from chappe.model.lifecycle import Direction
    from chappe.model.message import Item, Message
    from chappe.rules.admit import Policy
    from chappe.rules.decide import Routes
    from chappe.store.port import Sent
    from chappe.store.sqlite.engine import SqliteStore

    async def run(folder: Path) -> float:
        store = SqliteStore(folder / "bench.db", version="bench")
        store.open()
        ids = IdMaker(store.run, last_id=store.last_id)
        policy = Policy(Routes(rules(many), Direction.MT))  # type: ignore[arg-type]
        clients = [f"client{number}" for number in range(CLIENTS)] if many else ["client0"]
        begun = 0.0
        for at in range(-WARM_UP, lives, 100):
            if not at:
                begun = time.process_time()
            items, events = [], EventBatch(0)
            for number in range(at, at + 100):
                client, dest = clients[number % len(clients)], f"37129{number * 7919 % 1_000_000:06}"
                assert policy.is_plain
                rule = policy.find(dest, "SHOP", client=client)
                assert rule is not None
                message_id = ids.next(0)
                message = Message(message_id, Direction.MT, client, "", 5, 0, "SHOP", 1, 1, dest, b"hello")
                items.append(Item(f"operator:{rule.operators[0]}", 1, client, 0, message_id, message))
                events.add(EventName.MT_ACCEPTED, message_id, client, "", dest, "SHOP")
            await store.accept(items, events)
            leased = [item for queue in ("operator:sim", "operator:other") for item in await store.lease(queue, 100)]
            sent = EventBatch(0)
            for item in leased:
                sent.add(EventName.MT_SENT, item.id, item.content.client, "sim")
            await store.settle([Sent(item, "sim", f"r{item.id}", 0) for item in leased], sent)
        spent = time.process_time() - begun
        await store.close()
        return spent

    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(run(Path(folder))) / lives * 1e6)


def main() -> None:
    """Measure, and tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lives", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--inside", choices=("one", "many"))
    chosen = options.parse_args()
    if chosen.inside:
        inside(chosen.inside == "many", chosen.lives)
        return
    few, many = [], []
    for _ in range(chosen.rounds):
        few.append(one(False, chosen.lives))
        many.append(one(True, chosen.lives))
    one_us, many_us = statistics.median(few), statistics.median(many)
    for what, median, all_us in (
        ("1 route, 1 client", one_us, few),
        (f"{ROUTES} routes, {CLIENTS} clients", many_us, many),
    ):
        print(f"{what:<28} {median:6.2f} us of CPU a life ({min(all_us):.2f} to {max(all_us):.2f})")
    print(f"{(many_us / one_us - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
