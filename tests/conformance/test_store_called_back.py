"""The callback node over each engine: everything is told, what is refused comes again, and the store knows of all."""

from __future__ import annotations

import asyncio
import time

import msgspec
from store_box import Box

from chappe.callbacks.node import CallbackNode
from chappe.callbacks.terms import Terms
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.sim.callback_receiver import CallbackReceiver
from chappe.sim.faults import Event, Fault
from chappe.sim.script import Faults, Rule

QUEUE = "callback:acme"
CALLBACKS = 200
PATIENCE_S = 30.0


async def called_back(box: Box, receiver: CallbackReceiver) -> None:
    """Run the node until all callbacks were taken, then stop it in order."""
    port = await receiver.listen()
    terms = Terms(
        client="acme", url=f"http://127.0.0.1:{port}/", retry_s=(0.1,), private_hosts=frozenset({("127.0.0.1", port)})
    )
    node = CallbackNode([terms], box.store, SYSTEM_CLOCK, {}, lambda message, text: "no")
    running = asyncio.create_task(node.run())
    keeping = asyncio.create_task(box.store.keep_time(asyncio.Event()))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(receiver.webhook_ids()) < CALLBACKS:
                assert not running.done()
                box.now_ms = time.time_ns() // 1_000_000
                await asyncio.sleep(0.01)
        assert await node.drain(time.monotonic() + 5.0) == 0
    finally:
        for task in (running, keeping):
            task.cancel()
        await asyncio.gather(running, keeping, return_exceptions=True)
        receiver.close()


def test_every_callback_is_told_once_though_a_client_refuses_some(box: Box) -> None:
    box.now_ms = time.time_ns() // 1_000_000
    items = [msgspec.structs.replace(box.mo(), queue=QUEUE) for _ in range(CALLBACKS)]
    box.accept(*items)
    refusing = Rule(fault=Fault.REFUSE, on=Event.CALLBACK, status=500, last_count=8)
    receiver = CallbackReceiver(Faults((refusing,)))

    box.run(called_back(box, receiver))

    told = receiver.webhook_ids()
    assert sorted(told) == sorted(f"msg_{item.id}" for item in items)
    box.restart()
    assert box.lease(QUEUE) == []
