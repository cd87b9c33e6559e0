"""The log is carried over and begun anew while it is written to without a pause."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chappe.model.events import EventBatch, EventName
from chappe.store.sqlite import checkpoints
from chappe.store.sqlite.engine import SqliteStore

#: Octets of events in one commit.
EVENTS = 400
COMMITS = 600


def test_a_log_that_is_written_to_without_a_pause_does_not_grow_without_end(tmp_path: Path) -> None:
    async def scenario() -> int:
        store = SqliteStore(tmp_path / "chappe.db", version="test")
        store.open()
        checkpoints.AFTER_ITEMS, before = 20, checkpoints.AFTER_ITEMS  # type: ignore[misc]
        try:
            for _ in range(COMMITS):
                events = EventBatch(1_800_000_000_000_000)
                for number in range(EVENTS):
                    events.add(EventName.MT_ACCEPTED, number + 1, "acme", "", str(hash((number, _)))[:12])
                await store.record(events)
            return (tmp_path / "chappe.db-wal").stat().st_size
        finally:
            checkpoints.AFTER_ITEMS = before  # type: ignore[misc]
            await store.close()

    log_octets = asyncio.run(scenario())

    # Each commit adds several pages: without a new beginning all of them would be there.
    assert log_octets < COMMITS * 4096
