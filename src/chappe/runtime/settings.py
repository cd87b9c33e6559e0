"""What an administrator wrote, read once at the start: every key of the settings file, typed and checked.

It must never open anything but that one file, and knows no node, engine or socket.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from chappe.model.errors import SettingsError
from chappe.runtime.settings_checks import faults
from chappe.runtime.settings_clients import Client, ClientCallback, ClientHttp, ClientSmpp, Direction, Route
from chappe.runtime.settings_gateway import Gateway, Listen
from chappe.runtime.settings_operators import Operator, Profile
from chappe.runtime.settings_reading import read_table
from chappe.runtime.settings_table import Fault, Table

#: The profile which an operator has when it names none; `[profiles.default]` in the file changes it.
DEFAULT_PROFILE = "default"

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
    operators: Annotated[tuple[Operator, ...], Meta(description="The operators.")] = ()
    clients: Annotated[tuple[Client, ...], Meta(description="The clients.")] = ()
    routes: Annotated[tuple[Route, ...], Meta(description="The routes, in the order in which they are tried.")] = ()
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
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 at octet {error.start}") from error
    return parse(text, where=str(path))


def parse(text: str, where: str) -> Settings:
    """The settings of a TOML text; `where` is how errors call it.  Raises: SettingsError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is not TOML: {error}") from error
    found: list[Fault] = []
    settings = read_table(Settings, _with_default_profile(raw), "", found)
    if settings is not None:
        found.extend(faults(settings))
    if settings is None or found:
        raise SettingsError(_told(found, where))
    return settings


def _with_default_profile(raw: dict[str, object]) -> dict[str, object]:
    profiles = raw.get("profiles", {})
    return {**raw, "profiles": {DEFAULT_PROFILE: {}, **profiles}} if isinstance(profiles, dict) else raw


def _told(found: list[Fault], where: str) -> str:
    """One line: the first fault with its key, and how many follow."""
    key, expected = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{where}: {key}: {expected}{more}"
