"""One UCP session, as client or as SMSC, without a socket and without a clock.

Octets and `now` come in, facts and octets go out:

    facts = session.receive(octets, now)       # what the peer said
    session.respond(trn, ot, Ack())            # what we say
    transport.write(session.take_octets())
    call_me_at(session.deadline())             # then facts = session.tick(now)

It answers by itself what needs no owner: alerts (31), and everything that is broken, unknown or out of place.  It must
never know what a message means.  Every time is monotonic seconds.
"""

from enum import Enum

from chappe.model.errors import MisuseError
from chappe.wire.ucp import codec
from chappe.wire.ucp.codec import Ack, Frame, FrameFault, Nack, Result
from chappe.wire.ucp.constants import PID_TCP_IP, ErrorCode, Ot, SessionType, error_name
from chappe.wire.ucp.errors import OperationError
from chappe.wire.ucp.facts import (
    Fact,
    LateResponse,
    Over,
    Refused,
    Request,
    Response,
    SignedOn,
    SignOnRefused,
    SignOnRequest,
    Unanswered,
)
from chappe.wire.ucp.framer import Framer
from chappe.wire.ucp.operations import Alert, Operation, SessionManagement
from chappe.wire.ucp.states import ASKED_OF, NEXT, Role, State, Step, Timers
from chappe.wire.ucp.window import Window

__all__ = ["Role", "Session", "State", "Timers"]


class _Own(Enum):
    """Operations of the session itself, as contexts in the window."""

    SIGN_ON = "sign on"
    ALERT = "alert"


class Session:
    """Both roles of EMI-UCP 4.x."""

    def __init__(self, role: Role, *, now: float, timers: Timers | None = None, window: int = 10) -> None:
        self.role = role
        self.state = State.OPEN
        self._timers = timers or Timers()
        self._window = Window(window, response_s=self._timers.response_s)
        self._framer = Framer()
        self._pieces: list[bytes] = []
        #: (TRN, operation type) of the peer's operations that wait for our result, and what they say.
        self._open: dict[tuple[int, int], str] = {}
        #: Those whose number the peer gave to another one meanwhile: a result would be taken for that one's.
        self._outlived: set[tuple[int, int]] = set()
        self._untold: list[Fact] = []
        self._heard_at = now
        self._alert = Alert(pid=PID_TCP_IP)
        self._is_alerting = False
        #: The peer has surely read all that was written before this moment: it answered what was sent then.
        self.heard_us_at = -1.0
        self._limit_at = now + self._timers.sign_on_s if self._timers.sign_on_s else None

    @property
    def is_closed(self) -> bool:
        """Whether the session has ended, and nothing more will come of it."""
        return self.state is State.CLOSED

    @property
    def may_receive_deliveries(self) -> bool:
        """Whether the peer takes what is for it: each session goes both ways."""
        return self.state is State.SIGNED_ON

    @property
    def room(self) -> int:
        """How many operations may be sent now; 0 unless somebody has signed on."""
        return max(0, self._window.room) if self.state is State.SIGNED_ON else 0

    def resize(self, window: int) -> None:
        """From now on so many operations at a time; what is in flight stays."""
        self._window.resize(window)

    @property
    def in_flight(self) -> int:
        """How many of our operations wait for a result."""
        return len(self._window)

    @property
    def unanswered(self) -> int:
        """How many operations of the peer wait for ours."""
        return len(self._open)

    def take_octets(self) -> bytes:
        """Everything that is to be written since the last call."""
        octets = b"".join(self._pieces)
        self._pieces.clear()
        return octets

    # -- what the owner does ----------------------------------------------------------------------------------

    def sign_on(self, operation: SessionManagement, now: float) -> None:
        """As client, ask to be let in; `SignedOn` or `SignOnRefused` will tell.  §5.1.

        Raises:
            MisuseError: we are the SMSC, or not in OPEN.
            FieldError: a field does not fit the wire.
        """
        if self.role is not Role.CLIENT:
            raise MisuseError("an SMSC does not sign on")
        self._step(Step.SIGN_ON)
        self._send(operation, now, _Own.SIGN_ON)
        self._limit_at = now + self._timers.response_s

    def trust(self) -> None:
        """Let messages pass without a sign-on.  Raises: MisuseError: not in OPEN."""
        self._step(Step.TRUSTED)
        self._limit_at = None

    def ask_alive_as(self, adc: str) -> None:
        """From now on alerts name this number: some SMSCs answer none other."""
        self._alert = Alert(adc, PID_TCP_IP)

    def probe(self, now: float) -> None:
        """Ask for a sign of life: its result moves `heard_us_at` to `now`.  One at a time is on its way."""
        if self.state is State.SIGNED_ON and not self._is_alerting and self._window.room > 0:
            self._is_alerting = True
            self._send(self._alert, now, _Own.ALERT)

    def agree(self, now: float, *, timers: Timers, window: int) -> None:
        """As SMSC, keep to the terms of the client that is about to be let in."""
        self._timers = timers
        self._window = Window(window, response_s=timers.response_s)
        self._heard_at = now

    def accept_sign_on(self, trn: int, sm: str = "BIND AUTHENTICATED") -> None:
        """As SMSC, let the client of this SignOnRequest in; nothing happens if the connection is gone meanwhile.

        Raises:
            MisuseError: there is no such sign-on to be answered.
        """
        if self.is_closed:
            return
        self._step(Step.ACCEPTED)
        self.respond(trn, Ot.SESSION_MANAGEMENT, Ack(sm))
        self._limit_at = None

    def refuse_sign_on(self, trn: int, ec: int = ErrorCode.AUTHENTICATION_FAILURE, sm: str = "") -> None:
        """As SMSC, refuse the client of this SignOnRequest; `Over` follows, so that it may read why.

        Raises:
            MisuseError: there is no such sign-on to be answered.
        """
        if self.is_closed:
            return
        self._step(Step.REFUSED)
        self.respond(trn, Ot.SESSION_MANAGEMENT, Nack(ec, sm))
        self._untold.append(self._end(f"sign-on refused with {error_name(ec)}"))

    def request(self, operation: Operation, now: float, context: object = None) -> int:
        """Ask the peer for something and get its TRN; `Response` or `Unanswered` will bring `context`.

        Raises:
            MisuseError: nobody has signed on, or the window is full (see `room`).
            FieldError: a field does not fit the wire; nothing was sent.
        """
        if self.state is not State.SIGNED_ON:
            raise MisuseError(f"operation {operation.ot:02} in state {self.state.name}")
        if self._window.room <= 0:
            raise MisuseError(f"the window of {len(self._window)} operations is full")
        return self._send(operation, now, context)

    def respond(self, trn: int, ot: int, result: Result) -> None:
        """Answer a `Request`; nothing happens if the connection is gone meanwhile.

        Raises:
            MisuseError: no such operation is open.
            FieldError: the text does not fit the wire; the operation stays open.
        """
        if self.is_closed:
            return
        if (trn, ot) not in self._open:
            raise MisuseError(f"no operation {ot:02} with TRN {trn:02} waits for a result")
        octets = codec.write_result(trn, ot, result)
        del self._open[trn, ot]
        if (trn, ot) in self._outlived:
            self._outlived.discard((trn, ot))
        else:
            self._pieces.append(octets)

    def end(self, reason: str) -> list[object]:
        """The connection is gone, or is to go; returns the contexts of what is unanswered.  UCP has no goodbye."""
        if not self.is_closed:
            self._end(reason)
        return [context for context in self._window.abandon() if not isinstance(context, _Own)]

    def abandon(self) -> list[object]:
        """The connection is gone; returns the contexts of what is unanswered."""
        return self.end("the connection is gone")

    # -- in ---------------------------------------------------------------------------------------------------

    def receive(self, octets: bytes, now: float) -> list[Fact]:
        """What the peer says with `octets`, in order; the session's own answers wait in `take_octets`."""
        facts, self._untold = self._untold, []
        if self.is_closed:
            return facts
        self._heard_at = now
        lost = self._framer.lost
        for characters in self._framer.feed(octets):
            try:
                frame = codec.read_frame(characters)
            except FrameFault as fault:
                facts.append(self._on_fault(fault))
                continue
            facts += self._on_result(frame, now) if frame.is_result else self._on_operation(frame)
        if self._framer.lost > lost:
            facts.append(Refused(f"{self._framer.lost - lost} frames were cut or too long", 0))
        return facts

    def _on_operation(self, frame: Frame) -> list[Fact]:
        try:
            operation = codec.read_operation(frame)
        except OperationError as error:
            return [self._refuse(frame.trn, frame.ot, ErrorCode(error.status), str(error))]
        if isinstance(operation, Alert):
            # The SM of an alert's result is the number of messages that wait; we tell of none.
            self._pieces.append(codec.write_result(frame.trn, frame.ot, Ack("0000")))
            return []
        if operation.ot not in ASKED_OF[self.role]:
            what = f"operation {operation.ot:02} to a {self.role.value}"
            return [self._refuse(frame.trn, frame.ot, ErrorCode.OPERATION_NOT_SUPPORTED, what)]
        if isinstance(operation, SessionManagement) and operation.styp == SessionType.OPEN:
            return [self._on_sign_on(frame.trn, operation)]
        if self.state is not State.SIGNED_ON:
            what = f"operation {operation.ot:02} in state {self.state.name}"
            return [self._refuse(frame.trn, frame.ot, ErrorCode.OPERATION_NOT_ALLOWED, what)]
        if (frame.trn, frame.ot) in self._open:
            return [self._on_number_used_again(frame)]
        self._open[frame.trn, frame.ot] = frame.data
        return [Request(frame.trn, operation)]

    def _on_number_used_again(self, frame: Frame) -> Fact:
        """The same sent again by a peer that has little patience is answered by the one result.

        Something else shows that the peer has given the first one up, and no result may say yes to what nobody has
        stored: neither gets one, so that the peer sends the second again.
        """
        if self._open[frame.trn, frame.ot] == frame.data:
            return Refused(f"TRN {frame.trn:02} is used again before its result", 0)
        self._outlived.add((frame.trn, frame.ot))
        return Refused(f"TRN {frame.trn:02} is used for another operation before its result: neither gets one", 0)

    def _on_sign_on(self, trn: int, operation: SessionManagement) -> Fact:
        if self.state is not State.OPEN:
            what = f"a sign-on in state {self.state.name}"
            return self._refuse(trn, operation.ot, ErrorCode.OPERATION_NOT_ALLOWED, what)
        self._step(Step.SIGN_ON)
        self._limit_at = None
        self._open[trn, operation.ot] = ""
        return SignOnRequest(trn, operation)

    def _on_result(self, frame: Frame, now: float) -> list[Fact]:
        facts: list[Fact] = []
        sent = self._window.release(frame.trn, frame.ot)
        late = None if sent is not None else self._window.forgive(frame.trn, frame.ot)
        if sent is None and late is None:
            return [Refused(f"nothing waits for a result {frame.ot:02} with TRN {frame.trn:02}", 0)]
        try:
            result = codec.read_result(frame)
        except OperationError as error:
            facts.append(Refused(str(error), 0))
            result = Nack(ErrorCode.SYNTAX_ERROR, "the result cannot be read")
        if late is not None:
            return facts if isinstance(late[2], _Own) else [*facts, LateResponse(late[2], result)]
        assert sent is not None
        self.heard_us_at = max(self.heard_us_at, sent[0])
        if sent[2] is _Own.ALERT:
            # A refused alert is a sign of life all the same.
            self._is_alerting = False
            return facts
        if sent[2] is _Own.SIGN_ON:
            return [*facts, self._on_sign_on_result(result, now)]
        return [*facts, Response(sent[2], result)]

    def _on_sign_on_result(self, result: Result, now: float) -> Fact:
        if isinstance(result, Ack):
            self._step(Step.ACCEPTED)
            self._limit_at = None
            return SignedOn(result)
        self._step(Step.REFUSED)
        self._limit_at = now + self._timers.sign_on_s if self._timers.sign_on_s else None
        return SignOnRefused(result)

    def _on_fault(self, fault: FrameFault) -> Fact:
        """Answer what can be answered; a result that is broken is told of and never answered."""
        if fault.trn is None or fault.ot is None:
            return Refused(str(fault), 0)
        return self._refuse(fault.trn, fault.ot, fault.ec, str(fault))

    def _refuse(self, trn: int, ot: int, ec: ErrorCode, what: str) -> Fact:
        self._pieces.append(codec.write_result(trn, ot, Nack(ec, ec.name.replace("_", " ").lower())))
        return Refused(what, ec)

    # -- time -------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When `tick` next has something to say; None for never."""
        moments = [self._window.deadline(), self._limit_at, self._alert_at()]
        return min((moment for moment in moments if moment is not None), default=None)

    def tick(self, now: float) -> list[Fact]:
        """Say what is due at `now`.  Early calls are free and say nothing."""
        facts, self._untold = self._untold, []
        if self.is_closed:
            return facts
        if self._limit_at is not None and self._limit_at <= now:
            return [*facts, self._end(f"no sign-on in state {self.state.name} in time")]
        for context in self._window.expire(now, self._heard_at):
            if context is _Own.ALERT:
                return [*facts, self._end("an alert was not answered")]
            if not isinstance(context, _Own):
                facts.append(Unanswered(context))
        alert_at = self._alert_at()
        if alert_at is not None and alert_at <= now:
            self.probe(now)
        elif self._is_mute(now):
            return [*facts, self._end(f"nothing was heard for {now - self._heard_at:.0f} s, and no TRN is left to ask")]
        return facts

    def _is_mute(self, now: float) -> bool:
        """The peer has been silent for as long as a sign of life may take, and no number is left to ask for one."""
        timers = self._timers
        silent_for_s = (timers.alert_s or timers.response_s) + timers.response_s
        return self._window.is_exhausted and now >= self._heard_at + silent_for_s

    def _alert_at(self) -> float | None:
        """When silence has lasted long enough to ask for a sign of life; some SMSCs refuse that before a sign-on."""
        if self.state is not State.SIGNED_ON or self._is_alerting or not self._timers.alert_s:
            return None
        return self._heard_at + self._timers.alert_s if self._window.room > 0 else None

    # -- steps ------------------------------------------------------------------------------------------------

    def _send(self, operation: Operation, now: float, context: object) -> int:
        # What does not fit the wire must take no TRN.
        data = codec.data_of(operation)
        trn = self._window.reserve(now, operation.ot, context)
        self._pieces.append(codec.write_frame(trn, operation.ot, data, is_result=False))
        return trn

    def _step(self, step: Step) -> None:
        state = NEXT.get((self.state, step))
        if state is None:
            raise MisuseError(f"{step.value} is not possible in state {self.state.name}")
        self.state = state

    def _end(self, reason: str) -> Over:
        self._step(Step.END)
        self._limit_at = None
        self._open.clear()
        self._outlived.clear()
        return Over(reason)
