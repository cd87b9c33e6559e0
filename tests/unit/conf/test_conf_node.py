"""The conf node: instructions are carried out once, one by one, however often a process dies over them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from chappe.conf.inbox import FileInbox
from chappe.conf.node import ConfNode
from chappe.instructions.file import INSTRUCTIONS_FILE, Instructions
from chappe.instructions.kinds import ResolveHeld
from chappe.instructions.outcome import Outcome, State
from chappe.store.port import StoreAway


class Store:
    """Remembers what it was asked for, as a store on disk does."""

    def __init__(self, *held: int) -> None:
        self.held = set(held)
        self.is_away = False
        self.last = (0, [0])
        self.told: list[str] = []

    async def resolve_held(
        self, ids: Sequence[int], *, is_resent: bool, instruction: int = 0, told: str = ""
    ) -> list[int]:
        if self.is_away:
            raise StoreAway("the disk is full")
        if instruction != self.last[0]:
            changed = [each for each in ids if each in self.held]
            self.held -= set(changed)
            self.last = (instruction, changed)
            self.told.append(told)
        return self.last[1]


class DyingInstructions(Instructions):
    """The process ends when it would note what it has done."""

    def note(self, number: int, outcome: Outcome, bare: bytes | None = None) -> None:
        raise SystemExit


def look(instructions: Instructions, store: Store) -> None:
    asyncio.run(ConfNode(FileInbox(instructions), store).look())


def outcome_of(folder: Path, number: int) -> Outcome | None:
    found = Instructions(folder).find(number)
    assert found is not None
    return found.outcome


def test_a_decision_is_carried_out_and_its_outcome_noted(tmp_path: Path) -> None:
    number = Instructions(tmp_path).ask(ResolveHeld((7, 8), is_resent=True), "ada")
    store = Store(7)

    look(Instructions(tmp_path), store)

    assert outcome_of(tmp_path, number) == Outcome((7,), (8,))
    assert store.told == ["resolve_held by ada: resend"]


def test_who_dies_between_the_deed_and_its_note_does_it_once(tmp_path: Path) -> None:
    number = Instructions(tmp_path).ask(ResolveHeld((7,), is_resent=True), "ada")
    store = Store(7)
    try:
        look(DyingInstructions(tmp_path), store)
    except SystemExit:
        store.held.add(7)  # it was sent, and is held anew
    assert outcome_of(tmp_path, number) is None

    look(Instructions(tmp_path), store)

    assert outcome_of(tmp_path, number) == Outcome((7,))
    assert store.held == {7}


def test_while_the_store_is_away_an_instruction_waits(tmp_path: Path) -> None:
    number = Instructions(tmp_path).ask(ResolveHeld((7,), is_resent=False), "ada")
    store = Store(7)
    node = ConfNode(FileInbox(Instructions(tmp_path)), store)
    store.is_away = True
    asyncio.run(node.look())
    assert outcome_of(tmp_path, number) is None
    store.is_away = False

    asyncio.run(node.look())

    assert outcome_of(tmp_path, number) == Outcome((7,))


def test_more_than_one_look_holds_are_all_carried_out(tmp_path: Path) -> None:
    instructions = Instructions(tmp_path)
    numbers = [instructions.ask(ResolveHeld((each,), is_resent=True), "ada") for each in range(25)]
    node = ConfNode(FileInbox(Instructions(tmp_path)), Store(*range(25)))

    async def looks() -> None:
        for _ in range(4):
            await node.look()

    asyncio.run(looks())

    assert [outcome_of(tmp_path, each) for each in numbers] == [Outcome((each,)) for each in range(25)]


def test_an_instruction_of_a_newer_release_fails_and_the_next_one_is_carried_out(tmp_path: Path) -> None:
    Instructions(tmp_path).waiting(1)
    with sqlite3.connect(tmp_path / INSTRUCTIONS_FILE) as connection:
        connection.execute(
            "INSERT INTO instructions (id, kind, body, asked_by, asked_at) VALUES (1, 'fly', ?, '', '')",
            ('{"type":"fly"}',),
        )
    number = Instructions(tmp_path).ask(ResolveHeld((7,), is_resent=True), "ada")

    look(Instructions(tmp_path), Store(7))

    found = Instructions(tmp_path).find(1)
    assert found is not None
    assert found.state is State.FAILED
    assert found.outcome is not None
    assert found.outcome.fault.startswith("this release cannot read it: ")
    assert outcome_of(tmp_path, number) == Outcome((7,))
