"""Turns plain tables, as a TOML parser gives them, into typed ones, and collects every fault with its key.

It must never know which tables exist: it follows the types of the one it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from chappe.runtime.settings_table import MASK, NAME_PATTERN, NAME_RULE, Fault, Field, Table, fields_of, nearest
from chappe.runtime.settings_text import FREE_TABLES

AnyTable = TypeVar("AnyTable", bound=Table)

#: What a TOML value is called to a person.
TOML_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

#: The same for the types in msgspec's own sentences, as in "Expected `int` >= 1".
TYPE_NAMES: Mapping[str, str] = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "null": "nothing",
}
TYPE_WORD = re.compile(rf"`?\b({'|'.join(TYPE_NAMES)})\b`?")


def read_table(table: type[AnyTable], raw: object, at: str, faults: list[Fault]) -> AnyTable | None:
    """The table at key `at`; None, and at least one more fault in `faults`, when it cannot be had."""
    if not isinstance(raw, dict):
        faults.append((at, f"expected a table, got {_named(raw)}"))
        return None
    before = len(faults)
    fields = fields_of(table)
    faults.extend(_unknown_keys(raw, fields, at))
    values = {
        field.attribute: _read_field(field, raw[key], _join(at, key), faults)
        for key, field in fields.items()
        if key in raw
    }
    faults.extend(
        (_join(at, key), "is missing") for key, field in fields.items() if field.is_required and key not in raw
    )
    return table(**values) if len(faults) == before else None


def _unknown_keys(raw: dict[str, Any], fields: Mapping[str, Field], at: str) -> Iterable[Fault]:
    for key in raw:
        if key not in fields:
            known = "" if nearest(key, fields) else f" (known: {', '.join(fields)})"
            yield _join(at, key), f"unknown key{nearest(key, fields)}{known}"


def _read_field(field: Field, raw: object, at: str, faults: list[Fault]) -> Any:
    """One value: a table, several tables, or anything that bounds and a type describe."""
    inner = table_inside(field.type)
    if inner is None:
        return _read_value(field, raw, at, faults)
    origin = get_origin(field.type)
    if origin is tuple:
        return _read_list(inner, raw, at, faults)
    if origin is dict:
        return _read_named(inner, raw, at, faults)
    return read_table(inner, raw, at, faults)


def _read_list(table: type[Table], raw: object, at: str, faults: list[Fault]) -> tuple[Table | None, ...]:
    if not isinstance(raw, list):
        faults.append((at, f"expected tables under [[{at}]], got {_named(raw)}"))
        return ()
    return tuple(read_table(table, item, f"{at}[{index}]", faults) for index, item in enumerate(raw))


def _read_named(table: type[Table], raw: object, at: str, faults: list[Fault]) -> dict[str, Table | None]:
    if not isinstance(raw, dict):
        faults.append((at, f"expected tables [{at}.NAME], got {_named(raw)}"))
        return {}
    faults.extend(
        (f"{at}.{name}", f"expected a name of {NAME_RULE}") for name in raw if not re.match(NAME_PATTERN, name)
    )
    return {name: read_table(table, item, f"{at}.{name}", faults) for name, item in raw.items()}


def _read_value(field: Field, raw: object, at: str, faults: list[Fault]) -> Any:
    if field.is_secret and raw == MASK:
        # What `chappe conf show` prints is a good beginning of a file, but nobody may bind with its asterisks.
        faults.append((at, "is masked; put the secret in its place"))
        return None
    if at.rpartition(".")[2] in FREE_TABLES and _holds_mask(raw):
        faults.append((at, "has a value that is masked; put the secret in its place"))
        return None
    try:
        return msgspec.convert(raw, field.hint)
    except msgspec.ValidationError as error:
        shown = "" if field.is_secret else f", got {_shown(raw)}"
        faults.append((at, f"expected {_expected(field, error)}{shown}"))
        return None


def _holds_mask(raw: object) -> bool:
    if isinstance(raw, dict):
        return any(_holds_mask(each) for each in raw.values())
    return any(_holds_mask(each) for each in raw) if isinstance(raw, list) else raw == MASK


def _expected(field: Field, error: msgspec.ValidationError) -> str:
    """What the key takes, in an administrator's words."""
    if field.expected:
        return field.expected
    if isinstance(field.type, type) and issubclass(field.type, Enum):
        return " or ".join(f'"{choice.value}"' for choice in field.type)
    told = str(error).split(" - at ")[0].removeprefix("Expected ").split(", got ")[0]
    return TYPE_WORD.sub(lambda word: TYPE_NAMES[word[1]], told)


def table_inside(hint: Any) -> type[Table] | None:
    """The table that a field's type speaks of: itself, or inside `tuple[T, ...]`, `dict[str, T]` or `T | None`."""
    candidates = get_args(hint) if get_origin(hint) in (tuple, dict) or isinstance(hint, UnionType) else (hint,)
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, Table)), None)


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _shown(raw: object) -> str:
    return f'"{raw}"' if isinstance(raw, str) else _named(raw) if isinstance(raw, dict | list) else str(raw).lower()


def _named(raw: object) -> str:
    return TOML_NAMES.get(type(raw), f"a {type(raw).__name__}")
