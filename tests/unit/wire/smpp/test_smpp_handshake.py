import pytest
from smpp_talk import BINDS, bound_esme, bound_mc, header, said, tell

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
)
from chappe.wire.smpp.pdus import (
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    EnquireLink,
    GenericNack,
    Outbind,
)
from chappe.wire.smpp.session import Role, Session, State
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
