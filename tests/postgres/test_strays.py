"""What a server leases to a process that is dead and buried by then does not stay leased for ever."""

from __future__ import annotations

import asyncio

import pytest
from store_pair import QUEUE, Node, nodes
from test_many_nodes import sql, story

from chappe.store.postgres.moving import HistoryMoves
from chappe.store.postgres.strays import is_due

_LEASE_AFTERWARDS = "UPDATE queue SET run = $1 WHERE id = $2"


async def buried(dsn: str, *, watcher: Node) -> Node:
    """A node that has died, and of which another one has freed everything."""
    dead = Node(dsn, "one")
    await dead.open()
    dead.die()
    await sql(dsn, "UPDATE runs SET beat_at = beat_at - interval '1 minute' WHERE run = $1", dead.store.run)
    while not (await sql(dsn, "SELECT is_cleared FROM runs WHERE run = $1", dead.store.run))[0][0]:
        await asyncio.sleep(0.05)
    assert watcher.store.run != dead.store.run
    return dead


@story
async def test_what_was_leased_to_a_run_after_its_burial_is_free_again(dsn: str) -> None:
    async with nodes(dsn, "two") as (two,):
        dead = await buried(dsn, watcher=two)
        stray, own = two.mt(), two.mt()
        await two.accept(stray, own)
        await sql(dsn, _LEASE_AFTERWARDS, dead.store.run, stray.id)
        assert [item.id for item in await two.leased()] == [own.id]

        moving = asyncio.create_task(HistoryMoves(two.store, retention_days=30).run())
        try:
            while not (taken := await two.store.lease(QUEUE, 10)):
                await asyncio.sleep(0.05)
        finally:
            moving.cancel()

        assert [item.id for item in taken] == [stray.id]
        # What somebody holds who lives is left to him.
        assert await two.store.lease(QUEUE, 10) == []
        ((holder,),) = await sql(dsn, "SELECT run FROM queue WHERE id = $1", own.id)
        assert holder == two.store.run
        assert two.store.open_messages("acme") == 2


@pytest.mark.parametrize(
    ("since_end_s", "since_look_s", "is_to_be_looked"),
    [(5.0, float("inf"), True), (20.0, 60.0, True), (100.0, 60.0, True), (150.0, 60.0, False), (9e6, 4e6, False)],
    ids=["first", "somebody ended", "soon after", "a while after", "long ago"],
)
def test_all_is_looked_at_after_each_end_and_when_twice_as_long_has_passed(
    since_end_s: float, since_look_s: float, is_to_be_looked: bool
) -> None:
    assert is_due(since_end_s, since_look_s) is is_to_be_looked
