"""What is made of another gateway's settings: tables of our own, and a line for each thing that has no counterpart.

It must never know whose settings they were.
"""

import re
from typing import Any, Final

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_MAX_NAME: Final = 32
#: What a route may say of numbers, as a regular expression: a beginning, or a whole number.
_PREFIX: Final = re.compile(r"\^?\\?(\+?)([0-9]*)(\.\*|\\d\+|\\d\*|\[0-9\]\+|\[0-9\]\*)?(\$?)")

Table = dict[str, Any]


class Imported:
    """Grows while files are read."""

    def __init__(self) -> None:
        self.listen: Table = {}
        self.operators: list[Table] = []
        self.profiles: dict[str, Table] = {}
        self.clients: list[Table] = []
        self.routes: list[Table] = []
        self.tariffs: list[Table] = []
        #: One line each.
        self.left_out: list[str] = []
        self._names: set[str] = set()

    def name(self, text: str, otherwise: str) -> str:
        """A name that our settings allow and nobody else has."""
        stem = _NOT_IN_NAMES.sub("-", text).strip("-.")[:_MAX_NAME] or otherwise
        name, number = stem, 2
        while name in self._names:
            name, number = f"{stem[: _MAX_NAME - 4]}-{number}", number + 1
        self._names.add(name)
        return name

    def leave_out(self, where: str, what: str) -> None:
        """Note what has no counterpart."""
        self.left_out.append(f"{where}: {what}")

    @property
    def plain(self) -> Table:
        """The settings as plain values, in the order of our own files."""
        tables = {
            "listen": self.listen,
            "profiles": self.profiles,
            "operators": self.operators,
            "clients": self.clients,
            "routes": self.routes,
            "tariffs": self.tariffs,
        }
        return {key: value for key, value in tables.items() if value}


def pattern_of(expression: str) -> str | None:
    """A regular expression over numbers as a pattern of ours; None where it says more than one can."""
    if expression in ("", ".*", "^.*$", "^.*"):
        return "*"
    found = _PREFIX.fullmatch(expression)
    if found is None or not found[2]:
        return None
    is_open = found[3] is not None or not found[4]
    return found[2] + ("*" if is_open else "")
