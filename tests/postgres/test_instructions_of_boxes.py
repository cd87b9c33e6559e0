"""One conf node of all boxes carries instructions out: what it could not note any more is answered as before."""

from __future__ import annotations

import asyncio

from store_pair import QUEUE, Node

from chappe.model.events import EventBatch
from chappe.store.port import Held
from postgres_server import Reached


def test_what_another_box_carried_out_and_could_not_note_happens_once(postgres_server: Reached) -> None:
    async def story() -> None:
        dsn = postgres_server.new_database()
        one, two = Node(dsn, "conf", "riga1"), Node(dsn, "conf", "riga2")
        await one.open(keeps_time=False)
        await two.open(keeps_time=False)
        items = [one.mt(), one.mt()]
        await one.accept(*items)
        await one.store.lease(QUEUE, 10)
        await one.store.settle([Held(item, "nobody knows") for item in items], EventBatch(0))
        first, second = (item.id for item in items)

        assert await one.store.resolve_held([first], is_resent=False, instruction=5) == [first]
        assert await two.store.resolve_held([first], is_resent=False, instruction=5) == [first]

        assert await two.store.resolve_held([second], is_resent=False, instruction=6) == [second]
        assert await one.store.resolve_held([second], is_resent=False, instruction=6) == [second]
        await one.close()
        await two.close()

    asyncio.run(asyncio.wait_for(story(), 60))
