"""The receipt doctor's page: parked reports with their likely cause, and those that contradict or repeat."""

from __future__ import annotations

import time
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chappe.frontend import here
from chappe.frontend.doctor import OperatorHealth, examine
from chappe.frontend.gate import shown_to
from chappe.frontend.hands import carry_out, tell
from chappe.frontend.pages.configure import with_keys
from chappe.frontend.roles import HANDS, STAFF
from chappe.model.errors import GatewayError

#: Parked reports that are examined, and rows of each operator that are shown.
EXAMINED: Final = 1_000
ROWS: Final = 100
#: How the ids are read in a replay; the first one is what the operator's profile says.
WAYS: Final[dict[str, dict[str, str | bool]]] = {
    "": {},
    "id_base=hex_to_decimal": {"id_base": "hex_to_decimal"},
    "id_base=decimal_to_hex": {"id_base": "decimal_to_hex"},
    "id_ignores_case": {"id_ignores_case": True},
    "id_ignores_zeros": {"id_ignores_zeros": True},
}


@shown_to(STAFF)
def page(request: HttpRequest) -> HttpResponse:
    """What is parked, and what lately contradicted or repeated."""
    operators, fault = _examined()
    events = here.reading().recent_events()
    shown: dict[str, Any] = {
        "operators": [_with_profile(each) for each in operators],
        "fault": fault,
        "rows": ROWS,
        "contradicted": [each for each in reversed(events) if each["event"] == "dr_contradicted"][:ROWS],
        "repeated": [each for each in reversed(events) if each["event"] == "dr_repeated"][:ROWS],
    }
    return render(request, "receipts.html", shown)


@require_POST
@shown_to(HANDS)
def fix(request: HttpRequest) -> HttpResponse:
    """The draft of the change that cures an operator's receipts, as far as what is parked proves one."""
    operators, _ = _examined()
    found = next((each for each in operators if each.name == request.POST.get("operator")), None)
    profile = _with_profile(found)["profile"] if found is not None else ""
    if found is None or found.proved is None or not profile:
        raise Http404
    return with_keys(request, profile, found.proved.conversion.settings)


@require_POST
@shown_to(HANDS)
def replay(request: HttpRequest) -> HttpResponse:
    """Try an operator's parked reports again, as its profile says by now or as the doctor found out."""
    operator, way = request.POST.get("operator", ""), request.POST.get("way", "")
    if not operator or way not in WAYS:
        raise Http404
    reply = carry_out(request, "replay_receipts", {"operator": operator, **WAYS[way]}, f"{operator} {way}".strip())
    done = f"{reply.count} receipts of {operator} found their message, {reply.remaining} stay parked."
    tell(request, reply, done)
    return redirect("receipts")


def _examined() -> tuple[list[OperatorHealth], str]:
    reading = here.reading()
    parked, fault = reading.try_to_read(reading.reader.parked_reports, EXAMINED)
    return examine(parked or (), reading.sent_pairs() if parked else {}, int(time.time() * 1e6)), fault


def _with_profile(health: OperatorHealth) -> dict[str, Any]:
    """What the page shows of one operator, and the profile that a cure belongs into."""
    try:
        operators = here.reading().settings().operators
    except GatewayError:
        operators = ()
    profile = next((each.profile for each in operators if each.name == health.name), "")
    keys = ("name", "diagnoses", "proved", "in_words", "cure")
    others = [each.name for each in operators if each.profile == profile and each.name != health.name]
    return {"profile": profile, "others": others, **{key: getattr(health, key) for key in keys}}
