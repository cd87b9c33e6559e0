"""The receipt doctor's page: parked reports with their likely cause, and those that contradict or repeat."""

from __future__ import annotations

import time
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chappe.frontend import here
from chappe.frontend.doctor import OperatorHealth, examine
from chappe.frontend.gate import shown_to
from chappe.frontend.roles import STAFF
from chappe.model.errors import GatewayError

#: Parked reports that are examined, and rows of each operator that are shown.
EXAMINED: Final = 1_000
ROWS: Final = 100


@shown_to(STAFF)
def page(request: HttpRequest) -> HttpResponse:
    """What is parked, and what lately contradicted or repeated."""
    reading = here.reading()
    parked, fault = reading.try_to_read(reading.reader.parked_reports, EXAMINED)
    operators = examine(parked or (), reading.sent_pairs() if parked else {}, int(time.time() * 1e6))
    events = reading.recent_events()
    shown: dict[str, Any] = {
        "operators": [_with_profile(each) for each in operators],
        "fault": fault,
        "rows": ROWS,
        "contradicted": [each for each in reversed(events) if each["event"] == "dr_contradicted"][:ROWS],
        "repeated": [each for each in reversed(events) if each["event"] == "dr_repeated"][:ROWS],
    }
    return render(request, "receipts.html", shown)


def _with_profile(health: OperatorHealth) -> dict[str, Any]:
    """What the page shows of one operator, and the profile that a cure belongs into."""
    try:
        settings = here.reading().settings()
        profile = next((each.profile for each in settings.operators if each.name == health.name), "")
    except GatewayError:
        profile = ""
    keys = ("name", "diagnoses", "proved", "in_words", "cure")
    return {"profile": profile, **{key: getattr(health, key) for key in keys}}
