"""A router dies before and after it has sent on what waited for look-ups: each message goes on, and goes on once."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from crash_opened import opened_store

from chappe.crash import CrashPoint
from chappe.engines import AnyStore
from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.net.http_call import endpoint_of
from chappe.router.asking import Asking
from chappe.router.looker import Looker, LookTerms
from chappe.rules.admit import Policy
from chappe.rules.decide import ROUTE, Routes, Rule
from chappe.rules.looked_up import LookUps
from chappe.rules.number_plan import NumberPlan
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.lookup_api import lookup_form_of
from chappe.runtime.network_cache import NetworkCache
from chappe.runtime.settings_lookup import Lookup
from chappe.sim.lookup import LookupSimulator

HANDSETS = [f"3712000{n:04}" for n in range(40)]
#: Every second one has gone elsewhere.
TABLE = {handset: f"2470{1 + n % 2}" for n, handset in enumerate(HANDSETS)}
RULES = [
    Rule(Direction.MT, networks=("24701",), operators=("one",)),
    Rule(Direction.MT, networks=("24702",), operators=("two",)),
]


def message_to(handset: str, ids: IdMaker) -> Item:
    made = ids.next(SYSTEM_CLOCK.utc_us() // 1000)
    message = Message(made, Direction.MT, "acme", "", 0, 0, "12345", 1, 1, handset, b"hi", registered_delivery=1)
    return Item(ROUTE, 1, "acme", 0, made, message)


def looker_of(store: AnyStore, simulator: LookupSimulator, folder: Path) -> Looker:
    look_ups = LookUps()
    routes = Routes(RULES, Direction.MT, plan=NumberPlan(look_ups=look_ups))
    policy = Policy(routes)
    cache, terms = NetworkCache(look_ups, folder / "lookups.db", limit=1_000), LookTerms(30.0, 0.1, True, 600.0, 60.0)
    looker = Looker(store, lambda: policy, cache, SYSTEM_CLOCK, terms)
    looker.change(
        terms,
        lambda on_said: Asking(
            lookup_form_of(Lookup()),
            endpoint_of(simulator.url),
            concurrency=4,
            timeout_s=5.0,
            now=SYSTEM_CLOCK.monotonic,
            on_said=on_said,
        ),
    )
    return looker


async def look_up(place: str, folder: Path, routers: int = 1) -> dict[str, list[str]]:
    """Look up until nothing waits; returns who lies in each operator's queue."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(LookupSimulator(TABLE))
        stores = [await opened_store(place, f"router{number}") for number in range(routers)]
        work = [asyncio.create_task(looker_of(store, simulator, folder).run()) for store in stores]
        async with asyncio.timeout(50):
            while sum(each.messages for each in stores[0].depths() if each.queue == ROUTE):
                await asyncio.sleep(0.05)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        store = stores[0]
        found = {name: await store.lease(f"operator:{name}", 100) for name in ("one", "two")}
        for each in stores:
            await each.close()
    return {
        name: sorted(each.content.dest for each in items if isinstance(each.content, Message))
        for name, items in found.items()
    }


async def accept_all(place: str) -> None:
    store = await opened_store(place)
    ids = IdMaker(store.slot, last_id=store.last_id)
    await store.accept([message_to(handset, ids) for handset in HANDSETS], EventBatch(0))
    await store.close()


WHERE_THEY_GO = {"one": HANDSETS[::2], "two": HANDSETS[1::2]}


@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("point", [CrashPoint.BEFORE_ROUTE, CrashPoint.AFTER_ROUTE, CrashPoint.BEFORE_COMMIT_SETTLE])
def test_each_message_goes_on_once_whenever_its_router_dies(
    tmp_path: Path, dsn: str, point: CrashPoint, time: int
) -> None:
    place = dsn or str(tmp_path / "chappe.db")
    asyncio.run(accept_all(place))
    command = [sys.executable, __file__, place, str(tmp_path)]
    died = subprocess.run(
        command, env={**os.environ, "CHAPPE_CRASH_AT": f"{point.value}:{time}"}, timeout=100, check=False
    )
    assert died.returncode == -signal.SIGKILL

    assert asyncio.run(look_up(place, tmp_path)) == WHERE_THEY_GO


def test_two_routers_share_what_waits(tmp_path: Path, dsn: str) -> None:
    if not dsn:
        pytest.skip("one process has one router")
    asyncio.run(accept_all(dsn))

    assert asyncio.run(look_up(dsn, tmp_path, routers=2)) == WHERE_THEY_GO


if __name__ == "__main__":
    asyncio.run(look_up(sys.argv[1], Path(sys.argv[2])))
