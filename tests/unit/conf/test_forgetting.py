"""Passwords do not outlive the instructions that brought them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chappe.conf.inbox import FileInbox
from chappe.conf.node import ConfNode
from chappe.instructions.file import Instructions
from chappe.instructions.kinds import (
    AddOperator,
    ApplyConfiguration,
    ChangeClient,
    Instruction,
    RotateClientSecret,
)
from chappe.instructions.outcome import Outcome
from chappe.store import sealing

ADD = AddOperator(operator={"name": "three", "password": "secret7", "rate": 5})
CHANGE = ChangeClient(
    name="acme", changes={"smpp": {"password": "secret7"}, "callback": {"previous_secrets": ["secret7"]}}
)
APPLY = ApplyConfiguration(toml='[[operators]]\nname = "three"\npassword = "secret7"\n')
BROKEN = ApplyConfiguration(toml='password = "secret7"\n[[')
PLAIN = RotateClientSecret(client="acme", secret="smpp")


class Answering:
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked: list[Instruction] = []

    async def carry_out(self, instruction: Any, asked: Any, approved_by: str = "") -> Outcome:
        self.asked.append(instruction)
        return self.outcome


def carried_out(folder: Path, instruction: Instruction, outcome: Outcome) -> tuple[Instruction, bytes]:
    """The instruction as the node read it, and all octets of the file afterwards."""
    instructions, configuring = Instructions(folder), Answering(outcome)
    instructions.ask(instruction, "ada")
    asyncio.run(ConfNode(FileInbox(instructions), None, configuring=configuring).look())  # type: ignore[arg-type]
    return configuring.asked[0], b"".join(
        bytes(row[0], "utf-8") if isinstance(row[0], str) else row[0]
        for row in instructions._open().execute("SELECT body || result FROM instructions")
    )


@pytest.mark.parametrize("instruction", [ADD, CHANGE, APPLY, BROKEN])
@pytest.mark.parametrize("outcome", [Outcome(version=2), Outcome(fault="no")])
def test_an_instruction_that_has_ended_keeps_no_secret(
    tmp_path: Path, instruction: Instruction, outcome: Outcome
) -> None:
    read, left = carried_out(tmp_path, instruction, outcome)

    assert read == instruction
    assert b"secret7" not in left


def test_one_that_waits_for_a_second_person_keeps_what_it_needs(tmp_path: Path) -> None:
    _, left = carried_out(tmp_path, ADD, Outcome(needs_approval=("operators",)))

    assert b"secret7" in left


def test_one_without_secrets_stays_as_it_was(tmp_path: Path) -> None:
    _, left = carried_out(tmp_path, PLAIN, Outcome(version=2))

    assert b'"secret":"smpp"' in left


def test_with_a_key_nothing_lies_in_plain_text_even_while_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sealing.VARIABLE, "k" * 32)
    sealing.seal.cache_clear()
    try:
        instructions = Instructions(tmp_path)
        asked = instructions.find(instructions.ask(ADD, "ada"))
        assert asked is not None
        assert b"secret7" not in asked.body
        assert asked.read() == ADD
    finally:
        sealing.seal.cache_clear()
