"""Reads a `kannel.conf`: groups of keys and values, each with its line.

It must never know what a key means.
"""

import re
from typing import Final

import msgspec

from chappe.model.errors import SettingsError

_LINE: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=\s*(.*?)\s*")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


class Group(msgspec.Struct):
    """One group.  `line` is where it begins; a key that comes twice has its last value."""

    name: str
    line: int
    value_by_key: dict[str, str] = {}
    line_by_key: dict[str, int] = {}


def groups_of(text: str, where: str) -> list[Group]:
    """The groups of a file.  Raises: SettingsError, naming the line."""
    groups: list[Group] = []
    is_open = False
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare:
            is_open = False
            continue
        if bare.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise SettingsError(f"{where}:{number}: expected a key, = and a value: {bare[:40]!r}")
        key, value = found[1].lower(), _value(found[2])
        if key == "group" or (not is_open and key == "include"):
            groups.append(Group(value.lower() if key == "group" else "include", number, {}, {}))
            is_open = True
        elif not groups:
            raise SettingsError(f"{where}:{number}: {key!r} stands before the first group")
        if key != "group":
            groups[-1].value_by_key[key] = value
            groups[-1].line_by_key[key] = number
    return groups


def _value(text: str) -> str:
    found = _QUOTED.fullmatch(text)
    return _ESCAPE.sub(r"\1", found[1]) if found else text
