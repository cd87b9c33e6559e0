"""Somebody sets a machine's clock while the gateway runs: nothing expires, nothing leaves early, ids go on."""

from __future__ import annotations

import asyncio
import json
import struct
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from box_house import Box, running, smsc

from chappe.sim.smsc import SmscSimulator
from postgres_server import Reached

HOUR_S = 3_600
CODE = Path(__file__).parent / "stepped"

pytestmark = pytest.mark.timeout(300)


class SteppedBox(Box):
    """A box on a machine whose clock somebody sets."""

    def __init__(self, folder: Path, dsn: str, operator_port: int, **how: Any) -> None:
        super().__init__(folder, dsn, operator_port, source=CODE, **how)
        self._step = self.folder / "step"
        self._step.write_bytes(bytes(8))

    def set_clock(self, by_s: int) -> None:
        """From now on the time of day is so much later than it is."""
        with self._step.open("r+b") as file:
            file.write(struct.pack("q", by_s))

    @property
    def _environment(self) -> dict[str, str]:
        return {**super()._environment, "STEPPED_CLOCK": str(self._step)}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the client's API."""
        head = {"Authorization": "Bearer acme-token", "Content-Type": "application/json"}
        octets = None if body is None else json.dumps(body).encode()
        url = f"http://{self.host}:{self.http_port}{path}"

        def ask() -> Any:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            request = urllib.request.Request(url, octets, head, method=method)
            with opener.open(request, timeout=30) as answer:
                return json.loads(answer.read())

        return await asyncio.to_thread(ask)

    async def post(self, to: str, **fields: Any) -> int:
        """Send a message; its id."""
        return int((await self.call("POST", "/v1/messages", {"to": to, "text": f"to {to}", **fields}))["id"])

    async def statuses(self, *ids: int) -> list[str]:
        """What became of them."""
        return [(await self.call("GET", f"/v1/messages/{each}"))["status"] for each in ids]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> str:
    """A store for a box."""
    if request.param == "sqlite":
        return "sqlite"
    server: Reached = request.getfixturevalue("postgres_server")
    return server.new_database()


def test_a_clock_that_is_set_by_an_hour_either_way_ends_no_message_and_lets_none_leave_early(
    store: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with smsc() as operator:
            is_one = store == "sqlite"
            nodes = ("all",) if is_one else ("client-http", "operator:three", "router")
            box = SteppedBox(tmp_path, store, operator.port, nodes=nodes, allow_single_copy=not is_one)
            async with running(box):
                ids = await _live_through_steps(box, operator)
                await box.anew()
                ids += [await box.post("+37120000009")]
                await box.until(lambda: _is_delivered(box, ids[-1]), "delivers nothing after a restart")
            assert ids == sorted(set(ids))

    asyncio.run(asyncio.wait_for(story(), 280))


async def _live_through_steps(box: SteppedBox, operator: SmscSimulator) -> list[int]:
    """What must neither expire nor leave waits over both steps; the ids of all messages, in their order."""
    soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    waiting = await box.post("+37120000001", send_at=soon, validity_seconds=1_200)
    ids = [waiting]
    for by_s in (HOUR_S, -HOUR_S):
        before_s = time.monotonic()
        box.set_clock(by_s)
        ids.append(await box.post("+37120000002", validity_seconds=600))
        await box.until(lambda: _is_delivered(box, ids[-1]), "delivers nothing after its clock was set")
        # The sweeper looks for what has expired, and the queue for what is due, at least once a second.
        await asyncio.sleep(2.5)
        assert await box.statuses(waiting) == ["scheduled"]
        assert time.monotonic() - before_s < 1_200
    ids += [await box.post("+37120000003") for _ in range(3)]
    await box.until(lambda: _is_delivered(box, ids[-1]), "delivers nothing")
    assert "37120000001" not in {entry.destination for entry in operator.ledger.entries}
    assert (await box.call("DELETE", f"/v1/messages/{waiting}"))["status"] == "cancelled"
    return ids


async def _is_delivered(box: SteppedBox, message_id: int) -> bool:
    return await box.statuses(message_id) == ["delivered"]
