"""Nodes as processes over PostgreSQL: they share doors and links, die, are drained, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from box_house import LINKS, NODES, WINDOW_PDUS, Box, running, smsc, traffic

from postgres_server import Reached

Given = Callable[[str], Box]

pytestmark = pytest.mark.slow


def over_postgres(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[[Reached, Path], None]:
    """Run an async test with a folder and the DSN of an empty database."""

    def run(postgres_server: Reached, tmp_path: Path) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(300):
                await test(tmp_path, postgres_server.new_database())

        asyncio.run(bounded())

    run.__name__ = test.__name__
    return run


async def links_up(box: Box) -> int:
    """How many links of the operator are up, in all processes of a box."""
    operators = (await box.status())["operators"]
    return sum(link["state"] == "up" for operator in operators for link in operator["links"])


@over_postgres
async def test_processes_share_a_door_and_an_operators_links_and_messages_come_home(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port)
        async with running(box):
            await box.shared()
            assert sum(link.is_ready for link in operator.links) == LINKS
            async with traffic(box, operator) as under_way:
                await under_way.until(600)
            status = await box.status()

        names = [node["name"] for node in status["nodes"]]
        assert names == [
            "client-smpp",
            "client-smpp#2",
            "client-http",
            "operator:three",
            "operator:three#2",
            "router",
            "counter",
            "conf",
        ]
        assert {run["node"] for run in status["fleet"]} == set(names)
        told = under_way.account()
        assert told.is_clean, told.as_text()
        assert told.accepted >= 600
        used = {node: set() for node in ("client-smpp", "client-smpp-2", "operator-three", "operator-three-2")}
        for file in (box.folder / "data" / "events").rglob("*.csv"):
            node = file.stem.partition(f"{box.name}-")[2]
            used.setdefault(node, set()).update(line.split(",")[1] for line in file.read_text().splitlines())
        assert "mt_sent" in used["operator-three"]
        assert "mt_sent" in used["operator-three-2"]


@over_postgres
async def test_every_node_is_killed_once_under_load_and_nothing_is_lost(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port)
        async with running(box), traffic(box, operator) as under_way:
            for name in ("operator:three", "client-smpp", "router", "operator:three#2", "counter", "client-smpp#2"):
                await under_way.until(150)
                before = (await box.pids())[name]
                os.kill(before, signal.SIGKILL)

                async def is_back(name: str = name, before: int = before) -> bool:
                    return (await box.pids())[name] not in (0, before) and await box.is_ready()

                await box.until(is_back, f"does not start {name} again")
            await under_way.until(150)

        told = under_way.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= 2 * LINKS * WINDOW_PDUS
        assert told.extra.doubled == 0, told.as_text()


@over_postgres
async def test_a_rolling_restart_of_every_node_under_load_loses_and_doubles_nothing(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        nodes = ("client-smpp*2", "operator:three*2", "router", "counter")
        box = Box(folder, dsn, operator.port, nodes=nodes)
        async with running(box):
            await box.shared()
            async with traffic(box, operator) as under_way:
                for name in await box.pids():
                    await under_way.until(100)
                    before = (await box.pids())[name]
                    code, said = await box.command("drain", name)
                    assert (code, said) == (0, f"{name} drained, 0 unanswered\n")
                    assert (await box.command("drain", name, "--resume"))[0] == 0

                    async def is_back(name: str = name, before: int = before) -> bool:
                        return (await box.pids())[name] not in (0, before) and await box.is_ready()

                    await box.until(is_back, f"does not start {name} again")

        told = under_way.account()
        assert told.is_clean, told.as_text()
        assert told.extra.copies == 0, told.as_text()


@over_postgres
async def test_a_node_that_stands_still_is_replaced_and_what_it_had_goes_on(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port, nodes=("client-smpp", "operator:three*2", "router", "counter"))
        async with running(box):
            await box.shared()
            async with traffic(box, operator) as under_way:
                await under_way.until(100)
                frozen = (await box.pids())["operator:three"]
                os.kill(frozen, signal.SIGSTOP)

                async def is_replaced() -> bool:
                    return (await box.pids())["operator:three"] not in (0, frozen) and await box.is_ready()

                await box.until(is_replaced, "does not replace what stands still")
                await under_way.until(100)

        assert re.search(r"node operator:three said nothing for \d+ s: it is started anew", box.said())
        told = under_way.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= LINKS * WINDOW_PDUS


@over_postgres
async def test_a_second_box_takes_its_part_and_the_first_one_may_lose_its_power(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        first = Box(folder, dsn, operator.port, nodes=("operator:three", "router", "counter"))
        second = Box(folder, dsn, operator.port, name="riga2", nodes=("client-smpp", "operator:three", "router"))
        async with running(second):
            await first.start()

            async def is_shared() -> bool:
                runs = (await second.status())["fleet"]
                return sorted(run["links"].get("three", [0])[0] for run in runs if run["node"] == "operator:three") == [
                    LINKS // 2,
                    LINKS // 2,
                ]

            await second.until(is_shared, "does not share the operator's links")
            assert {run["box"] for run in (await second.status())["fleet"]} == {"riga1", "riga2"}
            async with traffic(second, operator) as under_way:
                await under_way.until(200)
                await first.kill()

                async def has_all() -> bool:
                    return await links_up(second) == LINKS

                await second.until(has_all, "does not take over the links")
                await under_way.until(200)

        told = under_way.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= LINKS * WINDOW_PDUS


def previous_commit(folder: Path) -> Path:
    """The code of the commit before this one."""
    repository = Path(__file__).parents[2]
    source = folder / "previous"
    source.mkdir()
    packed = subprocess.run(
        ["git", "-C", str(repository), "archive", "HEAD~", "src"], capture_output=True, check=False, timeout=60
    )
    if packed.returncode:
        pytest.skip("needs the history of this repository")
    subprocess.run(["tar", "-x", "-C", str(source)], input=packed.stdout, check=True, timeout=60)
    return source / "src"


@over_postgres
async def test_nodes_of_the_previous_commit_work_beside_those_of_this_one_until_all_are_replaced(
    folder: Path, dsn: str
) -> None:
    previous, nodes = previous_commit(folder), ("client-smpp", "operator:three", "router", "counter")
    async with smsc() as operator:
        old = Box(folder, dsn, operator.port, name="riga1", nodes=nodes, source=previous)
        new = Box(folder, dsn, operator.port, name="riga2", nodes=nodes, smpp_port=old.smpp_port)
        await old.start()
        async with running(new), traffic(old, operator, binds=8) as under_way:
            await under_way.until(300)
            # The new ones share door, links and store with the old ones; then the old ones go.
            assert {run["box"] for run in (await new.status())["fleet"]} == {"riga1", "riga2"}
            assert await old.stop() == 0, old.said()[-6_000:]
            await under_way.until(300)

        told = under_way.account()
        assert told.is_clean, told.as_text()
        assert told.extra.copies == 0, told.as_text()


@over_postgres
async def test_a_second_sigterm_ends_all_processes_at_once(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port, nodes=NODES)
        await box.start()
        pids = await box.pids()

        box.signal(signal.SIGTERM)
        box.signal(signal.SIGTERM)
        await box.wait()

        await asyncio.sleep(0.5)
        assert [pid for pid in pids.values() if not is_zombie(pid)] == []


def is_zombie(pid: int) -> bool:
    """It is gone, or only its parent has not looked yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@over_postgres
async def test_one_node_by_hand_serves_its_own_metrics(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port)
        process = await asyncio.create_subprocess_exec(*box._command("node", "operator:three"))

        await box.until(box.is_ready, "is not ready by hand")
        assert b'chappe_link_up{link="1",operator="three"}' in await box.get("/metrics")
        process.terminate()

        assert await process.wait() == 0


def test_a_database_without_a_synchronous_standby_is_refused_by_every_node(
    postgres_server: Reached, tmp_path: Path
) -> None:
    if postgres_server.sql("SHOW synchronous_standby_names"):
        pytest.skip("this server names a standby")
    box = Box(tmp_path, postgres_server.new_database(), 1, allow_single_copy=False)

    code, said = asyncio.run(box.command("node", "router"))

    assert code == 1
    assert "set synchronous_standby_names there, or gateway.allow_single_copy = true here" in said
