import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpp_samples import any_pdu, cut

from chappe.wire.smpp.codec import command_id_of, encode
from chappe.wire.smpp.constants import CommandId
from chappe.wire.smpp.errors import FrameError
from chappe.wire.smpp.framer import Framer
from chappe.wire.smpp.pdus import DataSm, EnquireLink, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus

ENQUIRE_LINK = encode(EnquireLink(), 7)
SUBMIT = encode(SubmitSm(destination_addr="37120000001", short_message=b"VOTE 5"), 8)


@given(pdus=st.lists(any_pdu(), max_size=6), places=st.sets(st.integers(0, 2_000), max_size=40))
def test_framing_does_not_care_where_tcp_cuts(pdus: list[Any], places: set[int]) -> None:
    octets = [encode(pdu, number, number % 3) for number, pdu in enumerate(pdus, 1)]

    framer = Framer()
    frames = [frame for piece in cut(b"".join(octets), places) for frame in framer.feed(piece)]

    assert frames == [
        (command_id_of(pdu), number % 3, number, octets[number - 1][16:]) for number, pdu in enumerate(pdus, 1)
    ]
    assert framer.error is None


def test_one_octet_at_a_time_is_enough() -> None:
    framer = Framer()

    frames = [framer.feed(bytes((octet,))) for octet in SUBMIT]

    assert frames[:-1] == [[]] * (len(SUBMIT) - 1)
    assert frames[-1] == [(CommandId.SUBMIT_SM, 0, 8, SUBMIT[16:])]


def test_a_hundred_pdus_come_out_of_one_piece() -> None:
    assert Framer().feed(SUBMIT * 100) == [(CommandId.SUBMIT_SM, 0, 8, SUBMIT[16:])] * 100


def test_nothing_comes_of_nothing() -> None:
    assert Framer().feed(b"") == []


@pytest.mark.parametrize("length", [0, 1, 15])
def test_a_length_below_the_header_is_a_fault(length: int) -> None:
    framer = Framer()

    assert framer.feed(length.to_bytes(4, "big") + ENQUIRE_LINK[4:]) == []

    assert framer.error is not None
    assert framer.error.status == CommandStatus.ESME_RINVCMDLEN
    assert framer.error.sequence_number == 7
    assert framer.error.command_id == CommandId.ENQUIRE_LINK
    assert str(framer.error) == f"command_length {length} is not within 16 to 70000 [ESME_RINVCMDLEN]"


def test_a_huge_length_is_refused_by_its_four_octets_alone() -> None:
    framer = Framer()

    assert framer.feed(b"\xff\xff\xff\xff") == []

    assert framer.error is not None
    assert (framer.error.command_id, framer.error.sequence_number) == (0, 0)


@pytest.mark.parametrize("places", [set(), {1}, {3}, {16}, {17}, {19}, {20}, {30}])
def test_good_pdus_before_a_fault_are_not_lost(places: set[int]) -> None:
    framer = Framer()
    octets = ENQUIRE_LINK + b"GET / HTTP/1.1\r\n"

    frames = []
    for piece in cut(octets, places):
        if framer.error is None:
            frames += framer.feed(piece)

    assert frames == [(CommandId.ENQUIRE_LINK, 0, 7, b"")]
    assert framer.error is not None


def test_whoever_feeds_on_after_a_fault_gets_the_error() -> None:
    framer = Framer()
    framer.feed(bytes(4))

    with pytest.raises(FrameError, match="command_length 0"):
        framer.feed(ENQUIRE_LINK)


def test_the_longest_pdu_is_taken_and_one_octet_more_is_not() -> None:
    longest = encode(DataSm(tlvs=((0x0424, bytes(100)),)), 1)

    assert len(Framer(len(longest)).feed(longest)) == 1
    short_of_one = Framer(len(longest) - 1)
    assert short_of_one.feed(longest) == []
    assert short_of_one.error is not None


def test_a_payload_of_64_kib_fits_the_default() -> None:
    whole = encode(DataSm("CMT", 1, 1, "1" * 64, 1, 1, "2" * 64, tlvs=((0x0424, bytes(0xFFFF)),)), 1)

    assert len(Framer().feed(whole)) == 1


def test_memory_is_bounded_by_one_pdu_however_slowly_it_comes() -> None:
    framer = Framer()
    whole = encode(DataSm(tlvs=((0x0424, bytes(0xFF00)),)), 1)

    tracemalloc.start()
    for at in range(0, len(whole) - 1, 16):
        assert framer.feed(whole[at : min(at + 16, len(whole) - 1)]) == []
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(whole) <= held < 2 * len(whole)
    assert peak < 3 * len(whole)
    assert len(framer.feed(whole[-1:])) == 1


@given(octets=st.binary(max_size=200), places=st.sets(st.integers(0, 200), max_size=10))
def test_any_octets_are_framed_or_refused_alike_however_they_are_cut(octets: bytes, places: set[int]) -> None:
    whole, pieces = Framer(100), Framer(100)

    at_once = whole.feed(octets)
    one_by_one = []
    for piece in cut(octets, places):
        if pieces.error is None:
            one_by_one += pieces.feed(piece)

    assert one_by_one == at_once
    assert (whole.error is None) == (pieces.error is None)
