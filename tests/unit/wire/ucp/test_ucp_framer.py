"""Frames of UCP out of a stream, wherever TCP cut it.  EMI-UCP 4.x §2."""

from itertools import pairwise

from hypothesis import given
from hypothesis.strategies import binary, integers, lists, sets

from chappe.wire.ucp.framer import Framer

bodies = binary(max_size=60).map(lambda octets: octets.translate(None, b"\x02\x03"))


def cut(octets: bytes, cuts: set[int]) -> list[bytes]:
    ends = [0, *sorted(each for each in cuts if each < len(octets)), len(octets)]
    return [octets[start:end] for start, end in pairwise(ends)]


@given(frames=lists(bodies, max_size=10), noise=bodies, cuts=sets(integers(0, 800)))
def test_framing_does_not_care_where_tcp_cuts_nor_what_stands_between(
    frames: list[bytes], noise: bytes, cuts: set[int]
) -> None:
    octets = b"".join(noise + b"\x02" + frame + b"\x03\r\n" for frame in frames) + noise

    framer = Framer()
    arrived = [frame for piece in cut(octets, cuts) for frame in framer.feed(piece)]

    assert arrived == frames
    assert framer.lost == 0


def test_a_frame_that_never_ended_is_given_up_for_the_next() -> None:
    framer = Framer()

    assert framer.feed(b"\x02half\x02whole\x03\x02ha") == [b"whole"]
    assert framer.lost == 1
    assert framer.feed(b"lf\x02again\x03") == [b"again"]
    assert framer.lost == 2


def test_a_frame_that_is_too_long_is_dropped_and_costs_no_memory() -> None:
    framer = Framer(max_characters=10)

    assert framer.feed(b"\x02" + b"x" * 50) == []
    for _ in range(100):
        assert framer.feed(b"y" * 50) == []
    assert framer.feed(b"\x03\x02short\x03\x02" + b"z" * 11 + b"\x03") == [b"short"]
    assert framer.lost == 2


@given(pieces=lists(binary(max_size=100), max_size=30))
def test_no_octets_crash_the_framer_and_it_holds_one_frame_at_most(pieces: list[bytes]) -> None:
    framer = Framer(max_characters=50)

    for piece in pieces:
        for frame in framer.feed(piece):
            assert len(frame) <= 50
            assert b"\x02" not in frame
        assert len(framer._held) <= 51
