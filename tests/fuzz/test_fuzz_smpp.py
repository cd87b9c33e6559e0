"""Mutated PDUs against session, client node and operator node: nothing they say ends more than their own link."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation import GOOD, Box, mutated

from chappe.wire.smpp.codec import decode, encode
from chappe.wire.smpp.facts import BindRequest, Over, Request
from chappe.wire.smpp.framer import Framer
from chappe.wire.smpp.pdus import BindTransceiver
from chappe.wire.smpp.session import Role, Session

EDITS = st.lists(
    st.tuples(
        st.integers(0, 9), st.integers(0, 400), st.sampled_from([0, 1, 4, 0x40, 0x80, 0xFF]) | st.integers(0, 255)
    ),
    max_size=3,
)
NUMBERS = st.integers(1, 12) | st.sampled_from([0, 0x7FFF_FFFF, 0xFFFF_FFFF])
PDUS = st.builds(
    lambda pdu, number, status, edits, is_true: mutated(encode(pdu, number, status), edits, is_length_true=is_true),
    st.sampled_from(GOOD),
    NUMBERS,
    st.sampled_from([0, 0, 0, 0x58, 0x64, 0xFFFF]),
    EDITS,
    st.integers(0, 9).map(bool),
)
TALKS = st.lists(PDUS, min_size=1, max_size=8).map(b"".join)
CUTS = st.lists(st.integers(1, 600), max_size=5)

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    made = Box(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


def pieces_of(octets: bytes, cuts: list[int]) -> list[bytes]:
    pieces = []
    for cut in cuts:
        pieces.append(octets[:cut])
        octets = octets[cut:]
    return [*pieces, octets]


def check_readable(written: bytes) -> None:
    """What we write can be framed and read, whatever we were told."""
    framer = Framer()
    for command_id, _, _, body in framer.feed(written):
        decode(command_id, body)
    assert framer.error is None


def session_of(role: Role, *, is_bound: bool) -> Session:
    """A session of ours, perhaps bound to a good peer."""
    session = Session(role, now=0.0)
    if is_bound and role is Role.MC:
        [fact] = session.receive(encode(BindTransceiver("fuzz", "secret"), 1), 0.0)
        assert isinstance(fact, BindRequest)
        session.accept_bind(1)
    elif is_bound:
        session.bind(BindTransceiver("fuzz", "secret"), 0.0)
        session.receive(bytes.fromhex("00000015800000090000000000000001") + b"smsc\0", 0.0)
    return session


@given(talk=TALKS, cuts=CUTS, role=st.sampled_from(Role), is_bound=st.booleans())
@settings(max_examples=400, deadline=None)
def test_session_survives_any_talk_and_says_only_what_can_be_read(
    talk: bytes, cuts: list[int], role: Role, is_bound: bool
) -> None:
    session = session_of(role, is_bound=is_bound)

    for piece in pieces_of(talk, cuts):
        for fact in session.receive(piece, 1.0):
            if isinstance(fact, Request) and type(fact.pdu).__name__ != "AlertNotification":
                session.respond_error(fact.sequence_number, 8, type(fact.pdu))
            if isinstance(fact, BindRequest):
                session.accept_bind(fact.sequence_number)
            if isinstance(fact, Over):
                break

    check_readable(session.take_octets())
    session.tick(1_000.0)
    session.abandon()
    assert session.is_closed


@given(talk=st.binary(max_size=300), role=st.sampled_from(Role), is_bound=st.booleans())
def test_session_survives_noise(talk: bytes, role: Role, is_bound: bool) -> None:
    session = session_of(role, is_bound=is_bound)

    session.receive(talk, 1.0)

    check_readable(session.take_octets())


@given(talk=TALKS, cuts=CUTS, is_bound=st.booleans())
@MANY
def test_client_node_survives_any_talk_of_a_client(box: Box, talk: bytes, cuts: list[int], is_bound: bool) -> None:
    check_readable(box.feed_door(pieces_of(talk, cuts), is_bound=is_bound))


@given(talk=TALKS, cuts=CUTS)
@MANY
def test_operator_node_survives_any_talk_of_an_operator(box: Box, talk: bytes, cuts: list[int]) -> None:
    check_readable(box.feed_link(pieces_of(talk, cuts)))


def test_after_all_that_a_good_message_still_finds_its_way(box: Box) -> None:
    submit = encode(GOOD[0], 2)

    written = box.feed_door([submit], is_bound=True)

    answers = [(frame[0], frame[1]) for frame in Framer().feed(written)]
    assert (0x8000_0004, 0) in answers
