"""Secrets that the gateway makes for clients, and where a document has them: the new one, and the old one for a while.

Pure: a secret is made of the store's key and the instruction that asks for it, so a death in between makes no other.
"""

import base64
import hashlib
import hmac
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from chappe.configuration.document import Document
from chappe.model.errors import SettingsError
from chappe.runtime.settings_table import nearest

#: What may be rotated, and the table of a client that has it.
KINDS: Final = {"smpp": "smpp", "ucp": "ucp", "token": "http", "callback": "callback"}
#: SMPP 3.4 §5.2.2 has room for no more.
_SMPP_OCTETS: Final = 8
#: Secrets of callbacks that have gone before, kept so that receivers may still know them.
_MOST_PREVIOUS: Final = 4


def secret_for(key: bytes, instruction: int, kind: str) -> str:
    """The secret that an instruction makes, the same however often it is asked for."""
    digest = hmac.digest(key, f"secret {kind} {instruction}".encode(), hashlib.sha256)
    if kind == "callback":
        return "whsec_" + base64.b64encode(digest).decode()
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("-", "k").replace("_", "Q")
    return text[:_SMPP_OCTETS] if kind in ("smpp", "ucp") else text


def give_secret(document: Document, client: str, kind: str, made: str, until_us: int) -> Document:
    """The document with the new secret in its place.  Raises: SettingsError."""
    if kind not in KINDS:
        raise SettingsError(f"secret {kind!r}: expected one of {', '.join(KINDS)}{nearest(kind, KINDS)}")
    copy = deepcopy(document)
    table = _table(copy, client, KINDS[kind])
    until = datetime.fromtimestamp(until_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if kind == "callback":
        _rotate_callback(table, made)
    elif kind == "token":
        _keep_old(table, "token", until)
        table["token_hash"] = hashlib.sha256(made.encode()).hexdigest()
    else:
        _keep_old(table, "password", until)
        table["password"] = made
        table.pop("password_is_md5", None)
    return copy


def _table(document: Document, client: str, section: str) -> dict[str, Any]:
    clients = document.get("clients", [])
    for each in clients:
        if each.get("name") == client:
            if section not in each:
                raise SettingsError(f"client {client!r} has no [clients.{section}]")
            table: dict[str, Any] = each[section]
            return table
    raise SettingsError(f"no client is named {client!r}{nearest(client, [str(each.get('name')) for each in clients])}")


def _keep_old(table: dict[str, Any], what: str, until: str) -> None:
    """What was good until now is good until then; what was good before that is not."""
    for key in (f"previous_{what}", f"previous_{what}_hash"):
        table.pop(key, None)
    for key in (what, f"{what}_hash"):
        if key in table:
            table[f"previous_{key}"] = table.pop(key)
    table[f"previous_{what}_until"] = until


def _rotate_callback(table: dict[str, Any], made: str) -> None:
    """Both sign what is posted: receivers take either."""
    old = table.get("secret")
    table["secret"] = made
    if old:
        table["previous_secrets"] = [old, *table.get("previous_secrets", [])][:_MOST_PREVIOUS]
