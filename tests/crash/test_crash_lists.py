"""The gateway dies while people change its lists: an opt-out or a block is there once, and so is what is told of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from asking_steps import PATIENCE_S, asking_when_there, start
from crash_store import event_lines

from chappe.assembly.gateway import Gateway
from chappe.configuration.document import tables_of
from chappe.crash import CrashPoint
from chappe.engines import open_store, versions_of
from chappe.instructions.kinds import AddBlock, AddOptOut, CancelMessage, Instruction, RemoveOptOut
from chappe.instructions.outcome import Outcome, State
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.settings import Settings, parse

TOML = """
[gateway]
data_dir = "{folder}"
store = "{store}"
allow_single_copy = true
drain_s = 1
[listen]
smpp = "127.0.0.1:0"
http = "127.0.0.1:0"
metrics = "127.0.0.1:0"
[[opt_outs]]
name = "shop"
numbers = ["12345"]
"""
HANDSET = "37120000001"
TOLD = (b"opted_out", b"opted_in")


def settings_in(folder: Path, store: str) -> Settings:
    return parse(TOML.format(folder=folder, store=store), "settings")


def asked_through_a_death(
    settings: Settings, folder: Path, store: str, point: CrashPoint, wish: Instruction
) -> Outcome:
    """What comes of an instruction when the gateway dies at a point of it, and is started again."""
    first = start(__file__, folder, store, point.value)
    asking = asking_when_there(settings)
    number = asking.ask(wish, "ada")
    assert first.wait(PATIENCE_S) == -signal.SIGKILL
    second = start(__file__, folder, store)
    outcome = asking.wait(number, PATIENCE_S)
    # It runs, and reads what was asked: it may be ended.
    assert asking.wait(asking.ask(CancelMessage(1), "ada"), PATIENCE_S) is not None
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
    assert outcome is not None
    return outcome


async def opted(settings: Settings) -> list[tuple[str, bool]]:
    """Who is stored as opted out, or in."""
    store = await open_store(settings, "after", SYSTEM_CLOCK)
    try:
        return [(each.handset, each.is_out) for each in await store.opt_outs(0)]
    finally:
        await store.close()


def told_of(folder: Path) -> list[bytes]:
    """What the event files tell of opting out and in."""
    return [event for line in event_lines(folder) if (event := line.split(b",")[1]) in TOLD]


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_server").new_database())


@pytest.mark.parametrize(
    ("point", "wish", "said"),
    [
        (CrashPoint.BEFORE_OPT_OUT, AddOptOut("shop", f"+{HANDSET}"), (True, b"opted_out")),
        (CrashPoint.AFTER_OPT_OUT, AddOptOut("shop", f"+{HANDSET}"), (True, b"opted_out")),
        (CrashPoint.AFTER_OPT_OUT, RemoveOptOut("shop", f"+{HANDSET}"), (False, b"opted_in")),
        (CrashPoint.AFTER_OUTCOME, AddOptOut("shop", f"+{HANDSET}"), (True, b"opted_out")),
    ],
)
def test_what_a_person_says_of_a_handset_counts_once(
    tmp_path: Path, store: str, point: CrashPoint, wish: Instruction, said: tuple[bool, bytes]
) -> None:
    settings = settings_in(tmp_path, store)

    outcome = asked_through_a_death(settings, tmp_path, store, point, wish)

    assert (outcome.state, outcome.fault, outcome.count) == (State.DONE, "", 1)
    is_out, event = said
    assert asyncio.run(opted(settings)) == [(HANDSET, is_out)]
    assert told_of(tmp_path) == [event]


async def blocked(settings: Settings) -> tuple[int, list[object]]:
    """The number of the newest version, and whom it blocks."""
    store = await open_store(settings, "after", SYSTEM_CLOCK)
    versions = versions_of(store)
    try:
        newest = await versions.newest()
        assert newest is not None
        return newest.number, [each["to"] for each in tables_of(newest).get("blocks", ())]
    finally:
        await versions.close()
        await store.close()


@pytest.mark.parametrize("point", [CrashPoint.AFTER_VERSION, CrashPoint.AFTER_SWAP])
def test_a_block_stands_once(tmp_path: Path, store: str, point: CrashPoint) -> None:
    settings = settings_in(tmp_path, store)

    outcome = asked_through_a_death(settings, tmp_path, store, point, AddBlock(block={"to": HANDSET}))

    assert (outcome.state, outcome.fault, outcome.version) == (State.DONE, "", 2)
    assert asyncio.run(blocked(settings)) == (2, [HANDSET])


async def serve(folder: Path, store: str) -> None:
    gateway, stopping = Gateway(settings_in(folder, store)), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await gateway.start()
    await gateway.run(stopping)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
