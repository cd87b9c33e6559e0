"""Two boxes over one database: whoever asks anywhere has nodes of any box drained and had back, deaths in between."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from box_house import PATIENCE_S, Box, running, smsc

from postgres_server import Reached

#: The first one carries instructions out: it is there first, and has the lock.
FIRST = ("router",)
SECOND = ("client-http", "counter")


async def drain(box: Box, *words: str) -> tuple[int, str]:
    return await box.command("drain", *words)


async def nodes(box: Box) -> dict[str, Any]:
    return {node["name"]: node for node in (await box.status())["nodes"]}


def test_a_node_of_another_box_is_drained_and_had_back_from_here(tmp_path: Path, postgres_server: Reached) -> None:
    asyncio.run(asyncio.wait_for(from_here(tmp_path, postgres_server), PATIENCE_S * 2))


async def from_here(tmp_path: Path, postgres_server: Reached) -> None:
    async with smsc() as three:
        dsn = postgres_server.new_database()
        one = Box(tmp_path, dsn, three.port, name="riga1", nodes=FIRST)
        two = Box(tmp_path, dsn, three.port, name="riga2", nodes=SECOND)
        async with running(one, two):
            code, said = await drain(one, "counter", "--box", "riga2")
            assert (code, said) == (0, "counter drained, 0 unanswered\n")
            assert (await nodes(two))["counter"]["state"] == "drained"

            code, said = await one.command("instruct", "drain_node", "counter", "resumes=true", "--json")
            assert code == 0, said

            async def is_back() -> bool:
                return (await nodes(two))["counter"]["state"] == "running"

            await two.until(is_back, "does not run the node again")

            # The box that carries nothing out asks for a node of the one that does.
            code, said = await two.command("instruct", "drain_node", "router", "--json")
            assert code == 0, said
            assert (await nodes(one))["router"]["state"] == "drained"
            code, said = await drain(two, "no-such", "--box", "riga1")
            assert (code, "no node 'no-such'" in said, "box riga1" in said) == (1, True, True), said
            code, said = await drain(two, "router", "--box", "riga9")
            assert code == 1
            assert "no box 'riga9' runs" in said


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["riga1", "riga2"])
@pytest.mark.parametrize("point", ["after_errand_heard", "before_errand_done"])
def test_a_death_of_either_box_in_between_changes_nothing(
    tmp_path: Path, postgres_server: Reached, victim: str, point: str
) -> None:
    asyncio.run(asyncio.wait_for(death(tmp_path, postgres_server, victim, point), PATIENCE_S * 2))


async def death(tmp_path: Path, postgres_server: Reached, victim: str, point: str) -> None:
    async with smsc() as three:
        dsn = postgres_server.new_database()
        one = Box(tmp_path, dsn, three.port, name="riga1", nodes=FIRST)
        two = Box(tmp_path, dsn, three.port, name="riga2", nodes=SECOND)
        async with running(one):
            # Of riga2 the node that obeys dies at its first errand, each time that it is started: until it is let be.
            os.environ["CHAPPE_CRASH_AT"] = point
            try:
                await two.start()
            finally:
                del os.environ["CHAPPE_CRASH_AT"]
            conf = (await two.pids())["conf"]
            asking = asyncio.create_task(drain(one, "counter", "--box", "riga2"))

            async def has_died() -> bool:
                return (await two.pids())["conf"] not in (0, conf)

            await two.until(has_died, "is not killed at its errand")
            if victim == "riga1":
                os.kill((await one.pids())["conf"], signal.SIGKILL)
            # The whole box loses its power, and comes back without the trap.
            await two.kill()
            await two.start()

            code, said = await asking
            # A box that takes its time to come back is told so, and does it all the same.
            assert said.startswith("counter drained") if code == 0 else "is not done after" in said, said

            async def is_drained() -> bool:
                return bool((await nodes(two))["counter"]["state"] == "drained")

            await two.until(is_drained, "does not go on where it was")
            assert await two.stop() == 0
