"""What is left of an instruction once it has ended: what it asked for, and no secret.

Versions of the configuration have what counts; nobody reads a password out of a queue any more.  Pure.
"""

import tomllib
from typing import Any

import msgspec

from chappe.configuration.differences import masked
from chappe.configuration.document import toml_of
from chappe.instructions.outcome import Asked
from chappe.model.errors import SettingsError
from chappe.store.sealing import seal


def bare_body(asked: Asked) -> bytes | None:
    """The body without secrets; None where it has none, or cannot be read."""
    try:
        octets = seal().open(asked.body, f"instruction {asked.id}")
        body: dict[str, Any] = msgspec.json.decode(octets, type=dict[str, Any])
    except (SettingsError, msgspec.MsgspecError):
        return None
    # `secret` of a rotation is the name of one: only what lies in a table of the configuration is a secret itself.
    bare = {key: masked(each) if isinstance(each, dict | list) else each for key, each in body.items()}
    if isinstance(body.get("toml"), str):
        bare["toml"] = _bare_toml(body["toml"])
    return None if bare == body else msgspec.json.encode(bare)


def _bare_toml(text: str) -> str:
    try:
        return toml_of(masked(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        # It was refused for that, and where it has its secrets nobody can tell.
        return ""
