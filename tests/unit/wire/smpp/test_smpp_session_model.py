"""Two sessions talk over a pipe that cuts where it likes, and a model knows what must become of every request."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from smpp_talk import BINDS

from chappe.wire.smpp.facts import (
    BindRefused,
    BindRequest,
    Fact,
    LateResponse,
    Over,
    Refused,
    Request,
    Response,
    Unanswered,
)
from chappe.wire.smpp.pdus import DeliverSm, DeliverSmResp, SubmitSm, SubmitSmResp
from chappe.wire.smpp.session import Role, Session, State, Timers

SIDES = st.sampled_from([Role.ESME, Role.MC])
WINDOW_PDUS = 4
RESPONSE_S = 10.0


class Talk(RuleBasedStateMachine):
    """The rules are what owners and the network may do; the checks are what may never happen."""

    @initialize(
        kind=st.sampled_from(sorted(BINDS)),
        is_accepted=st.sampled_from([True, True, True, False]),
        first_number=st.sampled_from([0, 0x7FFF_FFFD]),
    )
    def connect(self, kind: str, is_accepted: bool, first_number: int) -> None:
        timers = Timers(session_init_s=5.0, enquire_link_s=8.0, response_s=RESPONSE_S)
        self.now = 0.0
        self.sessions = {role: Session(role, now=0.0, timers=timers, window_pdus=WINDOW_PDUS) for role in Role}
        for session in self.sessions.values():
            session._window._last_number = first_number
        #: Octets on their way to each side.
        self.pipes = dict.fromkeys(Role, b"")
        self.wanted = {role: Counter[str]() for role in Role}
        self.told = {role: Counter[str]() for role in Role}
        self.open_requests: dict[Role, list[int]] = {role: [] for role in Role}
        self.over = dict.fromkeys(Role, 0)
        self.is_accepted = is_accepted
        self.count = 0
        self.sessions[Role.ESME].bind(BINDS[kind], 0.0)
        self.collect()

    def collect(self) -> None:
        for role, session in self.sessions.items():
            self.pipes[role.other] += session.take_octets()

    def note(self, role: Role, facts: list[Fact]) -> None:
        session = self.sessions[role]
        for fact in facts:
            assert not self.over[role], "nothing comes after Over"
            if isinstance(fact, Request):
                self.open_requests[role].append(fact.sequence_number)
            elif isinstance(fact, Response | Unanswered):
                self.told[role][str(fact.context)] += 1
            elif isinstance(fact, BindRequest):
                (session.accept_bind if self.is_accepted else self.refuse)(fact.sequence_number)
            elif isinstance(fact, Over):
                self.over[role] += 1
            elif isinstance(fact, Refused):
                assert "unknown" not in fact.what
            else:
                assert not isinstance(fact, BindRefused) or not self.is_accepted
                assert not isinstance(fact, LateResponse) or fact.sequence_number > 0

    def refuse(self, sequence_number: int) -> None:
        self.sessions[Role.MC].refuse_bind(sequence_number, 0x0D)

    @rule(role=SIDES, octets=st.integers(1, 200))
    def deliver(self, role: Role, octets: int) -> None:
        piece, self.pipes[role] = self.pipes[role][:octets], self.pipes[role][octets:]
        if piece:
            self.note(role, self.sessions[role].receive(piece, self.now))
        self.collect()

    @rule(role=SIDES)
    def ask(self, role: Role) -> None:
        session = self.sessions[role]
        if session.room > 0:
            self.count += 1
            context = f"{role.name} {self.count}"
            self.wanted[role][context] += 1
            session.request(SubmitSm() if role is Role.ESME else DeliverSm(), self.now, context)
        self.collect()

    @rule(role=SIDES, is_refusal=st.booleans(), newest=st.booleans())
    def answer(self, role: Role, is_refusal: bool, newest: bool) -> None:
        if self.open_requests[role]:
            number = self.open_requests[role].pop(-1 if newest else 0)
            if is_refusal:
                self.sessions[role].respond_error(number, 0x14)
            else:
                self.sessions[role].respond(number, SubmitSmResp("7") if role is Role.MC else DeliverSmResp())
        self.collect()

    @rule(role=SIDES, seconds=st.sampled_from([0.1, 1.0, 4.0, 9.0]))
    def pass_time(self, role: Role, seconds: float) -> None:
        self.now += seconds
        self.note(role, self.sessions[role].tick(self.now))
        self.collect()

    @rule(role=SIDES)
    def part(self, role: Role) -> None:
        session = self.sessions[role]
        if session.may_submit or session.may_receive_deliveries:
            session.unbind(self.now)
        self.collect()

    @precondition(lambda self: self.count > 3)
    @rule(role=SIDES)
    def lose_connection(self, role: Role) -> None:
        for context in self.sessions[role].abandon():
            self.told[role][str(context)] += 1
        self.over[role] += 1
        assert self.wanted[role] == self.told[role]

    @invariant()
    def every_request_ends_at_most_once(self) -> None:
        for role in getattr(self, "sessions", ()):
            assert self.told[role] <= self.wanted[role]

    @invariant()
    def the_window_is_kept(self) -> None:
        for session in getattr(self, "sessions", {}).values():
            assert 0 <= session.in_flight <= WINDOW_PDUS
            assert session.room in (0, WINDOW_PDUS - session.in_flight)

    @invariant()
    def the_deadline_is_never_silent(self) -> None:
        for session in getattr(self, "sessions", {}).values():
            if session.state in (State.OPEN, State.UNBINDING):
                assert session.deadline() is not None

    def teardown(self) -> None:
        for role, session in getattr(self, "sessions", {}).items():
            for context in session.abandon():
                self.told[role][str(context)] += 1
            assert self.told[role] == self.wanted[role]


TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
