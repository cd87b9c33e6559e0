"""What Kannel says: its statuses and texts, and which of them each judgement of ours is.

It must never know a request.
"""

import math
from typing import Final

import msgspec

from chappe.net.http_message import Reply
from chappe.wire.http.problems import Code, Refusal


class Answer(msgspec.Struct, frozen=True):
    """A status and a text."""

    status: int
    text: str
    #: Seconds after which it is worth while to ask again; 0 where that is no cure.
    retry_after_s: float = 0.0


ACCEPTED: Final = Answer(202, "0: Accepted for delivery")
#: No operator of its route can be reached now.
QUEUED: Final = Answer(202, "3: Queued for later delivery")
UNAUTHORIZED: Final = Answer(403, "Authorization failed for sendsms")
#: Kannel has no such thing; this is how it says no to whom it knows.
NO_CREDIT: Final = Answer(403, "Credit is used up. Do not try again.")
NOT_ROUTABLE: Final = Answer(403, "Not routable. Do not try again.")
TRY_AGAIN: Final = Answer(503, "Temporal failure, try again later.", 1.0)
FAILED: Final = Answer(500, "Sending failed.")
MISSING_RECEIVER: Final = Answer(400, "Missing receiver number, rejected")
MISSING_RECEIVERS: Final = Answer(400, "Missing receiver(s) number(s), rejected")
EMPTY_RECEIVER: Final = Answer(400, "Empty receiver number not allowed, rejected")
DENIED: Final = Answer(400, "Number(s) has/have been denied by white- and/or black-lists.")
MISSING_SENDER: Final = Answer(400, "Sender missing and no global set, rejected")
BAD_ACCOUNT: Final = Answer(400, "Account field misformed or too long, rejected")
BAD_BODY: Final = Answer(400, "Charset or body misformed, rejected")
BAD_TYPE: Final = Answer(400, "Invalid content-type")
UNSUPPORTED_TYPE: Final = Answer(415, "Unsupported content-type, rejected")
NO_LENGTH: Final = Answer(411, "Send the body with a Content-Length.")
TOO_LARGE: Final = Answer(413, "The body is too large.")


def misformed(field: str) -> Answer:
    """A parameter has no value that can be taken."""
    return Answer(400, f"{field} field misformed, rejected")


#: What a refusal of ours points at → what is said of it.
_ANSWER_BY_POINTER: Final = {
    "/to": DENIED,
    "/from": misformed("From"),
    "/udh": misformed("UDH"),
    "/callback_url": misformed("DLR-URL"),
    "/send_at": misformed("Deferred"),
    "/validity_seconds": misformed("Validity"),
}
_PASSING: Final = frozenset(
    {
        Code.RATE_EXCEEDED,
        Code.CREDIT_LATER,
        Code.QUEUE_FULL,
        Code.STORE_AWAY,
        Code.DRAINING,
        Code.BUSY,
        Code.KEY_RUNNING,
    }
)


def answer_of(refusal: Refusal) -> Answer:
    """A refusal in Kannel's words."""
    if refusal.code in _PASSING:
        return Answer(TRY_AGAIN.status, TRY_AGAIN.text, refusal.retry_after_s or TRY_AGAIN.retry_after_s)
    match refusal.code:
        case Code.NO_ROUTE:
            return NOT_ROUTABLE
        case Code.NO_CREDIT:
            return NO_CREDIT
        case Code.INVALID_MESSAGE:
            return _ANSWER_BY_POINTER.get(refusal.errors[0].pointer, BAD_BODY) if refusal.errors else BAD_BODY
        case Code.INVALID_KEY | Code.KEY_REUSED:
            return misformed("Idempotency-Key")
        case _:
            return FAILED


_HEADERS: Final = b"Pragma: no-cache\r\nCache-Control: no-cache\r\n"


def reply(answer: Answer, *, closes: bool = False) -> Reply:
    """The answer as it is written."""
    headers = _HEADERS
    if answer.retry_after_s:
        headers += b"Retry-After: %d\r\n" % math.ceil(answer.retry_after_s)
    return Reply(answer.status, answer.text.encode(), "text/html", headers=headers, closes=closes)
