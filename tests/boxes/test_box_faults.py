"""Boxes over PostgreSQL that lose nodes, stand still, lose their power: what must not double does not, nothing is lost.

Processes are dear to start, so one box lives through a whole story, step by step, and is reckoned with after each.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from box_house import LINKS, NODES, WINDOW_PDUS, Box, Traffic, held_items, running, smsc, traffic
from box_story import VOTES, Story, is_taken_for_dead, links_up, over_postgres

#: A lease has to pass, more than once.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IN_FLIGHT = LINKS * WINDOW_PDUS


@over_postgres
async def test_a_box_whose_nodes_are_killed_and_stand_still_loses_nothing_and_doubles_no_vote(
    folder: Path, dsn: str
) -> None:
    async with smsc() as operator:
        box = Box(folder, dsn, operator.port, nodes=NODES, more=VOTES)
        story = Story(box, operator)
        await box.start()
        try:
            await box.shared()
            await _kill_nodes(story)
            await _freeze_a_node(story)
            await _end_at_once(story)
        except BaseException:
            await box.kill()
            raise


async def _kill_nodes(story: Story) -> None:
    """A node that dies is started again, and what it had goes on: what was under way may double, nothing else."""
    async with story.traffic() as under_way:
        for name in ("operator:three", "client-smpp", "router", "operator:three#2", "counter", "client-smpp#2"):
            await under_way.until(100)
            before = (await story.box.pids())[name]
            os.kill(before, signal.SIGKILL)
            await story.is_replaced(name, before)
        await under_way.until(100)

    told = story.account()
    assert told.lost == told.receipts_lost == 0, told.as_text()
    assert told.extra.copies <= 2 * IN_FLIGHT
    assert told.extra.doubled == 0, told.as_text()


async def _freeze_a_node(story: Story) -> None:
    """A node that stood still for longer than its lease closes everything when it wakes.

    Another node of its operator took over meanwhile.  What was between lease and write may double, once, and nothing
    of what must not be sent twice does.
    """
    box, before = story.box, story.account().extra.copies
    await box.shared()
    votes: list[Traffic] = []
    async with (
        story.traffic() as under_way,
        traffic(box, story.operator, client="votes", rate=100.0, binds=2, seen=votes, may_miss=IN_FLIGHT),
    ):
        await under_way.until(100)
        frozen = (await box.pids())["operator:three#2"]
        os.kill(frozen, signal.SIGSTOP)
        await box.until(lambda: is_taken_for_dead(box, "operator:three#2"), "takes nobody for dead")
        await under_way.until(100)
        os.kill(frozen, signal.SIGCONT)
        await story.is_replaced("operator:three#2", frozen)
        await under_way.until(100)
        await votes[0].until(20)
        votes[0].client.outgoing.source.remaining = 0

        async def are_rest_held() -> bool:
            return votes[0].client.missing <= len(await held_items(box))

        await box.until(are_rest_held, "neither sends nor holds what an operator did not take")

    assert "others do its work: it ends" in box.said()
    told = story.account()
    assert told.lost == told.receipts_lost == 0, told.as_text()
    assert told.extra.copies - before <= IN_FLIGHT
    held = votes[0].own_account()
    assert held.extra.copies == 0, held.as_text()
    items = await held_items(box)
    assert held.lost + held.receipts_lost <= len(items), held.as_text()
    assert (await box.status())["held"] == len(items)


async def _end_at_once(story: Story) -> None:
    """Whoever asks twice wants out now."""
    pids = await story.box.pids()
    story.box.signal(signal.SIGTERM)
    story.box.signal(signal.SIGTERM)
    await story.box.wait()

    async with asyncio.timeout(20):
        while [pid for pid in pids.values() if not is_gone(pid)]:
            await asyncio.sleep(0.05)


def is_gone(pid: int) -> bool:
    """It is gone, or only its parent has not looked yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@over_postgres
async def test_a_second_box_takes_its_part_and_the_first_one_may_lose_its_power(folder: Path, dsn: str) -> None:
    async with smsc() as operator:
        first = Box(folder, dsn, operator.port, nodes=("operator:three", "router", "counter"))
        second = Box(folder, dsn, operator.port, name="riga2", nodes=("client-smpp", "operator:three", "router"))
        story = Story(second, operator)
        async with running(second):
            await first.start()

            async def is_shared() -> bool:
                runs = (await second.status())["fleet"]
                up = sorted(run["links"].get("three", [0])[0] for run in runs if run["node"] == "operator:three")
                return up == [LINKS // 2, LINKS // 2]

            await second.until(is_shared, "does not share the operator's links")
            assert {run["box"] for run in (await second.status())["fleet"]} == {"riga1", "riga2"}
            async with story.traffic() as under_way:
                await under_way.until(200)
                await first.kill()

                async def has_all() -> bool:
                    return await links_up(second) == LINKS

                await second.until(has_all, "does not take over the links")
                await under_way.until(200)

        told = story.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= IN_FLIGHT
