"""Two processes are one door: a client's binds are counted over both, whichever of them the system gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from box_house import Box, running, smsc

from chappe.runtime.fleet_watch import LOOK_EVERY_S
from chappe.store.postgres.runs import BEAT_S
from house import Raw
from postgres_server import Reached

pytestmark = pytest.mark.slow

ESME_RALYBND = 0x05


@asynccontextmanager
async def bound(port: int) -> AsyncIterator[int]:
    """A bind of the client, and the status that it got."""
    raw = await Raw.connect(port)
    try:
        raw.tell(0x09, b"acme\0secret\0\0\x34\0\0\0")
        _, status, _, _ = await raw.read()
        yield status
    finally:
        raw.close()


def test_a_client_may_bind_so_often_over_all_processes_of_a_door(postgres_server: Reached, tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with smsc() as operator:
            box = Box(tmp_path, postgres_server.new_database(), operator.port, nodes=("client-smpp*2",))
            text = box.file.read_text(encoding="utf-8")
            box.file.write_text(text.replace("max_binds = 100", "max_binds = 3"), encoding="utf-8")
            async with running(box):
                statuses = []
                binds = [bound(box.smpp_port) for _ in range(8)]
                for each in binds:
                    statuses.append(await each.__aenter__())
                    # Until both doors have heard of it.
                    await asyncio.sleep(2 * LOOK_EVERY_S + BEAT_S)
                for each in binds:
                    await each.__aexit__(None, None, None)
                return statuses

    assert asyncio.run(story()) == [0, 0, 0] + [ESME_RALYBND] * 5
