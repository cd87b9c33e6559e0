"""Which clients this process calls back, where several processes do: one at a time for each client.

So the callbacks of one message stay in order, whoever posts them.  Clients are gathered in groups; each group belongs
to one living process, which the fleet's shares make sure of, and goes to another only when nothing of it is under way.
It must never know how a callback is posted.
"""

import asyncio
from typing import Final, Protocol
from zlib import crc32

from chappe.runtime.clock import Clock
from chappe.store.fleet import SHARE_S, Fleet
from chappe.store.port import StoreAway

#: More processes than groups would find nothing to do.
GROUPS: Final = 16
#: How often a group is asked for again, and how soon while something is to change hands.
ASK_EVERY_S: Final = 3.0
ASK_SOON_S: Final = 0.5
#: A process that was silent for longer is not counted on.
SILENT_S: Final = 10.0
#: Nodes of this kind share.
KIND: Final = "callback"


def group_of(client: str) -> int:
    """The group of a client, the same in every process."""
    return crc32(client.encode("utf-8")) % GROUPS


class Claimed(Protocol):
    """The node whose work is shared."""

    async def take_over(self, group: int) -> None:
        """Begin with the clients of a group.  Raises: StoreAway."""
        ...

    async def let_go(self, group: int) -> bool:
        """Begin nothing more of a group; True once nothing of it is under way."""
        ...


class Claims:
    """The groups of one process, `own`."""

    def __init__(self, fleet: Fleet, own: int, clock: Clock) -> None:
        self._fleet = fleet
        self._own = own
        self._clock = clock
        #: Group → monotonic seconds until which it is ours; those among them that are worked on.
        self._until: dict[int, float] = {}
        self._begun: set[int] = set()
        #: Those that another one is to have, and that are ours until nothing of them is under way.
        self._refused: set[int] = set()
        #: Groups that the fleet knows we asked for.
        self._asked: set[int] = set()

    def owns(self, client: str) -> bool:
        """The client is called back here, and nowhere else."""
        group = group_of(client)
        return group in self._begun and self._clock.monotonic() < self._until[group]

    async def run(self, node: Claimed) -> None:
        """Claim until cancelled."""
        while True:
            is_settled = False
            try:
                is_settled = await self.look(node)
            except StoreAway:
                # What is ours lapses by itself.
                pass
            await asyncio.sleep(ASK_EVERY_S if is_settled else ASK_SOON_S)

    async def look(self, node: Claimed) -> bool:
        """Claim once; True where everything is as it should be.  Raises: StoreAway."""
        wanted = await self._wanted()
        is_settled = True
        for group in sorted(wanted):
            is_settled = await self._claim(group, node) and is_settled
        for group in sorted(self._asked - wanted):
            is_settled = await self._leave(group, node) and is_settled
        fresh = [group for group in self._until if group in wanted - self._begun - self._refused]
        if fresh and not await self._fleet.is_buried():
            # What a dead process had under way is not free yet: later callbacks must not overtake it.
            return False
        for group in fresh:
            await node.take_over(group)
            self._begun.add(group)
        return is_settled

    async def _wanted(self) -> set[int]:
        runs = {
            each.run
            for each in await self._fleet.runs()
            if each.node.partition("#")[0] == KIND and each.silent_s < SILENT_S
        }
        ordered = sorted(runs | {self._own})
        place = ordered.index(self._own)
        return {group for group in range(GROUPS) if group % len(ordered) == place}

    async def _claim(self, group: int, node: Claimed) -> bool:
        asked_at = self._clock.monotonic()
        is_held = self._until.get(group, 0.0) > asked_at
        if not is_held:
            self._lose(group)
        self._asked.add(group)
        if not await self._fleet.share(_name(group), 1, int(is_held)):
            # It counts as ours until nothing of it is under way: only then another one may begin.
            if is_held:
                self._refused.add(group)
                await self._leave(group, node)
            else:
                self._lose(group)
            return False
        self._refused.discard(group)
        self._until[group] = asked_at + SHARE_S
        return True

    async def _leave(self, group: int, node: Claimed) -> bool:
        self._begun.discard(group)
        if not await node.let_go(group):
            asked_at = self._clock.monotonic()
            await self._fleet.share(_name(group), 1, 1)
            self._until[group] = asked_at + SHARE_S
            return False
        await self._fleet.leave(_name(group))
        self._asked.discard(group)
        self._until.pop(group, None)
        return True

    def _lose(self, group: int) -> None:
        self._until.pop(group, None)
        self._begun.discard(group)
        self._refused.discard(group)


def _name(group: int) -> str:
    return f"callbacks {group}"
