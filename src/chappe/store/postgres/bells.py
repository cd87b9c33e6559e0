"""Doorbells between processes: a commit that laid something into a queue wakes its readers on other boxes.

They ring after the commit and over a connection of their own, each queue at most once in `PAUSE_S`: inside the
transaction they would make all commits wait for each other.  Whoever misses one finds out by looking.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from chappe.model.errors import SettingsError
from chappe.store.port import StoreAway
from chappe.store.postgres.lanes import LaneKey
from chappe.store.postgres.opening import Session

CHANNEL: Final = "chappe bell"
PAUSE_S: Final = 0.01
#: How often a lost connection is found out on which bells were heard.
LISTEN_AGAIN_S: Final = 1.0
#: NOTIFY carries at most 8,000 octets.
PAYLOAD_OCTETS: Final = 7_500
#: Rung instead of lanes: something may lie below the marks.
EVERYWHERE: Final = "*"
#: Ends what names the place in each lane; a process of an earlier release takes it for a queue that nobody reads.
PLACED: Final = "|"
#: Said of lanes by an earlier release, which names no place.
SOMEWHERE: Final = 0

#: Lanes, and the least place in each that something was laid at.
Places = Mapping[LaneKey, int]

_RING: Final = "SELECT pg_notify($1, each) FROM unnest($2::text[]) AS each"


class Bells:
    """Rings for others, and hears them."""

    def __init__(
        self, session: Session, rung: Callable[[str, Places], None], everywhere: Callable[[str], None]
    ) -> None:
        """`rung(queue, places)` hears what others laid; `everywhere(queue)` that a look at all of a queue is due."""
        self._session = session
        self._rung = rung
        self._everywhere = everywhere
        self._waiting: dict[str, dict[LaneKey, int] | None] = {}
        self._has_rung = asyncio.Event()
        self._heard_on: Any = None

    def ring(self, queue: str, places: Places | None) -> None:
        """Soon: something was laid at these places; without them: anywhere in the queue."""
        waiting = self._waiting.setdefault(queue, {})
        if places is None:
            self._waiting[queue] = None
        elif waiting is not None:
            for lane, place in places.items():
                waiting[lane] = min(place, waiting.get(lane, place))
        self._has_rung.set()

    async def run(self) -> None:
        """Ring and hear until cancelled; what is not heard meanwhile is found by looking."""
        while True:
            try:
                await self._listen()
                await self._until_rung()
                await self._ring()
                await asyncio.sleep(PAUSE_S)
            except (StoreAway, SettingsError):
                await asyncio.sleep(0.2)

    async def _until_rung(self) -> None:
        """Something is to be rung, or it is time to see whether we still hear."""
        # `wait_for` of Python 3.11 forgets that it was cancelled when something rings at the same moment.
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTEN_AGAIN_S):
                await self._has_rung.wait()

    async def ring_last(self) -> None:
        """Ring what has not rung yet, for a process that leaves.  Raises: StoreAway, SettingsError."""
        await self._ring()

    async def _listen(self) -> None:
        async with self._session.lend() as connection:
            if connection is self._heard_on:
                return
            await connection.add_listener(CHANNEL, self._hear)
            self._heard_on = connection
            # What rang while nobody listened is lost.
            self._everywhere("")

    async def _ring(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._has_rung.clear()
        payloads = [written(queue, places) for queue, places in waiting.items()]
        if payloads:
            async with self._session.lend() as connection:
                await connection.execute(_RING, CHANNEL, payloads)

    def _hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        if connection.is_closed() or pid == connection.get_server_pid():
            # Whoever listens anew looks everywhere.
            return
        queue, places = read(payload)
        if places is None:
            self._everywhere(queue)
        else:
            self._rung(queue, places)


def written(queue: str, places: Places | None) -> str:
    """A bell: the queue, and for each lane its priority, its number and the place."""
    if places is None:
        return f"{queue}|{EVERYWHERE}"
    told = ",".join(f"{priority},{lane},{place}" for (priority, lane), place in places.items())
    return f"{queue}|{told}{PLACED}" if len(told) + len(queue.encode()) < PAYLOAD_OCTETS else f"{queue}|{EVERYWHERE}"


def read(payload: str) -> tuple[str, Places | None]:
    """A bell, also one of an earlier release; None for everywhere, and for what a later one may ring."""
    is_placed = payload.endswith(PLACED)
    queue, _, told = payload.removesuffix(PLACED).rpartition("|")
    try:
        numbers = [int(each) for each in told.split(",")] if told else []
        if not is_placed:
            return queue, dict.fromkeys(zip(numbers[::2], numbers[1::2], strict=True), SOMEWHERE)
        lanes = zip(numbers[::3], numbers[1::3], strict=True)
        return queue, dict(zip(lanes, numbers[2::3], strict=True))
    except ValueError:
        return queue, None
