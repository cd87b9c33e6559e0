import pytest
from smpp_talk import BINDS, bound_esme, bound_mc, bound_pair, said, tell

from chappe.model.errors import MisuseError
from chappe.wire.smpp.facts import (
    Over,
    Refused,
    Request,
    Response,
    Unbound,
)
from chappe.wire.smpp.pdus import (
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from chappe.wire.smpp.session import Role, Session, State, Timers
from chappe.wire.smpp.statuses import CommandStatus


def esme() -> Session:
    return Session(Role.ESME, now=0.0)


def mc() -> Session:
    return Session(Role.MC, now=0.0, system_id="smsc")


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
