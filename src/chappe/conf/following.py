"""Where several processes share a store: each looks for itself which version of the configuration counts.

Reads versions and orders.  It must never know what taking a version over means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.versions import Version, Versions

#: How often a process looks.
LOOK_EVERY_S: Final = 0.5


class Orders(Protocol):
    """What nodes are to do at once.  Every method raises StoreAway."""

    async def give(self, instruction: int, body: bytes, at_us: int) -> None:
        """Have something done, once for an instruction."""
        ...

    async def newest(self) -> int:
        """The instruction of the youngest order."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...

    async def since(self, instruction: int) -> Sequence[tuple[int, bytes]]:
        """Orders of later instructions."""
        ...


class Following:
    """Follows versions and orders of others."""

    def __init__(
        self,
        versions: Versions,
        orders: Orders,
        *,
        number: Callable[[], int],
        take: Callable[[Version], Awaitable[None]],
        obey: Callable[[bytes], Awaitable[None]],
        refuse: Callable[[int, str], None],
    ) -> None:
        """`number()` is the version that counts here; `take` takes another one over, `obey` does what is ordered.

        `refuse` is told of a version that this process cannot read, and why.
        """
        self._versions = versions
        self._orders = orders
        self._number = number
        self._take = take
        self._obey = obey
        self._refuse = refuse
        self._seen = -1

    async def order(self, instruction: int, body: bytes, at_us: int) -> None:
        """Have every process do something, this one too.  Raises: StoreAway."""
        await self._orders.give(instruction, body, at_us)

    async def close(self) -> None:
        """Give everything back."""
        await self._orders.close()

    async def run(self) -> None:
        """Look until cancelled; while the store is away nothing changes."""
        while True:
            with suppress(StoreAway):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once.  Raises: StoreAway."""
        if self._seen < 0:
            # What was ordered before we came is not for us.
            self._seen = await self._orders.newest()
        # Orders first: what was ordered with a version is done by that version.
        orders = await self._orders.since(self._seen)
        number = await self._versions.newest_number()
        if number > self._number():
            await self._follow(number)
        for instruction, body in orders:
            self._seen = instruction
            await self._obey(body)

    async def _follow(self, number: int) -> None:
        try:
            newest = await self._versions.newest()
        except SettingsError as error:
            self._refuse(number, str(error))
        else:
            if newest is not None:
                await self._take(newest)
