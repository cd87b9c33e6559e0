"""The gateway dies before and after the commit that stores a STOP: it counts once the operator hears yes."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash_opened import opened_store

from chappe.crash import CrashPoint
from chappe.engines import AnyStore
from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message, Receipt
from chappe.operators.handset_order import MessageOrder
from chappe.operators.hearing import Hearing
from chappe.operators.inbound import Arrival, Inbound
from chappe.operators.leaving import Leaving
from chappe.operators.link import Link
from chappe.operators.shape import Wire
from chappe.rules.decide import Routes, Rule
from chappe.rules.loops import Loops
from chappe.rules.opt_outs import OptOutList, OptOuts
from chappe.runtime.backoff import Backoff
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.opt_out_watch import OptOutWatch

ROUTES = Routes([Rule(Direction.MO, queue="client:acme", client="acme")], Direction.MO)
LISTS = [OptOutList("shop", ("12345",), stop_words=frozenset({"stop"}), stop_reply="Bye.")]
HANDSET = "37120000001"


class Peer:
    """The operator's side of a link: it hears yes or no."""

    is_lost = False

    def __init__(self) -> None:
        self.heard: list[str] = []

    def flush(self) -> None: ...


class Reading(Inbound):
    """MO without a protocol."""

    permanent_status = 1

    def take(self, link: Link, peer: Any, requests: Any) -> None: ...

    def say_yes(self, arrival: Arrival) -> None:
        arrival.peer.heard.append("yes")  # type: ignore[attr-defined]

    def say_no(self, arrival: Arrival, status: int) -> None:
        arrival.peer.heard.append("no")  # type: ignore[attr-defined]


def stop_of(ids: IdMaker) -> Message:
    made = ids.next(SYSTEM_CLOCK.utc_us() // 1000)
    return Message(made, Direction.MO, "", "three", 1, 1, HANDSET, 0, 0, "12345", b"STOP")


def sale_of(ids: IdMaker) -> Item:
    """A message that was accepted by a door that had not heard of the word."""
    made = ids.next(SYSTEM_CLOCK.utc_us() // 1000)
    sale = Message(made, Direction.MT, "acme", "", 0, 0, "12345", 1, 1, HANDSET, b"sale", registered_delivery=1)
    return Item("operator:three", 1, "acme", 0, made, sale)


async def reading(store: AnyStore, ids: IdMaker, opt_outs: OptOuts) -> Reading:
    inbound = Reading("three", Wire(), store, lambda: ROUTES, ids, SYSTEM_CLOCK, 100, 60_000)
    inbound.hearing = Hearing("three", Wire(), opt_outs, ids)
    await inbound.recall()
    return inbound


async def stop(place: str) -> list[str]:
    """What the process that dies does; what the operator heard."""
    store = await opened_store(place)
    ids, opt_outs = IdMaker(store.slot, last_id=store.last_id), OptOuts(LISTS)
    await OptOutWatch(store, opt_outs).look()
    inbound, peer = await reading(store, ids, opt_outs), Peer()
    working = asyncio.create_task(inbound.messages())
    link = Link(0, Backoff(1.0, 1.0))
    inbound.take_mo(Arrival(link, peer, 1, object), stop_of(ids), None)  # type: ignore[arg-type]
    while not peer.heard:
        await asyncio.sleep(0.01)
    working.cancel()
    await store.close()
    return peer.heard


async def lease_all(place: str) -> tuple[list[bytes], list[Status], list[str]]:
    """After the next start: what leaves for the operator, what the client hears, and who opted out."""
    store = await opened_store(place)
    ids, opt_outs = IdMaker(store.slot, last_id=store.last_id), OptOuts(LISTS)
    await OptOutWatch(store, opt_outs).look()
    await store.accept([sale_of(ids)], EventBatch(0))
    leaving = Leaving("three", store, SYSTEM_CLOCK, MessageOrder(store, SYSTEM_CLOCK), opt_outs, Loops(0, 1.0))
    left = await leaving.may_leave(await store.lease("operator:three", 10))
    told = [item.content for item in await store.lease("client:acme", 10)]
    known = [each.handset for each in await store.opt_outs(0)]
    await store.close()
    texts = sorted(item.content.octets for item in left if isinstance(item.content, Message))
    return texts, [each.status for each in told if isinstance(each, Receipt)], known


async def known_of(place: str) -> list[str]:
    """Who is stored as opted out."""
    store = await opened_store(place)
    known = [each.handset for each in await store.opt_outs(0)]
    await store.close()
    return known


@pytest.mark.parametrize("point", [CrashPoint.BEFORE_COMMIT_ACCEPT_MO, CrashPoint.AFTER_COMMIT_ACCEPT_MO])
def test_stop_silences_whenever_the_gateway_dies(tmp_path: Path, dsn: str, point: CrashPoint) -> None:
    place = dsn or str(tmp_path / "chappe.db")
    command = [sys.executable, __file__, place]
    died = subprocess.run(command, env={**os.environ, "CHAPPE_CRASH_AT": f"{point.value}:1"}, timeout=60, check=False)
    assert died.returncode == -signal.SIGKILL

    if point is CrashPoint.BEFORE_COMMIT_ACCEPT_MO:
        # The operator heard nothing, and sends it again.
        assert asyncio.run(known_of(place)) == []
        assert asyncio.run(stop(place)) == ["yes"]

    texts, told, known = asyncio.run(lease_all(place))
    assert (texts, told, known) == ([b"Bye."], [Status.REJECTED], [HANDSET])


if __name__ == "__main__":
    asyncio.run(stop(sys.argv[1]))
