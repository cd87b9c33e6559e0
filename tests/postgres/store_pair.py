"""Stores of several nodes over one database, as tests of this folder use them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.store.port import Report, Sent
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.runs import LEASE_S

QUEUE = "operator:three"
HANDSET = "37120000001"


class Node:
    """One process's store, and what a node does with it."""

    def __init__(self, dsn: str, name: str, box: str = "box1", **keys: Any) -> None:
        self.store = PostgresStore(dsn, version="test", box=box, node=name, **{"allow_single_copy": True, **keys})
        self._stopping = asyncio.Event()

    async def open(self, *, keeps_time: bool = True) -> None:
        await self.store.open()
        self.ids = IdMaker(self.store.slot, last_id=self.store.last_id)
        if keeps_time:
            self._keeping = asyncio.create_task(self.store.keep_time(self._stopping))

    async def close(self) -> None:
        self._stopping.set()
        if hasattr(self, "_keeping"):
            await self._keeping
        await self.store.close()

    def die(self) -> None:
        """As if the process were killed: nothing is said to anybody."""
        if hasattr(self, "_keeping"):
            self._keeping.cancel()
        self.store.drop()

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mt(self, client: str = "acme", dest: str = HANDSET, **fields: Any) -> Item:
        number = self.ids.next(self.now_ms)
        values = {"octets": b"hello", "registered_delivery": 1, **fields}
        message = Message(number, Direction.MT, client, "", 1, 1, "SHOP", 1, 1, dest, **values)
        return Item(QUEUE, 1, client, 0, number, message)

    def told(self, name: EventName, *items: Item) -> EventBatch:
        events = EventBatch(time.time_ns() // 1000)
        for item in items:
            events.add(name, item.id, "acme")
        return events

    async def leased(self, count: int = 1, queue: str = QUEUE) -> list[Item]:
        """Lease until there are so many: nodes' clocks differ a little, what one laid is soon due for another.

        Raises: TimeoutError, long before a dead run's lease ends.
        """
        items: list[Item] = []
        async with asyncio.timeout(LEASE_S - 1):
            while len(items) < count:
                items += await self.store.lease(queue, count - len(items))
                await asyncio.sleep(0.01)
        return items

    async def accept(self, *items: Item) -> None:
        assert not any(await self.store.accept(items, self.told(EventName.MT_ACCEPTED, *items)))

    def sent(self, item: Item, reference: str) -> Sent:
        return Sent(item, "three", reference, time.time_ns() // 1000)

    async def send(self, *pairs: tuple[Item, str]) -> None:
        """The operator took these under these references."""
        items = [item for item, _ in pairs]
        settlements = [self.sent(item, reference) for item, reference in pairs]
        assert not any(await self.store.settle(settlements, self.told(EventName.MT_SENT, *items)))

    def report_on(self, reference: str, handset: str = HANDSET) -> Report:
        number = self.ids.next(self.now_ms)
        return Report(number, "three", (reference,), handset, Status.DELIVERED, "DELIVRD", "000", self.now_ms)

    async def report(self, *reports: Report) -> None:
        assert not any(await self.store.report(reports, EventBatch(time.time_ns() // 1000)))

    async def status(self, item: Item) -> Status:
        life = await self.store.find(item.id)
        assert life is not None
        return life.status


@asynccontextmanager
async def nodes(dsn: str, *names: str, **keys: Any) -> AsyncIterator[list[Node]]:
    """Stores of as many nodes, open."""
    made = [Node(dsn, name, **keys) for name in names]
    for node in made:
        await node.open()
    try:
        yield made
    finally:
        for node in made:
            await node.close()
