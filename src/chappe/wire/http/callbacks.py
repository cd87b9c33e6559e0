"""What callbacks say, in JSON: how a message fares, and what a handset sent.

This file must never know how a callback is posted.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chappe.wire.http.messages import FailureView


class StatusData(msgspec.Struct, frozen=True, gc=False):
    """A status that a client's message has reached.

    `sequence` grows from one callback of a message to the next; it says nothing else.
    """

    id: str
    reference: str | None
    status: str
    final: bool
    sequence: int
    parts: int
    to: str
    operator: str | None
    failure: FailureView | None


class InboundData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A message from a handset: `text`, or in hexadecimal digits `binary` where it is none, and the `udh` before it."""

    id: str
    source: str = msgspec.field(name="from")
    to: str
    text: str | None
    keyword: str
    operator: str
    received_at: datetime
    possible_duplicate: bool
    data_coding: int
    binary: str | None
    udh: str | None


class Callback(msgspec.Struct, frozen=True, gc=False):
    """One callback.  `id` is the same however often it is posted; `timestamp` is when it happened."""

    type: Literal["message.status", "message.inbound"]
    id: str
    timestamp: datetime
    data: StatusData | InboundData


class Reply(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A text for the handset that wrote."""

    text: Annotated[str, Meta(min_length=1)]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a client may say to `message.inbound` besides its 2xx; fields that we do not know are its own affair."""

    reply: Reply | None = None
