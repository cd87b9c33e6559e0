"""Both ends of a UCP session, without a socket and without a clock.  EMI-UCP 4.x §2, §5.1."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, sampled_from, tuples

from chappe.model.errors import MisuseError
from chappe.wire.ucp.codec import Ack, Nack, write_frame, write_operation, write_result
from chappe.wire.ucp.constants import ErrorCode, Ot
from chappe.wire.ucp.errors import FieldError
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
from chappe.wire.ucp.operations import (
    Alert,
    DeliverNotification,
    DeliverShortMessage,
    SessionManagement,
    SubmitShortMessage,
)
from chappe.wire.ucp.session import Role, Session, State, Timers

TIMERS = Timers(sign_on_s=10.0, alert_s=30.0, response_s=5.0)
SIGN_ON = SessionManagement(oadc="1234", styp="1", pwd="736563", vers="0100")
SUBMIT = SubmitShortMessage(adc="37120000001", mt="3", msg="6869")


def new(role: Role, window: int = 10) -> Session:
    return Session(role, now=0.0, timers=TIMERS, window=window)


def pair(window: int = 10) -> tuple[Session, Session]:
    """A client that has signed on, and its SMSC."""
    client, smsc = new(Role.CLIENT, window), new(Role.SMSC, window)
    client.sign_on(SIGN_ON, 0.0)
    (asked,) = smsc.receive(client.take_octets(), 0.0)
    assert isinstance(asked, SignOnRequest)
    smsc.accept_sign_on(asked.trn)
    assert client.receive(smsc.take_octets(), 0.0) == [SignedOn(Ack("BIND AUTHENTICATED"))]
    return client, smsc


def test_a_client_signs_on_sends_and_hears() -> None:
    client, smsc = pair()

    trn = client.request(SUBMIT, 1.0, "context")
    assert smsc.receive(client.take_octets(), 1.0) == [Request(trn, SUBMIT)]
    smsc.respond(trn, Ot.SUBMIT_SHORT_MESSAGE, Ack("37120000001:231126084310"))

    assert client.receive(smsc.take_octets(), 1.0) == [Response("context", Ack("37120000001:231126084310"))]
    assert (client.in_flight, smsc.unanswered) == (0, 0)


def test_both_sides_count_their_own_numbers() -> None:
    client, smsc = pair()
    notification = DeliverNotification(adc="1234", oadc="37120000001", scts="231126084310", dst="0")

    mine, theirs = client.request(SUBMIT, 1.0, "submit"), smsc.request(notification, 1.0, "notification")
    assert mine != theirs or mine == 1  # they may well be the same
    (asked,) = client.receive(smsc.take_octets(), 1.0)
    assert asked == Request(theirs, notification)
    client.respond(theirs, Ot.DELIVER_NOTIFICATION, Ack())

    assert smsc.receive(client.take_octets(), 1.0)[-1] == Response("notification", Ack())
    assert client.in_flight == 1


def test_a_refused_sign_on_leaves_the_client_where_it_was_and_ends_the_smscs_side() -> None:
    client, smsc = new(Role.CLIENT), new(Role.SMSC)
    client.sign_on(SIGN_ON, 0.0)
    (asked,) = smsc.receive(client.take_octets(), 0.0)
    assert isinstance(asked, SignOnRequest)

    smsc.refuse_sign_on(asked.trn, sm="wrong password")

    assert client.receive(smsc.take_octets(), 0.0) == [SignOnRefused(Nack(7, "wrong password"))]
    assert client.state is State.OPEN
    assert smsc.tick(0.0) == [Over("sign-on refused with AUTHENTICATION_FAILURE")]


@pytest.mark.parametrize(
    ("role", "written", "ec"),
    [
        (Role.SMSC, write_operation(3, SUBMIT), ErrorCode.OPERATION_NOT_ALLOWED),
        (Role.SMSC, write_operation(3, DeliverShortMessage()), ErrorCode.OPERATION_NOT_SUPPORTED),
        (Role.SMSC, write_frame(3, 99, "", is_result=False), ErrorCode.OPERATION_NOT_SUPPORTED),
        (Role.SMSC, write_frame(3, 51, "x", is_result=False), ErrorCode.SYNTAX_ERROR),
        (Role.SMSC, b"\x0203/00027/O/31/1234/0539/00\x03", ErrorCode.SYNTAX_ERROR),
        (Role.SMSC, b"\x0203/00026/O/31/1234/0539/00\x03", ErrorCode.CHECKSUM_ERROR),
        (Role.CLIENT, write_operation(3, SIGN_ON), ErrorCode.OPERATION_NOT_SUPPORTED),
        (Role.CLIENT, write_operation(3, SUBMIT), ErrorCode.OPERATION_NOT_SUPPORTED),
    ],
)
def test_what_is_out_of_place_is_refused_with_its_code_and_the_session_lives(
    role: Role, written: bytes, ec: ErrorCode
) -> None:
    session = new(role)

    (fact,) = session.receive(written, 0.0)

    assert isinstance(fact, Refused)
    assert fact.ec == ec
    assert b"/N/%02d/" % ec in session.take_octets()
    assert not session.is_closed


def test_an_alert_is_answered_also_before_a_sign_on() -> None:
    smsc = new(Role.SMSC)

    assert smsc.receive(write_operation(9, Alert("1234", "0539")), 0.0) == []
    assert smsc.take_octets() == write_result(9, Ot.ALERT, Ack("0000"))


def test_a_trusted_client_needs_no_sign_on() -> None:
    client, smsc = new(Role.CLIENT), new(Role.SMSC)
    client.trust()
    smsc.trust()

    trn = client.request(SUBMIT, 0.0)

    assert smsc.receive(client.take_octets(), 0.0) == [Request(trn, SUBMIT)]


def test_whoever_says_nothing_is_not_kept() -> None:
    smsc = new(Role.SMSC)

    assert smsc.deadline() == 10.0
    assert smsc.tick(9.9) == []
    assert smsc.tick(10.0) == [Over("no sign-on in state OPEN in time")]
    assert smsc.is_closed
    assert smsc.receive(write_operation(1, SIGN_ON), 11.0) == []


def test_the_window_is_full_when_so_many_wait() -> None:
    client, _ = pair(window=2)
    client.request(SUBMIT, 0.0)
    client.request(SUBMIT, 0.0)

    assert client.room == 0
    with pytest.raises(MisuseError):
        client.request(SUBMIT, 0.0)


def test_no_window_is_wider_than_the_numbers_there_are() -> None:
    client, _ = pair(window=500)

    sent = [client.request(SUBMIT, 0.0) for _ in range(client.room)]

    assert sorted(sent) == list(range(100))
    assert client.room == 0


def test_what_does_not_fit_the_wire_takes_no_number() -> None:
    client, _ = pair()

    with pytest.raises(FieldError):
        client.request(SubmitShortMessage(adc="not digits"), 0.0)

    assert client.in_flight == 0
    assert client.take_octets() == b""


def test_an_operation_without_result_is_told_and_its_late_result_finds_it() -> None:
    client, smsc = pair()
    trn = client.request(SUBMIT, 1.0, "context")
    smsc.receive(client.take_octets(), 1.0)

    assert client.tick(5.9) == []
    assert client.tick(6.0) == [Unanswered("context")]
    smsc.respond(trn, Ot.SUBMIT_SHORT_MESSAGE, Ack("x"))

    assert client.receive(smsc.take_octets(), 7.0) == [LateResponse("context", Ack("x"))]


def test_a_number_whose_time_ran_out_rests_before_it_is_used_again() -> None:
    client, smsc = pair(window=100)
    first = client.request(SUBMIT, 1.0, "first")
    client.tick(6.0)

    used = {client.request(SUBMIT, 7.0, number) for number in range(client.room)}

    assert first not in used
    assert len(used) == 99
    client.tick(11.0)
    assert client.room == 0
    client.receive(write_result(50, 52, Ack()), 11.5)
    client.tick(11.5)
    assert client.room == 1
    assert smsc.unanswered == 0


def test_a_result_that_cannot_be_read_is_no_yes() -> None:
    client, _ = pair()
    trn = client.request(SUBMIT, 0.0, "context")

    facts = client.receive(write_frame(trn, 51, "maybe", is_result=True), 0.0)

    assert facts[-1] == Response("context", Nack(2, "the result cannot be read"))


def test_a_result_that_nobody_waits_for_is_told_and_not_answered() -> None:
    client, _ = pair()

    (fact,) = client.receive(write_result(50, 51, Ack()), 0.0)

    assert isinstance(fact, Refused)
    assert client.take_octets() == b""


def test_a_number_that_is_used_again_before_its_result_is_answered_once() -> None:
    client, smsc = pair()
    trn = client.request(SUBMIT, 0.0)
    octets = client.take_octets()

    first, again = smsc.receive(octets + octets, 0.0)
    smsc.respond(trn, Ot.SUBMIT_SHORT_MESSAGE, Ack())

    assert first == Request(trn, SUBMIT)
    assert isinstance(again, Refused)
    with pytest.raises(MisuseError):
        smsc.respond(trn, Ot.SUBMIT_SHORT_MESSAGE, Ack())


def test_a_yes_is_never_taken_for_that_of_another_operation_with_the_number() -> None:
    client, smsc = pair()
    first, other = (SubmitShortMessage(adc=f"3712000000{n}", mt="3", msg="6869") for n in (1, 2))
    smsc.receive(write_operation(7, first), 0.0)

    (fact,) = smsc.receive(write_operation(7, other), 31.0)
    smsc.respond(7, Ot.SUBMIT_SHORT_MESSAGE, Ack("37120000001:231126084310"))

    assert fact == Refused("TRN 07 is used for another operation before its result: neither gets one", 0)
    assert smsc.take_octets() == b""
    assert smsc.unanswered == 0
    assert smsc.receive(write_operation(7, other), 60.0) == [Request(7, other)]
    smsc.respond(7, Ot.SUBMIT_SHORT_MESSAGE, Ack())
    assert client.receive(smsc.take_octets(), 60.0) == [Refused("nothing waits for a result 51 with TRN 07", 0)]


def test_a_silent_link_is_asked_for_life_and_given_up_without_an_answer() -> None:
    client, smsc = pair()
    client.ask_alive_as("1234")

    assert client.deadline() == 30.0
    assert client.tick(30.0) == []
    alert = client.take_octets()
    assert b"/O/31/1234/0539/" in alert
    assert client.tick(34.9) == []
    assert client.tick(35.0) == [Over("an alert was not answered")]
    assert smsc.receive(alert, 30.0) == []


def test_a_silent_link_that_no_number_is_left_to_ask_is_given_up() -> None:
    client, _ = pair(window=100)
    for _ in range(100):
        client.request(SUBMIT, 0.0, "context")

    assert client.tick(5.0) == [Unanswered("context")] * 100
    assert client.tick(34.9) == []
    assert client.room == 0
    assert client.tick(35.0) == [Over("nothing was heard for 35 s, and no TRN is left to ask")]


def test_numbers_are_not_used_again_while_a_stalled_peer_may_answer_all_at_once() -> None:
    client, smsc = pair(window=100)
    trns = [client.request(SUBMIT, 0.0, number) for number in range(100)]
    smsc.receive(client.take_octets(), 0.0)
    for now in (5.0, 10.0, 20.0):
        client.tick(now)

    assert client.room == 0
    for trn in trns:
        smsc.respond(trn, Ot.SUBMIT_SHORT_MESSAGE, Ack(f"name {trn}"))

    facts = client.receive(smsc.take_octets(), 25.0)
    assert facts == [LateResponse(number, Ack(f"name {trn}")) for number, trn in enumerate(trns)]
    assert client.room == 100


@pytest.mark.parametrize("result", [Ack("0000"), Nack(3, "not supported")])
def test_any_result_of_an_alert_is_a_sign_of_life(result: Ack | Nack) -> None:
    client, _ = pair()
    client.tick(30.0)
    trn = int(client.take_octets()[1:3])

    assert client.receive(write_result(trn, Ot.ALERT, result), 31.0) == []

    assert client.deadline() == 61.0


def test_whoever_ends_a_session_gets_back_what_is_unanswered() -> None:
    client, _ = pair()
    for context in ("a", "b"):
        client.request(SUBMIT, 0.0, context)

    assert client.end("the connection is gone") == ["a", "b"]
    assert client.is_closed
    client.respond(5, 52, Ack())  # nobody hears it, and nobody minds


def test_frames_that_were_cut_are_told_of() -> None:
    client, _ = pair()

    (fact,) = client.receive(b"\x0201/000" + b"\x02x", 0.0)

    assert fact == Refused("1 frames were cut or too long", 0)


@given(pieces=lists(binary(max_size=60), max_size=10), role=sampled_from(Role), ticks=lists(integers(0, 100)))
def test_no_octets_crash_a_session(pieces: Sequence[bytes], role: Role, ticks: Sequence[int]) -> None:
    session = new(role)
    session.trust()
    facts: list[Fact] = []

    for piece in pieces:
        facts += session.receive(b"\x02" + piece + b"\x03", 0.0)
    for now in sorted(ticks):
        session.tick(float(now))

    assert all(isinstance(fact, Refused | Request | SignOnRequest) for fact in facts)


@given(
    talk=lists(
        tuples(sampled_from(["submit", "notify", "answer", "answer"]), integers(0, 3)),
        max_size=60,
    )
)
def test_every_operation_gets_exactly_one_result(talk: Sequence[tuple[str, int]]) -> None:
    client, smsc = pair(window=5)
    waiting: list[tuple[Session, Session, int, int, int]] = []
    asked, answered = 0, []

    for what, choice in talk:
        if what == "answer" and waiting:
            asker, answerer, trn, ot, _ = waiting.pop(choice % len(waiting))
            answerer.respond(trn, ot, Ack())
            answered += [
                fact.context for fact in asker.receive(answerer.take_octets(), 0.0) if isinstance(fact, Response)
            ]
        elif what != "answer":
            asker, answerer = (client, smsc) if what == "submit" else (smsc, client)
            if asker.room:
                asked += 1
                operation = SUBMIT if what == "submit" else DeliverNotification()
                trn = asker.request(operation, 0.0, asked)
                assert answerer.receive(asker.take_octets(), 0.0) == [Request(trn, operation)]
                waiting.append((asker, answerer, trn, operation.ot, asked))

    assert sorted([*answered, *(each[4] for each in waiting)]) == list(range(1, asked + 1))  # type: ignore[type-var]
    assert client.in_flight + smsc.in_flight == len(waiting)


def test_a_result_proves_what_was_read_before_its_operation() -> None:
    client, smsc = pair()
    assert client.heard_us_at < 2.0

    client.probe(5.0)
    client.probe(6.0)
    octets = client.take_octets()
    assert octets.count(b"/O/31/") == 1
    smsc.receive(octets, 7.0)
    client.receive(smsc.take_octets(), 8.0)

    assert client.heard_us_at == 5.0
    client.probe(9.0)
    assert b"/O/31/" in client.take_octets()
