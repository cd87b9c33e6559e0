"""Drafts: what a form says as an instruction, and what that would change, before anybody asks the gateway for it.

The same code judges here and there; what is judged here binds nobody.  It must never write anything.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from chappe.configuration.changes import changed
from chappe.configuration.differences import Difference, differences, masked
from chappe.configuration.document import Document, document_of_settings, settings_with, tables_of
from chappe.instructions.kinds import KINDS, Instruction, Rollback, RotateClientSecret
from chappe.model.errors import SettingsError
from chappe.routing_terms import doubts_of
from chappe.runtime.settings import Settings
from chappe.runtime.settings_table import MASK
from chappe.runtime.settings_text import as_toml, written
from chappe.store.views import Reader

#: A version that nobody has made yet: the settings file counts.
NO_VERSION: Final = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that nobody has asked for yet: what it does, what is wrong with it, what is doubtful."""

    kind: str
    values: Mapping[str, Any]
    differences: Sequence[Difference] = ()
    fault: str = ""
    doubts: Sequence[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """The gateway would take it."""
        return not self.fault and bool(self.differences)


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts now: its number, its document, and the settings that it makes."""

    number: int
    document: Document
    settings: Settings


def standing(reader: Reader, settings: Callable[[], Settings]) -> Standing:
    """What counts now.  Raises: SettingsError, ResourceError."""
    versions = reader.versions(1)
    now = settings()
    if not versions:
        return Standing(NO_VERSION, document_of_settings(now), now)
    return Standing(versions[0].number, tables_of(versions[0]), now)


def draft(now: Standing, kind: str, values: Mapping[str, Any], earlier: Document | None = None) -> Draft:
    """What an instruction would do to what counts now; `earlier` is the document of a rollback."""
    try:
        instruction: Any = msgspec.convert({"type": kind, **values}, Instruction, strict=False)
        if isinstance(instruction, RotateClientSecret):
            return Draft(kind, values)
        after = (earlier or {}) if isinstance(instruction, Rollback) else changed(now.document, instruction)
        settings = settings_with(after, now.settings, "the configuration")
        return Draft(kind, values, differences(now.document, after), doubts=new_doubts(now.settings, settings))
    except (SettingsError, msgspec.ValidationError) as error:
        return Draft(kind, values, fault=str(error).removeprefix("the configuration: "))


def new_doubts(before: Settings, after: Settings) -> list[str]:
    """What its author can hardly mean, and what was not so before.  Raises: SettingsError."""
    known = set(doubts_of(before))
    return [each for each in doubts_of(after) if each not in known]


def is_change(kind: str) -> bool:
    """Whether such an instruction makes a version of the configuration."""
    return kind in KINDS and "base" in KINDS[kind].__struct_fields__


# -- tables as forms write them -----------------------------------------------------------------------


def named(document: Document, section: str, name: str) -> dict[str, Any] | None:
    """The operator or client of that name; None where there is none."""
    return next((dict(each) for each in document.get(section, ()) if each.get("name") == name), None)


def shown_toml(table: Mapping[str, Any], without: Sequence[str] = ()) -> str:
    """A table for a text field: secrets masked, and without the keys that have fields of their own."""
    return as_toml(written({key: masked(value, key) for key, value in table.items() if key not in without}))


def read_toml(text: str) -> dict[str, Any]:
    """What somebody wrote into a text field.  Raises: SettingsError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"what is written is not TOML: {error}") from error


def unmasked(new: Any, old: Any) -> Any:
    """The same with every secret that was left masked as it was before."""
    if new in (MASK, [MASK]):
        return old
    if isinstance(new, Mapping):
        return {key: unmasked(value, old.get(key) if isinstance(old, Mapping) else None) for key, value in new.items()}
    if isinstance(new, list):
        olds = _by_name(old)
        return [
            unmasked(each, olds.get(_name(each), old[place] if isinstance(old, list) and place < len(old) else None))
            for place, each in enumerate(new)
        ]
    return new


def _by_name(tables: Any) -> dict[Any, Any]:
    return {_name(each): each for each in tables if _name(each)} if isinstance(tables, list) else {}


def _name(table: Any) -> Any:
    return table.get("name") if isinstance(table, Mapping) else None


def changes_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that differ, as `change_operator` and `change_client` take them: null takes a key away."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        is_table = isinstance(before, Mapping) and isinstance(after, Mapping)
        found[key] = changes_between(before, after) if is_table else after  # type: ignore[arg-type]
    return found
