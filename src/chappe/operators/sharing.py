"""One operator served by several nodes: its links and its rate are divided among those that live.

It must never know the other nodes: the store's fleet counts them.
"""

import asyncio
from typing import Final, Protocol

from chappe.operators.links import Links
from chappe.runtime.clock import Clock
from chappe.store.fleet import SHARE_S, Fleet
from chappe.store.port import StoreAway

#: How often a node asks for its part.
ASK_EVERY_S: Final = 2.0
#: While it has to give something up, or has less than it could, it asks sooner.
ASK_SOON_S: Final = 0.5
#: Rates are divided in thousandths of a PDU a second.
PARTS: Final = 1_000


class SharingNode(Protocol):
    """An operator node, as it shares."""

    name: str
    links: Links
    #: What all nodes of the operator may send together, in PDUs a second; 0 sets no bound.
    rate: float

    def allow(self, links: int, rate: float, until: float) -> None:
        """Use so much until a monotonic moment."""
        ...


class Sharing:
    """Asks for one node's part again and again.  A node that cannot ask takes no more work when its part lapses."""

    def __init__(self, node: SharingNode, fleet: Fleet, clock: Clock) -> None:
        self._node = node
        self._fleet = fleet
        self._clock = clock
        self._held_rate = 0
        # Before the first answer nothing is ours.
        node.allow(0, self._smallest, 0.0)

    @property
    def node(self) -> SharingNode:
        """For whom it asks."""
        return self._node

    @property
    def _rate(self) -> int:
        return int(self._node.rate * PARTS)

    @property
    def _smallest(self) -> float:
        """A rate of 0 would mean no bound at all."""
        return 1 / PARTS if self._rate else 0.0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            is_settled = await self.ask()
            await asyncio.sleep(ASK_EVERY_S if is_settled else ASK_SOON_S)

    async def ask(self) -> bool:
        """Ask once; returns whether the node has and holds what it was given."""
        node, until = self._node, self._clock.monotonic() + SHARE_S
        try:
            held = node.links.held
            links = await self._fleet.share(f"links:{node.name}", node.links.terms.links, held)
            had_rate = self._held_rate
            rate = await self._share_rate(links)
        except StoreAway:
            return False
        node.allow(links, rate / PARTS if self._rate else 0.0, until)
        return links == held and links > 0 and had_rate == self._held_rate

    async def _share_rate(self, links: int) -> int:
        """This node's thousandths; a node without links needs none, and whoever has some needs at least one."""
        if not self._rate:
            return 0
        name = f"rate:{self._node.name}"
        if not links:
            await self._fleet.leave(name)
            self._held_rate = 0
        else:
            self._held_rate = await self._fleet.share(name, self._rate, self._held_rate)
        return max(1, self._held_rate)

    async def leave(self) -> None:
        """Let the others have it all, once the node has drained."""
        try:
            await self._fleet.leave(f"links:{self._node.name}")
            await self._fleet.leave(f"rate:{self._node.name}")
        except StoreAway:
            return
