"""Outcomes of changes wait for the nodes of all boxes, many at once, and never past what must be noted first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from chappe.conf.inbox import FileInbox
from chappe.conf.node import ConfNode
from chappe.instructions.file import Instructions
from chappe.instructions.kinds import PauseOperator, ResolveHeld, ResumeOperator
from chappe.instructions.outcome import Outcome, State


class Configuring:
    """Makes a version of each change."""

    def __init__(self) -> None:
        self.version = 1

    async def carry_out(self, instruction: Any, asked: Any, approved_by: str = "") -> Outcome:
        self.version += 1
        return Outcome(version=self.version)


class Store:
    def __init__(self, instructions: Instructions) -> None:
        self._instructions = instructions
        self.waiting_then: list[int] = []

    async def resolve_held(self, ids: Any, **_: Any) -> list[int]:
        self.waiting_then.append(len(self._instructions.waiting(10)))
        return list(ids)


def test_one_wait_does_for_all_changes_and_names_who_stayed_behind(tmp_path: Path) -> None:
    instructions, waited = Instructions(tmp_path), list[int]()
    numbers = [instructions.ask(PauseOperator(name="three"), "ada") for _ in range(3)]
    asked = instructions.ask(ResolveHeld((7,), is_resent=True), "ada")
    last = instructions.ask(ResumeOperator(name="three"), "ada")

    async def everywhere(number: int) -> dict[str, str]:
        waited.append(number)
        return {"riga2/operator:three": "goes by version 1 still"} if number == 5 else {}

    store = Store(instructions)
    node = ConfNode(FileInbox(instructions), store, configuring=Configuring(), everywhere=everywhere)  # type: ignore[arg-type]
    asyncio.run(node.look())

    assert waited == [4, 5]
    found = {number: instructions.find(number) for number in (*numbers, asked, last)}
    states = [each.state for each in found.values() if each is not None]
    assert states == [State.DONE] * 4 + [State.PARTLY]
    assert found[last].outcome.unmoved == {"riga2/operator:three": "goes by version 1 still"}  # type: ignore[union-attr]
