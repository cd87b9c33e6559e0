"""A connection that carries an SMPP session."""

from chappe.net.peer import FactsHandler, LossHandler, Peer
from chappe.wire.smpp.facts import Over
from chappe.wire.smpp.session import Session

__all__ = ["FactsHandler", "LossHandler", "SmppPeer"]


class SmppPeer(Peer):
    """Speaks SMPP."""

    over = Over
    session: Session

    __slots__ = ()
