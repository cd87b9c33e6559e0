"""The forms of the configuration: which keys have fields of their own, and how a posted form becomes a table.

It must never judge what is written: the rules of the settings do.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chappe.frontend.drafts import read_toml, unmasked
from chappe.model.errors import SettingsError


@dataclass(frozen=True, slots=True)
class FormField:
    """One field: its key (`smpp.password`), its title, how it is written, and what may be chosen."""

    key: str
    title: str
    kind: str = "text"
    hint: str = ""
    choices: tuple[str, ...] = ()
    #: What a new one begins with.
    default: str = ""

    @property
    def id(self) -> str:
        """Its id on the page."""
        return self.key.replace(".", "-")


OPERATOR: Final = (
    FormField("name", "Name", hint="In routes, queues and events"),
    FormField("protocol", "Protocol", "choice", choices=("smpp", "ucp", "http"), default="smpp"),
    FormField("address", "Address", hint="HOST:PORT of its SMSC; HTTP has a url under “More keys”"),
    FormField("system_id", "system_id"),
    FormField("password", "Password", "secret"),
    FormField("bind", "Bind", "choice", choices=("transceiver", "transmitter+receiver"), default="transceiver"),
    FormField("binds", "Links", "number", hint="Over all boxes"),
    FormField("window", "Window", "number", hint="PDUs in flight per link"),
    FormField("rate", "Rate", "number", hint="PDUs a second over all links; 0 is unlimited"),
    FormField("profile", "Profile", hint="How this kind of SMSC behaves"),
)
CLIENT: Final = (
    FormField("name", "Name", hint="In routes, queues and events"),
    FormField("priority", "Priority", "choice", choices=("normal", "high", "bulk"), default="normal"),
    FormField("rate", "Rate", "number", hint="Parts a second; 0 is unlimited"),
    FormField("queue_limit", "Most open messages", "number"),
    FormField("smpp.system_id", "SMPP system_id", hint="Leave empty for no SMPP"),
    FormField(
        "smpp.password", "SMPP password", "secret", hint="At most 8 characters; empty makes one for a new client"
    ),
    FormField("smpp.allowed", "SMPP addresses", "list", hint="Networks, as in 10.0.0.0/8; several with commas"),
    FormField("smpp.max_binds", "Most binds", "number"),
    FormField("http.token", "HTTP token", "secret", hint="“make” makes one"),
    FormField("callback.url", "Callback URL", hint="Where it is told what became of its messages"),
    FormField("callback.secret", "Callback secret", "secret", hint="whsec_…; “make” makes one"),
)
ROUTE: Final = (
    FormField("name", "Name", hint="For events and explanations; may be empty"),
    FormField("direction", "Direction", "choice", choices=("mt", "mo"), default="mt"),
    FormField("to", "To", hint="A number or a pattern: 44*"),
    FormField("from", "From", hint="A number, a name, or a pattern"),
    FormField("client", "Client", hint="mt: only of this client; mo: who gets it"),
    FormField("operators", "Operators", "list", hint="mt: in the order of their turns, with commas"),
    FormField("keyword", "Keyword", hint="mo: the first word of the text"),
    FormField("via", "Via", "choice", choices=("", "smpp", "callback"), hint="mo: how the client gets it"),
)

#: Sections that are written whole, with what they are for.
SECTIONS: Final = {
    "senders": "Who may send as whom",
    "blocks": "Numbers, senders and texts that are not taken",
    "opt_outs": "How handsets say that they want no more",
    "networks": "The networks of numbers",
    "portability": "Numbers that went to other networks",
    "lookup": "Whom we ask which network a number has",
    "prices": "What operators take",
    "loops": "When answers to answers are a circle",
    "conf": "What needs a second person",
}
#: Those that are one table; the others are lists of tables.
SINGLE: Final = frozenset({"portability", "lookup", "loops", "conf"})


def values_of(table: Mapping[str, Any], fields: tuple[FormField, ...], *, is_new: bool) -> list[tuple[FormField, str]]:
    """Each field with what it shows; secrets show nothing."""
    shown = []
    for field in fields:
        value = value_at(table, field.key)
        if field.kind == "secret":
            text = ""
        elif isinstance(value, list | tuple):
            text = ", ".join(map(str, value))
        else:
            text = "" if value is None else str(value)
        shown.append((field, text or (field.default if is_new else "")))
    return shown


def table_of(posted: Mapping[str, str], fields: tuple[FormField, ...], old: Mapping[str, Any] | None) -> dict[str, Any]:
    """The table that a posted form says: more keys in TOML, then the fields.  Raises: SettingsError."""
    table = unmasked(read_toml(posted.get("more", "")), old or {})
    for field in fields:
        text = posted.get(field.key, "").strip()
        if field.kind == "secret":
            _put_secret(table, field, text, value_at(old or {}, field.key), is_new=old is None)
        elif text and not _goes_without_saying(field, text, old):
            _put(table, field.key, _value(field, text))
    return {key: value for key, value in table.items() if value not in ({}, None)}


def _goes_without_saying(field: FormField, text: str, old: Mapping[str, Any] | None) -> bool:
    """What a list of choices says by itself, where nobody has said anything."""
    return old is not None and text == field.default and value_at(old, field.key) is None


def _put_secret(table: dict[str, Any], field: FormField, text: str, old: Any, *, is_new: bool) -> None:
    if text == "make":
        _put(table, field.key, made(field.key))
    elif text:
        _put(table, field.key, text)
    elif old is not None:
        _put(table, field.key, old)
    elif is_new and field.key == "smpp.password" and value_at(table, "smpp.system_id"):
        _put(table, field.key, made(field.key))


def made(key: str) -> str:
    """A secret of the right form."""
    if key == "smpp.password":
        return secrets.token_urlsafe(6)[:8]
    if key == "callback.secret":
        import base64

        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def _value(field: FormField, text: str) -> Any:
    if field.kind == "list":
        return [each.strip() for each in text.split(",") if each.strip()]
    if field.kind == "number":
        try:
            return int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError as error:
            raise SettingsError(f"{field.title}: {text!r} is no number") from error
    return text


def value_at(table: Mapping[str, Any], key: str) -> Any:
    value: Any = table
    for step in key.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    *steps, last = key.split(".")
    for step in steps:
        table = table.setdefault(step, {})
    table[last] = value


def rest_of(table: Mapping[str, Any], fields: tuple[FormField, ...]) -> dict[str, Any]:
    """What a table says beside its fields."""
    rest: dict[str, Any] = {}
    known = {field.key for field in fields}
    for key, value in table.items():
        if key in known:
            continue
        if isinstance(value, Mapping):
            inner = {each: told for each, told in value.items() if f"{key}.{each}" not in known}
            if inner:
                rest[key] = inner
        else:
            rest[key] = value
    return rest
