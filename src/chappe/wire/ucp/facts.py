"""What a UCP session has to say: one closed union, told in the order in which it happened."""

import msgspec

from chappe.wire.ucp.codec import Ack, Nack, Result
from chappe.wire.ucp.operations import Operation, SessionManagement


class Request(msgspec.Struct, frozen=True, gc=False):
    """The peer asks for something: answer with `respond`."""

    trn: int
    operation: Operation


class Response(msgspec.Struct, frozen=True, gc=False):
    """The result of an operation of ours, which had `context`.

    A result that cannot be read is told as Nack(2): it is no yes.
    """

    context: object
    result: Result


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """The response timer of an operation ran out: nobody knows what became of it."""

    context: object


class LateResponse(msgspec.Struct, frozen=True, gc=False):
    """The result of an operation that was already told as Unanswered, which had `context`."""

    context: object
    result: Result


class SignOnRequest(msgspec.Struct, frozen=True, gc=False):
    """A client wants to sign on: answer with `accept_sign_on` or `refuse_sign_on`."""

    trn: int
    operation: SessionManagement


class SignedOn(msgspec.Struct, frozen=True, gc=False):
    """The SMSC let us in."""

    result: Ack


class SignOnRefused(msgspec.Struct, frozen=True, gc=False):
    """The SMSC did not let us in; most close the connection next."""

    result: Nack


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The session itself dealt with a frame that is broken, unknown or out of place; for the log.

    `ec` is what the peer was told, 0 if it was told nothing.
    """

    what: str
    ec: int


class Over(msgspec.Struct, frozen=True, gc=False):
    """The last fact of a session: flush `take_octets()`, then close."""

    reason: str


Fact = Request | Response | Unanswered | LateResponse | SignOnRequest | SignedOn | SignOnRefused | Refused | Over
