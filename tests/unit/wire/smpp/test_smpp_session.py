import pytest
from smpp_talk import bound_esme, bound_mc, bound_pair, header, said, tell

from chappe.model.errors import MisuseError
from chappe.wire.smpp.constants import RESPONSE_BIT, CommandId
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.errors import FieldError
from chappe.wire.smpp.facts import Over, Refused, Request, Response
from chappe.wire.smpp.pdus import (
    AlertNotification,
    BindTransceiver,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    Pdu,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
)
from chappe.wire.smpp.session import Role, Session, State
from chappe.wire.smpp.states import BOUND, REQUESTS, WITHOUT_RESPONSE
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.smpp.tlvs import Tag
from chappe.wire.smpp.window import MAX_SEQUENCE_NUMBER

VOTE = SubmitSm(source_addr="37120000001", destination_addr="12345", short_message=b"VOTE 5")
RECEIPT = DeliverSm(esm_class=4, short_message=b"id:77 stat:DELIVRD", tlvs=((0x0427, b"\x02"),))
BOUND_KINDS = {State.BOUND_TX: "tx", State.BOUND_RX: "rx", State.BOUND_TRX: "trx"}


# --- messages -------------------------------------------------------------------------------------------------------


def test_a_message_is_asked_and_answered() -> None:
    ours, theirs = bound_pair()

    number = ours.request(VOTE, 1.0, "order-881")
    assert theirs.receive(ours.take_octets(), 1.0) == [Request(number, VOTE)]
    assert (ours.in_flight, theirs.unanswered) == (1, 1)
    theirs.respond(number, SubmitSmResp("77"))
    assert ours.receive(theirs.take_octets(), 1.0) == [Response("order-881", 0, SubmitSmResp("77"))]

    assert (ours.in_flight, theirs.unanswered) == (0, 0)


def test_both_directions_count_for_themselves() -> None:
    ours, theirs = bound_pair()

    numbers = [ours.request(VOTE, 1.0, "mt"), theirs.request(RECEIPT, 1.0, "dr")]
    assert theirs.receive(ours.take_octets(), 1.0) == [Request(numbers[0], VOTE)]
    assert ours.receive(theirs.take_octets(), 1.0) == [Request(numbers[1], RECEIPT)]
    ours.respond(numbers[1], DeliverSmResp())
    theirs.respond(numbers[0], SubmitSmResp("77"))

    assert ours.receive(theirs.take_octets(), 1.0) == [Response("mt", 0, SubmitSmResp("77"))]
    assert theirs.receive(ours.take_octets(), 1.0) == [Response("dr", 0, DeliverSmResp())]


def test_answers_may_come_in_any_order() -> None:
    session = bound_esme()
    numbers = [session.request(VOTE, 1.0, context) for context in "abc"]

    facts = [tell(session, SubmitSmResp(str(number)), number)[0] for number in reversed(numbers)]

    assert [fact.context for fact in facts if isinstance(fact, Response)] == ["c", "b", "a"]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", sorted(BOUND, key=str))
def test_each_request_of_the_table_is_taken_and_any_other_is_refused(role: Role, state: State) -> None:
    allowed = REQUESTS.get((role.other, state), frozenset())
    for command_id in sorted(PDUS):
        if command_id & RESPONSE_BIT or command_id in HANDLED_ALONE:
            continue
        ours, theirs = bound_pair(BOUND_KINDS[state])
        session = ours if role is Role.ESME else theirs
        pdu = PDUS[command_id].struct()

        [fact] = tell(session, pdu, 7)

        if command_id in allowed:
            assert fact == Request(7, pdu)
            assert session.unanswered == (0 if command_id in WITHOUT_RESPONSE else 1)
        else:
            what = f"{CommandId(command_id).name.lower()} in state {state.name}"
            assert fact == Refused(what, CommandStatus.ESME_RINVBNDSTS)
            [(_, number, status)] = said(session)
            assert (number, status) == (7, CommandStatus.ESME_RINVBNDSTS)


#: Binds, unbinds and the like have tests of their own.
HANDLED_ALONE = {
    CommandId.BIND_RECEIVER,
    CommandId.BIND_TRANSMITTER,
    CommandId.BIND_TRANSCEIVER,
    CommandId.OUTBIND,
    CommandId.UNBIND,
    CommandId.ENQUIRE_LINK,
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", sorted(BOUND, key=str))
def test_each_request_of_the_table_may_be_made_and_any_other_is_misuse(role: Role, state: State) -> None:
    allowed = REQUESTS.get((role, state), frozenset())
    for command_id in sorted(PDUS):
        ours, theirs = bound_pair(BOUND_KINDS[state])
        session = ours if role is Role.ESME else theirs
        try:
            session.request(PDUS[command_id].struct(*("",) * 2 * (command_id in HANDLED_ALONE)), 1.0)
        except (MisuseError, TypeError):
            assert command_id not in allowed
            assert session.take_octets() == b""
        else:
            assert command_id in allowed
            assert session.in_flight == (0 if command_id in WITHOUT_RESPONSE else 1)


@pytest.mark.parametrize(
    ("request_pdu", "response_pdu"),
    [(QuerySm("77"), QuerySmResp("77", message_state=2)), (CancelSm(), CancelSmResp()), (DataSm(), DataSmResp("77"))],
)
def test_every_request_has_its_own_answer(request_pdu: Pdu, response_pdu: Pdu) -> None:
    ours, theirs = bound_pair()

    number = ours.request(request_pdu, 1.0, "it")
    theirs.receive(ours.take_octets(), 1.0)
    theirs.respond(number, response_pdu)

    assert ours.receive(theirs.take_octets(), 1.0) == [Response("it", 0, response_pdu)]


def test_an_alert_wants_no_answer_and_no_room() -> None:
    ours, theirs = bound_pair("rx", window_pdus=1)
    theirs.request(RECEIPT, 1.0)
    theirs.take_octets()

    theirs.request(AlertNotification(source_addr="37120000001"), 1.0)

    [fact] = ours.receive(theirs.take_octets(), 1.0)
    assert isinstance(fact, Request)
    assert fact.pdu == AlertNotification(source_addr="37120000001")
    assert (ours.unanswered, theirs.in_flight) == (0, 1)


def test_a_broken_alert_is_nacked_for_want_of_a_response() -> None:
    session = bound_esme("rx")

    [fact] = session.receive(header(CommandId.ALERT_NOTIFICATION, 7), 1.0)

    assert isinstance(fact, Refused)
    assert said(session) == [(GenericNack, 7, CommandStatus.ESME_RINVCMDLEN)]


# --- answers --------------------------------------------------------------------------------------------------------


def test_a_refusal_is_a_header_under_the_right_response() -> None:
    session = bound_mc()
    tell(session, VOTE, 7)
    tell(session, QuerySm("77"), 8)

    session.respond_error(8, CommandStatus.ESME_RQUERYFAIL)
    session.respond_error(7, CommandStatus.ESME_RTHROTTLED)

    assert session.take_octets() == header(0x8000_0003, 8, 0x67) + header(0x8000_0004, 7, 0x58)
    assert session.unanswered == 0


def test_an_answer_may_carry_a_status_and_a_body() -> None:
    session = bound_esme()
    tell(session, DataSm(), 7)

    session.respond(7, DataSmResp(tlvs=((0x0425, b"\x02"),)), CommandStatus.ESME_RDELIVERYFAILURE)

    assert said(session) == [(DataSmResp(tlvs=((0x0425, b"\x02"),)), 7, 0xFE)]


def test_an_answer_to_nothing_is_misuse() -> None:
    session = bound_mc()
    tell(session, VOTE, 7)

    with pytest.raises(MisuseError, match="no request 8 waits for SubmitSmResp"):
        session.respond(8, SubmitSmResp("77"))
    with pytest.raises(MisuseError, match="no request 7 waits for QuerySmResp"):
        session.respond(7, QuerySmResp("77"))
    with pytest.raises(MisuseError, match="no request 7 waits for SubmitSm"):
        session.respond(7, VOTE)
    with pytest.raises(MisuseError, match="no request 8 waits for an answer"):
        session.respond_error(8, 0x08)
    assert session.unanswered == 1
    assert session.take_octets() == b""


def test_an_answer_that_does_not_fit_leaves_the_request_open() -> None:
    session = bound_mc()
    tell(session, VOTE, 7)

    with pytest.raises(FieldError, match="message_id"):
        session.respond(7, SubmitSmResp("7" * 65))

    assert session.unanswered == 1
    session.respond(7, SubmitSmResp("7"))
    assert said(session) == [(SubmitSmResp("7"), 7, 0)]


def test_a_number_that_the_peer_uses_twice_gets_two_answers() -> None:
    session = bound_mc()
    tell(session, VOTE, 7)
    tell(session, VOTE, 7)
    tell(session, QuerySm("77"), 7)
    assert session.unanswered == 3

    session.respond(7, QuerySmResp("77"))
    session.respond(7, SubmitSmResp("1"))
    session.respond_error(7, 0x14)

    assert [status for _, _, status in said(session)] == [0, 0, 0x14]
    assert session.unanswered == 0


def test_a_refusal_hits_the_request_that_is_meant_among_two_of_one_number() -> None:
    mc = bound_mc()
    tell(mc, SubmitSm(destination_addr="1"), 5)
    tell(mc, DataSm(destination_addr="1"), 5)

    mc.respond_error(5, CommandStatus.ESME_RTHROTTLED, DataSm)
    mc.respond(5, SubmitSmResp("one"))

    assert said(mc) == [(DataSmResp, 5, CommandStatus.ESME_RTHROTTLED), (SubmitSmResp("one"), 5, 0)]
    with pytest.raises(MisuseError):
        mc.respond_error(5, CommandStatus.ESME_RTHROTTLED, DataSm)


def test_a_stranger_may_not_send_what_an_acquaintance_may() -> None:
    long = SubmitSm(tlvs=((Tag.MESSAGE_PAYLOAD, bytes(5_000)),))
    stranger, acquaintance = bound_mc(max_pdu_octets=4_096), bound_mc(max_pdu_octets=4_096)

    acquaintance.lengthen(70_000)

    assert isinstance(tell(stranger, long, 1)[-1], Over)
    assert tell(acquaintance, long, 1) == [Request(1, long)]


def test_a_refusal_may_say_which_of_two_requests_it_means() -> None:
    session = bound_mc()
    tell(session, VOTE, 7)
    tell(session, DataSm(), 7)

    session.respond_error(7, 0x14, DataSm)
    with pytest.raises(MisuseError, match="no request 7 waits"):
        session.respond_error(7, 0x14, DataSm)
    session.respond_error(7, 0x58)

    assert session.take_octets() == header(0x8000_0103, 7, 0x14) + header(0x8000_0004, 7, 0x58)


@pytest.mark.parametrize("number", [0, 1, MAX_SEQUENCE_NUMBER, 0x8000_0000, 0xFFFF_FFFF])
def test_any_sequence_number_of_the_peer_is_echoed(number: int) -> None:
    session = bound_mc()

    assert tell(session, VOTE, number) == [Request(number, VOTE)]
    session.respond(number, SubmitSmResp("77"))

    assert said(session) == [(SubmitSmResp("77"), number, 0)]


# --- the window -----------------------------------------------------------------------------------------------------


def test_the_window_is_full_and_has_room_again() -> None:
    session = bound_esme(window_pdus=2)
    first = session.request(VOTE, 1.0)
    session.request(VOTE, 1.0)
    assert session.room == 0
    session.take_octets()

    with pytest.raises(MisuseError, match="the window of 2 PDUs is full"):
        session.request(VOTE, 1.0)
    assert session.take_octets() == b""
    tell(session, SubmitSmResp("1"), first)

    assert session.room == 1


def test_there_is_no_room_for_whom_may_not_ask() -> None:
    unbound, receiver, transmitter = Session(Role.ESME, now=0.0), bound_esme("rx"), bound_mc("tx")
    parting = bound_esme()
    parting.unbind(1.0)

    assert [session.room for session in (unbound, receiver, transmitter, parting)] == [0, 0, 0, 0]
    assert bound_esme("tx").room == bound_mc("rx").room == 10


def test_a_request_that_does_not_fit_takes_no_room() -> None:
    session = bound_esme()

    with pytest.raises(FieldError):
        session.request(SubmitSm(source_addr="1" * 21), 1.0)

    assert session.in_flight == 0
    assert session.take_octets() == b""


# --- versions -------------------------------------------------------------------------------------------------------


def test_an_old_peer_is_spared_what_it_cannot_read() -> None:
    session = Session(Role.MC, now=0.0)
    tell(session, BindTransceiver("acme", "secret", interface_version=0x33), 1)
    session.accept_bind(1)
    session.take_octets()
    tell(session, VOTE, 2)

    session.request(RECEIPT, 1.0)
    session.respond(2, SubmitSmResp("77", ((Tag.CONGESTION_STATE, b"\x10"),)))
    with pytest.raises(MisuseError, match="cannot read message_payload"):
        session.request(DeliverSm(tlvs=((Tag.MESSAGE_PAYLOAD, b"VOTE 5"),)), 1.0)

    assert [pdu for pdu, _, _ in said(session)] == [
        DeliverSm(esm_class=4, short_message=b"id:77 stat:DELIVRD"),
        SubmitSmResp("77"),
    ]
    assert session.in_flight == 1
