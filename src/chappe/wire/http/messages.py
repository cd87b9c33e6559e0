"""Messages as JSON: what a client posts, and what it is told.

Decoders are strict: a field that the API does not have is an error, never ignored.
This file must never know how a message is stored or sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, field

from chappe.model.lifecycle import Status
from chappe.wire.http.money import Money

#: Longest reference that a client may give its message, in characters.
MAX_REFERENCE: Final = 255
#: Longest validity and farthest `send_at`: a year, in seconds.
MAX_AHEAD_S: Final = 31_536_000

Tag = Annotated[str, Meta(min_length=1, max_length=64)]

#: Words that stand in several shapes.
Moment = Annotated[datetime, Meta(tz=True)]
StatusWord = Annotated[
    str, Meta(description="Where it stands.", extra_json_schema={"enum": [status.word for status in Status]})
]
IsFinal = Annotated[bool, Meta(description="It will not change any more.")]
EncodingWord = Annotated[
    str,
    Meta(
        description="The alphabet that it is written in.",
        extra_json_schema={"enum": ["gsm7", "latin1", "binary", "ucs2"]},
    ),
]
MessageId = Annotated[
    str,
    Meta(
        description="Its number: decimal, at most 19 digits.",
        examples=["2816341877214478336"],
        extra_json_schema={"pattern": "^[0-9]{1,19}$"},
    ),
]
Reference = Annotated[str | None, Meta(description="The client's own name for it.", examples=["order-881"])]
To = Annotated[
    str, Meta(description="The handset: with its country `+…`, else as it was given.", examples=["+37120000001"])
]
From = Annotated[str | None, Meta(description="The sender; null where the operator puts its own.", examples=["SHOP"])]
Tags = Annotated[Sequence[str], Meta(description="As they were given.")]


class NewMessage(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """One message as a client posts it.  Null is the same as leaving a field out."""

    to: Annotated[
        str,
        Meta(
            description="The handset: E.164 with `+`, the same digits alone, or a short code of 3 to 6 digits.",
            examples=["+37120000001"],
        ),
    ]
    source: Annotated[
        str | None,
        Meta(
            description="The sender: a number, a short code, or a name of at most 11 characters that are in the GSM "
            "alphabet and in Latin-1. Without it the operator puts its own.",
            examples=["SHOP"],
        ),
    ] = field(default=None, name="from")
    text: Annotated[
        str | None,
        Meta(
            description="What the handset shows. Either `text` or `binary` is given.",
            examples=["Your code is 1234"],
        ),
    ] = None
    binary: Annotated[str | None, Meta(description="User data in hexadecimal digits, in the place of `text`.")] = None
    udh: Annotated[
        str | None,
        Meta(
            description="A user data header in hexadecimal digits, its length octet first; it is repeated in each "
            "part of a long message."
        ),
    ] = None
    data_coding: Annotated[
        Annotated[int, Meta(ge=0, le=255)] | None,
        Meta(
            description="SMPP data_coding. With `text` it must name an alphabet in which the text is written (a flash "
            "message is 16 or 24); with `binary` it is 4 unless given."
        ),
    ] = None
    encoding: Annotated[
        Literal["auto", "gsm7", "ucs2", "latin1"],
        Meta(description="`auto` is GSM 7 bit if the text fits, else UCS-2. Only with `text`."),
    ] = "auto"
    reference: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE)] | None,
        Meta(description="Your own name for the message; lists find it.", examples=["order-881"]),
    ] = None
    validity_seconds: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_AHEAD_S)] | None,
        Meta(description="How long it is worth sending, from `send_at` or from now.", examples=[600]),
    ] = None
    send_at: Annotated[
        Moment | None,
        Meta(description="When to send it, at most a year ahead. A moment that has passed is at once."),
    ] = None
    priority: Annotated[
        Literal["high", "normal", "bulk"] | None, Meta(description="Without it the client's own.", examples=["high"])
    ] = None
    report: Annotated[Literal["final", "all", "none"], Meta(description="Which statuses callbacks are to tell.")] = (
        "final"
    )
    callback_url: Annotated[str | None, Meta(description="Where they go, in the place of the client's own URL.")] = None
    transliterate: Annotated[
        bool, Meta(description="Write what the GSM alphabet does not have with letters that it has; the answer tells.")
    ] = False
    tags: Annotated[
        Annotated[tuple[Tag, ...], Meta(max_length=20)] | None,
        Meta(description="Words of yours, shown again with the message.", examples=[["otp"]]),
    ] = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """A character that was written in another way."""

    character: Annotated[str, Meta(description="As it was given.", examples=["ķ"])]
    written: Annotated[str, Meta(description="How it is written: nothing, one or several characters.", examples=["k"])]
    count: Annotated[int, Meta(description="How often.")]


Transliterated = Annotated[
    Sequence[Change] | None, Meta(description="What was changed because `transliterate` asked for it; else not there.")
]


class Accepted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A message that is on disk, synced."""

    id: MessageId
    status: Annotated[
        str,
        Meta(
            description="`scheduled` where `send_at` lies ahead.",
            extra_json_schema={"enum": ["accepted", "scheduled"]},
        ),
    ]
    final: IsFinal
    encoding: EncodingWord
    parts: Annotated[int, Meta(description="In how many parts it leaves.")]
    reference: Reference
    transliterated: Transliterated = None


class Preview(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a message would be, had it been posted."""

    encoding: EncodingWord
    characters: Annotated[int, Meta(description="How many the text has; of `binary` octets.")]
    units: Annotated[
        int,
        Meta(
            description="What it takes: septets for gsm7 (`€` takes two), 16-bit units for ucs2 (an emoji takes two or "
            "more), else octets."
        ),
    ]
    parts: Annotated[int, Meta(description="In how many parts it would leave.")]
    per_part: Annotated[int, Meta(description="How many units one part holds.")]
    forced_by: Annotated[
        str | None,
        Meta(description="The first character that GSM 7 bit cannot write, where that decided; else null."),
    ]
    route: Annotated[
        str, Meta(description="The operator that it would be sent to; `route` where its network is looked up first.")
    ]
    part_texts: Annotated[Sequence[str] | None, Meta(description="The text of each part; null for `binary`.")]
    transliterated: Transliterated = None
    price: Annotated[
        Money | None, Meta(description="What it would cost; absent for a client without credit in money.")
    ] = None


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a message."""

    number: Annotated[int, Meta(description="Its place, from 1.")]
    status: StatusWord
    operator_reference: Annotated[str | None, Meta(description="The operator's own name for it.")] = None


class FailureView(msgspec.Struct, frozen=True):
    """Why a message was not delivered."""

    code: Annotated[str, Meta(description="One word for it.", examples=["subscriber_absent"])]
    category: Annotated[
        str,
        Meta(
            description="Whose fault it is.",
            extra_json_schema={"enum": ["handset", "number", "network", "operator", "message", "validity"]},
        ),
    ]
    permanent: Annotated[bool, Meta(description="The same message would fail again.")]
    operator_code: Annotated[str | None, Meta(description="What the operator said, word for word.", examples=["027"])]


class HistoryEntry(msgspec.Struct, frozen=True):
    """A status that the message had, since when, and who brought it there."""

    status: StatusWord
    at: Moment
    source: Annotated[str, Meta(description="`client`, `gateway` or `operator:NAME`.", examples=["operator:three"])]
    detail: Annotated[str | None, Meta(description="What else is known.")] = None


class MessageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A message as lists show it."""

    id: MessageId
    status: StatusWord
    final: IsFinal
    encoding: EncodingWord
    parts: Annotated[int, Meta(description="How many parts it has.")]
    reference: Reference
    to: To
    source: From = field(name="from", default=None)
    operator: Annotated[str | None, Meta(description="The operator that took it; null before.")]
    failure: FailureView | None
    tags: Tags
    created_at: Annotated[Moment, Meta(description="When it was accepted.")]
    expires_at: Annotated[Moment | None, Meta(description="When it is worthless; null where it names no validity.")]
    updated_at: Annotated[Moment, Meta(description="When it last moved.")]


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message with its parts and its whole history."""

    id: MessageId
    status: StatusWord
    final: IsFinal
    encoding: EncodingWord
    parts: Sequence[PartView]
    reference: Reference
    to: To
    source: From = field(name="from", default=None)
    operator: Annotated[str | None, Meta(description="The operator that took it; null before.")]
    failure: FailureView | None
    tags: Tags
    created_at: Annotated[Moment, Meta(description="When it was accepted.")]
    expires_at: Annotated[Moment | None, Meta(description="When it is worthless; null where it names no validity.")]
    updated_at: Annotated[Moment, Meta(description="When it last moved.")]
    price: Annotated[
        Money | None, Meta(description="What its client was charged for it; null without credit in money.")
    ] = None
    history: Sequence[HistoryEntry]


class MessageList(msgspec.Struct, frozen=True):
    """A page of messages, newest first."""

    data: Sequence[MessageSummary]
    next: Annotated[str | None, Meta(description="The cursor of the page that follows; null at the end.")]


class InboundView(msgspec.Struct, frozen=True, kw_only=True):
    """A message from a handset."""

    id: MessageId
    source: Annotated[str, Meta(description="The handset.", examples=["+37120000001"])] = field(name="from")
    to: Annotated[str, Meta(description="The number that it wrote to.", examples=["12345"])]
    text: Annotated[str | None, Meta(description="What it wrote; null where it is no text.", examples=["VOTE 5"])]
    keyword: Annotated[str, Meta(description="The first word, in capital letters.", examples=["VOTE"])]
    operator: Annotated[str, Meta(description="Who brought it.")]
    received_at: Moment
    possible_duplicate: Annotated[bool, Meta(description="It may be a repeat: the proof could not be had.")]
    data_coding: Annotated[int, Meta(description="SMPP data_coding.")]
    binary: Annotated[str | None, Meta(description="What is no text, in hexadecimal digits.")]
    udh: Annotated[str | None, Meta(description="The user data header in front of it, in hexadecimal digits.")]


class InboundList(msgspec.Struct, frozen=True):
    """A page of what handsets sent, newest first."""

    data: Sequence[InboundView]
    next: Annotated[str | None, Meta(description="The cursor of the page that follows; null at the end.")]
