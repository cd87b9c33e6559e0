import pytest
from smpp_talk import BINDS, bound_esme, bound_mc, bound_pair, said, tell

from chappe.wire.smpp.facts import LateResponse, Over, Refused, Request, Response, Unanswered, Unbound
from chappe.wire.smpp.pdus import (
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

TIMERS = Timers(session_init_s=5.0, enquire_link_s=30.0, inactivity_s=0.0, response_s=10.0)


@pytest.mark.parametrize("role", list(Role))
def test_a_connection_without_a_bind_ends(role: Role) -> None:
    session = Session(role, now=100.0, timers=TIMERS)

    assert session.deadline() == 105.0
    assert session.tick(104.9) == []
    assert session.tick(105.0) == [Over("no bind within 5 s", is_clean=False)]
    assert session.state is State.CLOSED


def test_an_outbind_starts_the_wait_for_a_bind_anew() -> None:
    session = Session(Role.MC, now=0.0, timers=TIMERS)

    session.outbind(Outbind("smsc", "hello"), 4.0)

    assert session.deadline() == 9.0
    assert session.tick(9.0) == [Over("no bind within 5 s", is_clean=False)]


def test_a_bind_without_an_answer_ends_the_session() -> None:
    session = Session(Role.ESME, now=0.0, timers=TIMERS)
    session.bind(BINDS["trx"], 1.0)

    assert session.deadline() == 11.0
    assert session.tick(11.0) == [Over("bind was not answered within 10 s", is_clean=False)]


def test_a_bind_that_we_judge_has_no_deadline() -> None:
    session = Session(Role.MC, now=0.0, timers=TIMERS)

    tell(session, BINDS["trx"], 1)

    assert session.deadline() is None
    assert session.tick(1e9) == []


def test_an_unbind_without_an_answer_ends_the_session() -> None:
    session = bound_esme(timers=TIMERS)
    session.unbind(1.0)

    assert session.deadline() == 11.0
    assert session.tick(11.0) == [Over("unbind was not answered within 10 s", is_clean=False)]


@pytest.mark.parametrize("kind", ["tx", "rx", "trx"])
def test_a_silent_peer_is_probed_and_then_given_up(kind: str) -> None:
    for session in bound_pair(kind, timers=TIMERS):
        assert session.deadline() == 30.0
        assert session.tick(29.9) == []
        assert said(session) == []
        assert session.tick(30.0) == []
        assert [pdu for pdu, _, _ in said(session)] == [EnquireLink]
        assert session.deadline() == 40.0
        assert session.tick(40.0) == [Over("enquire_link was not answered within 10 s", is_clean=False)]


@pytest.mark.parametrize("life", [EnquireLinkResp(), EnquireLink(), SubmitSmResp("?"), GenericNack(), DeliverSm()])
def test_whatever_the_peer_sends_is_life(life: EnquireLink) -> None:
    session = bound_esme(timers=TIMERS)
    session.tick(30.0)

    tell(session, life, 99, now=35.0)

    assert session.deadline() == 65.0
    assert session.tick(40.0) == []


def test_a_full_window_does_not_keep_a_probe_back() -> None:
    session = bound_esme(window_pdus=1, timers=Timers(response_s=100.0))
    session.request(SubmitSm(), 1.0)
    session.take_octets()

    session.tick(30.0)

    assert [pdu for pdu, _, _ in said(session)] == [EnquireLink]
    assert session.in_flight == 1


def test_without_enquire_link_silence_is_no_fault() -> None:
    session = bound_esme(timers=Timers(enquire_link_s=0.0))

    assert session.deadline() is None
    assert session.tick(1e9) == []
    assert said(session) == []


def test_a_session_without_messages_is_unbound() -> None:
    session = bound_mc(timers=Timers(enquire_link_s=0.0, inactivity_s=60.0))
    session.request(DeliverSm(), 10.0, "receipt")
    tell(session, EnquireLink(), 7, now=69.0)
    session.take_octets()

    assert session.deadline() == 40.0
    assert session.tick(69.9) == [Unanswered("receipt")]
    assert session.tick(70.0) == []
    assert session.state is State.UNBINDING
    assert said(session) == [(Unbind, 2, 0)]
    assert tell(session, UnbindResp(), 2, now=70.5) == [Unbound(), Over("unbound", is_clean=True)]


def test_messages_keep_a_session_from_being_unbound() -> None:
    session = bound_mc(timers=Timers(enquire_link_s=0.0, inactivity_s=60.0))

    assert tell(session, SubmitSm(), 7, now=50.0) == [Request(7, SubmitSm())]

    assert session.deadline() == 110.0


def test_a_request_without_an_answer_is_told_and_makes_room() -> None:
    session = bound_esme(window_pdus=2, timers=TIMERS)
    session.request(SubmitSm(), 1.0, "a")
    session.request(SubmitSm(), 2.0, "b")

    assert session.deadline() == 11.0
    assert session.tick(10.9) == []
    assert session.tick(11.0) == [Unanswered("a")]
    assert (session.room, session.in_flight) == (1, 1)
    assert session.deadline() == 12.0
    assert session.tick(20.0) == [Unanswered("b")]


def test_an_answer_that_comes_too_late_is_told_once() -> None:
    session = bound_esme(timers=TIMERS)
    number = session.request(SubmitSm(), 1.0, "a")
    session.tick(11.0)

    assert tell(session, SubmitSmResp("77"), number) == [LateResponse(number, "a", 0, SubmitSmResp("77"))]
    assert tell(session, SubmitSmResp("77"), number) == [
        Refused(f"nothing waits for 80000004 with sequence {number}", CommandStatus.ESME_ROK)
    ]


def test_a_nack_that_comes_too_late_is_told_as_a_late_answer() -> None:
    session = bound_esme(timers=TIMERS)
    number = session.request(SubmitSm(), 1.0, "a")
    session.tick(11.0)

    assert tell(session, GenericNack(), number, status=CommandStatus.ESME_RTHROTTLED) == [
        LateResponse(number, "a", CommandStatus.ESME_RTHROTTLED, None)
    ]


def test_requests_still_run_out_of_time_while_unbinding() -> None:
    session = bound_esme(timers=TIMERS)
    session.request(SubmitSm(), 1.0, "a")
    session.unbind(2.0)

    assert session.deadline() == 11.0
    assert session.tick(11.0) == [Unanswered("a")]
    assert tell(session, UnbindResp(), 3, now=11.5)[-1] == Over("unbound", is_clean=True)


def test_a_dead_connection_gives_back_what_it_never_heard_of_in_order() -> None:
    session = bound_esme()
    numbers = [session.request(SubmitSm(), 1.0, context) for context in "abcd"]
    tell(session, SubmitSmResp("77"), numbers[1])

    assert session.abandon() == ["a", "c", "d"]
    assert session.abandon() == []
    assert session.is_closed


# --- what the peer has surely read ----------------------------------------------------------------------------------


def test_an_answer_proves_that_all_before_its_request_was_read() -> None:
    session = bound_esme()
    first = session.request(SubmitSm(), 1.0)
    second = session.request(SubmitSm(), 2.0)
    assert session.heard_us_at < 1.0

    tell(session, SubmitSmResp("2"), second, now=3.0)
    assert session.heard_us_at == 2.0
    tell(session, SubmitSmResp("1"), first, now=4.0)
    assert session.heard_us_at == 2.0


def test_the_answer_to_a_probe_proves_the_same() -> None:
    session = bound_esme()
    session.probe(5.0)
    [(_, number, _)] = said(session)

    tell(session, EnquireLinkResp(), number + 1, now=6.0)
    assert session.heard_us_at < 5.0
    assert tell(session, EnquireLinkResp(), number, now=7.0) == []
    assert session.heard_us_at == 5.0


def test_one_probe_is_on_its_way_at_a_time() -> None:
    session = bound_esme(timers=TIMERS)
    session.probe(5.0)
    session.probe(6.0)
    assert len(said(session)) == 1

    session.probe(15.0)
    [(_, number, _)] = said(session)
    tell(session, EnquireLinkResp(), number, now=16.0)

    assert session.heard_us_at == 15.0


def test_a_peer_that_is_not_bound_is_not_probed() -> None:
    session = Session(Role.ESME, now=0.0)

    session.probe(1.0)

    assert session.take_octets() == b""


def test_an_answer_that_the_peer_gave_unasked_proves_nothing() -> None:
    session = bound_esme()

    assert tell(session, SubmitSmResp("1"), 77) != []
    tell(session, EnquireLinkResp(), 78)

    assert session.heard_us_at < 0.0


def test_timers_and_window_are_agreed_on_once_the_peer_is_known() -> None:
    session = bound_mc(timers=TIMERS, window_pdus=1)

    session.agree(2.0, timers=Timers(enquire_link_s=7.0, response_s=3.0), window_pdus=5)

    assert session.room == 5
    assert session.deadline() == 9.0
    number = session.request(DeliverSm(), 2.5, "receipt")
    assert session.deadline() == 5.5
    assert session.tick(5.5) == [Unanswered("receipt")]
    assert number == 1


def test_a_response_after_the_time_out_does_not_reach_a_newer_request() -> None:
    session = bound_esme(timers=TIMERS)
    old = session.request(SubmitSm(), 1.0, "old")
    session.tick(11.0)
    new = session.request(SubmitSm(), 12.0, "new")

    assert tell(session, SubmitSmResp("1"), old)[0] == LateResponse(old, "old", 0, SubmitSmResp("1"))
    assert tell(session, SubmitSmResp("2"), new) == [Response("new", 0, SubmitSmResp("2"))]
