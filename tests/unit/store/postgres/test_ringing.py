"""Ringing and hearing, as the process that rings and hears them meets them; the database is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chappe.store.postgres.bells import EVERYWHERE, Bells


class Session:
    """A connection on which what was rung is kept."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.hear: Any = None

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Session]:
        yield self

    async def add_listener(self, channel: str, hear: Any) -> None:
        self.hear = hear

    async def execute(self, statement: str, channel: str, payloads: list[str]) -> None:
        self.rung += payloads

    def is_closed(self) -> bool:
        return False

    def get_server_pid(self) -> int:
        return 1


def hung(session: Session) -> tuple[Bells, list[object]]:
    heard: list[object] = []

    def rung(queue: str, lanes: Any) -> None:
        heard.append((queue, [*lanes]))

    return Bells(session, rung, heard.append), heard  # type: ignore[arg-type]


def test_a_bell_that_rings_while_the_process_stops_does_not_keep_it(monkeypatch: Any) -> None:
    async def scenario() -> None:
        for pauses in range(8):
            bells, _ = hung(Session())
            running = asyncio.create_task(bells.run())
            for _ in range(20):
                await asyncio.sleep(0)

            bells.ring("operator:three", None)
            for _ in range(pauses):
                await asyncio.sleep(0)
            running.cancel()

            done, _ = await asyncio.wait([running], timeout=0.5)
            assert done, f"goes on after it was cancelled {pauses} turns after a ring"

    asyncio.run(scenario())


def test_what_has_not_rung_when_the_process_leaves_rings_at_last() -> None:
    session = Session()
    bells, _ = hung(session)

    bells.ring("operator:three", {(1, 7): 99})
    bells.ring("client:acme", None)
    asyncio.run(bells.ring_last())

    assert session.rung == ["operator:three|1,7,99|", f"client:acme|{EVERYWHERE}"]


def test_what_cannot_be_read_is_a_reason_to_look_everywhere() -> None:
    bells, heard = hung(Session())

    for told in ("*", "1,7", "1", "~3", "a,b"):
        bells._hear(Session(), 2, "chappe bell", f"operator:three|{told}")
    bells._hear(Session(), 1, "chappe bell", "our own|*")

    assert heard == [
        "operator:three",
        ("operator:three", [(1, 7)]),
        "operator:three",
        "operator:three",
        "operator:three",
    ]
