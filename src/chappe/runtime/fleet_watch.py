"""The nodes of all boxes, as the last look into the store showed them.

It must never decide anything for a node: it answers from memory what was true two seconds ago.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from chappe.observe.status import NodeTold, RunStatus
from chappe.runtime.clock import Clock
from chappe.store.fleet import Fleet, Run
from chappe.store.port import StoreAway

#: How often a node tells of itself and looks at the others.
LOOK_EVERY_S: Final = 2.0
#: Who was silent for longer is not counted on.
SILENT_S: Final = 10.0
#: A door that was silent for longer is taken for dead: its clients want to bind elsewhere at once.
DOOR_SILENT_S: Final = 4.0

_UNKNOWN: Final = NodeTold("unknown")
_decode = msgspec.json.Decoder(NodeTold).decode


class FleetWatch:
    """Tells the others of this run, `own`, and remembers what they told."""

    def __init__(self, fleet: Fleet, clock: Clock, own: int, told: Callable[[], NodeTold]) -> None:
        self._fleet = fleet
        self._clock = clock
        self._own = own
        self._told = told
        self.nodes: list[RunStatus] = []
        #: What clients do with the doors of other nodes.
        self.clients_elsewhere: list[Mapping[str, tuple[bool, int]]] = []
        #: Called after each look.
        self.looked: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Tell and look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Tell and look once; while the store is away, what was seen last stands."""
        self._fleet.tell(msgspec.json.encode(self._told()))
        with suppress(StoreAway):
            self._see(await self._fleet.runs())
        self.looked()

    def links_elsewhere(self, operator: str) -> int:
        """How many links of an operator other nodes have up."""
        return sum(
            each.links.get(operator, (0, 0))[0]
            for each in self.nodes
            if each.run != self._own and each.silent_s < SILENT_S and each.state == "running"
        )

    def _see(self, runs: Sequence[Run]) -> None:
        now_ms = self._clock.utc_us() // 1000
        told = [_told(run) for run in runs]
        self.nodes = [
            _status(run, each, (now_ms - run.started_at_ms) / 1000) for run, each in zip(runs, told, strict=True)
        ]
        self.clients_elsewhere = [
            each.clients
            for run, each in zip(runs, told, strict=True)
            if each.clients and run.run != self._own and run.silent_s < DOOR_SILENT_S
        ]


def _told(run: Run) -> NodeTold:
    try:
        return _decode(run.told) if run.told else _UNKNOWN
    except msgspec.MsgspecError:
        # A node of another version tells of itself in words of its own.
        return _UNKNOWN


def _status(run: Run, told: NodeTold, up_s: float) -> RunStatus:
    up_s = max(0.0, up_s)
    return RunStatus(
        run.box,
        run.node,
        run.version,
        run.run,
        told.state,
        round(up_s, 1),
        round(run.silent_s, 1),
        told.links,
        told.configuration,
        told.unmoved,
    )


async def unmoved_from(fleet: Fleet, number: int, silent_s: float) -> tuple[dict[str, str], bool]:
    """Which nodes of all boxes stayed behind a version, and why; whether all that live have taken it over by now.

    Raises: StoreAway.
    """
    unmoved: dict[str, str] = {}
    has_all = True
    for run in await fleet.runs():
        told = _told(run)
        if run.silent_s >= silent_s or told.state not in ("running", "starting"):
            continue
        if told.configuration < number:
            has_all = False
            unmoved[f"{run.box}/{run.node}"] = f"goes by version {told.configuration} still"
        unmoved.update({f"{run.box}/{who}": why for who, why in told.unmoved.items()})
    return unmoved, has_all
