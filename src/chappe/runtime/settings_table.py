"""What one table of the settings file is: typed, frozen, documented field by field, and silent about its secrets.

It must never know which tables exist; those are declared in the `settings_*` files beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

#: What stands in the place of a secret wherever settings are shown.
MASK = "********"

#: Marks a field whose value is shown to nobody.
SECRET = {"is_secret": True}

#: A name is part of queue names, metric labels and file names: short, and nothing that needs quoting.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"

NAME_RULE = "1 to 32 letters, digits, dots, hyphens or underscores"

#: The path of a file, or a name of the world outside.
Given = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern=NAME_PATTERN, extra={"expected": NAME_RULE})]
SystemId = Annotated[
    str, Meta(pattern=r"^[!-~]{1,15}$", extra={"expected": "1 to 15 printable ASCII characters (SMPP 3.4 §5.2.1)"})
]
Password = Annotated[
    str, Meta(pattern=r"^[ -~]{0,8}$", extra={"expected": "at most 8 printable ASCII characters (SMPP 3.4 §5.2.2)"})
]
Seconds = Annotated[float, Meta(gt=0)]
Status = Annotated[int, Meta(ge=1, le=0xFFFF_FFFF, extra={"expected": "a command_status from 0x1 to 0xFFFFFFFF"})]
Octet = Annotated[int, Meta(ge=0, le=255)]


#: A fault: the key it is at, and what was expected there.
Fault = tuple[str, str]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file.  Its `repr` masks what is secret, so a log or a traceback never shows it."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._shown())
        return f"{type(self).__name__}({shown})"

    def _shown(self) -> Iterator[tuple[str, object]]:
        secrets = secret_fields(type(self))
        for name in self.__struct_fields__:
            value = getattr(self, name)
            yield name, MASK if name in secrets and value else value


@dataclass(frozen=True, slots=True)
class Field:
    """What is said about one key of a table: for the reader of errors, and for the page of all settings."""

    key: str
    attribute: str
    hint: Any  # the annotated type, bounds included
    type: Any  # the same without annotations
    is_required: bool
    default: object
    description: str
    expected: str
    is_secret: bool


@cache
def fields_of(table: type[msgspec.Struct]) -> dict[str, Field]:
    """From a key as the file writes it to what is said about it."""
    hints = get_type_hints(table, include_extras=True)
    return {field.encode_name: _describe(field, hints[field.name]) for field in msgspec.structs.fields(table)}


def nearest(name: str, known: Iterable[str]) -> str:
    """The question to ask after a name that is not known; empty when nothing known is near it."""
    close = get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def secret_fields(table: type[msgspec.Struct]) -> frozenset[str]:
    """The attributes of a table which nobody may see."""
    return frozenset(field.attribute for field in fields_of(table).values() if field.is_secret)


def _describe(field: msgspec.structs.FieldInfo, hint: Any) -> Field:
    """Gather what the field's annotations say; the last description counts, earlier ones belong to its type."""
    metas = list(metas_of(hint))
    extra = {key: value for meta in metas for key, value in (meta.extra or {}).items()}
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Field(
        key=field.encode_name,
        attribute=field.name,
        hint=hint,
        type=get_args(hint)[0] if get_origin(hint) is Annotated else hint,
        is_required=field.required,
        default=default,
        description=next((meta.description for meta in reversed(metas) if meta.description), ""),
        expected=extra.get("expected", ""),
        is_secret=extra.get("is_secret", False),
    )


def metas_of(hint: Any) -> Iterator[Meta]:
    """Every annotation of a type, those inside a union first."""
    if get_origin(hint) is Annotated:
        inner, *about = get_args(hint)
        yield from metas_of(inner)
        yield from (meta for meta in about if isinstance(meta, Meta))
    elif get_origin(hint) in (Union, UnionType):
        for inner in get_args(hint):
            yield from metas_of(inner)
