"""What the SQLite store answers about messages, queues and blocks of events.

It writes nothing.
"""

from collections.abc import Callable

from chappe.model.message import Message
from chappe.store.port import Block, Happening, Life, Page, QueueDepth, Search
from chappe.store.sqlite.asking import Asking
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.looking import Looking
from chappe.store.sqlite.memory import Memory
from chappe.store.sqlite.queues import Queues
from chappe.store.sqlite.reading import Reading
from chappe.store.sqlite.search_process import FindMessages, TellStory


class Questions:
    """Answers; `SqliteStore` sets these before anything is asked."""

    _group: GroupCommit
    _looking: Looking
    _memory: Memory
    _now_us: Callable[[], int]
    _open_by_client: dict[str, int]
    _queues: Queues
    _reading: Reading
    _searches: Asking
    _stories: Asking

    async def find(self, message_id: int) -> Life | None:
        return await self._reading.find(message_id)

    async def waiting(self, client: str, source: str, dest: str, after_id: int, limit: int) -> list[Message]:
        return await self._looking.waiting(client, source, dest, after_id, limit)

    async def known_as(self, client: str, text: str, from_id: int, below_id: int) -> list[Life]:
        return await self._looking.known_as(client, text, from_id, below_id)

    async def search(self, search: Search) -> Page:
        answer = await self._searches.ask(FindMessages(search), search.client)
        return answer.page or Page([])

    async def story(self, message_id: int, ended_at_us: int = 0) -> list[Happening]:
        return (await self._stories.ask(TellStory(message_id, ended_at_us))).story or []

    async def parts_sent(self, message_id: int) -> set[int]:
        """Which parts of a long message an operator has already taken."""
        return self._reading.parts_sent(message_id)

    @property
    def pressure(self) -> int:
        """How many items wait in memory though their reader takes what it can.

        Who accepts more than is handed on sends every message through the disk once more, and makes it late.
        """
        return self._queues.pressure

    def open_messages(self, client: str) -> int:
        return self._open_by_client.get(client, 0)

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far."""
        return self._memory.parked

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt, counted as far as `HELD_COUNTED`.  Raises: StoreAway."""
        return self._reading.held_messages()

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue, leased items included; from memory, so a look costs nothing."""
        return self._queues.depths.depths(self._now_us() // 1000)

    @property
    def last_block(self) -> int:
        """The number of the newest event block."""
        return self._memory.seq

    def oldest_block(self) -> int:
        """The first event block that the hot file still holds; 0 for none."""
        return self._reading.oldest_block()

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        """Event blocks that follow `seq`, in order (for copies that must catch up).  Raises: StoreAway."""
        return self._reading.blocks_after(seq, limit)

    async def copied(self, name: str) -> tuple[int, str] | None:
        return self._reading.copied(name)
