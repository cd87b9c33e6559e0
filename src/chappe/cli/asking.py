"""What commands that ask a running gateway for something have in common: asking, waiting, telling.

It must never know what is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chappe.cli.show import print_error, print_json, print_line
from chappe.model.errors import ResourceError

if TYPE_CHECKING:
    from pathlib import Path

    from chappe.instructions.kinds import Instruction
    from chappe.instructions.outcome import Outcome

#: How long a command waits for the gateway, and for a node that drains.
OUTCOME_S: Final = 10.0
DRAIN_OUTCOME_S: Final = 120.0

AsOption = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who asks, where several people share one user of the system.")
]


def carry_out(instruction: Instruction, config: Path | None, person: str = "") -> tuple[int, Outcome]:
    """Ask the gateway of these settings for something, and wait until it is done; returns the instruction's number.

    Raises: ResourceError when it cannot be done, or no gateway takes it in time.
    """
    from chappe.instructions.asking import asking_of, named
    from chappe.instructions.kinds import DrainNode
    from chappe.runtime.settings import load

    asking = asking_of(load(config))
    number = asking.ask(instruction, named(person))
    patience_s = DRAIN_OUTCOME_S if isinstance(instruction, DrainNode) else OUTCOME_S
    outcome = asking.wait(number, patience_s)
    if outcome is None:
        raise ResourceError(
            f"no gateway took instruction {number} within {patience_s:g} s: it stays queued and is carried out when "
            "one runs; start one with: chappe up"
        )
    if outcome.fault:
        raise ResourceError(f"instruction {number}: {outcome.fault}")
    return number, outcome


def tell(number: int, outcome: Outcome, *, as_json: bool) -> None:
    """Print what came of an instruction; leaves with 1 where it is not done everywhere."""
    if as_json:
        print_json({"instruction": number, "state": outcome.state.value, **plain(outcome)})
    else:
        for line in lines_of(number, outcome):
            print_line(line)
    for who, why in outcome.unmoved.items():
        print_error(f"chappe: {who} stays as it was: {why}")
    if outcome.unmoved:
        raise typer.Exit(1)


def plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome for programs: what it says, and nothing else."""
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(outcome)
    return found


def lines_of(number: int, outcome: Outcome) -> list[str]:
    """An outcome for people."""
    lines = list(outcome.told)
    lines += [f"doubt: {each}" for each in outcome.doubts]
    if outcome.needs_approval:
        sections = ", ".join(outcome.needs_approval)
        lines.append(f"instruction {number} waits for a second person ({sections}): chappe instruct approve {number}")
    elif outcome.version:
        lines.append(f"instruction {number}: version {outcome.version}")
    elif outcome.changed or outcome.count:
        lines.append(f"instruction {number}: done, {outcome.count or len(outcome.changed)} changed")
    else:
        lines.append(f"instruction {number}: done")
    if outcome.secret:
        lines.append(f"the new secret, told this once: {outcome.secret}")
    return lines
