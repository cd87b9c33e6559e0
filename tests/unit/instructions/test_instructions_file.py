"""The file of instructions: what is asked stays asked, in order, and keeps its first outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from chappe.instructions.file import INSTRUCTIONS_FILE, Instructions
from chappe.instructions.kinds import ResolveHeld
from chappe.instructions.outcome import Outcome, State
from chappe.model.errors import ResourceError

RESEND = ResolveHeld((7, 8), is_resent=True)
DROP = ResolveHeld((9,), is_resent=False)


def test_what_is_asked_is_found_by_another_process_in_order(tmp_path: Path) -> None:
    command, node = Instructions(tmp_path), Instructions(tmp_path)
    first = command.ask(RESEND, "ada")
    command.close()
    second = Instructions(tmp_path).ask(DROP, "bob")

    waiting = node.waiting(10)

    assert [each.read() for each in waiting] == [RESEND, DROP]
    assert [(each.asked_by, each.kind, each.state) for each in waiting] == [
        ("ada", "resolve_held", State.WAITING),
        ("bob", "resolve_held", State.WAITING),
    ]
    assert {first, second} == {each.id for each in waiting}


def test_an_outcome_is_noted_once(tmp_path: Path) -> None:
    instructions = Instructions(tmp_path)
    number = instructions.ask(RESEND, "ada")

    instructions.note(number, Outcome((7,), (8,)))
    instructions.note(number, Outcome(fault="too late"))

    found = instructions.find(number)
    assert found is not None
    assert (found.state, found.outcome) == (State.DONE, Outcome((7,), (8,)))
    assert instructions.waiting(10) == []


def test_the_file_has_changed_when_somebody_else_wrote(tmp_path: Path) -> None:
    node, command = Instructions(tmp_path), Instructions(tmp_path)
    assert node.has_changed()
    assert not node.has_changed()

    number = command.ask(RESEND, "ada")

    assert node.has_changed()
    node.note(number, Outcome())
    assert not node.has_changed()


def test_an_instruction_that_nobody_knows_is_not_found(tmp_path: Path) -> None:
    assert Instructions(tmp_path).find(4711) is None


def test_a_file_that_is_none_of_ours_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / INSTRUCTIONS_FILE).write_bytes(b"something else entirely" * 100)

    with pytest.raises(ResourceError, match=r"^instructions .*: file is not a database$"):
        Instructions(tmp_path).waiting(1)
