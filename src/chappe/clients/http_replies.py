"""How an HTTP client is answered: what is on disk, what was found, and every refusal as a problem.

It must never know why something is refused.
"""

import math
import os
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from chappe.net.http_message import NO_STORE, Reply
from chappe.wire.http.problems import CONTENT_TYPE, Code, Refusal, problem_of, problem_of_all

#: After these nothing more is read from the connection.
_CLOSING: Final = frozenset({Code.BODY_TOO_LARGE, Code.BODY_TOO_SLOW, Code.DRAINING, Code.BUSY})
_CHALLENGE: Final = b'WWW-Authenticate: Bearer realm="chappe"\r\n'

encode = msgspec.json.Encoder().encode


def found(value: Any) -> Reply:
    """What was looked up, or judged without storing anything."""
    return Reply(200, encode(value), headers=NO_STORE)


def refuse(refusal: Refusal, *, headers: bytes = b"") -> Reply:
    """A refusal of the whole request."""
    if refusal.retry_after_s:
        headers += b"Retry-After: %d\r\n" % math.ceil(refusal.retry_after_s)
    code = refusal.code
    if code.http_status == 401:
        headers += _CHALLENGE
    body = encode(problem_of(refusal, request_id()))
    return Reply(code.http_status, body, CONTENT_TYPE, headers=headers, closes=code in _CLOSING)


def refuse_all(refusals: Sequence[Refusal]) -> Reply:
    """Every message of a body is refused; where time is the only cure, the whole is told so."""
    if all(each.retry_after_s for each in refusals):
        return refuse(refusals[0])
    return Reply(422, encode(problem_of_all(refusals, request_id())), CONTENT_TYPE)


def request_id() -> str:
    """What a client may quote when it asks about a refusal."""
    return os.urandom(8).hex()
