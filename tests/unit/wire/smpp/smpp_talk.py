"""Sessions to test with: bound to each other, or to a peer whose octets the test writes."""

from typing import Any

from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.facts import BindRequest, Fact
from chappe.wire.smpp.framer import Framer
from chappe.wire.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter, Pdu
from chappe.wire.smpp.session import Role, Session

#: (PDU, sequence_number, command_status); the PDU is the class alone where the body is missing.
Said = tuple[Any, int, int]

BINDS: dict[str, Bind] = {
    "tx": BindTransmitter("acme", "secret"),
    "rx": BindReceiver("acme", "secret"),
    "trx": BindTransceiver("acme", "secret"),
}


def said(session: Session) -> list[Said]:
    """What `session` has written since it was last asked."""
    return [
        (decode(command_id, body) if body else type(decode(command_id, body)), sequence_number, command_status)
        for command_id, command_status, sequence_number, body in Framer().feed(session.take_octets())
    ]


def tell(session: Session, pdu: Pdu, sequence_number: int, *, status: int = 0, now: float = 0.0) -> list[Fact]:
    """The peer says `pdu`."""
    return session.receive(encode(pdu, sequence_number, status), now)


def header(command_id: int, sequence_number: int, status: int = 0, length: int = 16) -> bytes:
    """Nothing but a header."""
    return b"".join(number.to_bytes(4, "big") for number in (length, command_id, status, sequence_number))


def bound_pair(kind: str = "trx", **settings: Any) -> tuple[Session, Session]:
    """An ESME and an MC that are bound to each other at 0.0; nothing is left to write."""
    esme, mc = Session(Role.ESME, now=0.0, **settings), Session(Role.MC, now=0.0, **settings)
    esme.bind(BINDS[kind], 0.0)
    [fact] = mc.receive(esme.take_octets(), 0.0)
    assert isinstance(fact, BindRequest)
    mc.accept_bind(fact.sequence_number)
    esme.receive(mc.take_octets(), 0.0)
    return esme, mc


def bound_esme(kind: str = "trx", **settings: Any) -> Session:
    return bound_pair(kind, **settings)[0]


def bound_mc(kind: str = "trx", **settings: Any) -> Session:
    return bound_pair(kind, **settings)[1]
