"""A small model: how many whole lives a second so many nodes do, from what one life costs each kind of process.

    .venv/bin/python bench/model.py --client-us 26 --operator-us 44 --server-us 70 --cores 2 --clients 2 --operators 2

Lives pass through all kinds of processes at the same time, and each process has one thread: whoever is asked for more
than it has time for holds up all others.  It must never know how the costs were measured.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """µs of CPU for one life, over all processes of a kind."""

    client_us: float
    operator_us: float
    server_us: float
    #: Router, counter, conf, the box itself.
    rest_us: float = 4.0
    #: Whatever else takes time of the same cores for each life.
    others_us: float = 0.0

    @property
    def total_us(self) -> float:
        """All of them together."""
        return self.client_us + self.operator_us + self.server_us + self.rest_us + self.others_us


@dataclass(frozen=True)
class Machines:
    """What there is to do it with."""

    clients: int
    operators: int
    #: Cores for everything; with a database of its own, those of the boxes.
    cores: float
    #: Cores of the database's machine, if it has its own.
    server_cores: float = 0.0
    #: How much of a core a node gets at most.
    share: float = 1.0


@dataclass(frozen=True)
class Prediction:
    """Lives a second, and who is the first to have no time left."""

    lives_a_second: float
    bound: str


def bounds(costs: Costs, machines: Machines) -> dict[str, float]:
    """What each of them could do if it were never kept waiting: lives a second."""
    own = machines.server_cores > 0
    found = {
        "client nodes": machines.clients * machines.share * 1e6 / costs.client_us,
        "operator nodes": machines.operators * machines.share * 1e6 / costs.operator_us,
        "cores": machines.cores * 1e6 / (costs.total_us - costs.server_us * own),
    }
    if own:
        found["database"] = machines.server_cores * 1e6 / costs.server_us
    return found


def predict(costs: Costs, machines: Machines) -> Prediction:
    """The least of what each could do."""
    lives, bound = min((number, name) for name, number in bounds(costs, machines).items())
    return Prediction(lives, bound)


def processes_for(costs: Costs, lives_a_second: float, load: float = 0.6) -> dict[str, int]:
    """How many of each it takes, none busier than `load`: cores for the database, processes of the others."""
    wanted = {"client nodes": costs.client_us, "operator nodes": costs.operator_us, "database cores": costs.server_us}
    return {name: max(1, math.ceil(us * lives_a_second / 1e6 / load)) for name, us in wanted.items()}


def main() -> int:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("client", "operator", "server"):
        parser.add_argument(f"--{name}-us", type=float, required=True)
    parser.add_argument("--rest-us", type=float, default=4.0)
    parser.add_argument("--others-us", type=float, default=0.0)
    parser.add_argument("--cores", type=float, default=2.0)
    parser.add_argument("--server-cores", type=float, default=0.0)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--operators", type=int, default=2)
    parser.add_argument("--wanted", type=float, help="messages a second: print how many of each they take")
    told = parser.parse_args()
    costs = Costs(told.client_us, told.operator_us, told.server_us, told.rest_us, told.others_us)
    if told.wanted:
        print(", ".join(f"{number} {name}" for name, number in processes_for(costs, told.wanted).items()))
        return 0
    machines = Machines(told.clients, told.operators, told.cores, told.server_cores, told.share)
    found = predict(costs, machines)
    print(f"{found.lives_a_second:,.0f} whole lives a second; first at their end: {found.bound}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
