"""A source of event blocks in memory, for what copies them: it keeps the promises of `BlockSource` without a file."""

from __future__ import annotations

from collections.abc import Mapping

from chappe.store.port import NO_TALLY, Block, BlockListener, StoreAway, TallyKey

#: 2026-01-16 12:00:00 UTC in Unix microseconds.
NOON_US = 1_768_564_800_000_000
HOUR_US = 3_600_000_000


def block(seq: int, at_us: int = NOON_US, text: str | None = None, client: str = "acme") -> Block:
    """One block with one line."""
    line = f"time,mt_accepted,{seq},{client},,37120000001,SHOP,,,\n" if text is None else text
    return Block(seq, at_us, line.encode(), {("mt_accepted", client, ""): 1})


class MemorySource:
    """Blocks, places of copies and counters, as a store would keep them over a restart."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.places: dict[str, tuple[int, str]] = {}
        self.counters: dict[TallyKey, int] = {}
        self.is_away = False
        self.reads = 0
        self._listeners: list[BlockListener] = []

    def commit(self, *blocks: Block) -> None:
        """A transaction has written these blocks."""
        for each in blocks:
            self.blocks.append(each)
            for listener in self._listeners:
                listener(each)

    def restart(self) -> None:
        """The process was killed: whoever listened is gone, what was written is not."""
        self._listeners.clear()

    def on_block(self, listener: BlockListener) -> None:
        self._listeners.append(listener)

    async def blocks_after(self, seq: int, limit: int = 100) -> list[Block]:
        self.reads += 1
        return [each for each in self.blocks if each.seq > seq][:limit]

    async def copied(self, name: str) -> tuple[int, str] | None:
        return self.places.get(name)

    async def advance(self, name: str, seq: int, position: str, tally: Mapping[TallyKey, int] = NO_TALLY) -> None:
        if self.is_away:
            raise StoreAway("disk full")
        self.places[name] = (seq, position)
        for key, count in tally.items():
            self.counters[key] = self.counters.get(key, 0) + count
