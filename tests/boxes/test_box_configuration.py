"""Each node a process: all of them follow the configuration, operators come and go as processes, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from box_house import PATIENCE_S, Box, running, smsc, traffic

from ports import free_port
from postgres_server import Reached

#: Every operator of the configuration, whichever there are.
NODES = ("client-smpp", "operator", "router")


async def instruct(box: Box, *words: str) -> dict[str, Any]:
    code, said = await box.command("instruct", *words, "--json")
    assert code == 0, said + box.said()[-6_000:]
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.mark.slow
def test_processes_follow_while_clients_send(tmp_path: Path, postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(follow(tmp_path, postgres_server), PATIENCE_S * 3))


async def follow(tmp_path: Path, postgres_server: Reached) -> None:
    async with smsc() as three, smsc() as four:
        box = Box(tmp_path, postgres_server.new_database(), three.port, nodes=NODES)
        async with running(box), traffic(box, three, rate=100.0) as load:
            await load.until(20)
            spare = f'{{name = "four", address = "127.0.0.1:{four.port}", system_id = "chappe", password = "secret"}}'
            added = await instruct(box, "add_operator", f"operator={spare}")
            assert (added["state"], added["version"]) == ("done", 2), added
            route = '{direction = "mt", to = "99*", operators = ["four"]}'
            await instruct(box, "add_route", f"route={route}", "place=0")

            async def is_bound() -> bool:
                return any(link.is_ready for link in four.links)

            await box.until(is_bound, "starts no process for the new operator")
            assert "operator:four" in await box.pids()
            changed = await instruct(box, "change_operator", "name=three", "changes={rate = 5000, window = 20}")
            assert changed["state"] == "done", changed
            await instruct(box, "remove_route", "0")
            await instruct(box, "remove_operator", "four")

            async def is_gone() -> bool:
                return "operator:four" not in await box.pids()

            await box.until(is_gone, "does not let the process of the removed operator go")
            fleet = (await box.status())["fleet"]
            assert {run["configuration"] for run in fleet if run["state"] == "running"} == {6}
            await load.until(20)
        found = load.account()
        assert found.is_clean, found
        assert three.binds == 4, "its links never went down"
        assert load.client.counts()["resent"] == 0


def test_a_reset_reaches_the_process_that_has_the_links(tmp_path: Path, postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(reset(tmp_path, postgres_server), PATIENCE_S * 2))


async def reset(tmp_path: Path, postgres_server: Reached) -> None:
    async with smsc() as three:
        box = Box(tmp_path, postgres_server.new_database(), three.port, nodes=NODES, smpp_port=free_port())
        async with running(box):
            assert (await instruct(box, "reset_link", "three"))["state"] == "done"

            async def is_anew() -> bool:
                return three.binds == 8 and sum(link.is_ready for link in three.links) == 4

            await box.until(is_anew, "binds no link anew")
