"""The table of routes."""

from __future__ import annotations

from test_http_reader import Nowhere

from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route, RouteTable, get_and_head


def answer(request: Request) -> Reply:
    return Reply(200, b"")


TABLE = RouteTable(
    [
        Route("POST", "/v1/messages", answer),
        Route("GET", "/v1/messages/{id}", answer),
        Route("POST", "/v1/messages/preview", answer),
        Route("POST", "/v1/callbacks/{id}/replay", answer),
        *get_and_head("/healthz", answer),
    ]
)


def asked(method: str, path: str) -> Request:
    return Request(method, path, "", {}, Nowhere())


def test_a_path_and_a_method_lead_to_their_route() -> None:
    get, replay = asked("GET", "/v1/messages/7%2F8"), asked("POST", "/v1/callbacks/9/replay")
    routes = [TABLE.find(each) for each in (get, replay, asked("HEAD", "/healthz"), asked("POST", "/v1/messages"))]

    assert [route and route.path for route in routes] == [
        "/v1/messages/{id}",
        "/v1/callbacks/{id}/replay",
        "/healthz",
        "/v1/messages",
    ]
    assert (get.args, replay.args) == ({"id": "7/8"}, {"id": "9"})


def test_a_path_that_is_written_out_goes_before_a_pattern() -> None:
    preview = asked("POST", "/v1/messages/preview")
    route = TABLE.find(preview)

    assert route is not None
    assert (route.path, preview.args) == ("/v1/messages/preview", {})


def test_what_is_not_there_is_told_apart_from_what_may_not_be_done() -> None:
    wrong = [asked("PUT", "/v1/messages/7"), asked("GET", "/v1/messages"), asked("POST", "/healthz")]
    nothing = [asked("GET", path) for path in ("/", "", "*", "/v1/messages/", "/v1/messages/7/8", "/healthz/")]

    assert [TABLE.find(each) for each in wrong + nothing] == [None] * 9
    assert [TABLE.allowed_at(each) for each in wrong] == [("GET",), ("POST",), ("GET", "HEAD")]
    assert [TABLE.allowed_at(each) for each in nothing] == [()] * 6
