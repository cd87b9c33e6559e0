"""From octets to requests: whatever TCP makes of them, and whatever peers do to them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, sampled_from, sets

from chappe.net import http_limits
from chappe.net.http_heads import KnownHeads
from chappe.net.http_message import BodyFault, Reply, Request
from chappe.net.http_reader import RequestReader

GET = b"GET /v1/messages/7?a=b&c HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n\r\n"
POST = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
LAST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"


class Nowhere:
    """A connection to nobody."""

    peer = "192.0.2.1"
    is_tls = False

    def reply(self, request: Request, reply: Reply) -> None:
        raise AssertionError("nobody asked")


def reader(heads: KnownHeads | None = None) -> RequestReader:
    return RequestReader(Nowhere(), heads or KnownHeads())


def told(request: Request) -> tuple[object, ...]:
    """All that a handler sees of a request."""
    headers = dict(request.headers)
    return (request.method, request.path, request.query, headers, request.body, request.body_fault, request.is_last)


def pieces(octets: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(octets)), len(octets)]
    return [octets[start:end] for start, end in pairwise(places)]


def test_a_request_is_read_with_its_target_headers_and_body() -> None:
    [get] = reader().feed(GET)
    [post] = reader().feed(POST.replace(b"Host: x\r\n", b"HOST: x\r\nX-Tag: 1\r\nx-tag: 2\r\n"))

    assert (get.method, get.path, get.query, get.body) == ("GET", "/v1/messages/7", "a=b&c", b"")
    assert get.headers["authorization"] == "Bearer t"
    assert (post.headers["x-tag"], post.headers["host"], post.body) == ("1, 2", "x", b"hello")
    assert (post.peer, post.is_tls) == ("192.0.2.1", False)


@given(cuts=sets(integers(1, 600)))
def test_reading_does_not_care_where_tcp_cuts(cuts: set[int]) -> None:
    octets = GET + POST + CHUNKED + POST + LAST
    cut, heads = reader(), KnownHeads()
    whole = [told(each) for each in reader(heads).feed(octets)]

    assert [told(each) for piece in pieces(octets, cuts) for each in cut.feed(piece)] == whole
    assert [each[4] for each in whole] == [b"", b"hello", b"hello", b"hello", b"hi"]


@given(octets=sampled_from([GET, POST, CHUNKED, LAST, POST + POST, POST + GET[:9]]), cuts=sets(integers(1, 200)))
def test_a_head_that_is_known_says_what_it_said_when_it_was_new(octets: bytes, cuts: set[int]) -> None:
    heads, new = KnownHeads(), [told(each) for each in reader().feed(octets)]
    for _ in range(3):
        reader(heads).feed(octets)
    again = reader(heads)

    assert [told(each) for each in reader(heads).feed(octets)] == new
    assert [told(each) for piece in pieces(octets, cuts) for each in again.feed(piece)] == new


def test_a_known_head_with_less_or_more_behind_it_is_read_anew() -> None:
    heads = KnownHeads()
    reader(heads).feed(POST)
    short, long = reader(heads), reader(heads)

    assert heads.split(POST) is not None
    assert short.feed(POST[:-1]) == []
    assert [each.body for each in short.feed(b"!")] == [b"hell!"]
    assert [each.body for each in long.feed(POST + POST[:-1])] == [b"hello"]
    assert [each.body for each in long.feed(b"?" + POST)] == [b"hell?", b"hello"]


def test_known_heads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chappe.net.http_heads.MAX_HEADS", 3)
    heads = KnownHeads()
    posts = [POST.replace(b"/v1/messages", b"/%d" % number) for number in range(8)]
    for post in posts:
        reader(heads).feed(post)

    assert 1 <= sum(heads.split(post) is not None for post in posts) <= 3


def test_nothing_is_read_behind_the_last_request() -> None:
    both = reader()

    assert [each.is_last for each in both.feed(LAST + POST)] == [True]
    assert both.feed(POST) == []
    assert both.is_over


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.0\r\nConnection: keep-alive"])
def test_a_connection_of_http_1_0_has_one_request(version: bytes) -> None:
    assert [each.is_last for each in reader().feed(POST.replace(b"HTTP/1.1", version))] == [True]


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nHost:"


@given(cuts=sets(integers(1, 600)))
def test_whoever_offers_another_protocol_goes_on_in_this_one(cuts: set[int]) -> None:
    plain = GET + POST + CHUNKED + POST
    offering, without = plain.replace(b"Host:", OFFER), reader()
    with_offer = reader()
    expected = [(each.path, each.body, each.is_last) for each in without.feed(plain)]

    found = [each for piece in pieces(offering, cuts) for each in with_offer.feed(piece)]

    assert [(each.path, each.body, each.is_last) for each in found] == expected
    assert {each.headers["upgrade"] for each in found} == {"h2c"}


def test_thousands_of_offers_in_one_piece_are_declined_one_by_one() -> None:
    offers = reader().feed(GET.replace(b"Host:", OFFER) * 2_000)

    assert len(offers) == 2_000


def test_nobody_is_connected_through() -> None:
    [connect] = reader().feed(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\nanything")

    assert (connect.method, connect.path, connect.is_last) == ("CONNECT", "example.org:443", True)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        POST.replace(b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 6"),
        POST.replace(b"Content-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        POST.replace(b"Content-Length: 5", b"Content-Length: -5"),
        POST.replace(b"Content-Length: 5", b"Content-Length : 5"),
        POST.replace(b"Content-Length: 5", b"Content-Length: 99999999999999999999999"),
        POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked, identity"),
        POST.replace(b"Content-Length: 5", b"Upgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: gzip"),
        POST.replace(b"Content-Length: 5", b"Upgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: \xff"),
    ],
)
def test_what_can_be_read_in_two_ways_is_not_read(octets: bytes) -> None:
    strict = reader()

    assert [each for each in strict.feed(octets) if each.body_fault is not BodyFault.BROKEN] == []
    assert strict.is_over


def test_a_head_has_bounds_whether_it_comes_at_once_or_drop_by_drop() -> None:
    at_once, by_lines, by_drops, target = reader(), reader(), reader(), reader()
    at_once.feed(GET[:-2] + b"X: " + b"y" * http_limits.MAX_HEAD + b"\r\n\r\n")
    by_lines.feed(GET[:-2] + b"".join(b"X%d: y\r\n" % each for each in range(http_limits.MAX_HEADERS)) + b"\r\n")
    target.feed(GET.replace(b"?a=b", b"?" + b"a" * http_limits.MAX_HEAD))
    by_drops.feed(GET[:-2] + b"X: ")
    for _ in range(3 * http_limits.MAX_HEAD // 100):
        by_drops.feed(b"y" * 100)

    assert [each.refusal and each.refusal[0] for each in (at_once, by_lines, target, by_drops)] == [431] * 4


def test_a_body_that_is_or_grows_too_large_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "MAX_BODY", 4)
    chunked = reader()

    assert [(each.body, each.body_fault, each.is_last) for each in reader().feed(POST)] == [
        (b"", BodyFault.TOO_LARGE, True)
    ]
    assert [each.body_fault for each in chunked.feed(CHUNKED)] == [BodyFault.TOO_LARGE]
    assert chunked.feed(POST) == []


def test_chunks_that_are_none_end_the_body() -> None:
    [broken] = reader().feed(CHUNKED.replace(b"2;x=y", b"zz"))

    assert (broken.body, broken.body_fault, broken.is_last) == (b"", BodyFault.BROKEN, True)


@given(octets=binary(max_size=300), place=integers(0, 200), cuts=sets(integers(1, 300)))
def test_no_octets_crash_the_reader(octets: bytes, place: int, cuts: set[int]) -> None:
    any_reader = reader()
    for piece in pieces(POST[:place] + octets + POST, cuts):
        for request in any_reader.feed(piece):
            assert request.method.isupper() or "-" in request.method


def test_lines_behind_the_last_chunk_say_nothing_of_the_request() -> None:
    octets = CHUNKED[:-2] + b"Authorization: Bearer t\r\nHost: y\r\n\r\n"

    [request] = reader().feed(octets)

    assert request.headers == {"host": "x", "transfer-encoding": "chunked"}
    assert request.body == b"hello"


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"5;", b"3\r\nhel\r\n0\r\nX: "])
def test_what_is_no_body_has_bounds_behind_the_head_too(endless: bytes) -> None:
    trickle = reader()
    trickle.feed(CHUNKED[: CHUNKED.index(b"3\r\n")] + endless)

    found = [each for _ in range(3) for each in trickle.feed(b"y" * http_limits.MAX_HEAD)]

    assert [each.body_fault for each in found] == [BodyFault.BROKEN]


def test_a_body_in_the_smallest_chunks_is_read() -> None:
    drops = reader()
    drops.feed(CHUNKED[: CHUNKED.index(b"3\r\n")])

    found = [each for _ in range(50_000) for each in drops.feed(b"1\r\ny\r\n")] + drops.feed(b"0\r\n\r\n")

    assert [len(each.body) for each in found] == [50_000]
