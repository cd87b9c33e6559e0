"""How a session opens and closes: bind, outbind and unbind, for both roles.

It must never know a message.  `session` adds what happens between the two ends.
"""

from typing import Final, cast

from chappe.model.errors import MisuseError
from chappe.wire.smpp.codec import DECODERS, ENCODERS, command_id_of, encode
from chappe.wire.smpp.compiler import Decode, Encode
from chappe.wire.smpp.constants import RESPONSE_BIT, VERSION_3_4, CommandId
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.docket import Docket
from chappe.wire.smpp.errors import PduError
from chappe.wire.smpp.facts import BindRefused, BindRequest, Bound, Fact, OutbindReceived, Over, Refused, Unbound
from chappe.wire.smpp.framer import Frame
from chappe.wire.smpp.outbox import Outbox
from chappe.wire.smpp.pdus import Bind, BindResp, Outbind, Unbind, UnbindResp
from chappe.wire.smpp.states import BOUND, NEXT, REQUESTS, STEP_BY_BIND, WITHOUT_RESPONSE, Role, State, Step
from chappe.wire.smpp.statuses import CommandStatus, status_name
from chappe.wire.smpp.timers import Timers
from chappe.wire.smpp.tlvs import Tag, integer_of, integer_tlv
from chappe.wire.smpp.window import Window


def _sendable(asked: int) -> tuple[Encode, int]:
    response_id = asked | RESPONSE_BIT
    return ENCODERS[PDUS[asked].struct], response_id if response_id in DECODERS else 0


#: What each role may send in each state, as the hot path wants it: the encoder, and the command_id of the answer,
#: 0 where there is none.
_SENDABLE: Final[dict[tuple[Role, State], dict[type, tuple[Encode, int]]]] = {
    where: {PDUS[asked].struct: _sendable(asked) for asked in command_ids} for where, command_ids in REQUESTS.items()
}
#: What each role may be asked, and must answer, in each state: the decoder for each command_id.
_ANSWERABLE: Final[dict[tuple[Role, State], dict[int, Decode]]] = {
    (role.other, state): {int(asked): DECODERS[asked] for asked in command_ids - WITHOUT_RESPONSE}
    for (role, state), command_ids in REQUESTS.items()
}


class Handshake:
    """The two ends of a session; nobody makes one by itself, `Session` builds on it."""

    def __init__(
        self, role: Role, now: float, timers: Timers, window_pdus: int, system_id: str, interface_version: int
    ) -> None:
        self.role = role
        self.state = State.OPEN
        self._is_bound = False
        self._timers = timers
        self._system_id = system_id
        self._interface_version = interface_version
        self._outbox = Outbox()
        self._window = Window(window_pdus, response_s=timers.response_s)
        self._docket = Docket()
        self._sendable: dict[type, tuple[Encode, int]] = {}
        self._answerable: dict[int, Decode] = {}
        #: When the present state must have ended, if it must.
        self._limit_at = self._session_init_limit(now)
        #: The bind or unbind that waits for an answer, by its sequence number; the bind by its command_id too.
        self._own_number = 0
        self._bind_id = 0
        #: Set once both sides said goodbye: what to write when the last request of the peer is answered.
        self._last_words: bytes | None = None
        #: What happened outside of `receive` and `tick`, and is told at the next of them.
        self._untold: list[Fact] = []

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended, and nothing more will come of it."""
        return self.state is State.CLOSED

    @property
    def is_bound(self) -> bool:
        """Whether the session is bound and nobody has asked to unbind."""
        return self._is_bound

    @property
    def peer_version(self) -> int:
        """interface_version of the peer, at most 0x50; 0x34 until it is known."""
        return self._outbox.peer_version

    @property
    def may_carry_tlvs(self) -> bool:
        """Whether TLVs reach the peer; if not, they are left out, and message_payload is refused."""
        return self._outbox.may_carry_tlvs

    @property
    def may_submit(self) -> bool:
        """Whether the ESME of this session may submit."""
        return self.state is State.BOUND_TX or self.state is State.BOUND_TRX

    @property
    def may_receive_deliveries(self) -> bool:
        """Whether the MC of this session may deliver."""
        return self.state is State.BOUND_RX or self.state is State.BOUND_TRX

    # --- what the owner does ------------------------------------------------------------------------------------

    def bind(self, pdu: Bind, now: float) -> None:
        """As ESME, ask to be bound; `Bound` or `BindRefused` will tell.  SMPP 3.4 §4.1.

        Raises:
            MisuseError: we are the MC, or neither in OPEN nor in OUTBOUND.
            FieldError: a field does not fit the wire.
        """
        if self.role is not Role.ESME:
            raise MisuseError("an MC does not bind")
        number = self._window.take_number()
        octets = encode(pdu, number)
        self._step(Step.BIND)
        self._outbox.add(octets)
        self._own_number, self._bind_id = number, command_id_of(pdu)
        self._outbox.learn_version(min(pdu.interface_version, VERSION_3_4))
        self._limit_at = now + self._timers.response_s

    def outbind(self, pdu: Outbind, now: float) -> None:
        """As MC, ask an ESME to bind; it answers with its bind or not at all.  SMPP 3.4 §4.1.7.

        Raises:
            MisuseError: we are the ESME, or not in OPEN.
            FieldError: a field does not fit the wire.
        """
        if self.role is not Role.MC:
            raise MisuseError("an ESME does not outbind")
        octets = encode(pdu, self._window.take_number())
        self._step(Step.OUTBIND)
        self._outbox.add(octets)
        self._limit_at = self._session_init_limit(now)

    def accept_bind(self, sequence_number: int, *, system_id: str | None = None) -> None:
        """As MC, accept the BindRequest `sequence_number`; nothing happens if the connection is gone meanwhile.

        Raises:
            MisuseError: there is no such bind to be answered.
        """
        if not self._is_asked_to_bind(sequence_number):
            return
        version = max(self._interface_version, self.peer_version)
        tlvs = (integer_tlv(Tag.SC_INTERFACE_VERSION, version),) if self.may_carry_tlvs else ()
        response = PDUS[self._bind_id | RESPONSE_BIT].struct(system_id or self._system_id, tlvs)
        self._outbox.put_pdu(response, sequence_number)
        self._step(STEP_BY_BIND[self._bind_id])

    def refuse_bind(self, sequence_number: int, command_status: int) -> None:
        """As MC, refuse the BindRequest `sequence_number`; `Over` follows, so that the peer may read why.

        Raises:
            MisuseError: there is no such bind to be answered.
        """
        if not self._is_asked_to_bind(sequence_number):
            return
        self._outbox.put_status(self._bind_id, sequence_number, command_status)
        self._step(Step.BIND_REFUSED)
        self._untold.append(self._end(f"bind refused with {status_name(command_status)}", is_clean=False))

    def unbind(self, now: float) -> None:
        """Ask to end the session; `Unbound` and `Over` will tell.  What is in flight may still be answered.

        Raises:
            MisuseError: the session is not bound.
        """
        if not self._is_bound:
            raise MisuseError(f"a session in state {self.state.name} has nothing to unbind")
        self._own_number = self._window.take_number()
        self._outbox.put_pdu(Unbind(), self._own_number)
        self._step(Step.UNBIND)
        self._limit_at = now + self._timers.response_s

    # --- what the peer does -------------------------------------------------------------------------------------

    def _on_bind(self, frame: Frame, now: float) -> list[Fact]:
        command_id, _, sequence_number, body = frame
        if self.role is Role.ESME:
            return [self._refuse(frame, CommandStatus.ESME_RINVBNDSTS, "a bind to an ESME")]
        if (self.state, Step.BIND) not in NEXT:
            return [self._refuse(frame, CommandStatus.ESME_RALYBND, f"a bind in state {self.state.name}")]
        try:
            pdu = cast(Bind, DECODERS[command_id](body))
        except PduError as error:
            return [self._refuse(frame, error.status, str(error))]
        self._step(Step.BIND)
        self._own_number, self._bind_id = sequence_number, command_id
        self._outbox.learn_version(pdu.interface_version)
        self._limit_at = None
        return [BindRequest(sequence_number, pdu)]

    def _on_bind_resp(self, frame: Frame, now: float) -> list[Fact]:
        command_id, command_status, sequence_number, body = frame
        expected = (self._bind_id | RESPONSE_BIT, self._own_number)
        if self.state is not State.BINDING or self.role is not Role.ESME or (command_id, sequence_number) != expected:
            return [self._ignore(frame)]
        if command_status:
            return [self._bind_refused(command_status, now)]
        facts: list[Fact] = []
        try:
            pdu = cast(BindResp, DECODERS[command_id](body))
        except PduError as error:
            # We are bound, however its body is broken: the header says so.
            facts.append(Refused(str(error), CommandStatus.ESME_ROK))
            pdu = cast(BindResp, PDUS[command_id].struct())
        # Seen: many a 3.4 SMSC leaves sc_interface_version out.  Then what we asked for, which it accepted, holds.
        self._outbox.learn_version(integer_of(pdu.tlvs, Tag.SC_INTERFACE_VERSION) or self.peer_version)
        self._step(STEP_BY_BIND[self._bind_id])
        self._limit_at = None
        return [*facts, Bound(pdu)]

    def _on_outbind(self, frame: Frame, now: float) -> list[Fact]:
        if self.role is Role.MC or self.state is not State.OPEN:
            return [self._refuse(frame, CommandStatus.ESME_RINVBNDSTS, f"an outbind in state {self.state.name}")]
        try:
            pdu = cast(Outbind, DECODERS[CommandId.OUTBIND](frame[3]))
        except PduError as error:
            return [self._refuse(frame, error.status, str(error))]
        self._step(Step.OUTBIND)
        self._limit_at = self._session_init_limit(now)
        return [OutbindReceived(pdu)]

    def _on_unbind(self, frame: Frame, now: float) -> list[Fact]:
        """The peer's open requests are answered first, then its unbind.  SMPP 3.4 §4.2."""
        is_first = self._last_words is None
        self._step(Step.UNBIND)
        self._answerable = {}
        self._limit_at = now + self._timers.response_s
        self._last_words = (self._last_words or b"") + ENCODERS[UnbindResp](UnbindResp(), frame[2], 0)
        return [Unbound(), *self._part_if_answered()] if is_first else self._part_if_answered()

    def _on_unbind_resp(self, frame: Frame, now: float) -> list[Fact]:
        if self.state is not State.UNBINDING:
            return [self._ignore(frame)]
        if self._last_words is not None:
            return []
        self._answerable = {}
        self._last_words = b""
        return [Unbound(), *self._part_if_answered()]

    # --- steps --------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        state = NEXT.get((self.state, step))
        if state is None:
            raise MisuseError(f"{step.value} is not possible in state {self.state.name}")
        self.state = state
        self._is_bound = state in BOUND
        self._sendable = _SENDABLE.get((self.role, state), {})
        if state is not State.UNBINDING:
            # Whoever unbinds still answers what the peer has sent before it heard of that.
            self._answerable = _ANSWERABLE.get((self.role, state), {})

    def _bind_refused(self, command_status: int, now: float) -> Fact:
        self._step(Step.BIND_REFUSED)
        self._limit_at = self._session_init_limit(now)
        return BindRefused(command_status)

    def _part_if_answered(self) -> list[Fact]:
        """End the session, if both sides said goodbye and the peer has every answer it waits for."""
        if self._last_words is None or len(self._docket):
            return []
        self._outbox.add(self._last_words)
        return [self._end("unbound", is_clean=not len(self._window))]

    def _end(self, reason: str, *, is_clean: bool) -> Over:
        self._step(Step.END)
        self._limit_at = None
        self._docket.clear()
        return Over(reason, is_clean)

    def _refuse(self, frame: Frame, command_status: int, what: str) -> Fact:
        """Answer a request of the peer with a status alone."""
        self._outbox.put_status(frame[0], frame[2], command_status)
        return Refused(what, command_status)

    def _ignore(self, frame: Frame) -> Fact:
        """Tell of a response that answers nothing; it is never answered itself.  SMPP 3.4 §4.3."""
        return Refused(f"nothing waits for {frame[0]:08X} with sequence {frame[2]}", CommandStatus.ESME_ROK)

    def _is_asked_to_bind(self, sequence_number: int) -> bool:
        if self.state is State.CLOSED or self.state is State.UNBINDING:
            return False
        if self.role is Role.ESME or self.state is not State.BINDING or sequence_number != self._own_number:
            raise MisuseError(f"no bind {sequence_number} waits for an answer in state {self.state.name}")
        return True

    def _session_init_limit(self, now: float) -> float | None:
        return now + self._timers.session_init_s if self._timers.session_init_s else None
