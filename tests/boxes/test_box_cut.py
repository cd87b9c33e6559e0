"""A box loses its way to the store while operators and clients still reach it; then the way is there again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from box_house import LINKS, WINDOW_PDUS, Box, Traffic, held_items, running, traffic
from box_story import VOTES, links_up
from network import Beside, beside

from chappe.sim.account import account
from chappe.sim.options import SmscOptions
from chappe.sim.smsc import SmscSimulator
from chappe.store.postgres.runs import LEASE_S
from postgres_server import PostgresServer

#: Leases have to pass.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IN_FLIGHT = LINKS * WINDOW_PDUS
#: Receipts go to whichever door their client is bound at: who is bound at the box that is cut off is another one.
FAR = VOTES.replace("votes", "far").replace("premium = true\n", "")


def test_a_box_that_is_cut_off_from_the_store_says_yes_to_nobody_and_doubles_no_vote(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    with beside() as there:
        own_postgres.listen_also(there.store_here, f"{there.store_here}/30")
        asyncio.run(asyncio.wait_for(_story(tmp_path, own_postgres, there), 580))


async def _story(folder: Path, server: PostgresServer, net: Beside) -> None:
    dsn = server.new_database()
    async with SmscSimulator(SmscOptions(host="0.0.0.0")) as operator:
        first = Box(
            folder, dsn, operator.port, nodes=("client-smpp", "operator:three", "router", "counter"), more=VOTES + FAR
        )
        second = Box(
            folder,
            dsn.replace("127.0.0.1", net.store_here),
            operator.port,
            name="riga2",
            nodes=("client-smpp", "operator:three", "router"),
            more=VOTES + FAR,
            host=net.there,
            operator_host=net.here,
            within=net.within,
        )
        async with running(first, second):
            await first.until(lambda: _has(second, LINKS // 2), "does not share the operator's links")
            clients: list[Traffic] = []
            votes: list[Traffic] = []
            async with (
                traffic(first, operator, seen=clients, rate=100.0),
                traffic(second, operator, client="far", seen=clients, rate=100.0),
                traffic(first, operator, client="votes", rate=100.0, binds=2, seen=votes, may_miss=IN_FLIGHT),
            ):
                await _cut_and_heal(first, second, net, [*clients, *votes])
                votes[0].client.outgoing.source.remaining = 0

                async def are_rest_held() -> bool:
                    return votes[0].client.missing <= len(await held_items(first))

                await first.until(are_rest_held, "neither sends nor holds what an operator did not take")
            held = await held_items(first)

        ledgers = [operator.ledger.entries, *(each.client.ledger.entries for each in clients)]
        told = account(ledgers)
        assert told.lost == told.receipts_lost == 0, told.as_text()
        assert told.extra.copies <= IN_FLIGHT, told.as_text()
        kept = votes[0].own_account()
        assert kept.extra.copies == 0, kept.as_text()
        assert kept.lost + kept.receipts_lost <= len(held), kept.as_text()


async def _cut_and_heal(first: Box, second: Box, net: Beside, all_traffic: list[Traffic]) -> None:
    for each in all_traffic:
        await each.until(100)
    net.cut()
    # What had left before the cut is answered; then nobody there hears yes any more.
    await asyncio.sleep(1.0)
    there = all_traffic[1]
    accepted = there.accepted
    await first.until(lambda: _is_unready(second), "says that it takes traffic without a store")
    await first.until(lambda: _has(first, LINKS), "does not take over the links of the box that was cut off")
    await all_traffic[0].until(int(20 * LEASE_S))
    assert there.accepted == accepted
    net.heal()
    await second.until(second.is_ready, "does not come back")
    await first.until(lambda: _has(second, LINKS // 2), "does not give half of the links back")
    for each in all_traffic:
        await each.until(100)


async def _has(box: Box, links: int) -> bool:
    return await links_up(box) == links


async def _is_unready(box: Box) -> bool:
    return not await box.is_ready()
