"""A connection that carries a UCP session."""

from chappe.net.peer import Peer
from chappe.wire.ucp.facts import Over
from chappe.wire.ucp.session import Session


class UcpPeer(Peer):
    """Speaks UCP."""

    over = Over
    session: Session

    __slots__ = ()
