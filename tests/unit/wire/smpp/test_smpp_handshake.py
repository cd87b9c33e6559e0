import pytest
from smpp_talk import BINDS, bound_esme, bound_mc, bound_pair, header, said, tell

from chappe.model.errors import MisuseError
from chappe.wire.smpp.constants import CommandId
from chappe.wire.smpp.errors import FieldError
from chappe.wire.smpp.facts import (
    BindRefused,
    BindRequest,
    Bound,
    OutbindReceived,
    Over,
    Refused,
    Request,
    Response,
    Unbound,
)
from chappe.wire.smpp.pdus import (
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from chappe.wire.smpp.session import Role, Session, State, Timers
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import Tag

BOUND_STATES = {"tx": State.BOUND_TX, "rx": State.BOUND_RX, "trx": State.BOUND_TRX}


def esme() -> Session:
    return Session(Role.ESME, now=0.0)


def mc() -> Session:
    return Session(Role.MC, now=0.0, system_id="smsc")


# --- binding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tx", "rx", "trx"])
def test_both_sides_agree_on_what_they_are_bound_to(kind: str) -> None:
    ours, theirs = esme(), mc()

    ours.bind(BINDS[kind], 0.0)
    assert ours.state is State.BINDING
    facts = theirs.receive(ours.take_octets(), 0.0)
    assert facts == [BindRequest(1, BINDS[kind])]
    theirs.accept_bind(1)
    [bound] = ours.receive(theirs.take_octets(), 0.0)

    assert isinstance(bound, Bound)
    assert bound.pdu_resp.system_id == "smsc"
    assert bound.pdu_resp.tlvs == ((Tag.SC_INTERFACE_VERSION, b"\x34"),)
    assert ours.state is theirs.state is BOUND_STATES[kind]
    assert ours.may_submit is theirs.may_submit is (kind != "rx")
    assert ours.may_receive_deliveries is theirs.may_receive_deliveries is (kind != "tx")


def test_the_answer_to_a_bind_names_whom_the_owner_says() -> None:
    session = mc()
    tell(session, BINDS["trx"], 7)

    session.accept_bind(7, system_id="three")

    assert said(session) == [(BindTransceiverResp("three", ((0x0210, b"\x34"),)), 7, 0)]


@pytest.mark.parametrize("version", [0x00, 0x33])
def test_a_peer_of_three_three_is_not_told_a_version(version: int) -> None:
    session = mc()
    tell(session, BindTransceiver("acme", "secret", interface_version=version), 7)

    session.accept_bind(7)

    assert said(session) == [(BindTransceiverResp("smsc"), 7, 0)]
    assert session.peer_version == version
    assert not session.may_carry_tlvs


@pytest.mark.parametrize(("version", "known_as"), [(0x34, 0x34), (0x50, 0x50), (0x77, 0x50)])
def test_a_newer_version_counts_as_the_highest_known(version: int, known_as: int) -> None:
    session = mc()

    tell(session, BindTransceiver("acme", "secret", interface_version=version), 7)

    assert session.peer_version == known_as


@pytest.mark.parametrize(
    ("tlvs", "asked", "version"),
    [
        (((0x0210, b"\x50"),), 0x34, 0x50),
        (((0x0210, b"\x33"),), 0x34, 0x33),
        (((0x0210, b""),), 0x34, 0x34),
        ((), 0x34, 0x34),
        ((), 0x33, 0x33),
        ((), 0x50, 0x34),
    ],
)
def test_the_version_of_an_mc_is_what_it_says_or_else_what_it_accepted(
    tlvs: tuple[tuple[int, bytes], ...], asked: int, version: int
) -> None:
    session = esme()
    session.bind(BindTransceiver("acme", "secret", interface_version=asked), 0.0)

    tell(session, BindTransceiverResp("smsc", tlvs), 1)

    assert session.peer_version == version


def test_a_refused_bind_is_told_and_the_session_is_open_again() -> None:
    session = esme()
    session.bind(BINDS["trx"], 0.0)

    assert session.receive(header(CommandId.BIND_TRANSCEIVER_RESP, 1, 0x0E), 1.0) == [BindRefused(0x0E)]

    assert session.state is State.OPEN
    session.bind(BINDS["tx"], 1.0)
    assert session.state is State.BINDING


def test_a_nack_refuses_a_bind_even_if_it_says_ok() -> None:
    session = esme()
    session.bind(BINDS["trx"], 0.0)

    assert tell(session, GenericNack(), 1) == [BindRefused(CommandStatus.ESME_RUNKNOWNERR)]


def test_whoever_refuses_a_bind_is_over_once_the_answer_is_out() -> None:
    session = mc()
    tell(session, BINDS["trx"], 7)

    session.refuse_bind(7, CommandStatus.ESME_RINVPASWD)

    assert said(session) == [(BindTransceiverResp, 7, 0x0E)]
    assert session.deadline() == 0.0
    assert session.tick(0.1) == [Over("bind refused with ESME_RINVPASWD", is_clean=False)]
    assert session.state is State.CLOSED
    assert session.deadline() is None


def test_the_end_after_a_refused_bind_is_told_by_receive_as_well() -> None:
    session = mc()
    tell(session, BINDS["trx"], 7)
    session.refuse_bind(7, 0x0D)

    assert tell(session, EnquireLink(), 8) == [Over("bind refused with ESME_RBINDFAIL", is_clean=False)]
    assert tell(session, EnquireLink(), 9) == []


@pytest.mark.parametrize("kind", ["tx", "rx", "trx"])
def test_a_second_bind_is_refused_and_the_first_holds(kind: str) -> None:
    session = bound_mc(kind)

    facts = tell(session, BINDS["trx"], 9)

    assert facts == [Refused(f"a bind in state {session.state.name}", CommandStatus.ESME_RALYBND)]
    assert said(session) == [(BindTransceiverResp, 9, CommandStatus.ESME_RALYBND)]
    assert session.state is BOUND_STATES[kind]


def test_a_second_bind_while_the_first_is_judged_is_refused() -> None:
    session = mc()
    tell(session, BINDS["trx"], 7)

    tell(session, BINDS["rx"], 8)

    assert said(session) == [(BindReceiverResp, 8, CommandStatus.ESME_RALYBND)]
    session.accept_bind(7)
    assert session.state is State.BOUND_TRX


def test_an_esme_is_not_bound_to() -> None:
    session = esme()

    assert tell(session, BINDS["trx"], 7) == [Refused("a bind to an ESME", CommandStatus.ESME_RINVBNDSTS)]
    assert said(session) == [(BindTransceiverResp, 7, CommandStatus.ESME_RINVBNDSTS)]


def test_a_broken_bind_is_refused_with_what_is_wrong_and_may_be_tried_again() -> None:
    session = mc()
    body = b"a-system-id-too-long\0secret\0\0\x34\0\0\0"

    [refused] = session.receive(header(CommandId.BIND_TRANSCEIVER, 7, length=16 + len(body)) + body, 0.0)

    assert isinstance(refused, Refused)
    assert refused.status == CommandStatus.ESME_RINVSYSID
    assert said(session) == [(BindTransceiverResp, 7, CommandStatus.ESME_RINVSYSID)]
    assert isinstance(tell(session, BINDS["trx"], 8)[0], BindRequest)


def test_a_bind_is_accepted_whatever_its_response_carries() -> None:
    session = esme()
    session.bind(BINDS["trx"], 0.0)
    body = b"a-system-id-much-too-long\0"

    facts = session.receive(header(CommandId.BIND_TRANSCEIVER_RESP, 1, length=16 + len(body)) + body, 0.0)

    assert [type(fact) for fact in facts] == [Refused, Bound]
    assert session.state is State.BOUND_TRX


@pytest.mark.parametrize(
    "octets",
    [
        header(CommandId.BIND_TRANSCEIVER_RESP, 2),
        header(CommandId.BIND_RECEIVER_RESP, 1),
        header(CommandId.SUBMIT_SM_RESP, 1),
    ],
)
def test_a_response_to_another_question_does_not_bind(octets: bytes) -> None:
    session = esme()
    session.bind(BINDS["trx"], 0.0)

    [fact] = session.receive(octets, 0.0)

    assert isinstance(fact, Refused)
    assert fact.status == CommandStatus.ESME_ROK
    assert session.state is State.BINDING
    assert len(said(session)) == 1


def test_misuse_of_binding_is_loud() -> None:
    session = esme()
    with pytest.raises(MisuseError, match="an MC does not bind"):
        mc().bind(BINDS["trx"], 0.0)
    with pytest.raises(MisuseError, match="no bind 1 waits"):
        session.accept_bind(1)
    with pytest.raises(MisuseError, match="no bind 1 waits"):
        mc().refuse_bind(1, 0x0E)
    with pytest.raises(FieldError, match="system_id"):
        session.bind(BindTransceiver("x" * 16, ""), 0.0)

    session.bind(BINDS["trx"], 0.0)

    with pytest.raises(MisuseError, match="bind is not possible in state BINDING"):
        session.bind(BINDS["trx"], 0.0)
    assert len(said(session)) == 1


def test_a_bind_that_is_judged_after_the_connection_is_gone_harms_nobody() -> None:
    accepted, refused = mc(), mc()
    for session in (accepted, refused):
        tell(session, BINDS["trx"], 7)
        session.abandon()

    accepted.accept_bind(7)
    refused.refuse_bind(7, 0x0E)

    assert accepted.take_octets() == refused.take_octets() == b""
    assert accepted.tick(1.0) == refused.tick(1.0) == []


# --- outbind --------------------------------------------------------------------------------------------------------


def test_an_outbind_asks_for_a_bind() -> None:
    ours, theirs = esme(), mc()

    theirs.outbind(Outbind("smsc", "hello"), 0.0)
    assert theirs.state is State.OUTBOUND
    assert ours.receive(theirs.take_octets(), 0.0) == [OutbindReceived(Outbind("smsc", "hello"))]
    assert ours.state is State.OUTBOUND
    ours.bind(BINDS["rx"], 0.0)

    assert theirs.receive(ours.take_octets(), 0.0) == [BindRequest(1, BINDS["rx"])]


def test_an_outbind_out_of_place_is_refused() -> None:
    for session in (mc(), bound_esme()):
        [fact] = tell(session, Outbind("smsc", "hello"), 7)

        assert isinstance(fact, Refused)
        assert said(session) == [(GenericNack, 7, CommandStatus.ESME_RINVBNDSTS)]


def test_only_an_mc_outbinds_and_only_at_first() -> None:
    with pytest.raises(MisuseError, match="an ESME does not outbind"):
        esme().outbind(Outbind("smsc", "hello"), 0.0)
    with pytest.raises(MisuseError, match="outbind is not possible in state BOUND_TRX"):
        bound_mc().outbind(Outbind("smsc", "hello"), 0.0)


# --- unbinding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tx", "rx", "trx"])
@pytest.mark.parametrize("is_esme_first", [True, False])
def test_either_side_may_end_a_session(kind: str, is_esme_first: bool) -> None:
    first, second = bound_pair(kind) if is_esme_first else reversed(bound_pair(kind))

    first.unbind(1.0)
    assert first.state is State.UNBINDING
    assert second.receive(first.take_octets(), 1.0) == [Unbound(), Over("unbound", is_clean=True)]
    assert first.receive(second.take_octets(), 1.0) == [Unbound(), Over("unbound", is_clean=True)]

    assert first.is_closed
    assert second.is_closed


def test_an_unbind_waits_until_the_peer_has_its_answers() -> None:
    ours, theirs = bound_pair()
    number = ours.request(SubmitSm(), 1.0, "order-881")
    ours.unbind(1.0)

    assert theirs.receive(ours.take_octets(), 1.0) == [Request(number, SubmitSm()), Unbound()]
    assert theirs.take_octets() == b""
    theirs.respond(number, SubmitSmResp("77"))

    assert theirs.deadline() == 0.0
    octets = theirs.take_octets()
    assert theirs.tick(1.1) == [Over("unbound", is_clean=True)]
    assert ours.receive(octets, 1.2) == [
        Response("order-881", 0, SubmitSmResp("77")),
        Unbound(),
        Over("unbound", is_clean=True),
    ]


def test_an_unbind_that_waits_in_vain_is_answered_in_the_end() -> None:
    ours, theirs = bound_pair(timers=Timers(response_s=5.0))
    ours.request(SubmitSm(), 1.0)
    ours.unbind(1.0)
    theirs.receive(ours.take_octets(), 1.0)

    assert theirs.deadline() == 6.0
    assert theirs.tick(5.9) == []
    assert theirs.tick(6.0) == [Over("1 requests were not answered within 5 s of unbind", is_clean=False)]
    assert said(theirs) == [(UnbindResp, 3, 0)]


def test_a_peer_that_has_unbound_asks_nothing_more() -> None:
    session = bound_mc()
    tell(session, SubmitSm(), 7)
    tell(session, Unbind(), 8)

    [fact] = tell(session, SubmitSm(), 9)

    assert fact == Refused("submit_sm in state UNBINDING", CommandStatus.ESME_RINVBNDSTS)
    session.respond_error(7, CommandStatus.ESME_RSYSERR)
    assert said(session) == [
        (SubmitSmResp, 9, CommandStatus.ESME_RINVBNDSTS),
        (SubmitSmResp, 7, CommandStatus.ESME_RSYSERR),
        (UnbindResp, 8, 0),
    ]


def test_whoever_unbinds_still_takes_what_was_on_its_way() -> None:
    session = bound_mc()
    session.unbind(1.0)

    assert tell(session, SubmitSm(), 7, now=1.1) == [Request(7, SubmitSm())]
    assert tell(session, UnbindResp(), 2, now=1.2) == [Unbound()]
    session.respond(7, SubmitSmResp("77"))
    assert session.tick(1.3) == [Over("unbound", is_clean=True)]

    assert said(session) == [(Unbind, 1, 0), (SubmitSmResp("77"), 7, 0)]


def test_both_may_say_goodbye_at_once() -> None:
    ours, theirs = bound_pair()
    ours.unbind(1.0)
    theirs.unbind(1.0)
    from_ours, from_theirs = ours.take_octets(), theirs.take_octets()

    assert ours.receive(from_theirs, 1.0) == [Unbound(), Over("unbound", is_clean=True)]
    assert theirs.receive(from_ours, 1.0) == [Unbound(), Over("unbound", is_clean=True)]
    assert said(ours) == [(UnbindResp, 1, 0)]


def test_an_unbind_said_twice_is_answered_twice_and_told_once() -> None:
    session = bound_mc()
    tell(session, SubmitSm(), 7)

    assert tell(session, Unbind(), 8) == [Unbound()]
    assert tell(session, Unbind(), 9) == []
    session.respond(7, SubmitSmResp("77"))

    assert said(session)[1:] == [(UnbindResp, 8, 0), (UnbindResp, 9, 0)]


@pytest.mark.parametrize("session", [esme(), mc()])
def test_a_goodbye_before_any_bind_is_answered(session: Session) -> None:
    assert tell(session, Unbind(), 7) == [Unbound(), Over("unbound", is_clean=True)]
    assert said(session) == [(UnbindResp, 7, 0)]


def test_some_smscs_answer_unbind_with_a_nack() -> None:
    session = bound_esme()
    session.unbind(1.0)
    [(_, number, _)] = said(session)

    assert tell(session, GenericNack(), number, status=0x08) == [Unbound(), Over("unbound", is_clean=True)]


def test_an_end_with_requests_in_flight_is_not_clean() -> None:
    session = bound_esme()
    session.request(SubmitSm(), 1.0, "order-881")

    assert tell(session, Unbind(), 7)[-1] == Over("unbound", is_clean=False)
    assert session.abandon() == ["order-881"]


def test_only_what_is_bound_can_be_unbound() -> None:
    session = esme()

    with pytest.raises(MisuseError, match="OPEN has nothing to unbind"):
        session.unbind(0.0)
    assert session.take_octets() == b""


def test_an_unbind_resp_that_nobody_asked_for_is_ignored() -> None:
    session = bound_esme()

    [fact] = tell(session, UnbindResp(), 7)

    assert fact == Refused("nothing waits for 80000006 with sequence 7", CommandStatus.ESME_ROK)
    assert session.state is State.BOUND_TRX
    assert session.take_octets() == b""


def test_after_the_end_nothing_more_comes() -> None:
    session = bound_mc()
    tell(session, SubmitSm(), 7)
    session.abandon()

    assert tell(session, DeliverSm(), 8) == []
    assert session.tick(1e9) == []
    assert session.deadline() is None
    session.respond(7, SubmitSmResp("77"))
    session.respond_error(8, 0x08)
    assert session.take_octets() == b""
    with pytest.raises(MisuseError, match="may not be sent by the MC in CLOSED"):
        session.request(DeliverSm(), 1.0)


def test_a_link_is_answered_for_in_every_state() -> None:
    opened, binding, parting = mc(), mc(), bound_mc()
    tell(binding, BINDS["trx"], 6)
    parting.unbind(0.0)
    parting.take_octets()

    for session in (opened, esme(), binding, bound_esme("tx"), bound_mc("rx"), parting):
        assert tell(session, EnquireLink(), 7) == []
        assert said(session) == [(EnquireLinkResp, 7, 0)]
