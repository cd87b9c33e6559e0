from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp_samples import any_pdu, cut
from smpp_talk import BINDS, bound_esme, bound_mc, bound_pair, header, said, tell

from chappe.wire.smpp.codec import command_id_of, encode
from chappe.wire.smpp.constants import RESPONSE_BIT, CommandId
from chappe.wire.smpp.declaration import PDUS
from chappe.wire.smpp.facts import BindRefused, Bound, Fact, Over, Refused, Request, Response
from chappe.wire.smpp.pdus import (
    BindTransceiverResp,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
)
from chappe.wire.smpp.session import Role, Session
from chappe.wire.smpp.states import WITHOUT_RESPONSE
from chappe.wire.smpp.statuses import CommandStatus

VOTE = SubmitSm(source_addr="37120000001", destination_addr="12345", short_message=b"VOTE 5")
RECEIPT = DeliverSm(esm_class=4, short_message=b"id:77 stat:DELIVRD", tlvs=((0x0427, b"\x02"),))


# --- what is broken -------------------------------------------------------------------------------------------------


def test_an_unknown_command_is_nacked_by_its_number() -> None:
    session = bound_mc()

    facts = session.receive(header(0x0000_0999, 7) + encode(VOTE, 8), 1.0)

    assert facts == [Refused("command_id 00000999 is unknown", CommandStatus.ESME_RINVCMDID), Request(8, VOTE)]
    assert said(session) == [(GenericNack, 7, CommandStatus.ESME_RINVCMDID)]


def test_a_broken_request_is_refused_under_its_own_response_and_the_next_is_taken() -> None:
    session = bound_mc()
    broken = encode(VOTE, 7)[16:-1]

    facts = session.receive(header(4, 7, length=16 + len(broken)) + broken + encode(VOTE, 8), 1.0)

    assert facts == [
        Refused("sm_length says 6, but 5 octets are left [ESME_RINVMSGLEN]", CommandStatus.ESME_RINVMSGLEN),
        Request(8, VOTE),
    ]
    assert said(session) == [(SubmitSmResp, 7, CommandStatus.ESME_RINVMSGLEN)]
    assert session.unanswered == 1


def test_a_request_before_the_bind_is_refused() -> None:
    session = Session(Role.MC, now=0.0)

    assert tell(session, VOTE, 7) == [Refused("submit_sm in state OPEN", CommandStatus.ESME_RINVBNDSTS)]
    assert said(session) == [(SubmitSmResp, 7, CommandStatus.ESME_RINVBNDSTS)]


def test_a_request_behind_a_bind_that_is_still_judged_is_refused() -> None:
    session = Session(Role.MC, now=0.0)

    facts = session.receive(encode(BINDS["trx"], 1) + encode(VOTE, 2), 0.0)

    assert facts[1:] == [Refused("submit_sm in state BINDING", CommandStatus.ESME_RINVBNDSTS)]


def test_a_delivery_right_behind_the_bind_response_is_taken() -> None:
    session = Session(Role.ESME, now=0.0)
    session.bind(BINDS["trx"], 0.0)

    facts = session.receive(encode(BindTransceiverResp("smsc"), 1) + encode(RECEIPT, 1), 0.0)

    assert facts == [Bound(BindTransceiverResp("smsc")), Request(1, RECEIPT)]


@pytest.mark.parametrize("places", [set(), {16}, {20}, {50}])
def test_a_length_that_cannot_be_true_ends_the_session_after_what_was_good(places: set[int]) -> None:
    session = bound_mc()
    octets = encode(EnquireLink(), 7) + header(4, 8, length=15)

    facts = [fact for piece in cut(octets, places) for fact in session.receive(piece, 1.0)]

    what = "command_length 15 is not within 16 to 70000 [ESME_RINVCMDLEN]"
    assert facts == [Refused(what, CommandStatus.ESME_RINVCMDLEN), Over(what, is_clean=False)]
    answers = said(session)
    assert answers[0] == (EnquireLinkResp, 7, 0)
    assert [(pdu, status) for pdu, _, status in answers[1:]] == [(GenericNack, CommandStatus.ESME_RINVCMDLEN)]
    assert session.is_closed


def test_a_web_browser_is_turned_away() -> None:
    session = Session(Role.MC, now=0.0)

    facts = session.receive(b"GET / HTTP/1.1\r\nHost: smsc\r\n\r\n", 0.0)

    assert isinstance(facts[-1], Over)
    [(pdu, _, status)] = said(session)
    assert (pdu, status) == (GenericNack, CommandStatus.ESME_RINVCMDLEN)


def test_a_limit_on_pdus_is_kept() -> None:
    session = bound_mc(max_pdu_octets=100)

    facts = tell(session, SubmitSm(short_message=bytes(100)), 7)

    assert isinstance(facts[-1], Over)
    assert said(session) == [(GenericNack, 7, CommandStatus.ESME_RINVCMDLEN)]


def test_whoever_is_known_may_send_longer_pdus() -> None:
    session = bound_mc(max_pdu_octets=100)

    session.lengthen(1_000)

    assert tell(session, SubmitSm(short_message=bytes(100)), 7) == [Request(7, SubmitSm(short_message=bytes(100)))]


# --- responses are never answered -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command_id", [*sorted(cid for cid in PDUS if cid & RESPONSE_BIT), 0x8000_0999])
@pytest.mark.parametrize("kind", ["tx", "rx", "trx"])
def test_a_response_or_a_nack_is_never_answered(command_id: int, kind: str) -> None:
    for session in (*bound_pair(kind), Session(Role.MC, now=0.0), Session(Role.ESME, now=0.0)):
        state = session.state

        facts = session.receive(header(command_id, 77, status=8, length=17) + b"?", 1.0)

        assert session.take_octets() == b""
        assert session.state is state
        if command_id != CommandId.ENQUIRE_LINK_RESP:
            assert facts == [Refused(f"nothing waits for {command_id:08X} with sequence 77", CommandStatus.ESME_ROK)]


def test_a_response_of_an_impossible_length_is_not_nacked_either() -> None:
    session = bound_esme()

    facts = session.receive(header(CommandId.SUBMIT_SM_RESP, 7, length=0xFFFF_FFFF), 1.0)

    assert [type(fact) for fact in facts] == [Refused, Over]
    assert session.take_octets() == b""


def test_a_nack_is_an_answer_with_its_status() -> None:
    session = bound_esme()
    number = session.request(VOTE, 1.0, "order-881")
    session.take_octets()

    assert tell(session, GenericNack(), number, status=0x02) == [Response("order-881", 0x02, None)]
    assert session.take_octets() == b""


def test_a_nack_that_says_ok_is_no_yes() -> None:
    session = bound_esme()
    number = session.request(VOTE, 1.0, "order-881")

    [fact] = tell(session, GenericNack(), number)

    assert fact == Response("order-881", CommandStatus.ESME_RUNKNOWNERR, None)


def test_a_refusal_without_a_body_is_a_response() -> None:
    session = bound_esme()
    number = session.request(VOTE, 1.0, "order-881")

    [fact] = session.receive(header(CommandId.SUBMIT_SM_RESP, number, 0x58), 1.0)

    assert fact == Response("order-881", 0x58, SubmitSmResp())


def test_a_yes_with_a_broken_body_is_still_a_yes() -> None:
    session = bound_esme()
    number = session.request(VOTE, 1.0, "order-881")
    body = b"7" * 70

    facts = session.receive(header(CommandId.SUBMIT_SM_RESP, number, length=86) + body, 1.0)

    assert [type(fact) for fact in facts] == [Refused, Response]
    assert facts[1] == Response("order-881", 0, None)
    assert session.in_flight == 0


def test_the_answer_to_another_kind_of_question_is_ignored() -> None:
    session = bound_esme()
    number = session.request(VOTE, 1.0, "order-881")

    [fact] = tell(session, QuerySmResp("77"), number)

    assert isinstance(fact, Refused)
    assert session.in_flight == 1
    assert tell(session, SubmitSmResp("77"), number) == [Response("order-881", 0, SubmitSmResp("77"))]


# --- whatever comes -------------------------------------------------------------------------------------------------


def sessions_of_all_kinds() -> list[Session]:
    binding, judging = Session(Role.ESME, now=0.0), Session(Role.MC, now=0.0)
    binding.bind(BINDS["trx"], 0.0)
    tell(judging, BINDS["trx"], 1)
    parting = bound_mc()
    parting.unbind(0.0)
    bound = [session for kind in ("tx", "rx", "trx") for session in bound_pair(kind)]
    return [Session(Role.ESME, now=0.0), Session(Role.MC, now=0.0), binding, judging, parting, *bound]


@given(octets=st.binary(max_size=120), places=st.sets(st.integers(0, 120), max_size=4))
def test_any_octets_are_met_with_facts_in_every_state(octets: bytes, places: set[int]) -> None:
    for session in sessions_of_all_kinds():
        facts = [fact for piece in cut(octets, places) for fact in session.receive(piece, 1.0)]
        facts += session.tick(1e6)

        assert all(isinstance(fact, Fact) for fact in facts)
        assert not any(isinstance(fact, Over) for fact in facts[:-1]), "nothing comes after the end"


@given(
    pdus=st.lists(st.tuples(any_pdu(), st.integers(0, 3), st.sampled_from([0, 0, 8])), max_size=8),
    at=st.integers(0, 400),
    octet=st.integers(0, 255),
)
def test_any_pdus_are_met_with_facts_in_every_state(pdus: list[tuple[Any, int, int]], at: int, octet: int) -> None:
    octets = bytearray(b"".join(encode(*pdu) for pdu in pdus))
    if at < len(octets):
        octets[at] = octet
    for session in sessions_of_all_kinds():
        if session.room:
            asked = SubmitSm() if session.role is Role.ESME else DeliverSm()
            session.request(asked, 0.0)

        facts = session.receive(bytes(octets), 1.0)

        assert [type(fact) for fact in facts].count(Over) <= 1
        assert Over not in [type(fact) for fact in facts[:-1]]
        for fact in facts:
            if isinstance(fact, Request) and command_id_of(fact.pdu) not in WITHOUT_RESPONSE:
                session.respond_error(fact.sequence_number, CommandStatus.ESME_RSYSERR)
            assert not isinstance(fact, BindRefused) or fact.command_status != 0
        assert session.unanswered == 0
