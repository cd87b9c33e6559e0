"""Nodes as processes over PostgreSQL: they share doors and links, are drained and replaced, and nothing is lost.

Processes are dear to start, so one box lives through a whole story, step by step, and is reckoned with after each.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from box_house import LINKS, Box, running, smsc
from box_story import Knocking, Story, over_postgres

from postgres_server import Reached

#: For a machine that does much else besides.
pytestmark = pytest.mark.timeout(600)

PAIRS = ("client-smpp", "client-smpp#2", "operator:three", "operator:three#2")


@over_postgres
async def test_a_box_shares_door_and_links_and_is_restarted_node_by_node_without_loss(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port, nodes=("client-smpp*2", "operator:three*2"))
        story = Story(box, operator)
        async with running(box):
            await box.shared()
            await _share_door_and_links(story)
            await _restart_every_node(story)


async def _share_door_and_links(story: Story) -> None:
    """Two processes stand behind one door, two share an operator's links, and each takes its part."""
    box = story.box
    assert sum(link.is_ready for link in story.operator.links) == LINKS
    async with story.traffic() as under_way:
        await under_way.until(300)
    status = await box.status()

    names = [node["name"] for node in status["nodes"]]
    assert names == [*PAIRS, "conf"]
    assert {run["node"] for run in status["fleet"]} == set(names)
    told = story.account()
    assert told.is_clean, told.as_text()
    sent: set[str] = set()
    for file in (box.folder / "data" / "events").rglob("*.csv"):
        if any(",mt_sent," in line for line in file.read_text(encoding="utf-8").splitlines()):
            sent.add(file.stem.partition(f"{box.name}-")[2])
    assert sent == {"operator-three", "operator-three-2"}


async def _restart_every_node(story: Story) -> None:
    """A drain says that nothing may double, and nothing does; clients that connect meanwhile are not turned away."""
    box = story.box
    async with story.traffic() as under_way:
        knocking = Knocking(box.smpp_port)
        for name, before in (await box.pids()).items():
            await under_way.until(50)
            assert await box.command("drain", name) == (0, f"{name} drained, 0 unanswered\n")
            await box.resume(name)
            await story.is_replaced(name, before)
        await knocking.stop()

    assert knocking.answered > 50
    told = story.account()
    assert told.is_clean, told.as_text()
    assert told.extra.copies == 0, told.as_text()


#: Where a change of what is stored shows first.
_MIGRATIONS = "src/chappe/store/postgres/migrations"


def earlier_commit(folder: Path) -> Path:
    """The code of the last commit before the newest migration."""
    repository = Path(__file__).parents[2]
    newest = max((repository / _MIGRATIONS).glob("*.sql")).name
    git = ["git", "-C", str(repository)]
    found = subprocess.run(
        [*git, "log", "--diff-filter=A", "--max-count=1", "--format=%H", "--", f"{_MIGRATIONS}/{newest}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout.strip()
    source = folder / "earlier"
    source.mkdir()
    packed = subprocess.run([*git, "archive", f"{found}~", "src"], capture_output=True, check=False, timeout=60)
    if not found or packed.returncode:
        pytest.skip("needs the history of this repository")
    subprocess.run(["tar", "-x", "-C", str(source)], input=packed.stdout, check=True, timeout=60)
    assert not (source / _MIGRATIONS / newest).exists()
    return source / "src"


@over_postgres
async def test_nodes_from_before_the_newest_migration_work_beside_those_of_today_until_all_are_replaced(
    folder: Path, dsn: str
) -> None:
    earlier, nodes = earlier_commit(folder), ("client-smpp", "operator:three", "router", "counter")
    async with smsc() as operator:
        old = Box(folder, dsn, operator.port, name="riga1", nodes=nodes, source=earlier)
        new = Box(folder, dsn, operator.port, name="riga2", nodes=nodes, smpp_port=old.smpp_port)
        story = Story(old, operator)
        await old.start()
        async with running(new), story.traffic(binds=8) as under_way:
            await under_way.until(300)
            # The new ones have migrated the database, and share door, links and store with the old ones.
            assert {run["box"] for run in (await new.status())["fleet"]} == {"riga1", "riga2"}
            # The old ones may be started anew, as after a fault in the midst of an upgrade; then they go.
            await old.anew()
            await under_way.until(300)
            assert await old.stop() == 0, old.said()[-6_000:]
            await under_way.until(300)

        told = story.account()
        assert told.is_clean, told.as_text()
        assert told.extra.copies == 0, told.as_text()


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
