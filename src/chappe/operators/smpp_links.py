"""The links of an operator over SMPP: transceivers, or pairs of a transmitter and a receiver."""

from collections.abc import Callable, Sequence

from chappe.net.smpp_peer import SmppPeer
from chappe.operators.links import Links
from chappe.wire.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter
from chappe.wire.smpp.session import Role, Session, Timers
from chappe.wire.smpp.statuses import status_name


class SmppLinks(Links):
    """Binds."""

    def kinds(self) -> Sequence[type[Bind]]:
        """The binds of each link."""
        return (BindTransmitter, BindReceiver) if self.terms.is_pair else (BindTransceiver,)

    def sends(self, kind: type[Bind]) -> bool:
        """Messages leave on such a bind."""
        return kind is not BindReceiver

    def receives(self, kind: type[Bind]) -> bool:
        """Receipts and MO come on such a bind."""
        return kind is not BindTransmitter

    def word_of(self, kind: type[Bind]) -> str:
        """`transceiver` and so on."""
        return kind.__name__.removeprefix("Bind").lower()

    def new_peer(self, on_lost: Callable[[SmppPeer, str], None]) -> SmppPeer:
        """A connection with the session of an ESME."""
        terms = self.terms
        timers = Timers(
            session_init_s=terms.session_init_s, enquire_link_s=terms.enquire_link_s, response_s=terms.response_s
        )
        session = Session(Role.ESME, now=self._clock.monotonic(), timers=timers, window_pdus=terms.window_pdus)
        return SmppPeer(session, self._on_facts, on_lost)

    def sign_on(self, peer: SmppPeer, kind: type[Bind], now: float) -> None:
        """Ask to be bound."""
        peer.session.bind(kind(self.terms.system_id, self.terms.password, self.terms.system_type), now)

    def why_refused(self, status: int) -> str:
        """By the name of the command_status."""
        return f"bind refused with {status_name(status)}"

    def say_goodbye(self, peer: SmppPeer, now: float) -> None:
        """Unbind; the peer's answer ends the connection."""
        if peer.session.is_bound:
            peer.session.unbind(now)
            peer.flush()
