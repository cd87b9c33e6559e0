"""Messages: found by whatever one knows of them, and the whole life of one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from chappe.frontend import here
from chappe.frontend.gate import shown_to
from chappe.frontend.life import Told, fields_of, happenings, text_of
from chappe.frontend.models import Person
from chappe.frontend.roles import ALL, Role
from chappe.model.errors import GatewayError
from chappe.model.ids import made_at_ms
from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.store.lives import Life
from chappe.store.views import Look, Looked

PAGE_ROWS: Final = 50

STATUSES: Final = tuple(each.word for each in Status)
#: How a status looks: good, bad, warn, live.
LOOKS: Final = {
    "delivered": "good",
    "failed": "bad",
    "rejected": "bad",
    "expired": "bad",
    "cancelled": "",
    "held": "warn",
    "unknown": "warn",
}


@shown_to(ALL)
def page(request: HttpRequest) -> HttpResponse:
    """The search, and what it finds; without a question the newest messages."""
    here.reading().expect_looks()
    person: Any = request.user
    keys = ("q", "status", "client", "operator", "since", "until", "way")
    asked = {key: request.GET.get(key, "").strip()[:200] for key in keys}
    if person.role == Role.CLIENT:
        asked |= {"client": person.client, "operator": ""}
    found, fault = Looked([]), ""
    try:
        found = here.reading().reader.look(_look_of(asked, _number(request.GET.get("before", ""))))
    except GatewayError as error:
        fault = str(error)
    shown = {
        **asked,
        "rows": [(each, LOOKS.get(each.status, "live")) for each in found.lives],
        "fault": fault,
        "statuses": STATUSES,
        "clients": [] if person.role == Role.CLIENT else _clients(),
        "older": _older(request, found.before_id),
        "is_searching": any(value for key, value in asked.items() if key != "client" or person.role != Role.CLIENT),
    }
    return render(request, "messages/list_rows.html" if request.htmx else "messages/list.html", shown)


@shown_to(ALL)
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One message: what it is, what happened to it, and what can be done about it."""
    life = life_of(request.user, number)
    reader = here.reading().reader
    try:
        events = reader.life_events(number)
    except GatewayError:
        events = []
    message, person = life.message, request.user
    is_mo = message is not None and message.direction is Direction.MO
    shown = {
        "life": life,
        "message": message,
        "is_mo": is_mo,
        "look": LOOKS.get(life.status.word, "live"),
        "status": life.status.word,
        "at_us": made_at_ms(life.id) * 1000,
        "text": text_of(message) if message is not None and person.sees_numbers else None,
        "fields": fields_of(message, person.sees_numbers) if message is not None else [],
        "parts": _parts(life),
        "happenings": told_to(happenings(events), person),
        "explained": _explained(life) if person.is_staff_here else None,
        "may_cancel": person.has_hands and not is_mo and life.status not in FINAL and not life.sent_at_us,
        "may_resend": person.has_hands and not is_mo and (life.status in FINAL or life.status is Status.UNKNOWN),
        "is_held": life.status is Status.HELD,
    }
    return render(request, "messages/one.html", shown)


def life_of(person: Person, number: int) -> Life:
    """A message that this person may see.  Raises: Http404, also for those of other clients."""
    try:
        life = here.reading().reader.life(number) if 0 < number < 1 << 63 else None
    except GatewayError as error:
        raise Http404(str(error)) from error
    if life is None:
        raise Http404
    if person.role == Role.CLIENT and (life.message is None or life.message.client != person.client):
        raise Http404
    return life


def told_to(told: list[Told], person: Person) -> list[Told]:
    """What a client's user need not know is left out: which operator, and in which words it spoke."""
    return told if person.is_staff_here else [Told(each.at, each.since, each.words, "") for each in told]


def _look_of(asked: dict[str, str], before_id: int) -> Look:
    since_us, until_us = _bounds(asked)
    return Look(
        text=asked["q"],
        client=asked["client"],
        operator=asked["operator"],
        direction=asked["way"] if asked["way"] in ("mt", "mo") else "",
        statuses=tuple(each for each in Status if each.word == asked["status"]),
        from_us=since_us,
        until_us=until_us,
        before_id=before_id,
        limit=PAGE_ROWS,
    )


def _bounds(asked: dict[str, str]) -> tuple[int, int]:
    """Unix µs from and until, 0 for no bound; what is no moment bounds nothing."""
    return _us(asked["since"]), _us(asked["until"])


def _us(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0, int(at.timestamp() * 1_000_000))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _parts(life: Life) -> list[tuple[int, str, str]]:
    """Number, status and operator's reference of each part."""
    statuses = life.parts or ([life.status] * life.message.parts if life.message is not None else [life.status])
    references = life.part_refs or [life.operator_ref]
    padded = [*references, *[""] * len(statuses)]
    return [(place + 1, status.word, padded[place]) for place, status in enumerate(statuses)]


def _explained(life: Life) -> Any:
    """Which rule decides about such a message now; None where the settings cannot say."""
    message = life.message
    if message is None:
        return None
    is_mo = message.direction is Direction.MO
    reading = here.reading()
    try:
        return reading.terms.explain(
            reading.settings(),
            to=message.dest,
            source=message.source,
            client=message.client,
            text=text_of(message) or "",
            direction="mo" if is_mo else "mt",
            operator=message.operator,
        )
    except (GatewayError, ValueError):
        return None


def _clients() -> Iterable[str]:
    try:
        return [each.name for each in here.reading().settings().clients]
    except GatewayError:
        return []


def _older(request: HttpRequest, following: int) -> str:
    if not following:
        return ""
    query = request.GET.copy()
    query["before"] = str(following)
    return f"?{query.urlencode()}"
