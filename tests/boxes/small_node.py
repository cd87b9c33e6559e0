"""A process that plays a node: it beats, answers and drains, or misbehaves as its only argument says."""

import asyncio
import os
import signal
import sys
import time

from chappe.box.beats import Beat, Shown
from chappe.box.parent import Parent

MANNERS = sys.argv[1]
METRICS = """# HELP chappe_link_up 1 while the link is bound.
# TYPE chappe_link_up gauge
chappe_link_up{operator="three",link="1"} 1.0
# HELP chappe_queue_messages Items that wait in a queue.
# TYPE chappe_queue_messages gauge
chappe_queue_messages{queue="operator:three"} 7.0
"""


async def main() -> None:
    if MANNERS == "dies":
        sys.exit(3)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    parent = await Parent.from_environment()
    assert parent is not None
    turns = 0

    def beat() -> Beat:
        nonlocal turns
        turns += MANNERS != "stands"
        return Beat("running", {"loop": turns}, memory_mib=900 if MANNERS == "grows" else 9)

    task = asyncio.create_task(parent.run(beat, lambda number: Shown(number, METRICS, None), stopping.set))
    if MANNERS == "hangs":
        await asyncio.sleep(0.2)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3_600)  # noqa: ASYNC251 - that is the fault
    await stopping.wait()
    if MANNERS == "lingers":
        await asyncio.sleep(3_600)
    task.cancel()
    await parent.leave(unanswered=4)


print(os.getpid(), flush=True)
asyncio.run(main())
