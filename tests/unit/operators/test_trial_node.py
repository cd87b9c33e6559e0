"""The operator of trials over a real store: each number brings its outcome, in one transaction with the sending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chappe.model.events import EventBatch
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.model.message import Item, Message
from chappe.operators.trial_node import TrialOperator
from chappe.rules.failure import failure_of
from chappe.rules.trial import TRIAL_QUEUE, TRIALS
from chappe.store.port import Life
from chappe.store.sqlite.engine import SqliteStore

START_US = 1_800_000_000_000_000


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.us = START_US

    def utc_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return self.us / 1e6


class Scene:
    """A store and the operator of trials."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = SqliteStore(folder / "chappe.db", version="test", clock_us=self.clock.utc_us)
        self.store.open()
        self.ids = IdMaker(self.store.run)
        self.operator = TrialOperator(self.store, self.ids, self.clock)

    async def accept(self, *numbers: str, parts: int = 1) -> list[int]:
        made = self.ids.take(len(numbers), self.clock.us // 1000)
        items = [
            Item(
                TRIAL_QUEUE, 1, "acme(test)", 0, number,
                Message(number, Direction.MT, "acme(test)", "", 1, 1, "SHOP", 1, 1, to, b"hi", parts=parts),
            )
            for number, to in zip(made, numbers, strict=True)
        ]  # fmt: skip
        assert await self.store.accept(items, EventBatch(self.clock.us)) == [None] * len(items)
        return made

    async def turn(self) -> int:
        items = await self.store.lease(TRIAL_QUEUE, 500)
        if items:
            await self.operator.answer(items)
        return len(items)

    async def life(self, number: int) -> Life:
        life = await self.store.find(number)
        assert life is not None
        return life


def play(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene(folder)
        await scenario(scene)
        await scene.store.close()

    asyncio.run(run())


@pytest.mark.parametrize("parts", [1, 3])
def test_each_number_brings_its_outcome(tmp_path: Path, parts: int) -> None:
    async def scenario(scene: Scene) -> None:
        made = await scene.accept(*TRIALS, "37120000001", parts=parts)
        await scene.turn()
        scene.clock.us += 11_000_000
        await scene.turn()

        wanted = [trial.status for trial in TRIALS.values()] + [Status.DELIVERED]
        assert [(await scene.life(number)).status for number in made] == wanted
        assert scene.store.open_messages("acme(test)") == sum(status not in FINAL for status in wanted)
        assert await scene.turn() == 0

    play(tmp_path, scenario)


def test_a_slow_number_keeps_its_message_waiting(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        slow = next(number for number, trial in TRIALS.items() if trial.delay_s)
        (number,) = await scene.accept(slow)
        await scene.turn()

        assert (await scene.life(number)).status is Status.QUEUED
        scene.clock.us += 9_000_000
        assert await scene.turn() == 0

    play(tmp_path, scenario)


def test_what_is_sent_and_what_comes_back_are_one_transaction(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.accept("37120000001", "37120000002", parts=2)
        before = scene.store.last_block
        await scene.turn()

        assert scene.store.last_block == before + 1

    play(tmp_path, scenario)


def test_numbers_that_fail_fail_for_different_reasons(tmp_path: Path) -> None:
    async def scenario(scene: Scene) -> None:
        made = await scene.accept(*TRIALS)
        await scene.turn()

        lives = [await scene.life(number) for number in made]
        failures = [failure_of(life.status, life.error, was_sent=bool(life.sent_at_us)) for life in lives]
        codes = [failure.code for failure in failures if failure is not None]
        assert len(codes) == len(set(codes)) == 8

    play(tmp_path, scenario)
