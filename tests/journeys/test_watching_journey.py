"""A whole gateway watched from outside: ready, measured, and every event in the files, over two runs."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
from pathlib import Path
from typing import Any

import aiohttp
import zstandard

from chappe.assembly.gateway import Gateway
from chappe.model.events import COLUMNS
from chappe.runtime.settings import Settings, parse

SETTINGS = """
[gateway]
data_dir = "{folder}"
box = "hill"
drain_s = 2
[listen]
smpp = "127.0.0.1:0"
http = "127.0.0.1:0"
metrics = "127.0.0.1:0"
[[operators]]
name = "three"
address = "127.0.0.1:9"
system_id = "chappe"
password = "secret"
[[clients]]
name = "acme"
[clients.smpp]
system_id = "acme"
password = "secret"
[[routes]]
direction = "mt"
operators = ["three"]
"""


async def fetched(gateway: Gateway, path: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{gateway.metrics_port}") as session,
        session.get(path) as answer,
    ):
        return answer.status, await (answer.json() if path.endswith("json") else answer.text())


async def one_run(settings: Settings) -> dict[str, Any]:
    """Start, look at everything, stop; returns the status."""
    gateway = Gateway(settings)
    await gateway.start()
    assert (await fetched(gateway, "/readyz"))[0] == 503
    stopping = asyncio.Event()
    running = asyncio.ensure_future(gateway.run(stopping))
    while (await fetched(gateway, "/readyz"))[0] != 200:
        await asyncio.sleep(0.01)
    status = (await fetched(gateway, "/status.json"))[1]
    metrics = (await fetched(gateway, "/metrics"))[1]
    assert f'chappe_node_info{{run="{status["run"]}"' in metrics
    assert 'chappe_link_up{link="1",operator="three"} 0.0' in metrics
    stopping.set()
    await running
    return dict(status)


def lines_in_store(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "chappe.db")
    found = connection.execute("SELECT lines FROM event_blocks ORDER BY seq").fetchall()
    connection.close()
    unzip = zstandard.ZstdDecompressor().decompress
    return [line for (octets,) in found for line in unzip(octets).decode().splitlines()]


def lines_in_files(folder: Path) -> list[str]:
    files = sorted((folder / "events").glob("*/*-hill.csv*"))
    texts = [(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()) for file in files]
    return [line for text in texts for line in text.decode().splitlines() if line != COLUMNS]


def test_two_runs_are_watched_and_their_events_are_in_the_files_once(tmp_path: Path) -> None:
    settings = parse(SETTINGS.format(folder=tmp_path), where="test")

    statuses = [asyncio.run(one_run(settings)) for _ in range(2)]

    assert [status["run"] for status in statuses] == [1, 2]
    assert [link["state"] for link in statuses[0]["operators"][0]["links"]] == ["down", "down"]
    lines = lines_in_files(tmp_path)
    assert lines == lines_in_store(tmp_path)
    assert [line.split(",")[1] for line in lines].count("node_started") == 2
    assert lines[-1].split(",")[1] == "node_stopped"
    connection = sqlite3.connect(tmp_path / "chappe.db")
    counted = connection.execute("SELECT sum(count) FROM counters").fetchone()[0]
    connection.close()
    assert counted == len(lines)
