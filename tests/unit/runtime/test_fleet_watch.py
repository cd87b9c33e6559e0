"""What a node knows of the nodes of all boxes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from chappe.observe.status import NodeTold
from chappe.runtime.fleet_watch import FleetWatch
from chappe.store.fleet import Alone, Run
from chappe.store.port import StoreAway


class FixedClock:
    def utc_us(self) -> int:
        return 1_000_000_000

    def monotonic(self) -> float:
        return 0.0


class Known(Alone):
    def __init__(self, *runs: Run) -> None:
        self.found: Sequence[Run] = runs
        self.told = b""
        self.is_away = False

    def tell(self, told: bytes) -> None:
        self.told = told

    async def runs(self) -> Sequence[Run]:
        if self.is_away:
            raise StoreAway("away")
        return self.found


def run(number: int, up: int, *, silent_s: float = 0.5, state: str = "running", told: bytes | None = None) -> Run:
    words = msgspec.json.encode(NodeTold(state, {"three": (up, 2)})) if told is None else told
    return Run(number, "riga1", "operator:three", "0.1.0", 400_000, silent_s, words)


def watch(fleet: Known, own: int = 1) -> FleetWatch:
    made = FleetWatch(fleet, FixedClock(), own, lambda: NodeTold("running", {"three": (1, 2)}))
    asyncio.run(made.look())
    return made


def test_a_node_tells_of_itself_in_words_that_others_read() -> None:
    fleet = Known()

    watch(fleet)

    assert msgspec.json.decode(fleet.told, type=NodeTold) == NodeTold("running", {"three": (1, 2)})


def test_links_elsewhere_are_those_of_other_nodes_that_run_and_are_heard() -> None:
    fleet = Known(run(1, 2), run(2, 1), run(3, 2, silent_s=60.0), run(4, 2, state="draining"))

    assert watch(fleet).links_elsewhere("three") == 1
    assert watch(fleet).links_elsewhere("north") == 0


def test_every_node_is_shown_and_one_of_another_version_is_of_unknown_state() -> None:
    found = watch(Known(run(1, 2), run(2, 0, told=b'{"words": "of tomorrow"}'))).nodes

    assert [(each.run, each.state, each.up_s, each.links) for each in found] == [
        (1, "running", 600.0, {"three": (2, 2)}),
        (2, "unknown", 600.0, {}),
    ]


def test_what_was_seen_last_stands_while_the_store_is_away() -> None:
    fleet = Known(run(2, 1))
    made = watch(fleet)
    fleet.is_away = True

    asyncio.run(made.look())

    assert made.links_elsewhere("three") == 1


def test_what_clients_do_at_other_doors_is_known_and_what_they_did_at_dead_ones_is_forgotten() -> None:
    def door(number: int, *, silent_s: float = 0.5) -> Run:
        words = msgspec.json.encode(NodeTold("running", clients={"acme": (True, number)}))
        return run(number, 0, silent_s=silent_s, told=words)

    fleet = Known(door(1), door(2), door(3, silent_s=5.0), run(4, 1))

    assert watch(fleet, own=1).clients_elsewhere == [{"acme": (True, 2)}]


def test_whoever_goes_by_it_is_told_after_each_look_also_while_the_store_is_away() -> None:
    fleet, looks = Known(), []
    made = watch(fleet)
    made.looked = lambda: looks.append(fleet.is_away)

    asyncio.run(made.look())
    fleet.is_away = True
    asyncio.run(made.look())

    assert looks == [False, True]
