"""`chappe instruct`: ask a running gateway for anything that it can be asked for, and look what was asked.

Every kind is a command of its own name whose keys are given as `key=value`; values are TOML, or plain words.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from chappe.cli.asking import AsOption, carry_out, plain, tell
from chappe.cli.options import ConfigOption, JsonOption, LimitOption, example
from chappe.cli.show import print_json, print_line, print_table
from chappe.model.errors import ResourceError

if TYPE_CHECKING:
    from chappe.instructions.kinds import Instruction
    from chappe.instructions.outcome import Asked

EXAMPLE: Final = example(
    "chappe instruct resume_operator three",
    "chappe instruct change_operator name=three changes='{rate = 50}'",
    "chappe instruct list",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("instruct", epilog=EXAMPLE)(instruct)


def instruct(
    kind: Annotated[
        str,
        typer.Argument(
            help="What to ask for, `list` for what was asked last, `show` for one, `kinds` for what there is."
        ),
    ],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="The keys of the instruction.")
    ] = None,
    person: AsOption = "",
    limit: LimitOption = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a running gateway for something and wait for the outcome; without one the instruction stays queued.

    `approve ID` and `reject ID` decide about what waits for a second person.
    """
    given = values or []
    if kind == "kinds":
        return _kinds(as_json=as_json)
    if kind == "list":
        return _list(config, limit, as_json=as_json)
    if kind == "show":
        return _show(given, config, as_json=as_json)
    number, outcome = carry_out(read(kind, given), config, person)
    return tell(number, outcome, as_json=as_json)


def read(kind: str, given: list[str]) -> Instruction:
    """An instruction as it was typed.  Raises: typer.BadParameter."""
    import msgspec

    from chappe.instructions.kinds import KINDS
    from chappe.runtime.settings_table import nearest

    kind = kind.replace("-", "_")
    if kind not in KINDS:
        raise typer.BadParameter(f"there is no instruction {kind!r}{nearest(kind, KINDS)}; see: chappe instruct kinds")
    fields = [each.encode_name for each in msgspec.structs.fields(KINDS[kind])]
    # `approve 4711` and `pause_operator three`: what stands alone is the first key.
    first = next((each for each in fields if each != "base"), "")
    table: dict[str, Any] = {}
    for each in given:
        key, is_pair, value = each.partition("=")
        if not is_pair:
            key, value = first, each
        if key not in fields:
            raise typer.BadParameter(f"{kind} has no key {key!r}{nearest(key, fields)} (it has: {', '.join(fields)})")
        table[key] = _value(value)
    try:
        found: Any = msgspec.convert({"type": kind, **table}, type=KINDS[kind], strict=False)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"{kind}: {error}") from error
    return cast("Instruction", found)


def _value(text: str) -> Any:
    """A TOML value, or the words as they stand."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _kinds(*, as_json: bool) -> None:
    import msgspec

    from chappe.instructions.kinds import KINDS

    rows = [
        (name, " ".join(each.encode_name for each in msgspec.structs.fields(kind)), (kind.__doc__ or "").split("\n")[0])
        for name, kind in KINDS.items()
    ]
    if as_json:
        print_json([{"kind": name, "keys": keys.split(), "what": what} for name, keys, what in rows])
    else:
        print_table(("kind", "keys", "what it does"), rows)


def _list(config: Any, limit: int, *, as_json: bool) -> None:
    from chappe.instructions.asking import asking_of
    from chappe.runtime.settings import load

    found = asking_of(load(config)).recent(limit)
    if as_json:
        print_json([_plain(each) for each in found])
    else:
        print_table(
            ("id", "kind", "by", "asked", "state"),
            [(str(each.id), each.kind, each.asked_by, each.asked_at, each.state.value) for each in found],
        )


def _show(given: list[str], config: Any, *, as_json: bool) -> None:
    from chappe.instructions.asking import asking_of
    from chappe.runtime.settings import load

    number = int(given[0]) if given and given[0].isdecimal() else 0
    asked = asking_of(load(config)).find(number)
    if asked is None:
        raise ResourceError(f"there is no instruction {number}; look with: chappe instruct list")
    if as_json:
        print_json(_plain(asked))
        return
    print_line(f"{asked.id} {asked.kind} by {asked.asked_by} at {asked.asked_at}: {asked.state.value} {asked.done_at}")
    outcome = asked.outcome
    if outcome is not None:
        for line in (*outcome.told, *outcome.doubts, *([outcome.fault] if outcome.fault else [])):
            print_line(f"  {line}")


def _plain(asked: Asked) -> dict[str, Any]:
    """An instruction for programs, without what was asked: that may bear secrets."""
    told = {"id": asked.id, "kind": asked.kind, "by": asked.asked_by, "asked_at": asked.asked_at}
    outcome = plain(asked.outcome) if asked.outcome is not None else None
    return {**told, "state": asked.state.value, "done_at": asked.done_at, "outcome": outcome}
