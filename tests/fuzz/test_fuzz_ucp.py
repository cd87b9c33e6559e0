"""Mutated operations against client node and operator node over UCP: nothing they say ends more than their own link."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ucp_mutation import GOOD, UcpBox, answered, mutated

from chappe.wire.ucp.codec import Ack, read_frame, read_operation, read_result, write_operation
from chappe.wire.ucp.framer import Framer

EDITS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.integers(0, 300),
        st.sampled_from([0x2F, 0x30, 0x41, 0x7F, 0xFF, 0x02, 0x03, 0]) | st.integers(0, 255),
    ),
    max_size=3,
)
OPERATIONS = st.builds(
    lambda operation, trn, edits, is_true: mutated(operation, trn, edits, is_frame_true=is_true),
    st.sampled_from(GOOD),
    st.integers(0, 99),
    EDITS,
    st.integers(0, 9).map(bool),
)
RESULTS = st.builds(answered, st.integers(0, 99), st.sampled_from([31, 51, 52, 53, 57, 60]), st.integers(0, 9), EDITS)
TALKS = st.lists(OPERATIONS | RESULTS, min_size=1, max_size=8).map(b"".join)
CUTS = st.lists(st.integers(1, 400), max_size=5)

MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UcpBox]:
    made = UcpBox(tmp_path_factory.mktemp("fuzz"))
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
    for characters in framer.feed(written):
        frame = read_frame(characters)
        _ = read_result(frame) if frame.is_result else read_operation(frame)
    assert not framer.lost


@given(talk=TALKS, cuts=CUTS, is_bound=st.booleans())
@MANY
def test_client_node_survives_any_talk_of_a_client(box: UcpBox, talk: bytes, cuts: list[int], is_bound: bool) -> None:
    check_readable(box.feed_door(pieces_of(talk, cuts), is_bound=is_bound))


@given(talk=TALKS, cuts=CUTS)
@MANY
def test_operator_node_survives_any_talk_of_an_operator(box: UcpBox, talk: bytes, cuts: list[int]) -> None:
    check_readable(box.feed_link(pieces_of(talk, cuts)))


def test_after_all_that_a_good_message_still_finds_its_way(box: UcpBox) -> None:
    written = box.feed_door([write_operation(7, GOOD[0])], is_bound=True)

    results = [read_frame(each) for each in Framer().feed(written)]
    told = next(read_result(each) for each in results if each.is_result and each.ot == 51)
    assert isinstance(told, Ack)
    assert told.sm.startswith("37120000001:")
