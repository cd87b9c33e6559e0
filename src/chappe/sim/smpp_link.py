"""One connection of a simulator that speaks SMPP.

It must never know what messages mean, nor which side of SMPP it speaks: the subclasses deal with the facts.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from chappe.sim.link import Link
from chappe.wire.smpp.facts import Over, Unbound
from chappe.wire.smpp.pdus import Pdu
from chappe.wire.smpp.session import Session
from chappe.wire.smpp.states import BOUND


class SmppLink(Link):
    """Drives one SMPP session."""

    session: Session

    @abstractmethod
    def smpp_session(self, now: float) -> Session:
        """The session of a fresh connection."""

    @abstractmethod
    def smpp_handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with each kind of fact besides the ends of sessions."""

    def new_session(self, now: float) -> Session:
        """The session of a fresh connection, kept by its own type too."""
        self.session = self.smpp_session(now)
        return self.session

    def handlers(self) -> Mapping[type, Callable[[Any, float], None]]:
        """Who deals with which fact."""
        return {Unbound: self._on_unbound, Over: self._on_over, **self.smpp_handlers()}

    def request(self, pdu: Pdu, now: float, context: object) -> None:
        """Ask for something; the window has room."""
        self.session.request(pdu, now, context)
        self._owner.soil(self)

    def respond(self, sequence_number: int, pdu: Pdu) -> None:
        """Answer a request with yes."""
        self.session.respond(sequence_number, pdu)
        self._owner.soil(self)

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer a request with no."""
        self.session.respond_error(sequence_number, command_status)
        self._owner.soil(self)

    def drop(self, sequence_number: int) -> None:
        """Let a request be answered for the session, while its peer hears nothing."""
        self.keep()
        self.session.respond_error(sequence_number, 0)
        self.hide()

    def say_goodbye(self, now: float) -> None:
        """Unbind."""
        if self.session.state in BOUND:
            self.session.unbind(now)
            self._owner.soil(self)

    def _on_unbound(self, fact: Unbound, now: float) -> None:
        self.is_ready = False

    def _on_over(self, fact: Over, now: float) -> None:
        self.end()
