"""What an instruction makes of a document: a new one, or a refusal that says what to do.

Pure.  Whether the new document is good is judged afterwards, as a whole.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import singledispatch
from typing import Any, Final

from chappe.configuration.document import OWN_SECTIONS, Document, document_of
from chappe.instructions.kinds import (
    AddBlock,
    AddClient,
    AddOperator,
    AddRoute,
    AllowIds,
    ApplyConfiguration,
    Change,
    ChangeClient,
    ChangeOperator,
    MoveRoute,
    PauseOperator,
    RemoveBlock,
    RemoveClient,
    RemoveOperator,
    RemoveProfile,
    RemoveRoute,
    ResumeOperator,
    SetProfile,
    SetRoute,
    SetRoutes,
    SetSection,
    Table,
)
from chappe.model.errors import SettingsError
from chappe.rules.learn import PROOF
from chappe.runtime.profile_files import Profiles, merged, shipped
from chappe.runtime.settings_table import nearest

#: What `SetSection` may write; operators, clients, routes and profiles have instructions of their own.
SECTIONS: Final = ("networks", "portability", "prices", "tariffs", "senders", "blocks", "opt_outs", "loops", "conf")


def changed(document: Document, instruction: Change) -> Document:
    """The document with the change made; the one that is given stays as it is.  Raises: SettingsError."""
    copy = deepcopy(document)
    made = _change(instruction, copy)
    return copy if made is None else made


@singledispatch
def _change(instruction: object, document: Document) -> Document | None:
    raise SettingsError(f"{type(instruction).__name__} changes no document")


@_change.register
def _(instruction: ApplyConfiguration, document: Document) -> Document | None:
    return document_of(instruction.toml, "the configuration")


# -- operators and clients --------------------------------------------------------------------------------------------


@_change.register
def _(instruction: AddOperator, document: Document) -> None:
    _add(document, "operators", instruction.operator)


@_change.register
def _(instruction: ChangeOperator, document: Document) -> None:
    _merge(_named(document, "operators", instruction.name), instruction.changes)


@_change.register
def _(instruction: RemoveOperator, document: Document) -> None:
    _remove(document, "operators", instruction.name)


@_change.register
def _(instruction: PauseOperator, document: Document) -> None:
    _named(document, "operators", instruction.name)["paused"] = True


@_change.register
def _(instruction: ResumeOperator, document: Document) -> None:
    _named(document, "operators", instruction.name).pop("paused", None)


@_change.register
def _(instruction: AddClient, document: Document) -> None:
    _add(document, "clients", instruction.client)


@_change.register
def _(instruction: ChangeClient, document: Document) -> None:
    _merge(_named(document, "clients", instruction.name), instruction.changes)


@_change.register
def _(instruction: RemoveClient, document: Document) -> None:
    _remove(document, "clients", instruction.name)


def _add(document: Document, section: str, table: Table) -> None:
    name = table.get("name")
    if any(each.get("name") == name for each in _list(document, section)):
        raise SettingsError(f"there is already {_one(section)} {name!r}: change it, or choose another name")
    _list(document, section).append(_bare(table))


def _remove(document: Document, section: str, name: str) -> None:
    _list(document, section).remove(_named(document, section, name))


def _named(document: Document, section: str, name: str) -> dict[str, Any]:
    tables = _list(document, section)
    for each in tables:
        if each.get("name") == name:
            return each
    names = [str(each.get("name")) for each in tables]
    raise SettingsError(f"no {_one(section)[2:].strip()} is named {name!r}{nearest(name, names)}")


def _one(section: str) -> str:
    return "an operator" if section == "operators" else "a client"


def _merge(table: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Set what is said; null takes away; a table within is joined key by key."""
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        else:
            table[key] = _bare(value)


def _bare(value: Any) -> Any:
    """Without keys that are null: they are not said."""
    if isinstance(value, Mapping):
        return {key: _bare(each) for key, each in value.items() if each is not None}
    return [_bare(each) for each in value] if isinstance(value, list | tuple) else value


# -- routes -----------------------------------------------------------------------------------------------------------


@_change.register
def _(instruction: SetRoutes, document: Document) -> None:
    document["routes"] = [_bare(each) for each in instruction.routes]


@_change.register
def _(instruction: AddRoute, document: Document) -> None:
    routes = _list(document, "routes")
    place = len(routes) if instruction.place is None else instruction.place
    if not 0 <= place <= len(routes):
        raise SettingsError(f"place {place}: expected 0 to {len(routes)}")
    routes.insert(place, _bare(instruction.route))


@_change.register
def _(instruction: SetRoute, document: Document) -> None:
    _route(document, instruction.place)
    _list(document, "routes")[instruction.place] = _bare(instruction.route)


@_change.register
def _(instruction: MoveRoute, document: Document) -> None:
    route = _route(document, instruction.place)
    _route(document, instruction.to)
    routes = _list(document, "routes")
    routes.pop(instruction.place)
    routes.insert(instruction.to, route)


@_change.register
def _(instruction: RemoveRoute, document: Document) -> None:
    _route(document, instruction.place)
    _list(document, "routes").pop(instruction.place)


def _route(document: Document, place: int) -> Any:
    routes = _list(document, "routes")
    if not 0 <= place < len(routes):
        raise SettingsError(f"there is no routes[{place}]: there are {len(routes)}, counted from 0")
    return routes[place]


# -- blocks -----------------------------------------------------------------------------------------------------------


@_change.register
def _(instruction: AddBlock, document: Document) -> None:
    blocks = _list(document, "blocks")
    place = len(blocks) if instruction.place is None else instruction.place
    if not 0 <= place <= len(blocks):
        raise SettingsError(f"place {place}: expected 0 to {len(blocks)}")
    blocks.insert(place, _bare(instruction.block))


@_change.register
def _(instruction: RemoveBlock, document: Document) -> None:
    blocks, place = _list(document, "blocks"), instruction.place
    if not 0 <= place < len(blocks):
        raise SettingsError(f"there is no blocks[{place}]: there are {len(blocks)}, counted from 0")
    for key, value in instruction.block.items():
        if blocks[place].get(key) != value:
            raise SettingsError(f"blocks[{place}] has {key} = {blocks[place].get(key)!r}, not {value!r}: look again")
    blocks.pop(place)


# -- the rest ---------------------------------------------------------------------------------------------------------


@_change.register
def _(instruction: SetProfile, document: Document) -> None:
    document.setdefault("profiles", {})[instruction.name] = _bare(instruction.profile)


@_change.register
def _(instruction: RemoveProfile, document: Document) -> None:
    profiles = document.get("profiles", {})
    if instruction.name not in profiles:
        raise SettingsError(f"no profile of the configuration is named {instruction.name!r}")
    del profiles[instruction.name]


@_change.register
def _(instruction: AllowIds, document: Document) -> None:
    if instruction.agree < PROOF or instruction.contradict:
        told = f"{instruction.agree} receipts agree and {instruction.contradict} contradict"
        raise SettingsError(f"{told}: it takes {PROOF} that agree, and none that contradicts")
    operator = _named(document, "operators", instruction.operator)
    profiles = document.setdefault("profiles", {})
    shared = str(operator.get("profile", "default"))
    base = merged(Profiles(profiles).layers(shared)).get("id_base", "exact")
    if any(
        str(each.get("profile", "default")) == shared for each in _list(document, "operators") if each is not operator
    ):
        operator["profile"] = _free(profiles, instruction.operator)
        profiles[operator["profile"]] = {"base": shared}
    profile = profiles.setdefault(operator.get("profile", "default"), {})
    if instruction.id_base and base not in (instruction.id_base, "either"):
        profile["id_base"] = instruction.id_base if base == "exact" else "either"
    for key in ("id_ignores_case", "id_ignores_zeros"):
        if getattr(instruction, key):
            profile[key] = True


def _free(profiles: Mapping[str, Any], name: str) -> str:
    """A name for a profile of an operator's own that nobody has."""
    taken = {*profiles, *shipped()}
    tried = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in tried if each not in taken)


@_change.register
def _(instruction: SetSection, document: Document) -> None:
    if instruction.section not in SECTIONS:
        known = ", ".join(SECTIONS)
        why = " stays in the file of each box" if instruction.section in OWN_SECTIONS else " is not one to be set whole"
        raise SettingsError(f"[{instruction.section}]{why}; expected one of {known}")
    if instruction.tables:
        document[instruction.section] = _bare(instruction.tables)
    else:
        document.pop(instruction.section, None)


def _list(document: Document, section: str) -> list[dict[str, Any]]:
    tables: list[dict[str, Any]] = document.setdefault(section, [])
    return tables
