"""Messages as JSON: what a client posts, and what it is told.

Decoders are strict: a field that the API does not have is an error, never ignored.
This file must never know how a message is stored or sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

#: Longest reference that a client may give its message, in characters.
MAX_REFERENCE: Final = 255
#: Longest validity and farthest `send_at`: a year, in seconds.
MAX_AHEAD_S: Final = 31_536_000

Tag = Annotated[str, Meta(min_length=1, max_length=64)]


class NewMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One message as a client posts it.  Null is the same as leaving a field out."""

    to: str
    source: str | None = field(default=None, name="from")
    text: str | None = None
    #: User data in hexadecimal digits, in the place of `text`.
    binary: str | None = None
    #: A user data header in hexadecimal digits, its length octet first.
    udh: str | None = None
    data_coding: Annotated[int, Meta(ge=0, le=255)] | None = None
    encoding: Literal["auto", "gsm7", "ucs2", "latin1"] = "auto"
    reference: Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE)] | None = None
    validity_seconds: Annotated[int, Meta(ge=1, le=MAX_AHEAD_S)] | None = None
    send_at: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Literal["high", "normal", "bulk"] | None = None
    report: Literal["final", "all", "none"] = "final"
    callback_url: str | None = None
    #: Write what the GSM alphabet does not have with letters that it has.
    transliterate: bool = False
    tags: Annotated[tuple[Tag, ...], Meta(max_length=20)] | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """A character that was written in another way, and how often; `written` may be empty, or several characters."""

    character: str
    written: str
    count: int


class Accepted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is said of a message that is on disk; `transliterated` is there where its text was changed on request."""

    id: str
    status: str
    final: bool
    encoding: str
    parts: int
    reference: str | None
    transliterated: Sequence[Change] | None = None


class Preview(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message would be, had it been posted.

    `per_part` counts as `units` does: septets for gsm7, 16-bit units for ucs2, else octets.  `forced_by` is the first
    character that gsm7 cannot write, where that decided.  `part_texts` is null for binary.
    """

    encoding: str
    characters: int
    units: int
    parts: int
    per_part: int
    forced_by: str | None
    route: str
    part_texts: Sequence[str] | None
    transliterated: Sequence[Change] | None = None


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a message; `operator_reference` is the operator's name for it where it is known."""

    number: int
    status: str
    operator_reference: str | None = None


class FailureView(msgspec.Struct, frozen=True):
    """Why a message was not delivered; `operator_code` is what the operator said, word for word."""

    code: str
    category: str
    permanent: bool
    operator_code: str | None


class HistoryEntry(msgspec.Struct, frozen=True):
    """A status that the message had, since when, and who brought it there."""

    status: str
    at: datetime
    source: str
    detail: str | None = None


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message as `GET /v1/messages/{id}` shows it."""

    id: str
    status: str
    final: bool
    encoding: str
    parts: Sequence[PartView]
    reference: str | None
    to: str
    source: str | None = field(name="from", default=None)
    operator: str | None
    failure: FailureView | None
    tags: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    updated_at: datetime
    history: Sequence[HistoryEntry]


class MessageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A message as lists show it; `parts` is how many it has."""

    id: str
    status: str
    final: bool
    encoding: str
    parts: int
    reference: str | None
    to: str
    source: str | None = field(name="from", default=None)
    operator: str | None
    failure: FailureView | None
    tags: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    updated_at: datetime


class MessageList(msgspec.Struct, frozen=True):
    """A page of messages, newest first; `next` is the cursor of the page that follows, null at the end."""

    data: Sequence[MessageSummary]
    next: str | None


class InboundView(msgspec.Struct, frozen=True, kw_only=True):
    """A message from a handset: `text`, or in hexadecimal digits `binary` where it is none, and the `udh` before it."""

    id: str
    source: str = field(name="from")
    to: str
    text: str | None
    keyword: str
    operator: str
    received_at: datetime
    possible_duplicate: bool
    data_coding: int
    binary: str | None
    udh: str | None


class InboundList(msgspec.Struct, frozen=True):
    """A page of what handsets sent, newest first; `next` is the cursor of the page that follows, null at the end."""

    data: Sequence[InboundView]
    next: str | None
