"""The links of an operator over UCP: one connection each, let in by operation 60, kept alive by 31."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from chappe.net.ucp_peer import UcpPeer
from chappe.operators.link import Link
from chappe.operators.links import Links
from chappe.operators.recipients import RecipientLink, Recipients
from chappe.runtime.backoff import Backoff
from chappe.wire.ucp.constants import SessionType, error_name
from chappe.wire.ucp.operations import SessionManagement
from chappe.wire.ucp.session import Role, Session, Timers

#: OTON and ONPI of a large account: abbreviated, private.  EMI-UCP 4.x §5.1.
_ABBREVIATED: Final = "6"
_PRIVATE: Final = "5"
_VERSION: Final = "0100"


class UcpLinks(Links):
    """Signs on."""

    def __init__(self, *terms: Any, recipients: Recipients, **handlers: Any) -> None:
        self._recipients = recipients
        super().__init__(*terms, **handlers)

    def new_link(self, number: int) -> Link:
        """One link, still down."""
        backoff = Backoff(self.terms.reconnect_min_s, self.terms.reconnect_max_s)
        return RecipientLink(number, backoff, changed_at=self._clock.monotonic(), recipients=self._recipients)

    def kinds(self) -> Sequence[str]:
        """One connection for both directions."""
        return ("session",)

    def sends(self, kind: str) -> bool:
        """Each does."""
        return True

    def receives(self, kind: str) -> bool:
        """Each does."""
        return True

    def word_of(self, kind: str) -> str:
        """As it is."""
        return kind

    def new_peer(self, on_lost: Callable[[UcpPeer, str], None]) -> UcpPeer:
        """A connection with a client's session."""
        terms = self.terms
        timers = Timers(sign_on_s=terms.session_init_s, alert_s=terms.enquire_link_s, response_s=terms.response_s)
        session = Session(Role.CLIENT, now=self._clock.monotonic(), timers=timers, window=terms.window_pdus)
        return UcpPeer(session, self._on_facts, on_lost)

    def sign_on(self, peer: UcpPeer, kind: str, now: float) -> None:
        """Ask to be let in."""
        terms = self.terms
        password = terms.password.encode("latin-1", "replace").hex().upper()
        if terms.system_id.isdecimal():
            peer.session.ask_alive_as(terms.system_id)
        peer.session.sign_on(
            SessionManagement(
                terms.system_id, _ABBREVIATED, _PRIVATE, SessionType.OPEN.value, pwd=password, vers=_VERSION
            ),
            now,
        )

    def why_refused(self, status: int) -> str:
        """By the name of the error code."""
        return f"sign-on refused with {error_name(status)}"

    def say_goodbye(self, peer: UcpPeer, now: float) -> None:
        """UCP has no word for it."""
        peer.close("ended by the gateway")
