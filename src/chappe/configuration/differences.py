"""How two documents differ, key by key, for people.  Secrets are masked: that one has changed is all that is said.

Pure; it must never know why somebody asks.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from chappe.configuration.document import Document
from chappe.runtime.settings import Settings
from chappe.runtime.settings_table import MASK, Table, fields_of
from chappe.runtime.settings_text import FREE_TABLES, is_hidden, literal


class Difference(msgspec.Struct, frozen=True):
    """One key; `before` and `after` are TOML values, empty for unset."""

    path: str
    before: str
    after: str

    @property
    def section(self) -> str:
        """The section of the document that it is in."""
        return self.path.partition(".")[0].partition("[")[0]

    def __str__(self) -> str:
        if not self.before:
            return f"+ {self.path} = {self.after}"
        if not self.after:
            return f"- {self.path} = {self.before}"
        return f"~ {self.path}: {self.before} -> {self.after}"


def differences(before: Document, after: Document) -> list[Difference]:
    """What changes from one document to another, in the order of their sections."""
    sections = [*before, *(each for each in after if each not in before)]
    return [
        each
        for section in sections
        for each in _between(section, section, before.get(section), after.get(section))
        if each.before != each.after
    ]


def sections_of(found: Sequence[Difference]) -> tuple[str, ...]:
    """The sections that are touched."""
    return tuple(dict.fromkeys(each.section for each in found))


def _between(path: str, key: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if _is_table(before, after):
        before, after = before or {}, after or {}
        for each in [*before, *(each for each in after if each not in before)]:
            yield from _between(f"{path}.{each}", each, before.get(each), after.get(each))
    elif _are_named(before) and _are_named(after):
        yield from _of_named(path, before or [], after or [])
    elif _is_list_of_tables(before) and _is_list_of_tables(after):
        yield from _of_places(path, before or [], after or [])
    elif key in secret_keys() or (is_in_free_table(path) and (is_hidden(key, before) or is_hidden(key, after))):
        yield Difference(path, _masked(before, "before"), _masked(after, "after"))
    else:
        yield Difference(path, _shown(before), _shown(after))


def _of_named(path: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    """Operators and clients are known by name, wherever they stand."""
    old, new = ({each["name"]: each for each in tables} for tables in (before, after))
    for name in [*old, *(each for each in new if each not in old)]:
        if name not in old or name not in new:
            shown = [f"{{ {_inline(each[name])} }}" if name in each else "" for each in (old, new)]
            yield Difference(f"{path}.{name}", *shown)
        else:
            yield from _between(f"{path}.{name}", "", old[name], new[name])


def _of_places(path: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    """Routes and rules are known by their place; what stands before and behind the change is left out."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    for place, table in enumerate(before[head : len(before) - tail], head):
        yield Difference(f"{path}[{place}]", f"{{ {_inline(table)} }}", "")
    for place, table in enumerate(after[head : len(after) - tail], head):
        yield Difference(f"{path}[{place}]", "", f"{{ {_inline(table)} }}")


def _is_table(*values: Any) -> bool:
    return all(value is None or isinstance(value, Mapping) for value in values)


def _is_list_of_tables(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, Mapping) for each in value))


def _are_named(value: Any) -> bool:
    return value is None or (_is_list_of_tables(value) and all("name" in each for each in value))


def _inline(table: Mapping[str, Any]) -> str:
    # What is masked stays so; what lies deeper has been masked with it.
    return ", ".join(f"{key} = {_shown(masked(value, key))}" for key, value in table.items())


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{{ {_inline(value)} }}" if isinstance(value, Mapping) else literal(masked(value))


def _masked(value: Any, when: str) -> str:
    return "" if value is None else f"{MASK} ({when})"


def masked(value: Any, key: str = "", *, is_free: bool = False) -> Any:
    """A value of a document without its secrets; `is_free`: it stands in a table whose keys are a peer's own."""
    if (key in secret_keys() and value) or (is_free and is_hidden(key, value)):
        return [MASK] if isinstance(value, list) else MASK
    is_free = is_free or key in FREE_TABLES
    if isinstance(value, Mapping):
        return {each: masked(inner, each, is_free=is_free) for each, inner in value.items()}
    return [masked(each, is_free=is_free) for each in value] if isinstance(value, list) else value


def is_in_free_table(path: str) -> bool:
    """A key of a table whose keys are a peer's own names."""
    return not FREE_TABLES.isdisjoint(path.split(".")[:-1])


@cache
def secret_keys() -> frozenset[str]:
    """Keys whose values nobody may see, wherever they stand: a key that is secret in one table is in all."""
    return frozenset(_secrets_of(Settings, set()))


def _secrets_of(table: type[Table], seen: set[type]) -> Iterator[str]:
    if table in seen:
        return
    seen.add(table)
    for key, field in fields_of(table).items():
        if field.is_secret:
            yield key
        for inner in _tables_in(field.type):
            yield from _secrets_of(inner, seen)


def _tables_in(hint: Any) -> Iterator[type[Table]]:
    if isinstance(hint, type) and issubclass(hint, Table):
        yield hint
    for inner in getattr(hint, "__args__", ()):
        yield from _tables_in(inner)
