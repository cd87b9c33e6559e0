"""The server for those who watch, over real sockets on a port that the system chose."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest

from chappe.model.errors import SettingsError
from chappe.net.http_status import StatusServer
from chappe.observe.health import Health, Phase
from chappe.observe.status import BoxStatus, StoreStatus

BOX = BoxStatus(
    "1.2.3",
    9,
    "box1",
    "running",
    5.0,
    [],
    [],
    [],
    [],
    0,
    0,
    StoreStatus("chappe.db", 1, 2, False),
    [],
    {"mt_sent": 2.5},
)


async def answers(server: StatusServer, *paths: str) -> list[tuple[int, str, str]]:
    """Status, media type and body of each path."""
    found = []
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        for path in paths:
            async with session.get(path) as answer:
                found.append((answer.status, answer.content_type, await answer.text()))
    return found


def test_the_real_port_is_known_and_a_starting_box_lives_but_is_not_ready() -> None:
    async def scenario() -> list[tuple[int, str, str]]:
        server = StatusServer(Health())
        assert await server.listen("127.0.0.1", 0) == server.port > 0
        found = await answers(server, "/healthz", "/readyz", "/metrics", "/status.json", "/nothing")
        await server.close()
        return found

    statuses = [status for status, _, _ in asyncio.run(scenario())]

    assert statuses == [200, 503, 503, 503, 404]


def test_a_running_box_is_ready_and_shows_metrics_and_status() -> None:
    async def scenario() -> list[tuple[int, str, str]]:
        health = Health()
        server = StatusServer(health)
        await server.listen("127.0.0.1", 0)
        server.show(metrics=lambda: b"chappe_x 1\n", status=lambda: BOX)
        health.phase = Phase.RUNNING
        found = await answers(server, "/readyz", "/metrics", "/status.json")
        await server.close()
        return found

    ready, metrics, status = asyncio.run(scenario())

    assert ready == (200, "text/plain", "ready\n")
    assert metrics == (200, "text/plain", "chappe_x 1\n")
    assert status[:2] == (200, "application/json")
    assert msgspec.json.decode(status[2], type=BoxStatus) == BOX


def test_readiness_says_in_one_line_what_is_missing() -> None:
    async def scenario() -> list[tuple[int, str, str]]:
        health = Health()
        health.phase = Phase.RUNNING
        health.watch_store(lambda: True)
        server = StatusServer(health)
        await server.listen("127.0.0.1", 0)
        found = await answers(server, "/readyz", "/healthz")
        await server.close()
        return found

    assert asyncio.run(scenario()) == [(503, "text/plain", "the store is away\n"), (200, "text/plain", "ok\n")]


def test_an_address_in_use_names_the_setting() -> None:
    async def scenario() -> None:
        first, second = StatusServer(Health()), StatusServer(Health())
        await first.listen("127.0.0.1", 0)
        try:
            with pytest.raises(SettingsError, match=r"listen\.metrics 127\.0\.0\.1"):
                await second.listen("127.0.0.1", first.port)
        finally:
            await first.close()

    asyncio.run(scenario())
