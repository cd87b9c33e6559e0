"""The doors for clients that came from another gateway: which paths they have, and which bodies are read there.

It must never know what is said at them.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from chappe.clients import jasmin_door, kannel_door
from chappe.clients.guests import Guests
from chappe.clients.http_intake import Intake
from chappe.clients.http_repeats import Repeats
from chappe.clients.jasmin_door import BalanceOf, JasminDoor
from chappe.clients.kannel_door import KannelDoor
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route
from chappe.runtime.clock import Clock

#: 255 parts of text, each octet of it spelt by %, and the other parameters.
MAX_BODY: Final = 200_000

Answering = Reply | Awaitable[Reply] | None


Handler = Callable[[Request], Answering]


def _counting(answer: Handler, counted: Callable[[Answering], Answering]) -> Handler:
    return lambda request: counted(answer(request))


class Doors:
    """All of them; they are there when any client has a name and a password."""

    def __init__(
        self,
        intake: Intake,
        repeats: Repeats,
        guests: Guests,
        clock: Clock,
        is_up: Callable[[str], bool],
        balance_of: BalanceOf,
    ) -> None:
        self._guests = guests
        self._kannel = KannelDoor(intake, repeats, guests, clock, is_up)
        self._jasmin = JasminDoor(intake, repeats, guests, clock, balance_of)

    def routes(self, counted: Callable[[Answering], Answering]) -> list[Route]:
        """The routes of these doors; `counted` sees each answer."""
        if not self._guests:
            return []
        kannel = [(method, kannel_door.PATH, self._kannel.answer) for method in kannel_door.METHODS]
        jasmin = [
            (method, path, self._jasmin.answer) for path, methods in jasmin_door.METHODS.items() for method in methods
        ]
        return [
            Route(method, path, _counting(answer, counted), self._wants_body)
            for method, path, answer in (*kannel, *jasmin)
        ]

    def drain(self) -> None:
        """Take nothing more."""
        self._kannel.is_draining = self._jasmin.is_draining = True

    def close(self) -> None:
        """End what checks passwords."""
        self._guests.close()

    def _wants_body(self, request: Request) -> bool:
        """Who a body is from may stand in it: it is read if it says that it is small."""
        length = request.headers.get("content-length", "0")
        is_small = len(length) <= len(str(MAX_BODY)) and length.isdecimal() and int(length) <= MAX_BODY
        return not self._kannel.is_draining and is_small and "transfer-encoding" not in request.headers
