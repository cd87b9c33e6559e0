"""What a session has to say: one closed union, told in the order in which it happened.

Made by the ten thousand, so frozen structs outside the garbage collector's sight: a fact is looked at and let go,
and whoever gives a `context` must not keep the fact inside it.
"""

import msgspec

from chappe.wire.smpp.pdus import Bind, BindResp, Outbind, Pdu


class Request(msgspec.Struct, frozen=True, gc=False):
    """The peer asks for something: answer with `respond` or `respond_error`.

    AlertNotification comes like this too, and it alone wants no answer.
    """

    sequence_number: int
    pdu: Pdu


class Response(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request of ours, which had `context`.

    `pdu` is None if the answer was a generic_nack or had a body that cannot be read; `command_status` holds anyway.
    A generic_nack that says ESME_ROK is told as ESME_RUNKNOWNERR: a nack is no yes.
    """

    context: object
    command_status: int
    pdu: Pdu | None


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """The response timer of a request ran out: nobody knows what became of it.  SMPP 3.4 §7.2."""

    context: object


class LateResponse(msgspec.Struct, frozen=True, gc=False):
    """The answer to a request that was already told as Unanswered, which had `context`.

    `sequence_number` is what `request` returned; `pdu` and `command_status` are as those of a `Response`.
    """

    sequence_number: int
    context: object
    command_status: int
    pdu: Pdu | None


class BindRequest(msgspec.Struct, frozen=True, gc=False):
    """An ESME wants to bind: answer with `accept_bind` or `refuse_bind`."""

    sequence_number: int
    pdu: Bind


class Bound(msgspec.Struct, frozen=True, gc=False):
    """The MC accepted our bind."""

    pdu_resp: BindResp


class BindRefused(msgspec.Struct, frozen=True, gc=False):
    """The MC refused our bind; most close the connection next."""

    command_status: int


class OutbindReceived(msgspec.Struct, frozen=True, gc=False):
    """The MC asks us to bind."""

    pdu: Outbind


class Unbound(msgspec.Struct, frozen=True, gc=False):
    """The peer asked to unbind, or agreed to: send nothing new, answer what is open.  `Over` follows."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """The session itself dealt with a PDU that is broken, unknown or out of place; for the log.

    `status` is what the peer was told, ESME_ROK if it was told nothing.
    """

    what: str
    status: int


class Over(msgspec.Struct, frozen=True, gc=False):
    """The last fact of a session: flush `take_octets()`, then close.  Clean means by unbind, nothing left open."""

    reason: str
    is_clean: bool


Fact = (
    Request
    | Response
    | Unanswered
    | LateResponse
    | BindRequest
    | Bound
    | BindRefused
    | OutbindReceived
    | Unbound
    | Refused
    | Over
)
