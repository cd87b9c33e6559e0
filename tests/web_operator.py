"""A gateway beside a simulated operator over HTTP: what journeys of such operators are told to.

It must never know what a test is about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from chappe.runtime.profile_files import Profiles, merged
from chappe.runtime.settings import Settings
from chappe.runtime.settings_clients import Client
from chappe.runtime.settings_http_operators import OperatorHttp
from chappe.runtime.settings_operators import Operator, Protocol
from chappe.runtime.settings_profiles import Profile
from chappe.runtime.settings_reading import read_table
from chappe.runtime.settings_routing import Route
from chappe.sim.options import MoOptions, SmscOptions
from chappe.sim.script import Faults
from chappe.sim.smsc import SmscSimulator
from house import House, client, settings_of
from ports import free_port

#: Where each shape brings messages from handsets; the token stands in the URL where its calls carry nothing better.
INBOUND = {
    "kannel": "/kannel/inbound?token=hook",
    "jasmin": "/jasmin/inbound?token=hook",
    "twilio": "/twilio/inbound",
    "vonage": "/vonage/inbound?token=hook",
    "infobip": "/infobip/inbound",
}
SHAPES = tuple(INBOUND)
SECRET = "hook"
CALLER = "operator"


def profile_named(name: str, **changes: Any) -> Profile:
    """A profile that is shipped, changed."""
    found: list[Any] = []
    profile = read_table(Profile, merged(Profiles({}).layers(name)), "", found)
    assert profile is not None, found
    return msgspec.structs.replace(profile, **changes)


def web_operator(port: int, listen: int, profile: str, name: str = "sim", **keys: Any) -> Operator:
    """An operator with an HTTP API on the loopback interface."""
    http = OperatorHttp(
        url=f"http://127.0.0.1:{port}",
        username="us",
        password="secret",
        listen=f"127.0.0.1:{listen}",
        secret=SECRET,
        caller=CALLER,
        values=keys.pop("values", {}),
    )
    terms = {"binds": 1, "reconnect_min_s": 0.05, "reconnect_max_s": 0.2, "retry_s": (0.1, 0.3), **keys}
    return Operator(name=name, protocol=Protocol.HTTP, profile=profile, http=http, **terms)


@asynccontextmanager
async def web_house(
    folder: Path,
    shape: str = "kannel",
    *,
    smsc: dict[str, Any] | None = None,
    faults: Faults | None = None,
    of_operator: dict[str, Any] | None = None,
    clients: Sequence[Client] = (),
    routes: Sequence[Route] = (),
    profile: Profile | None = None,
    mo: MoOptions | None = None,
) -> AsyncIterator[tuple[House, SmscSimulator]]:
    """A gateway with one such operator, whose link is up."""
    listen = free_port()
    options = SmscOptions(
        protocol="http",
        shape=shape,
        system_id="us",
        password="secret",
        mo_url=f"http://127.0.0.1:{listen}{INBOUND[shape]}",
        callback_secret=SECRET,
        callback_name=CALLER,
        retry_s=0.1,
        mo=mo or MoOptions(),
        **(smsc or {}),
    )
    async with SmscSimulator(options, faults) as simulator:
        settings = settings_of(
            folder, [web_operator(simulator.port, listen, shape, **(of_operator or {}))], clients or [client()], routes
        )
        async with House(with_profile(settings, shape, profile)) as house:
            await house.until(lambda: house.events("link_up"))
            yield house, simulator


def with_profile(settings: Settings, name: str, profile: Profile | None = None) -> Settings:
    """Settings that know a shipped profile, or another one by its name."""
    return msgspec.structs.replace(settings, profiles={**settings.profiles, name: profile or profile_named(name)})
