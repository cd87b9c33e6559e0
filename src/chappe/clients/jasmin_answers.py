"""What Jasmin says: its statuses and texts, and which of them each judgement of ours is.

It must never know a request.
"""

import json
import math
from typing import Any, Final

from chappe.net.http_message import Reply
from chappe.wire.http.problems import Code, Refusal


class Refused(Exception):
    """A request is answered with `status` and `Error "what"`."""

    def __init__(self, status: int, what: str, retry_after_s: float = 0.0) -> None:
        super().__init__(what)
        self.status = status
        self.what = what
        self.retry_after_s = retry_after_s


NO_ROUTE: Final = "No route found"
NO_CREDIT: Final = "Cannot charge submit_sm, check RouterPB log file for details"
TOO_FAST: Final = "User throughput exceeded"
NOT_NOW: Final = "Cannot send submit_sm, try again later"
#: What a refusal of ours points at → the parameter that Jasmin's client knows.
_NAME_BY_POINTER: Final = {
    "/to": "to",
    "/from": "from",
    "/text": "content",
    "/binary": "hex-content",
    "/data_coding": "coding",
    "/send_at": "sdt",
    "/validity_seconds": "validity-period",
    "/callback_url": "dlr-url",
    "/tags": "tags",
}


def unauthorized(username: bytes) -> Refused:
    """The name or the password is wrong."""
    return Refused(403, f"Authentication failure for username:{username.decode('utf-8', 'replace')}")


def refused_of(refusal: Refusal) -> Refused:
    """A refusal in Jasmin's words.  What time cures bears Retry-After; Jasmin's own 403 for the rate stays one."""
    match refusal.code:
        case Code.NO_ROUTE:
            return Refused(412, NO_ROUTE)
        case Code.RATE_EXCEEDED:
            return Refused(403, TOO_FAST, refusal.retry_after_s)
        case Code.NO_CREDIT:
            return Refused(403, NO_CREDIT)
        case Code.CREDIT_LATER | Code.QUEUE_FULL | Code.STORE_AWAY | Code.DRAINING | Code.BUSY | Code.KEY_RUNNING:
            return Refused(503, NOT_NOW, refusal.retry_after_s or 1.0)
        case Code.INVALID_MESSAGE if refusal.errors:
            error = refusal.errors[0]
            name = _NAME_BY_POINTER.get(error.pointer, "content")
            return Refused(400, f"Argument [{name}] has an invalid value: {error.detail}.")
        case Code.INVALID_KEY | Code.KEY_REUSED:
            return Refused(400, refusal.detail)
        case _:
            return Refused(500, f"Cannot send submit_sm: {refusal.detail}")


def success(name: str) -> Reply:
    """A message is on disk."""
    return Reply(200, f'Success "{name}"'.encode(), "text/plain")


def error(refused: Refused, *, closes: bool = False) -> Reply:
    """What `/send` says instead."""
    text = f'Error "{refused.what}"'.encode("utf-8", "replace")
    return Reply(refused.status, text, "text/plain", headers=_headers(refused), closes=closes)


def json_error(refused: Refused, *, closes: bool = False) -> Reply:
    """What `/rate` and `/balance` say instead."""
    return Reply(refused.status, json.dumps(refused.what).encode(), headers=_headers(refused), closes=closes)


def found(value: Any) -> Reply:
    """What `/rate` and `/balance` say."""
    return Reply(200, json.dumps(value).encode())


def _headers(refused: Refused) -> bytes:
    return b"Retry-After: %d\r\n" % math.ceil(refused.retry_after_s) if refused.retry_after_s else b""
