"""Reads the query of a list, and the cursors that lead from page to page.

A parameter that is not known is an error, never ignored.  This file must never know what is looked up.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import parse_qsl
from zlib import crc32

import msgspec
from msgspec import Meta, field

from chappe.model.lifecycle import Status
from chappe.wire.http.messages import MAX_REFERENCE
from chappe.wire.http.problems import Code, FieldError, Refusal

MAX_LIMIT: Final = 1_000
DEFAULT_LIMIT: Final = 100
_MAX_ID: Final = (1 << 63) - 1
_CURSOR_OCTETS: Final = 12

STATUS_BY_WORD: Final[Mapping[str, Status]] = {status.word: status for status in Status}

Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
Address = Annotated[str, Meta(min_length=1, max_length=21)]


class InboundQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `GET /v1/inbound` may ask for."""

    to: Annotated[Address | None, Meta(description="The destination, whole: `+37120000001` or `37120000001`.")] = None
    source: Annotated[Address | None, Meta(description="The sender, whole.")] = field(default=None, name="from")
    created_after: Annotated[
        datetime | None,
        Meta(description="Only what came after this moment.", extra_json_schema={"format": "date-time"}),
    ] = None
    limit: Annotated[Limit, Meta(description="How many a page holds at most.")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Meta(description="`next` of the page before, with the same filters.")] = None


class CallbacksQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `GET /v1/callbacks` may ask for."""

    state: Annotated[Literal["failed"], Meta(description="Only those that were given up are kept.")] = "failed"
    limit: Annotated[Limit, Meta(description="How many a page holds at most.")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Meta(description="`next` of the page before.")] = None


class MessagesQuery(InboundQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `GET /v1/messages` may ask for."""

    reference: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE)] | None,
        Meta(description="The client's own name for the message, whole."),
    ] = None
    status: Annotated[
        str | None,
        Meta(description=f"One status, or several with commas between them: {', '.join(STATUS_BY_WORD)}."),
    ] = None


Query = TypeVar("Query", InboundQuery, MessagesQuery, CallbacksQuery)

#: How msgspec says where an error is.
_PLACE: Final = re.compile(r" - at `\$\.?(?P<name>[^`]*)`$")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)


def read_query(query: str, kind: type[Query]) -> Query | Refusal:
    """Read a query string; each parameter may stand there once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=20)
    except ValueError:
        return invalid("", "is no query: expected name=value, joined by &, in UTF-8 and percent-encoded")
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            return invalid(name, "stands there twice")
        values[name] = value
    _undo_plus(values)
    # Loosely read, a number is a moment too, and "null" is none.
    if "created_after" in values and not _MOMENT.match(values["created_after"]):
        return invalid("created_after", "is no moment: write 2026-01-16T12:00:00Z")
    try:
        read = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        return _refusal(str(error))
    if isinstance(read, InboundQuery) and read.created_after is not None and read.created_after.tzinfo is None:
        return invalid("created_after", "has no time zone: write 2026-01-16T12:00:00Z")
    return read


def _undo_plus(values: dict[str, str]) -> None:
    """In a query `+` means a blank; many write it as it is in numbers and times."""
    for name in ("to", "from"):
        if values.get(name, "").startswith(" "):
            values[name] = "+" + values[name][1:]
    if "created_after" in values:
        values["created_after"] = values["created_after"].replace(" ", "+")


def statuses_in(words: str | None) -> tuple[Status, ...] | Refusal:
    """The statuses that are named; none where all are wanted."""
    if words is None:
        return ()
    unknown = [word for word in words.split(",") if word not in STATUS_BY_WORD]
    if unknown:
        return invalid("status", f"{unknown[0][:40]!r} is none of {', '.join(STATUS_BY_WORD)}")
    return tuple(dict.fromkeys(STATUS_BY_WORD[word] for word in words.split(",")))


def cursor_of(before_id: int, scope: str) -> str:
    """What leads to the next page of the same list; `scope` names all that must be the same."""
    octets = before_id.to_bytes(8, "big") + crc32(scope.encode("utf-8", "surrogatepass")).to_bytes(4, "big")
    return urlsafe_b64encode(octets).decode("ascii")


def read_cursor(cursor: str | None, scope: str) -> int | Refusal:
    """The id below which the page begins; 0 for the first page."""
    if cursor is None:
        return 0
    try:
        octets = urlsafe_b64decode(cursor.encode("ascii"))
    except ValueError:
        octets = b""
    before_id = int.from_bytes(octets[:8], "big")
    if len(octets) != _CURSOR_OCTETS or not 0 < before_id <= _MAX_ID or cursor_of(before_id, scope) != cursor:
        return invalid("cursor", "is none that this list gave: send next as it came, with the same filters")
    return before_id


def invalid(name: str, what: str) -> Refusal:
    """A parameter is wrong."""
    return Refusal(Code.INVALID_QUERY, f"{name or 'The query'} {what}", (FieldError(f"?{name}", what),))


def _refusal(text: str) -> Refusal:
    place = _PLACE.search(text)
    what = text[: place.start()] if place else text
    if unknown := _UNKNOWN.match(what):
        return invalid(unknown["name"][:80], "is no parameter of this list")
    return invalid(place["name"] if place else "", what)
