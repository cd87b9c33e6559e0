"""Where profiles come from: the settings file, files of one's own beside it, and those that the package ships.

A profile stands on another one and says only what differs: on its `base`, or else on the next one of its own name, as
`[profiles.kannel]` of the settings does on the one that is shipped.  It must never judge what is said in a profile.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from chappe.model.errors import SettingsError
from chappe.runtime.settings_table import nearest

#: The profile of operators that name none: it stands on nothing.
DEFAULT_PROFILE = "default"
#: Where a value comes from that nobody wrote.
BUILT_IN = "built in"

Raw = Mapping[str, Any]


class Layer(NamedTuple):
    """What one place says of a profile."""

    where: str
    table: Raw


class Profiles:
    """All profiles that can be named, by place: the settings, the folder, the package."""

    def __init__(self, in_settings: Mapping[str, Any], folder: Path | None = None) -> None:
        """`folder` is where own files lie.  Nothing is read before it is asked for."""
        self._in_settings = in_settings
        self._folder = folder

    def names(self) -> list[str]:
        """Every name, in alphabetical order."""
        own = [each.stem for each in self._folder.glob("*.toml")] if self._folder else []
        return sorted({DEFAULT_PROFILE, *self._in_settings, *own, *shipped()})

    def has(self, name: str) -> bool:
        """Say whether there is a profile of that name."""
        return name == DEFAULT_PROFILE or bool(self._places(name))

    def layers(self, name: str) -> list[Layer]:
        """What is said of a profile, from the ground up: a later layer counts.  Raises: SettingsError."""
        found: list[Layer] = []
        seen: set[tuple[str, int]] = set()
        depth = 0
        while True:
            places = self._places(name)
            if depth >= len(places):
                if name != DEFAULT_PROFILE and not places:
                    asked = f"{found[-1].where}.base: " if found else ""
                    close = nearest(name, self.names())
                    raise SettingsError(
                        f"{asked}no profile is named {name!r}{close} (known: {', '.join(self.names())})"
                    )
                return found[::-1]
            if (name, depth) in seen:
                raise SettingsError(f"{found[-1].where}.base: {name!r} stands on itself")
            seen.add((name, depth))
            layer = self._read(places[depth], name)
            found.append(layer)
            base = layer.table.get("base")
            if isinstance(base, str) and base != name:
                name, depth = base, 0
            else:
                depth += 1

    def _places(self, name: str) -> list[Raw | Path | str]:
        """Where a name is found, the place that counts most in front."""
        places: list[Raw | Path | str] = []
        if name in self._in_settings:
            places.append(self._in_settings[name])
        own = self._folder / f"{name}.toml" if self._folder else None
        if own is not None and own.is_file():
            places.append(own)
        if name in shipped():
            places.append(name)
        return places

    def _read(self, place: Raw | Path | str, name: str) -> Layer:
        """Raises: SettingsError."""
        if isinstance(place, Path):
            try:
                return Layer(str(place), _parsed(place.read_text("utf-8"), str(place)))
            except OSError as error:
                raise SettingsError(f"{place}: cannot be read: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise SettingsError(f"{place}: is not UTF-8 at octet {error.start}") from error
        if isinstance(place, str):
            where = f"{name} (shipped)"
            return Layer(where, _parsed((files("chappe.profiles") / f"{name}.toml").read_text("utf-8"), where))
        return Layer(f"profiles.{name}", place if isinstance(place, Mapping) else {})


def shipped() -> frozenset[str]:
    """The names of the profiles that come with the package."""
    return frozenset(each.name[:-5] for each in files("chappe.profiles").iterdir() if each.name.endswith(".toml"))


def merged(layers: list[Layer]) -> dict[str, Any]:
    """One table of all layers: tables are joined key by key, everything else is replaced."""
    found: dict[str, Any] = {}
    for layer in layers:
        found = _joined(found, layer.table)
    return found


def origin_of(layers: list[Layer], path: tuple[str, ...]) -> str:
    """Which layer says what counts at a key; `built in` where none does."""
    for layer in reversed(layers):
        if _says(layer.table, path):
            return layer.where
    return BUILT_IN


def _joined(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        is_both = isinstance(under, Mapping) and isinstance(value, Mapping)
        result[key] = _joined(under, value) if is_both else value  # type: ignore[arg-type]
    return result


def _says(table: Any, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(table, Mapping) or step not in table:
            return False
        table = table[step]
    return True


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is not TOML: {error}") from error


def named_by(operators: Any) -> Iterator[str]:
    """The profiles that operators name, in tables that nobody has checked yet."""
    for operator in operators if isinstance(operators, list) else []:
        name = operator.get("profile") if isinstance(operator, dict) else None
        if isinstance(name, str):
            yield name
