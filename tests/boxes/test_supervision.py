"""A box keeps its processes running: real children of small scripts, started, lost, hung, drained."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chappe.box.desk import Wish, wish_at
from chappe.box.keeper import Limits
from chappe.box.plan import Process
from chappe.box.running import Box
from chappe.box.supervisor import Supervisor
from chappe.observe.health import Health, Phase
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import Gateway, Listen
from house import journey
from ports import free_port

SCRIPT = Path(__file__).with_name("small_node.py")
QUICK = Limits(stall_s=2.0, memory_mib=500, drain_s=0.5, grace_s=0.5, first_pause_s=0.05)


class Kept:
    """A supervisor over small scripts."""

    def __init__(self, manners: Mapping[str, str], limits: Limits = QUICK) -> None:
        self.manners = dict(manners)
        self.health = Health()
        self.supervisor = Supervisor(
            [Process(name) for name in manners], self._command, limits, SYSTEM_CLOCK, self.health
        )
        self.stopping = asyncio.Event()
        self.starts: list[str] = []

    def _command(self, process: Process) -> list[str]:
        self.starts.append(process.name)
        return [sys.executable, str(SCRIPT), self.manners[process.name]]

    def pid(self, name: str) -> int:
        return self.supervisor.keepers[name].pid

    def state(self, name: str) -> str:
        return self.supervisor.keepers[name].state

    async def until(self, holds: Callable[[], object], patience_s: float = 20.0) -> None:
        async with asyncio.timeout(patience_s):
            while not holds():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def kept(limits: Limits = QUICK, /, **manners: str) -> AsyncIterator[Kept]:
    made = Kept(manners, limits)
    work = asyncio.create_task(made.supervisor.run(made.stopping))
    try:
        yield made
    finally:
        made.stopping.set()
        await work


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@journey
async def test_box_takes_traffic_once_all_its_processes_do() -> None:
    async with kept(one="behaves", two="behaves") as box:
        assert not box.health.is_ready
        await box.until(lambda: box.health.is_ready)

        assert box.state("one") == box.state("two") == "running"


@journey
async def test_process_that_is_killed_is_started_again_and_its_neighbour_left_alone() -> None:
    async with kept(one="behaves", two="behaves") as box:
        await box.until(lambda: box.health.is_ready)
        first, neighbour = box.pid("one"), box.pid("two")

        os.kill(first, signal.SIGKILL)
        await box.until(lambda: box.pid("one") not in (0, first) and box.state("one") == "running")

        assert box.pid("two") == neighbour
        assert box.supervisor.keepers["one"].restarts == 1


@journey
async def test_process_that_dies_at_once_is_started_ever_more_rarely() -> None:
    limits = Limits(first_pause_s=0.2)
    async with kept(limits, one="dies") as box:
        await asyncio.sleep(3.0)

        # Pauses of at least 0.1, 0.2, 0.4, 0.8 and 1.6 s, and the budget of starts beside them.
        assert 2 <= len(box.starts) <= 6


@journey
async def test_process_whose_loop_stands_still_is_started_anew() -> None:
    async with kept(one="stands") as box:
        await box.until(lambda: box.state("one") == "running")
        first = box.pid("one")
        box.manners["one"] = "behaves"

        await box.until(lambda: box.pid("one") not in (0, first))

        assert is_gone(first)


@journey
async def test_process_that_hangs_and_hears_no_signal_is_killed_and_started_anew() -> None:
    async with kept(one="hangs") as box:
        await box.until(lambda: box.pid("one"))
        first = box.pid("one")
        box.manners["one"] = "behaves"

        await box.until(lambda: box.pid("one") not in (0, first) and box.state("one") == "running")

        assert is_gone(first)


@journey
async def test_process_that_was_stopped_by_a_signal_is_replaced() -> None:
    async with kept(one="behaves") as box:
        await box.until(lambda: box.state("one") == "running")
        first = box.pid("one")

        os.kill(first, signal.SIGSTOP)
        await box.until(lambda: box.pid("one") not in (0, first) and box.state("one") == "running")

        assert is_gone(first)


@journey
async def test_process_that_grows_beyond_its_bound_is_started_anew() -> None:
    async with kept(one="grows") as box:
        await box.until(lambda: box.supervisor.keepers["one"].restarts)


@journey
async def test_drained_process_stays_down_until_it_is_wanted_again() -> None:
    async with kept(one="behaves", two="behaves") as box:
        await box.until(lambda: box.health.is_ready)

        unanswered = await box.supervisor.keepers["one"].drain()
        await asyncio.sleep(0.5)

        assert (unanswered, box.state("one"), box.pid("one")) == (4, "drained", 0)
        assert box.health.is_ready, "what is drained on purpose is not missing"
        box.supervisor.keepers["one"].resume()
        box.supervisor.judge()
        assert not box.health.is_ready, "whoever waits for it does not hear of how it was before"
        await box.until(lambda: box.state("one") == "running")


@journey
async def test_stopping_box_waits_for_its_processes_but_not_for_ever() -> None:
    async with kept(one="behaves", two="lingers") as box:
        await box.until(lambda: box.health.is_ready)
        pids = [box.pid("one"), box.pid("two")]
        clock = asyncio.get_running_loop().time
        began = clock()

    assert clock() - began < 5.0
    assert all(is_gone(pid) for pid in pids)
    assert box.health.phase is Phase.DRAINING


@journey
async def test_processes_leave_when_their_box_is_gone() -> None:
    made = Kept({"one": "behaves"})
    work = asyncio.create_task(made.supervisor.run(made.stopping))
    await made.until(lambda: made.state("one") == "running")
    pid = made.pid("one")

    # The box dies without a word: its end of the socket closes.
    writer = made.supervisor.keepers["one"]._child._writer  # type: ignore[union-attr]
    writer.close()  # type: ignore[union-attr]
    await made.until(lambda: is_gone(pid) or made.pid("one") not in (0, pid))
    made.stopping.set()
    await work


@journey
async def test_a_hangup_reaches_every_process_and_ends_none() -> None:
    async with kept(one="behaves", two="behaves") as box:
        await box.until(lambda: box.health.is_ready)
        pids = [box.pid("one"), box.pid("two")]

        box.supervisor.hang_up()
        await asyncio.sleep(0.5)

        assert [box.pid("one"), box.pid("two")] == pids


def settings_of_box(folder: Path) -> Settings:
    gateway = Gateway(data_dir=str(folder), store="postgresql://127.0.0.1/none", nodes=("router", "counter"), drain_s=1)
    return Settings(gateway=gateway, listen=Listen(metrics=f"127.0.0.1:{free_port()}"))


@journey
async def test_box_shows_all_its_processes_in_one_place_and_drains_one_on_demand(tmp_path: Path) -> None:
    box = Box(settings_of_box(tmp_path), lambda process: [sys.executable, str(SCRIPT), "behaves"], SYSTEM_CLOCK)
    stopping = asyncio.Event()
    work = asyncio.create_task(box.run(stopping))
    async with asyncio.timeout(20):
        while not box.health.is_ready:
            await asyncio.sleep(0.02)

    page = (await box.metrics()).decode()
    status = await box.status()
    granted = await wish_at(tmp_path, Wish("counter"))
    refused = await wish_at(tmp_path, Wish("cuonter"))

    assert 'chappe_link_up{link="1",node="router",operator="three"} 1.0' in page
    assert 'chappe_link_up{link="1",node="conf",operator="three"} 1.0' in page
    assert page.count("chappe_queue_messages{") == 1
    assert 'chappe_node_up{node="counter"} 1.0' in page
    assert [(node.name, node.state) for node in status.nodes] == [
        ("router", "running"),
        ("counter", "running"),
        ("conf", "running"),
    ]
    assert granted.unanswered == 4
    assert refused.fault.startswith("no node 'cuonter' on this box; did you mean 'counter'?")
    assert {name: keeper.state for name, keeper in box.keepers.items()}["counter"] == "drained"
    assert (tmp_path / "box.sock").stat().st_mode & 0o777 == 0o600
    stopping.set()
    await work
    assert not (tmp_path / "box.sock").exists()


@pytest.mark.parametrize("name", ["a" * 90, "b"])
@journey
async def test_desk_is_found_however_long_the_way_to_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / name
    folder.mkdir(parents=True)
    from chappe.box.desk import Desk, Granted

    async def grant(wish: Wish) -> Granted:
        return Granted(unanswered=len(wish.node))

    desk = Desk(folder, grant)
    await desk.open()

    assert (await wish_at(folder, Wish("router"))).unanswered == 6
    await desk.close()
