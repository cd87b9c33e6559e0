"""The primary dies under load: nodes refuse for a while, keep their sockets, find the new primary, and lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from box_house import LINKS, WINDOW_PDUS, Box, running, smsc, traffic

from chappe.store.postgres.reaching import COMMAND_S
from postgres_server import Pair

pytestmark = pytest.mark.slow


def test_the_standby_takes_over_under_load_and_nothing_that_was_accepted_is_lost(
    postgres_pair: Pair, tmp_path: Path
) -> None:
    async def scenario() -> None:
        nodes = ("client-smpp", "operator:three*2", "router", "counter")
        async with smsc() as operator:
            box = Box(tmp_path, postgres_pair.new_database(), operator.port, nodes=nodes, allow_single_copy=False)
            async with running(box), traffic(box, operator) as under_way:
                await box.shared()
                await under_way.until(300)

                async def is_unready() -> bool:
                    return not await box.is_ready()

                pids, links = await box.pids(), set(map(id, operator.links))

                await asyncio.to_thread(postgres_pair.primary.kill)
                await asyncio.to_thread(postgres_pair.fail_over)
                # What both servers had when the one died is answered; nothing else is before a new standby confirms it.
                await asyncio.sleep(3.0)
                accepted = under_way.accepted
                await asyncio.sleep(3.0)
                assert under_way.accepted == accepted
                await box.until(is_unready, "says that it takes traffic")
                assert set(map(id, operator.links)) == links, "operators' links stay"

                await asyncio.to_thread(postgres_pair.rejoin)
                await box.until(box.is_ready, "does not find the new primary")
                await under_way.until(300)
                assert await box.pids() == pids, "nobody was started anew"
                await box.anew()

        told = under_way.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= LINKS * WINDOW_PDUS

    run(scenario)


def test_nobody_hears_yes_while_the_standby_is_gone_however_long_that_takes(
    postgres_pair: Pair, tmp_path: Path
) -> None:
    async def scenario() -> None:
        nodes = ("client-smpp", "operator:three", "router", "counter")
        async with smsc() as operator:
            box = Box(tmp_path, postgres_pair.new_database(), operator.port, nodes=nodes, allow_single_copy=False)
            async with running(box), traffic(box, operator) as under_way:
                await under_way.until(300)

                await asyncio.to_thread(postgres_pair.standby.kill)
                await asyncio.sleep(1.0)
                accepted = under_way.accepted
                # Longer than any statement may take: its wait for the standby is given up, and the row is there alone.
                await asyncio.sleep(COMMAND_S + 8.0)
                assert under_way.accepted == accepted

                await asyncio.to_thread(postgres_pair.rejoin)
                await under_way.until(300)
                await box.anew()

        told = under_way.account()
        assert told.lost == told.receipts_lost == 0, told.as_text()

    run(scenario)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(300):
            await scenario()

    asyncio.run(bounded())
