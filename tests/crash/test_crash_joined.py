"""The gateway dies before and after the commit that joins the parts of a long text: its client gets it whole, once."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from crash_opened import opened_store

from chappe.crash import CrashPoint
from chappe.engines import AnyStore
from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.router.joiner import Joiner
from chappe.rules.decide import Routes, Rule
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.store.fleet import Alone
from chappe.text import udh
from chappe.text.encoding import Encoding

ROUTES = Routes([Rule(Direction.MO, queue="client:acme", client="acme", join_s=600.0)], Direction.MO)


async def opened(place: str) -> tuple[AnyStore, Joiner, IdMaker]:
    store = await opened_store(place)
    ids = IdMaker(store.slot, last_id=store.last_id)
    joiner = Joiner(store, Alone(), lambda: ROUTES, ids, SYSTEM_CLOCK, encoding_of=lambda _: Encoding.GSM7)
    return store, joiner, ids


async def receive_and_join(place: str) -> None:
    """What the process that dies does."""
    store, joiner, ids = await opened(place)
    items = []
    for number in (2, 1, 3):
        octets = udh.build([udh.concatenation_8(7, 3, number)]) + b"<%d>" % number
        made = ids.next(SYSTEM_CLOCK.utc_us() // 1000)
        part = Message(made, Direction.MO, "", "three", 1, 1, "37120000001", 0, 1, "12345", octets, esm_class=0x40)
        items.append(Item("join", 0, "", 0, made, part))
    await store.accept(items, EventBatch(0))
    await joiner.look()


async def join_again(place: str) -> tuple[list[bytes], int]:
    """What its client gets after the next start, and how much still waits for other parts."""
    store, joiner, _ = await opened(place)
    await joiner.look()
    found = [item.content for item in await store.lease("client:acme", 10)]
    left = sum(depth.messages for depth in store.depths() if depth.queue == "join")
    await store.close()
    return [message.octets for message in found if isinstance(message, Message)], left


@pytest.mark.parametrize("point", [CrashPoint.BEFORE_COMMIT_SETTLE, CrashPoint.AFTER_COMMIT_SETTLE])
def test_a_text_is_joined_once_whenever_the_gateway_dies(tmp_path: Path, dsn: str, point: CrashPoint) -> None:
    place = dsn or str(tmp_path / "chappe.db")
    command = [sys.executable, __file__, place]
    died = subprocess.run(command, env={**os.environ, "CHAPPE_CRASH_AT": f"{point.value}:1"}, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL

    texts, left = asyncio.run(join_again(place))

    assert texts == [b"<1><2><3>"]
    assert left == 0


if __name__ == "__main__":
    asyncio.run(receive_and_join(sys.argv[1]))
