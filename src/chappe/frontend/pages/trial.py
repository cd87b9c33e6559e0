"""Send a test: alphabet and parts as one types, by the code of the client API, then watch it arrive."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from chappe.frontend import here
from chappe.frontend.gate import shown_to
from chappe.frontend.hands import carry_out, tell
from chappe.frontend.roles import SENDERS, Role
from chappe.model.errors import GatewayError

MOST_TEXT = 5_000


@shown_to(SENDERS)
def page(request: HttpRequest) -> HttpResponse:
    """The form; posted, the test goes out."""
    asked = _asked(request)
    if request.method == "POST":
        # A client's user sends as its own client, and as nobody else.
        request.may_ask = request.user.role == Role.CLIENT
        reply = carry_out(request, "send_test", asked, f"to {asked['to']} as {asked['client']}")
        tell(request, reply, "The test is on its way.")
        if reply.is_good and reply.changed:
            return redirect("message", reply.changed[0])
    return render(request, "trial.html", {**asked, "clients": _clients(request), **_previewed(asked)})


@shown_to(SENDERS)
def preview(request: HttpRequest) -> HttpResponse:
    """What it would be, as one types."""
    return render(request, "trial_preview.html", _previewed(_asked(request)))


def _asked(request: HttpRequest) -> dict[str, str]:
    given = request.POST if request.method == "POST" else request.GET
    asked = {key: given.get(key, "").strip()[:60] for key in ("to", "source", "client")}
    asked["text"] = given.get("text", "")[:MOST_TEXT].replace("\r\n", "\n")
    if request.user.role == Role.CLIENT:
        asked["client"] = request.user.client
    elif not asked["client"]:
        asked["client"] = next(iter(_clients(request)), "")
    return asked


def _clients(request: HttpRequest) -> list[str]:
    if request.user.role == Role.CLIENT:
        return [request.user.client]
    try:
        return [each.name for each in here.reading().settings().clients]
    except GatewayError:
        return []


def _previewed(asked: dict[str, str]) -> dict[str, Any]:
    reading = here.reading()
    if not asked["text"]:
        return {"preview": None}
    try:
        told = reading.terms.preview(reading.settings(), **asked)
    except GatewayError as error:
        told = str(error)
    if isinstance(told, str):
        return {"preview": None, "why_not": told}
    left = told.per_part * told.parts - told.units
    return {"preview": told, "left": left, "parts": list(enumerate(told.part_texts or (), 1))}
