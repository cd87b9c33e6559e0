"""What ten thousand routes and a thousand clients cost against one of each, in CPU of whole lives.

    python bench/routes.py [--lives 20000] [--rounds 5] [--all-busy [--window 1]]

One gateway of each kind runs in a process of its own (`lives.py`): messages go through the clients' door, the store and
an operator's node, and their receipts come home.  Each client is bound once, and one of them sends; with `--all-busy`
all do in turn over a thousand connections, which a single client then has alone.  It would get all of its receipts
over the first of them, a hundred at one look at a socket: with `--window 1` it does not, and what is left between the
two is what clients cost, and not connections.
Rounds alternate, so that a busy machine harms all alike; medians are told, with their ratio.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUTES = 10_000
CLIENTS = 1_000
#: Lives before the clock runs: a busy gateway has met its clients and the beginnings of their numbers.
WARM_UP = 20_000
#: The kinds of gateways: how many routes, how many clients.
KINDS = {"one": (1, 1), "routes": (ROUTES, 1), "clients": (1, CLIENTS), "many": (ROUTES, CLIENTS)}


def rules(count: int) -> list[object]:
    """One route for all; or many by prefix, client, sender and both before it, the last of which is for all."""
    from chappe.model.lifecycle import Direction
    from chappe.rules.decide import Rule

    made: list[object] = []
    for number in range(count - 1):
        client = f"client{number % CLIENTS}" if number % 2 else ""
        source = f"SHOP{number}" if number % 4 == 3 else "*"
        made.append(Rule(Direction.MT, to=f"3712{number:04}*", of_client=client, source=source, operators=("sim",)))
    # Half of what the bench sends fits one by its prefix; for the rest all groups are looked at, and the last decides.
    return [*made, Rule(Direction.MT, operators=("sim",))]


def one(kind: str, options: argparse.Namespace) -> float:
    """CPU microseconds of one life, of a process that does nothing else."""
    command = [sys.executable, __file__, "--inside", kind, "--lives", str(options.lives)]
    command += [f"--window={options.window}", *(["--all-busy"] if options.all_busy else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout.split()[-1])


def inside(kind: str, lives: int, *, all_busy: bool, window_pdus: int) -> None:
    """Measure one gateway."""
    import uvloop
    from lives import Lives

    random.seed(1)
    routes, clients = KINDS[kind]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        names = [f"client{number}" for number in range(clients)]
        connections = CLIENTS if all_busy else clients
        gateway = Lives(
            Path(folder),
            rules(routes),  # type: ignore[arg-type]
            names,
            connections=connections,
            busy=connections if all_busy else 1,
            window_pdus=window_pdus,
        )
        print(uvloop.run(gateway.measure(lives, WARM_UP)) / lives * 1e6)


def main() -> None:
    """Measure, and tell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lives", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--all-busy", action="store_true")
    options.add_argument("--window", type=int, default=1_000)
    options.add_argument("--inside", choices=KINDS)
    chosen = options.parse_args()
    if chosen.inside:
        inside(chosen.inside, chosen.lives, all_busy=chosen.all_busy, window_pdus=chosen.window)
        return
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(chosen.rounds):
        for kind, all_us in found.items():
            all_us.append(one(kind, chosen))
    base = statistics.median(found["one"])
    for kind, all_us in found.items():
        routes, clients = KINDS[kind]
        median = statistics.median(all_us)
        what = f"{routes} routes, {clients} clients"
        spread = f"({min(all_us):.2f} to {max(all_us):.2f})"
        print(f"{what:<30} {median:6.2f} us of CPU a life {spread} {(median / base - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
