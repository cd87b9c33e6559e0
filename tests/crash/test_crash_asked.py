"""The gateway dies while it does what people ask of messages: each goes out once, and what was parked moves once."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from asking_steps import PATIENCE_S, asking_when_there, start

from chappe.assembly.gateway import Gateway
from chappe.crash import CrashPoint
from chappe.engines import open_store
from chappe.instructions.kinds import CancelMessage, Instruction, ReplayReceipts, ResendMessage, SendTest
from chappe.instructions.outcome import Outcome, State
from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Item, Message
from chappe.runtime.clock import SYSTEM_CLOCK
from chappe.runtime.settings import Settings, parse
from chappe.store.port import Ended, Report, Sent

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
[[operators]]
name = "three"
address = "127.0.0.1:1"
system_id = "chappe"
password = "secret"
[[clients]]
name = "acme"
[clients.http]
token = "acme-token"
[[routes]]
direction = "mt"
operators = ["three"]
"""
HANDSET = "37120000001"
ENDED, PARKED = 5, 2


def settings_in(folder: Path, store: str) -> Settings:
    return parse(TOML.format(folder=folder, store=store), "settings")


async def prepare(settings: Settings) -> list[int]:
    """Messages that have failed, and two whose receipts bear another form of their ids; returns the ids."""
    store = await open_store(settings, "before", SYSTEM_CLOCK)
    ids, now_ms = IdMaker(store.slot), SYSTEM_CLOCK.utc_us() // 1000
    numbers = [ids.next(now_ms) for _ in range(ENDED + PARKED)]
    messages = [Message(each, Direction.MT, "acme", "", 5, 0, "SHOP", 1, 1, HANDSET, b"Hello") for each in numbers]
    await store.accept([Item("operator:three", 1, "acme", 0, each.id, each) for each in messages], EventBatch(0))
    items = {item.id: item for item in await store.lease("operator:three", 100)}
    ended, sent = numbers[:ENDED], numbers[ENDED:]
    await store.settle([Ended(items[each], Status.FAILED, "001", now_ms * 1000) for each in ended], EventBatch(0))
    await store.settle([Sent(items[each], "three", f"{each:016x}", now_ms * 1000) for each in sent], EventBatch(0))
    reports = [
        Report(ids.next(now_ms), "three", (str(each),), HANDSET, Status.DELIVERED, "DELIVRD", "000", now_ms)
        for each in sent
    ]
    await store.report(reports, EventBatch(0))
    await store.close()
    return numbers


async def standing(settings: Settings, numbers: list[int]) -> tuple[int, list[Status]]:
    """How many messages wait for the operator, and what became of those whose receipts were parked."""
    store = await open_store(settings, "after", SYSTEM_CLOCK)
    try:
        waiting = len(await store.lease("operator:three", 100))
        lives = [await store.find(each) for each in numbers[ENDED:]]
        assert store.parked_reports in (0, PARKED)
        return waiting, [each.status for each in lives if each is not None]
    finally:
        await store.close()


def asked_through_a_death(settings: Settings, folder: Path, store: str, point: str, wish: Instruction) -> Outcome:
    """What comes of an instruction when the gateway dies at a point of it, and is started again."""
    first = start(__file__, folder, store, point)
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


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    return "sqlite" if request.param == "sqlite" else str(request.getfixturevalue("postgres_server").new_database())


@pytest.mark.parametrize(
    ("point", "kind"),
    [
        (CrashPoint.BEFORE_COMMIT_ONCE, "again"),
        (CrashPoint.AFTER_COMMIT_ONCE, "test"),
        (CrashPoint.AFTER_COMMIT_ONCE, "again"),
    ],
)
def test_what_a_person_sends_goes_out_once(tmp_path: Path, store: str, point: CrashPoint, kind: str) -> None:
    settings = settings_in(tmp_path, store)
    numbers = asyncio.run(prepare(settings))
    wish = SendTest("acme", f"+{HANDSET}", "Hello") if kind == "test" else ResendMessage(numbers[0])

    outcome = asked_through_a_death(settings, tmp_path, store, point.value, wish)

    assert (outcome.state, outcome.fault, len(outcome.changed)) == (State.DONE, "", 1)
    assert asyncio.run(standing(settings, numbers))[0] == 1


def test_what_was_parked_is_matched_once(tmp_path: Path, store: str) -> None:
    settings = settings_in(tmp_path, store)
    numbers = asyncio.run(prepare(settings))
    wish = ReplayReceipts("three", id_base="hex_to_decimal")

    outcome = asked_through_a_death(settings, tmp_path, store, CrashPoint.AFTER_REPLAY.value, wish)

    assert outcome.state is State.DONE
    assert asyncio.run(standing(settings, numbers)) == (0, [Status.DELIVERED] * PARKED)


async def serve(folder: Path, store: str) -> None:
    gateway, stopping = Gateway(settings_in(folder, store)), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await gateway.start()
    await gateway.run(stopping)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
