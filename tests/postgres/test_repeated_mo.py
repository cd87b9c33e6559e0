"""An operator's own id of an MO is recognised by whichever node of that operator it comes to."""

from __future__ import annotations

import asyncio

from store_pair import HANDSET, Node, nodes

from chappe.model.events import EventBatch
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from postgres_server import Reached

IDENTITY = bytes(range(256))[-32:]


async def receive(node: Node, identity: bytes) -> None:
    """An MO is stored together with what the operator calls it."""
    number = node.ids.next(node.now_ms)
    message = Message(number, Direction.MO, "acme", "three", 1, 1, HANDSET, 0, 1, "12345", b"VOTE 5")
    faults, _ = await asyncio.gather(
        node.store.accept([Item("client:acme", 0, "", 0, number, message)], EventBatch(0)),
        node.store.note_mo_identities("three", [(identity, node.now_ms)]),
    )
    assert not any(faults)


def test_what_one_node_has_stored_the_others_know_by_its_identity(postgres_server: Reached) -> None:
    async def story() -> None:
        async with nodes(postgres_server.new_database(), "operator:three", "operator:three#2") as (one, two):
            assert await two.store.mo_identities_elsewhere("three", [IDENTITY], 0) == set()
            await receive(one, IDENTITY)

            known = await two.store.mo_identities_elsewhere("three", [b"other", IDENTITY], two.now_ms - 60_000)
            assert known == {IDENTITY}
            assert await two.store.mo_identities_elsewhere("three", [IDENTITY], two.now_ms + 60_000) == set()
            assert await two.store.mo_identities_elsewhere("north", [IDENTITY], 0) == set()

    asyncio.run(asyncio.wait_for(story(), 60))
