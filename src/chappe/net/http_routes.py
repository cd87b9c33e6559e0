"""A table of routes: method and path lead to whoever answers.

This file must never know of sockets, nor of what is asked or answered.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from chappe.net.http_message import Reply, Request

#: Answers at once; or returns an awaitable; or returns None and calls `request.answer` later, exactly once.
Handler = Callable[[Request], Reply | Awaitable[Reply] | None]


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a method at a path.  A segment `{name}` of the path takes any text, found in `request.args`.

    A body that has not come with its head is read if `wants_body` says so; else the handler gets the request at once,
    with `BodyFault.UNWANTED`.  Without `wants_body` all bodies are read, within the server's bounds, but
    those of GET and HEAD.
    """

    method: str
    path: str
    answer: Handler
    wants_body: Callable[[Request], bool] | None = None


class RouteTable:
    """Finds routes.  A path that is written out goes before a pattern, an earlier pattern before a later one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[tuple[str, ...], dict[str, Route]]] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        for path, methods in by_path.items():
            if "{" in path:
                self._patterns.append((tuple(path.split("/")), methods))
            else:
                self._exact[path] = methods

    def find(self, request: Request) -> Route | None:
        """The route of a request, whose `args` are set; None where there is none."""
        methods = self._methods_at(request)
        return methods.get(request.method) if methods is not None else None

    def allowed_at(self, request: Request) -> tuple[str, ...]:
        """The methods that the request's path knows; none where nothing is.  RFC 9110 §10.2.1."""
        return tuple(self._methods_at(request) or ())

    def _methods_at(self, request: Request) -> dict[str, Route] | None:
        methods = self._exact.get(request.path)
        if methods is not None or not self._patterns:
            return methods
        segments = request.path.split("/")
        for pattern, candidates in self._patterns:
            args = _match(pattern, segments)
            if args is not None:
                request.args = args
                return candidates
        return None


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    """What the names of a pattern stand for in a path; None when it does not fit."""
    if len(pattern) != len(segments):
        return None
    args = {}
    for expected, found in zip(pattern, segments, strict=True):
        if expected[:1] == "{" and found:
            args[expected[1:-1]] = unquote(found)
        elif expected != found:
            return None
    return args


def get_and_head(path: str, answer: Handler) -> list[Route]:
    """Two routes for what is only looked at, and needs no body to be asked for."""
    return [Route(method, path, answer, _wants_none) for method in ("GET", "HEAD")]


def _wants_none(request: Request) -> bool:
    return False
