"""One SMPP session, as ESME or as MC, without a socket and without a clock.

Octets and `now` come in, facts and octets go out:

    facts = session.receive(octets, now)       # what the peer said
    session.respond(sequence_number, pdu)      # what we say
    transport.write(session.take_octets())
    call_me_at(session.deadline())             # then facts = session.tick(now)

It answers by itself what needs no owner: enquire_link, unbind, and everything that is broken, unknown or out of
place.  It must never know what a message means.  Every time is monotonic seconds.
"""

from collections.abc import Callable
from typing import Final

from chappe.model.errors import MisuseError
from chappe.wire.smpp.codec import COMMAND_ID_BY_STRUCT, DECODERS, ENCODERS
from chappe.wire.smpp.compiler import Encode
from chappe.wire.smpp.constants import RESPONSE_BIT, VERSION_3_4, CommandId
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.errors import FrameError, PduError
from chappe.wire.smpp.facts import (
    Fact,
    LateResponse,
    Over,
    Refused,
    Request,
    Response,
)
from chappe.wire.smpp.framer import MAX_PDU_OCTETS, Frame, Framer
from chappe.wire.smpp.keepalive import Keepalive
from chappe.wire.smpp.pdus import EnquireLinkResp, Pdu
from chappe.wire.smpp.states import Role, State
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.timers import DEFAULT_TIMERS, Timers

__all__ = ["Role", "Session", "State", "Timers"]

#: Which request each response answers, and its encoder.
_ANSWERS: Final[dict[type, tuple[int, Encode]]] = {
    declared.struct: (command_id - RESPONSE_BIT, ENCODERS[declared.struct])
    for command_id, declared in PDUS.items()
    if command_id > CommandId.GENERIC_NACK
}


class Session(Keepalive):
    """Both roles of SMPP 3.3, 3.4 and 5.0.  SMPP 3.4 §2."""

    def __init__(
        self,
        role: Role,
        *,
        now: float,
        timers: Timers = DEFAULT_TIMERS,
        window_pdus: int = 10,
        max_pdu_octets: int = MAX_PDU_OCTETS,
        system_id: str = "chappe",
        interface_version: int = VERSION_3_4,
    ) -> None:
        """`system_id` and `interface_version` are what an MC tells of itself; an ESME tells them in its bind."""
        super().__init__(role, now, timers, window_pdus, system_id, interface_version)
        self._framer = Framer(max_pdu_octets)

    def lengthen(self, max_pdu_octets: int) -> None:
        """From now on the peer may send PDUs of this length: it is no stranger any more."""
        self._framer.lengthen(max_pdu_octets)

    @property
    def room(self) -> int:
        """How many requests may be sent now; 0 unless the session is bound so that we may ask."""
        return self._window.room if self._sendable else 0

    def resize(self, window_pdus: int) -> None:
        """From now on so many requests at a time; what is in flight stays."""
        self._window.resize(window_pdus, response_s=self._timers.response_s)

    @property
    def in_flight(self) -> int:
        """How many of our requests wait for an answer."""
        return len(self._window)

    @property
    def unanswered(self) -> int:
        """How many requests of the peer wait for ours."""
        return len(self._docket)

    def take_octets(self) -> bytes:
        """Everything that is to be written since the last call."""
        return self._outbox.take()

    # --- in -----------------------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now: float) -> list[Fact]:
        """What the peer says with `octets`, in order; the session's own answers wait in `take_octets`."""
        facts = self._take_untold()
        if self.is_closed:
            return facts
        self._watch.heard(now)
        answerable, enter, release, tell = self._answerable, self._docket.enter, self._window.release, facts.append
        for frame in self._framer.feed(octets):
            command_id, command_status, sequence_number, body = frame
            decode = answerable.get(command_id)
            try:
                if decode is not None:
                    pdu = decode(body)
                    enter(sequence_number, command_id)
                    tell(Request(sequence_number, pdu))
                    continue
                sent = release(sequence_number, command_id)
                if sent is not None:
                    if sent[0] > self.heard_us_at:
                        self.heard_us_at = sent[0]
                    tell(Response(sent[2], command_status, DECODERS[command_id](body)))
                    continue
            except PduError as error:
                if decode is not None:
                    tell(self._refuse(frame, error.status, str(error)))
                elif sent is not None:
                    # The header has said what became of the request; that must reach whoever waits for it.
                    facts += Refused(str(error), CommandStatus.ESME_ROK), Response(sent[2], command_status, None)
                continue
            facts += _HANDLERS.get(command_id, Session._on_other)(self, frame, now)
            if facts and type(facts[-1]) is Over:
                return facts
            answerable = self._answerable
        if facts:
            self._busy_at = now
        if self._framer.error is not None:
            facts += self._on_fault(self._framer.error)
        return facts

    def _on_alert_notification(self, frame: Frame, now: float) -> list[Fact]:
        if self.role is Role.MC or not self.may_receive_deliveries:
            return self._on_other(frame, now)
        try:
            return [Request(frame[2], DECODERS[frame[0]](frame[3]))]
        except PduError as error:
            return [self._refuse(frame, error.status, str(error))]

    def _on_generic_nack(self, frame: Frame, now: float) -> list[Fact]:
        _, command_status, sequence_number, _ = frame
        command_status = command_status or CommandStatus.ESME_RUNKNOWNERR
        sent = self._window.release_any(sequence_number)
        if sent is not None:
            return [Response(sent[2], command_status, None)]
        late = self._window.forgive_any(sequence_number)
        if late is not None:
            return [LateResponse(sequence_number, late[2], command_status, None)]
        if sequence_number == self._own_number and self.role is Role.ESME and self.state is State.BINDING:
            return [self._bind_refused(command_status, now)]
        if sequence_number == self._own_number and self.state is State.UNBINDING:
            # Some SMSCs answer unbind with generic_nack.
            return self._on_unbind_resp(frame, now)
        return [self._ignore(frame)]

    def _on_other(self, frame: Frame, now: float) -> list[Fact]:
        """A response that nobody waits for, or a request that is unknown or out of place."""
        command_id, command_status, sequence_number, body = frame
        if command_id & RESPONSE_BIT:
            late = self._window.forgive(sequence_number, command_id)
            if late is None:
                return [self._ignore(frame)]
            try:
                return [LateResponse(sequence_number, late[2], command_status, DECODERS[command_id](body))]
            except PduError as error:
                broken = Refused(str(error), CommandStatus.ESME_ROK)
                return [broken, LateResponse(sequence_number, late[2], command_status, None)]
        if command_id not in DECODERS:
            return [self._refuse(frame, CommandStatus.ESME_RINVCMDID, f"command_id {command_id:08X} is unknown")]
        what = f"{CommandId(command_id).name.lower()} in state {self.state.name}"
        return [self._refuse(frame, CommandStatus.ESME_RINVBNDSTS, what)]

    def _on_fault(self, error: FrameError) -> list[Fact]:
        """The stream can no longer be trusted.  SMPP 3.4 §4.3."""
        status = CommandStatus.ESME_ROK
        if not error.command_id & RESPONSE_BIT:
            status = CommandStatus(error.status)
            self._outbox.put_status(CommandId.GENERIC_NACK, error.sequence_number, status)
        return [Refused(str(error), status), self._end(str(error), is_clean=False)]

    # --- out ----------------------------------------------------------------------------------------------------

    def request(self, pdu: Pdu, now: float, context: object = None) -> int:
        """Ask the peer for something and get its sequence number; `Response` or `Unanswered` will bring `context`.

        AlertNotification gets no answer, and its `context` is not kept.

        Raises:
            MisuseError: not in this state, or the window is full (see `room`).
            FieldError: a field does not fit the wire.
        """
        sendable = self._sendable.get(type(pdu))
        if sendable is None:
            raise MisuseError(f"{type(pdu).__name__} may not be sent by the {self.role.name} in {self.state.name}")
        encode, response_id = sendable
        window, outbox = self._window, self._outbox
        if response_id and window.room <= 0:
            raise MisuseError(f"the window of {len(window)} PDUs is full")
        number = window.take_number()
        outbox.add(encode(pdu if outbox.may_carry_tlvs else outbox.without_tlvs(pdu), number, 0))
        if response_id:
            window.reserve(number, now, response_id, context)
        self._busy_at = now
        return number

    def respond(self, sequence_number: int, pdu: Pdu, command_status: int = 0) -> None:
        """Answer a `Request`; nothing happens if the connection is gone meanwhile.

        Raises:
            MisuseError: no such request is open, or `pdu` does not answer it.
            FieldError: a field does not fit the wire; the request stays open.
        """
        command_id, encode = _ANSWERS.get(type(pdu), _NO_ANSWER)
        if not self._docket.strike(sequence_number, command_id):
            self._complain(f"no request {sequence_number} waits for {type(pdu).__name__}")
            return
        outbox = self._outbox
        try:
            outbox.add(
                encode(pdu if outbox.may_carry_tlvs else outbox.without_tlvs(pdu), sequence_number, command_status)
            )
        except MisuseError:
            self._docket.enter(sequence_number, command_id)
            raise
        if self._last_words is not None:
            self._untold += self._part_if_answered()

    def respond_error(self, sequence_number: int, command_status: int, asked: type | None = None) -> None:
        """Answer a `Request` with a status and no body; nothing happens if the connection is gone meanwhile.

        `asked` is the type of the request's PDU: a peer may call a submit_sm and a data_sm by the same number at once.

        Raises:
            MisuseError: no such request is open.
        """
        command_id = self._docket.oldest(sequence_number) if asked is None else COMMAND_ID_BY_STRUCT[asked]
        if command_id is None or not self._docket.strike(sequence_number, command_id):
            self._complain(f"no request {sequence_number} waits for an answer")
            return
        self._outbox.put_status(command_id, sequence_number, command_status)
        if self._last_words is not None:
            self._untold += self._part_if_answered()

    def _complain(self, what: str) -> None:
        if not self.is_closed:
            raise MisuseError(what)


#: The answer to nothing, for a PDU that is no response.
_NO_ANSWER: Final[tuple[int, Encode]] = (0, ENCODERS[EnquireLinkResp])

#: What is not an everyday message or its answer.
_HANDLERS: Final[dict[int, Callable[[Session, Frame, float], list[Fact]]]] = {
    CommandId.BIND_RECEIVER: Session._on_bind,
    CommandId.BIND_TRANSMITTER: Session._on_bind,
    CommandId.BIND_TRANSCEIVER: Session._on_bind,
    CommandId.BIND_RECEIVER_RESP: Session._on_bind_resp,
    CommandId.BIND_TRANSMITTER_RESP: Session._on_bind_resp,
    CommandId.BIND_TRANSCEIVER_RESP: Session._on_bind_resp,
    CommandId.OUTBIND: Session._on_outbind,
    CommandId.UNBIND: Session._on_unbind,
    CommandId.UNBIND_RESP: Session._on_unbind_resp,
    CommandId.ENQUIRE_LINK: Session._on_enquire_link,
    CommandId.ENQUIRE_LINK_RESP: Session._on_enquire_link_resp,
    CommandId.ALERT_NOTIFICATION: Session._on_alert_notification,
    CommandId.GENERIC_NACK: Session._on_generic_nack,
}
