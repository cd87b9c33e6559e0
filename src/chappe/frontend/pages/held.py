"""What waits for a decision: held items, given-up callbacks, URLs that are gone, queues without a reader."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chappe.frontend import here
from chappe.frontend.gate import shown_to
from chappe.frontend.hands import carry_out, tell
from chappe.frontend.pages.messages import life_of
from chappe.frontend.roles import ALL, HANDS, Role

ROWS = 500


@shown_to(ALL)
def page(request: HttpRequest) -> HttpResponse:
    """All of it; a client's user sees the callbacks of one client."""
    reading, person = here.reading(), request.user
    is_client = person.role == Role.CLIENT
    failed, fault = reading.try_to_read(reading.reader.failed_callbacks, person.client if is_client else "", ROWS)
    shown: dict[str, Any] = {"failed": failed or [], "fault": fault, "is_client": is_client}
    if not is_client:
        held, _ = reading.try_to_read(reading.reader.held_items, ROWS)
        off, _ = reading.try_to_read(reading.reader.callbacks_off)
        box = reading.samples()[-1].box
        queues = [each for each in box.queues if each.messages and each.cause] if box else []
        shown |= {"held": [(each, _last_line(each.reason)) for each in held or []], "off": off or [], "queues": queues}
    return render(request, "held.html", shown)


def _last_line(reason: str) -> str:
    return (reason.strip().splitlines() or [""])[-1]


@require_POST
@shown_to(HANDS)
def decide(request: HttpRequest) -> HttpResponse:
    """Let held items go on, or give them up: one or many."""
    ids = _numbers(request)
    act = request.POST.get("act")
    if not ids or act not in ("resend", "drop"):
        messages.error(request, "Choose at least one, and what becomes of it.", extra_tags="bad")
        return redirect("held")
    values = {"ids": ids, "is_resent": act == "resend"}
    reply = carry_out(request, "resolve_held", values, f"{act} {' '.join(map(str, ids[:20]))}")
    what = "go on in their queues" if act == "resend" else "are given up"
    tell(request, reply, f"{len(ids) - len(reply.left)} {what}.")
    return redirect("held")


@require_POST
@shown_to(HANDS)
def replay(request: HttpRequest) -> HttpResponse:
    """Post given-up callbacks again: those that are chosen, or all of a client."""
    ids, client = _numbers(request), request.POST.get("client", "")
    if not ids and not client:
        messages.error(request, "Choose at least one.", extra_tags="bad")
        return redirect("held")
    told = client or " ".join(map(str, ids[:20]))
    reply = carry_out(request, "replay_callbacks", {"ids": ids, "client": client}, told)
    tell(request, reply, f"{reply.count} are posted again.")
    return redirect("held")


@require_POST
@shown_to(HANDS)
def enable(request: HttpRequest) -> HttpResponse:
    """Post to a client's URL again that said that it is gone."""
    client = request.POST.get("client", "")
    tell(request, carry_out(request, "enable_callbacks", {"client": client}, client), f"{client} is called back again.")
    return redirect("held")


@require_POST
@shown_to(HANDS)
def drop(request: HttpRequest) -> HttpResponse:
    """End what waits in a queue without a reader."""
    queue = request.POST.get("queue", "")
    reply = carry_out(request, "drop_queue", {"queue": queue}, queue)
    tell(request, reply, f"{reply.count} ended.")
    return redirect("held")


@require_POST
@shown_to(HANDS)
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """End a message that only waits."""
    if life_of(request.user, number).message is None:
        raise Http404
    tell(request, carry_out(request, "cancel_message", {"id": number}, str(number)), "The message is cancelled.")
    return redirect("message", number)


@require_POST
@shown_to(HANDS)
def resend(request: HttpRequest, number: int) -> HttpResponse:
    """Send a message that has ended once more, as a new one."""
    if life_of(request.user, number).message is None:
        raise Http404
    reply = carry_out(request, "resend_message", {"id": number}, str(number))
    tell(request, reply, f"It goes out again as this message; the first one was {number}.")
    return redirect("message", reply.changed[0] if reply.is_good and reply.changed else number)


def _numbers(request: HttpRequest) -> list[int]:
    found = (each for each in request.POST.getlist("id") if each.isascii() and each.isdecimal() and len(each) < 20)
    return list(dict.fromkeys(map(int, found)))
