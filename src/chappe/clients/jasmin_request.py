"""A request to Jasmin's `/send` or `/rate` becomes a message, or the answer that Jasmin gives to what it cannot take.

It must never know who asks, nor judge addresses and texts: that is done as for our own API.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from chappe.clients.door_message import DoorMessage
from chappe.clients.jasmin_answers import Refused
from chappe.clients.jasmin_tlvs import tlvs_of
from chappe.net.http_message import Request
from chappe.rules.asked import Asked, Outcome, Words
from chappe.text import gsm7
from chappe.wire.http.forms import FORM, Fields, fields_of
from chappe.wire.http.messages import MAX_AHEAD_S
from chappe.wire.smpp import times


class Parameter(msgspec.Struct, frozen=True):
    """What a parameter may be."""

    pattern: re.Pattern[bytes] | None = None
    is_needed: bool = False


def _parameter(pattern: bytes, *, is_needed: bool = False, flags: int = 0) -> Parameter:
    return Parameter(re.compile(pattern, flags), is_needed)


_NAME: Final = _parameter(rb"^.{1,255}$", is_needed=True)
_CREDENTIALS: Final[Mapping[str, Parameter]] = {"username": _NAME, "password": _NAME}
_FREE: Final = Parameter()
_COMMON: Final[Mapping[str, Parameter]] = {
    "to": _parameter(rb"^\+{0,1}\d+$", is_needed=True),
    "from": _FREE,
    "coding": _parameter(rb"^(0|1|2|3|4|5|6|7|8|9|10|13|14)$"),
    **_CREDENTIALS,
    "priority": _parameter(rb"^[0-3]$"),
}
#: In the order in which Jasmin looks at them.
SEND: Final[Mapping[str, Parameter]] = {
    **_COMMON,
    "sdt": _parameter(rb"^\d{15}(\+|-|R)$"),
    "validity-period": _parameter(rb"^\d+$"),
    "dlr": _parameter(rb"^(yes|no)$"),
    "dlr-url": _parameter(rb"^(http|https)\://.*$"),
    "dlr-level": _parameter(rb"^[1-3]$"),
    "dlr-method": _parameter(rb"^(get|post)$", flags=re.IGNORECASE),
    "tags": _parameter(rb"^([-a-zA-Z0-9,])*$"),
    "content": _FREE,
    "hex-content": _FREE,
    "custom_tlvs": _FREE,
}
RATE: Final[Mapping[str, Parameter]] = {
    **_COMMON,
    "validity-period": _parameter(rb"^\d+$"),
    "tags": _parameter(rb"^([-a-zA-Z0-9,])*$"),
    "content": _FREE,
    "hex-content": _FREE,
}
BALANCE: Final = _CREDENTIALS

#: dlr-level → what is heard of.  An end without a receipt is heard of at each: nothing else would tell it.
_OUTCOMES_BY_LEVEL: Final = {
    1: Outcome.SENT | Outcome.REFUSED,
    2: Outcome.DELIVERED | Outcome.FAILED | Outcome.BUFFERED | Outcome.REFUSED,
    3: Outcome.SENT | Outcome.REFUSED | Outcome.DELIVERED | Outcome.FAILED | Outcome.BUFFERED,
}
_HIGHEST_PRIORITY: Final = 3
_MINUTE_S: Final = 60
_MAX_MINUTES_DIGITS: Final = 9
MAX_TAGS: Final = 20


def fields_of_request(request: Request) -> Fields:
    """The parameters of a request, from its query, its form, or its JSON.  Raises: Refused."""
    fields = fields_of(request.query) if request.query else {}
    if request.method != "POST":
        return fields
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return fields | _fields_of_json(request.body)
    if kind == FORM and request.body:
        return fields_of(request.body.decode("latin-1")) | fields
    return fields


def _fields_of_json(body: bytes) -> Fields:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body is no JSON object.")
    return {str(name): _octets_of(value) for name, value in found.items() if value is not None}


def _octets_of(value: object) -> bytes:
    match value:
        case str():
            return value.encode("utf-8", "replace")
        case bool():
            return b"yes" if value else b"no"
        case int() | float():
            return str(value).encode()
        case _:
            return json.dumps(value).encode()


def check(fields: Fields, known: Mapping[str, Parameter]) -> None:
    """Look at parameters in Jasmin's order: names first, then each that is known.  Raises: Refused."""
    if not fields:
        raise Refused(400, "Mandatory arguments not found, please refer to the HTTPAPI specifications.")
    first = next(iter(fields))
    if first in known:
        _check_values(fields, known)
    for name in fields:
        if name not in known:
            raise Refused(400, f"Argument [{name}] is unknown.")


def _check_values(fields: Fields, known: Mapping[str, Parameter]) -> None:
    for name, parameter in known.items():
        value = fields.get(name)
        if value is None:
            if parameter.is_needed:
                raise Refused(400, f"Mandatory argument [{name}] is not found.")
        elif parameter.pattern is not None and not parameter.pattern.match(value):
            raise Refused(400, f"Argument [{name}] has an invalid value: [{_text(value)}].")


def message_of(fields: Fields, sender: str, now_ms: int, *, needs_content: bool = True) -> DoorMessage:
    """The message that a request asks for; `sender` is that of the client's settings.  Raises: Refused."""
    source = _text(fields.get("from", b"")) or sender
    text, octets, data_coding = _content(fields, needs_content=needs_content)
    priority = int(fields.get("priority", b"0"))
    tags = [each for each in _text(fields.get("tags", b"")).split(",") if each]
    if len(tags) > MAX_TAGS or any(len(each) > 64 for each in tags):
        raise Refused(400, f"Argument [tags] has an invalid value: [{_text(fields['tags'])}].")
    send_at = _send_at(fields, now_ms)
    asked, url = _asked(fields)
    return DoorMessage(
        to=_text(fields["to"]),
        source=source or None,
        text=text,
        octets=octets,
        data_coding=data_coding,
        validity_seconds=_validity_s(fields, send_at, now_ms),
        send_at=send_at,
        priority="high" if priority == _HIGHEST_PRIORITY else None,
        tags=tuple(tags) or None,
        callback_url=url or None,
        asked=asked,
        priority_flag=priority,
        tlvs=tlvs_of(fields.get("custom_tlvs", b"")),
    )


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _content(fields: Fields, *, needs_content: bool) -> tuple[str | None, bytes | None, int | None]:
    """A text, or octets and their data_coding."""
    content, digits = fields.get("content"), fields.get("hex-content")
    if content is not None and digits is not None:
        raise Refused(400, "content and hex-content cannot be used both in same request.")
    coding = int(fields["coding"]) if "coding" in fields else None
    if digits is not None:
        try:
            return None, bytes.fromhex(digits.decode("ascii")), coding or 0
        except ValueError:
            raise Refused(400, f"Invalid hex-content data: '{_text(digits)}'") from None
    if content is None and needs_content:
        raise Refused(400, "content or hex-content not present.")
    content = content or b""
    if not content or coding:
        return None, content, coding or 0
    text = _text(content)
    if coding is None or gsm7.fits(text):
        # Where nobody asked for the GSM alphabet nothing of the text is lost.
        return text, None, None
    return "".join([each if gsm7.fits(each) else "?" for each in text]), None, None


def _send_at(fields: Fields, now_ms: int) -> datetime | None:
    given = _text(fields.get("sdt", b""))
    try:
        return times.parse(given, datetime.fromtimestamp(now_ms / 1000, UTC))
    except (ValueError, OverflowError):
        raise Refused(400, f"Argument [sdt] has an invalid value: [{given}].") from None


def _validity_s(fields: Fields, send_at: datetime | None, now_ms: int) -> int | None:
    """Jasmin counts minutes from now, and we from the moment when the message is to leave."""
    given = fields.get("validity-period")
    if given is None:
        return None
    minutes = int(given[:_MAX_MINUTES_DIGITS]) if len(given) <= _MAX_MINUTES_DIGITS else MAX_AHEAD_S
    ahead_s = max(0, int(send_at.timestamp() - now_ms / 1000)) if send_at is not None else 0
    return min(max(minutes * _MINUTE_S - ahead_s, 1), MAX_AHEAD_S)


def _asked(fields: Fields) -> tuple[Asked, str]:
    """What the client is told, and where; without a URL of the message where its settings say."""
    url = _text(fields.get("dlr-url", b""))
    is_asked = bool(url) or "dlr-level" in fields or fields.get("dlr") == b"yes"
    if not is_asked:
        return Asked(outcomes=Outcome(0)), ""
    level = int(fields.get("dlr-level", b"1"))
    method = _text(fields.get("dlr-method", b"POST")).upper()
    words = Words.JASMIN if url else Words.OWN
    return Asked("", words, _OUTCOMES_BY_LEVEL[level], method, level), url
