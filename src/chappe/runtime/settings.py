"""What an administrator wrote, read once at the start: every key of the settings file, typed and checked.

It must never open anything but that one file and those of profiles, and knows no node, engine or socket.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from chappe.model.errors import SettingsError
from chappe.runtime.profile_files import DEFAULT_PROFILE, Profiles, merged, named_by, origin_of
from chappe.runtime.settings_callbacks import ClientCallback
from chappe.runtime.settings_checks import faults
from chappe.runtime.settings_client_doors import ClientHttp, ClientSmpp
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_conf import ConfRules
from chappe.runtime.settings_gateway import Frontend, Gateway, Listen
from chappe.runtime.settings_lookup import Lookup
from chappe.runtime.settings_operators import Operator
from chappe.runtime.settings_profiles import Profile
from chappe.runtime.settings_reading import read_table
from chappe.runtime.settings_routing import (
    BlockRule,
    Direction,
    LoopGuard,
    NetworkRange,
    OperatorPrice,
    OptOutRule,
    Portability,
    Route,
    SenderRule,
    Tariff,
)
from chappe.runtime.settings_table import Fault, Table

#: The folder beside the settings file in which profiles of one's own lie, a file each.
PROFILES_FOLDER = "profiles"

#: Where the simulated operator of a gateway without a settings file listens.
SIMULATOR_PORT = 2776
#: Where its demo client is called back, and what signs that.
CALLBACK_PORT = 8081
DEMO_SECRET = "whsec_Y2hhcHBlIGRlbW8gc2VjcmV0IDAwMQ=="


def _builtin_profiles() -> dict[str, Profile]:
    return {DEFAULT_PROFILE: Profile()}


class Settings(Table, frozen=True, kw_only=True):
    """Everything that the settings file says."""

    gateway: Annotated[Gateway, Meta(description="The gateway as a whole.")] = Gateway()
    listen: Annotated[Listen, Meta(description="Where this box listens.")] = Listen()
    frontend: Annotated[Frontend, Meta(description="The web pages.")] = Frontend()
    operators: Annotated[tuple[Operator, ...], Meta(description="The operators.")] = ()
    clients: Annotated[tuple[Client, ...], Meta(description="The clients.")] = ()
    routes: Annotated[tuple[Route, ...], Meta(description="The routes, in the order in which they are tried.")] = ()
    networks: Annotated[
        tuple[NetworkRange, ...], Meta(description="The networks of numbers, for routes that name networks.")
    ] = ()
    portability: Annotated[
        Portability, Meta(description="Which networks numbers went to, where their prefix no longer says it.")
    ] = Portability()
    lookup: Annotated[Lookup, Meta(description="Whom we ask which network a number belongs to.")] = Lookup()
    prices: Annotated[
        tuple[OperatorPrice, ...], Meta(description="What operators take, for routes that choose by price.")
    ] = ()
    tariffs: Annotated[tuple[Tariff, ...], Meta(description="What clients with credit in money pay.")] = ()
    senders: Annotated[tuple[SenderRule, ...], Meta(description="What clients may send as.")] = ()
    blocks: Annotated[tuple[BlockRule, ...], Meta(description="What is not taken.")] = ()
    opt_outs: Annotated[tuple[OptOutRule, ...], Meta(description="How handsets say that they want no more.")] = ()
    loops: Annotated[LoopGuard, Meta(description="When answers to answers are a circle.")] = LoopGuard()
    conf: Annotated[ConfRules, Meta(description="How the configuration is changed.")] = ConfRules()
    profiles: Annotated[dict[str, Profile], Meta(description="The profiles by name.")] = field(
        default_factory=_builtin_profiles
    )

    @classmethod
    def default(
        cls,
        data_dir: Path | str = "data",
        *,
        simulator_port: int = SIMULATOR_PORT,
        callback_port: int = CALLBACK_PORT,
    ) -> Settings:
        """What runs without a settings file: all nodes, a simulated operator, a demo client, loopback only."""
        callback = ClientCallback(url=f"http://127.0.0.1:{callback_port}/chappe", secret=DEMO_SECRET)
        return cls(
            gateway=Gateway(data_dir=str(data_dir)),
            operators=(
                Operator(name="sim", address=f"127.0.0.1:{simulator_port}", system_id="chappe", password="secret"),
            ),
            clients=(
                Client(
                    name="demo",
                    smpp=ClientSmpp(system_id="demo", password="demo", allowed=("127.0.0.0/8", "::1/128")),
                    http=ClientHttp(token="demo-token"),
                    callback=callback,
                ),
            ),
            routes=(Route(direction=Direction.MT, operators=("sim",)), Route(direction=Direction.MO, client="demo")),
        )

    def operator(self, name: str) -> Operator:
        """The operator of that name.  Raises: KeyError."""
        return {operator.name: operator for operator in self.operators}[name]

    def client(self, name: str) -> Client:
        """The client of that name.  Raises: KeyError."""
        return {client.name: client for client in self.clients}[name]

    def profile_of(self, operator: Operator) -> Profile:
        """The profile that an operator names."""
        return self.profiles[operator.profile]


def load(path: Path | None) -> Settings:
    """The settings of a file; without one, those of `Settings.default`.

    Raises: SettingsError, naming the file, the key, and what was expected there.
    """
    if path is None:
        return Settings.default()
    return parse(_text_of(path), where=str(path), profiles=path.parent / PROFILES_FOLDER)


def read_profiles(path: Path) -> Profiles:
    """The profiles that a settings file knows, whatever else is in it.  Raises: SettingsError."""
    return profiles_in(_tables_of(_text_of(path), str(path)), path.parent / PROFILES_FOLDER)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 at octet {error.start}") from error


def _tables_of(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is not TOML: {error}") from error


def parse(text: str, where: str, profiles: Path | None = None) -> Settings:
    """The settings of a TOML text; `where` is how errors call it, `profiles` the folder of own profiles.

    Raises: SettingsError.
    """
    return settings_of(_tables_of(text, where), where, profiles)


def settings_of(
    raw: Mapping[str, Any], where: str, profiles: Path | None = None, own: Settings | None = None
) -> Settings:
    """The settings that tables say; what is a box's own, `[gateway]`, `[listen]` and `[frontend]`, is that of `own`.

    Raises: SettingsError.
    """
    found: list[Fault] = []
    tables = dict(raw)
    shelves = profiles_in(tables, profiles)
    settings = read_table(Settings, _with_whole_profiles(tables, shelves, where), "", found)
    if settings is not None and own is not None:
        settings = msgspec.structs.replace(settings, gateway=own.gateway, listen=own.listen, frontend=own.frontend)
    if settings is not None:
        found.extend(faults(settings))
    if settings is None or found:
        raise SettingsError(_told(found, where, shelves))
    return settings


def read_tables(path: Path) -> dict[str, Any]:
    """What a settings file says, read and not yet judged.  Raises: SettingsError."""
    return _tables_of(_text_of(path), str(path))


def profiles_in(raw: Mapping[str, Any], folder: Path | None) -> Profiles:
    """The profiles that a settings file knows, from what a TOML parser gives."""
    tables = raw.get("profiles", {})
    return Profiles(tables if isinstance(tables, dict) else {}, folder)


def _with_whole_profiles(raw: dict[str, Any], shelves: Profiles, where: str) -> dict[str, Any]:
    """The same with each profile of the file, and each that an operator names, as it is with all it stands on.

    Raises: SettingsError.
    """
    tables = raw.get("profiles", {})
    if not isinstance(tables, dict):
        return raw
    whole: dict[str, Any] = {}
    for name in dict.fromkeys((DEFAULT_PROFILE, *tables, *named_by(raw.get("operators")))):
        is_table = isinstance(tables.get(name, {}), dict)
        if not is_table:
            whole[name] = tables[name]
        elif shelves.has(name):
            try:
                whole[name] = merged(shelves.layers(name))
            except SettingsError as error:
                raise SettingsError(f"{where}: {error}") from error
    return {**raw, "profiles": whole}


def _told(found: list[Fault], where: str, shelves: Profiles) -> str:
    """One line: the first fault with its key, and how many follow; that of a profile's own file is told as such."""
    key, expected = found[0]
    steps = key.split(".")
    if steps[0] == "profiles" and len(steps) > 2 and shelves.has(steps[1]):
        origin = origin_of(shelves.layers(steps[1]), tuple(steps[2:]))
        if origin.endswith(".toml"):
            where, key = origin, ".".join(steps[2:])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{where}: {key}: {expected}{more}"
