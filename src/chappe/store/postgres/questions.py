"""What `PostgresStore` is asked without changing anything: from the database, or at once from what memory follows."""

from collections.abc import Callable, Collection, Sequence

from chappe.model.message import Message
from chappe.store.port import (
    Block,
    Happening,
    Life,
    MoMemory,
    Page,
    QueueDepth,
    Search,
)
from chappe.store.postgres.counts import Counts
from chappe.store.postgres.group_commit import GroupCommit
from chappe.store.postgres.reading import Reading
from chappe.store.postgres.searching import Searching
from chappe.store.postgres.writes import Kind


class Questions:
    """Answers; `PostgresStore` sets these before anything is asked."""

    _counts: Counts
    _group: GroupCommit
    _now_us: Callable[[], int]
    _reading: Reading
    _searching: Searching

    async def find(self, message_id: int) -> Life | None:
        return await self._reading.find(message_id)

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        return await self._reading.waiting(client, source, dest, after_id, limit)

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        return await self._reading.known_as(client, text, from_id, below_id)

    async def search(self, search: Search) -> Page:
        return await self._searching.search(search)

    async def story(self, message_id: int, ended_at_us: int = 0) -> list[Happening]:
        return await self._searching.story(message_id, ended_at_us)

    async def parts_sent(self, message_id: int) -> set[int]:
        return await self._reading.parts_sent(message_id)

    async def mo_identities_elsewhere(
        self, operator: str, identities: Sequence[bytes], since_ms: int
    ) -> Collection[bytes]:
        return await self._reading.identities_among(operator, identities, since_ms)

    async def mo_memory(self, operator: str, since_ms: int) -> MoMemory:
        return await self._reading.mo_memory(operator, since_ms)

    @property
    def pressure(self) -> int:
        """Nothing waits in memory: accepted messages lie in the database until a reader leases them."""
        return 0

    def open_messages(self, client: str) -> int:
        return self._counts.number(Kind.OPEN, client)

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far, over all boxes."""
        return self._counts.number(Kind.PARKED)

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, over all boxes."""
        return self._counts.number(Kind.HELD)

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue over all boxes, leased items included."""
        return self._counts.depths(self._now_us() // 1000)

    @property
    def last_block(self) -> int:
        """The number of this node's newest event block."""
        return self._group.seq

    async def oldest_block(self) -> int:
        """The first event block of this node that the hot tables still hold; 0 for none."""
        return await self._reading.oldest_block()

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        return await self._reading.blocks_after(seq, limit)

    async def copied(self, name: str) -> tuple[int, str] | None:
        return await self._reading.copied(name)
