"""Demo traffic is off until somebody wants it, and never more than a trickle."""

from __future__ import annotations

import asyncio

import pytest

from chappe.clients.demo_traffic import LEAST_PER_S, MOST_PER_S, DemoTraffic
from chappe.wire.http.messages import NewMessage


def test_it_sends_only_while_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[NewMessage] = []
    pauses: list[float] = []
    pause = asyncio.sleep

    async def send(message: NewMessage) -> None:
        sent.append(message)

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        await pause(0)

    async def run() -> tuple[int, int, int]:
        traffic = DemoTraffic(send)
        monkeypatch.setattr("chappe.clients.demo_traffic.asyncio.sleep", slept)
        working = asyncio.create_task(traffic.run())
        for _ in range(20):
            await pause(0)
        before = len(sent)
        assert traffic.set_pace(5) == ""
        for _ in range(20):
            await pause(0)
        assert traffic.set_pace(0) == ""
        for _ in range(20):
            await pause(0)
        while_wanted = len(sent)
        for _ in range(20):
            await pause(0)
        working.cancel()
        return before, while_wanted, len(sent)

    before, while_wanted, after = asyncio.run(run())

    assert before == 0
    assert 0 < while_wanted == after
    assert set(pauses[:-1]) == {0.2}
    assert len({each.to for each in sent}) == len(sent)


@pytest.mark.parametrize("pace", [-1.0, LEAST_PER_S / 2, MOST_PER_S * 2, float("nan"), float("inf")])
def test_a_pace_that_is_no_trickle_is_refused(pace: float) -> None:
    async def run() -> str:
        return DemoTraffic(lambda message: asyncio.sleep(0)).set_pace(pace)

    assert "messages a second" in asyncio.run(run())
