"""Reads the body of `POST /v1/messages`: one message, or many of which each stands or falls alone.

A good body is read in one pass of a compiled decoder; only a bad one is looked at again, to say what is wrong where.
This file must never judge what a field means: addresses, texts and times are read elsewhere.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Code, FieldError, Refusal, below

MAX_MESSAGES: Final = 10_000

#: One message of a body, or why it is none.
Posted = NewMessage | Refusal


class Bulk(msgspec.Struct, frozen=True):
    """Many messages, in the order in which they were posted."""

    messages: Sequence[Posted]


class _Messages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    messages: list[NewMessage]


class _RawMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    messages: list[msgspec.Raw]


_decode_one = msgspec.json.Decoder(NewMessage).decode
_decode_many = msgspec.json.Decoder(_Messages).decode
_decode_raw = msgspec.json.Decoder(_RawMessages).decode
_decode_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_UNREADABLE: Final = "It is not UTF-8, or holds half a surrogate pair, or a number that JSON does not have."

#: How msgspec says where an error is: `… - at `$.tags[0]``; the root has no place.
_PLACE: Final = re.compile(r" - at `(key in )?\$(?P<path>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def read(body: bytes) -> NewMessage | Bulk | Refusal:
    """Read a body.  A refusal is about the whole of it; those of single messages are in their `Bulk`."""
    try:
        if b'"messages"' not in body:
            return _decode_one(body)
        many = _decode_many(body).messages
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_again(body)
    return _count_refusal(len(many)) or Bulk(many)


def _count_refusal(count: int) -> Refusal | None:
    if count > MAX_MESSAGES:
        return Refusal(Code.TOO_MANY_MESSAGES, f"{count} messages in one body; at most {MAX_MESSAGES} are taken")
    if not count:
        error = FieldError("/messages", "holds no message")
        return Refusal(Code.INVALID_MESSAGE, "The list of messages is empty.", (error,))
    return None


def _read_again(body: bytes) -> NewMessage | Bulk | Refusal:
    """Something in the body is wrong, or its keys are written in an unusual way: find out what, and where."""
    try:
        keys = _decode_keys(body)
        raw = _decode_raw(body).messages if "messages" in keys else None
    except msgspec.ValidationError as error:
        return _refusal(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_tolerantly(body)
    if raw is None:
        return read_one(body)
    return _count_refusal(len(raw)) or Bulk([_numbered(read_one(each), at) for at, each in enumerate(raw)])


def _read_tolerantly(body: bytes) -> NewMessage | Bulk | Refusal:
    """The strict reader found no way through: half a surrogate pair in one message must not take the others along."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Refusal(Code.MALFORMED_JSON, str(error))
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list) or len(value) > 1:
        return Refusal(Code.MALFORMED_JSON, _UNREADABLE)
    raw = [json.dumps(each).encode("ascii") for each in value["messages"]]
    return _count_refusal(len(raw)) or Bulk([_numbered(read_one(each), at) for at, each in enumerate(raw)])


def read_one(body: bytes | msgspec.Raw) -> Posted:
    """Read one message by itself, or say what is wrong with it."""
    try:
        return _decode_one(body)
    except msgspec.ValidationError as error:
        return _refusal(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refusal(Code.MALFORMED_JSON, _UNREADABLE)


def _numbered(posted: Posted, at: int) -> Posted:
    return posted if isinstance(posted, NewMessage) else below(posted, f"/messages/{at}")


def _refusal(error: msgspec.ValidationError) -> Refusal:
    found = field_error(str(error))
    return Refusal(Code.INVALID_MESSAGE, f"{found.pointer or 'The body'}: {found.detail}", (found,))


def field_error(text: str) -> FieldError:
    """Turn a decoder's words into a pointer and what is wrong there."""
    place = _PLACE.search(text)
    path = place["path"] if place else ""
    what = text[: place.start()] if place else text
    pointer = "".join(f"/{_escaped(name or index)}" for name, index in _STEP.findall(path))
    if unknown := _UNKNOWN.match(what):
        return FieldError(f"{pointer}/{_escaped(unknown['name'])}", "there is no such field")
    if missing := _MISSING.match(what):
        return FieldError(f"{pointer}/{_escaped(missing['name'])}", "is missing")
    return FieldError(pointer, what)


def _escaped(token: str) -> str:
    """RFC 6901 §3."""
    return token.replace("~", "~0").replace("/", "~1")
