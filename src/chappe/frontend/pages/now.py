"""The first page: what needs a person, what goes through, and what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chappe.frontend import figures, here
from chappe.frontend.attention import Known, Level, Trouble, in_words, troubles
from chappe.frontend.figures import Sample, events_named
from chappe.frontend.gate import shown_to
from chappe.frontend.hands import carry_out, tell
from chappe.frontend.models import Person
from chappe.frontend.reading import Reading
from chappe.frontend.roles import ALL, HANDS, HEADS, Role
from chappe.observe.status import BoxStatus

#: What curves show, and in how many steps.
CURVE_S: Final = 600.0
POINTS: Final = 40
#: Shares and latencies are of so long.
SHARE_S: Final = 600.0
#: Receipts and messages that the first page compares to find out how ids differ.
COMPARED: Final = 500
#: A node of another box that was silent for longer is not there.
SILENT_S: Final = 10.0
#: Demo traffic: messages a second, and in words.
PACES: Final = (("0", "off"), ("1", "one message a second"), ("5", "five a second"), ("20", "twenty a second"))


@dataclass(frozen=True, slots=True)
class Party:
    """One operator or client on the page."""

    name: str
    #: Messages a second: to handsets, from handsets.
    mt: float
    mo: float
    curve: list[float]
    delivered: float | None
    submit_s: float | None = None
    receipt_s: float | None = None
    links: Sequence[Any] = ()
    waiting: int = 0
    oldest_s: float = 0.0
    binds: int = 0
    open_messages: int = 0
    callbacks: str = ""


@shown_to(ALL)
def page(request: HttpRequest) -> HttpResponse:
    """The page, with what it shows now."""
    return render(request, "now.html", _shown(request) | _demo_of(request) | _nodes_of(request))


@shown_to(ALL)
def live(request: HttpRequest) -> HttpResponse:
    """What changes on it."""
    return render(request, "now_live.html", _shown(request))


@shown_to(HEADS)
def welcome(request: HttpRequest) -> HttpResponse:
    """What to do first."""
    reading = here.reading()
    settings = reading.settings()
    return render(request, "welcome.html", {"settings": settings, "is_demo": reading.terms.is_demo} | _demo_of(request))


@require_POST
@shown_to(HANDS)
def demo(request: HttpRequest) -> HttpResponse:
    """Have the demo send messages by itself, or end that."""
    pace = request.POST.get("pace", "")
    if not here.reading().terms.is_demo or pace not in dict(PACES):
        raise Http404
    reply = carry_out(request, "set_demo_traffic", {"per_s": float(pace)}, dict(PACES)[pace])
    tell(request, reply, f"Demo traffic: {dict(PACES)[pace]}.")
    return redirect("now")


@require_POST
@shown_to(HANDS)
def drain(request: HttpRequest) -> HttpResponse:
    """Have a node drained, or had back."""
    node, box, resumes = request.POST.get("node", ""), request.POST.get("box", ""), "resumes" in request.POST
    if not node:
        raise Http404
    values = {"node": node, "box": box, "resumes": resumes}
    reply = carry_out(request, "drain_node", values, f"{node} of box {box}{', again' if resumes else ''}")
    many = f", {reply.count} answers were still open" if reply.count else ""
    tell(request, reply, f"Node {node} of box {box} {'starts' if resumes else 'is drained'}{many}.")
    return redirect("now")


def _nodes_of(request: HttpRequest) -> dict[str, Any]:
    """The nodes of all boxes, for who may drain them; but for the one that would carry it out."""
    person: Any = request.user
    box = here.reading().samples()[-1].box
    if box is None or not person.has_hands:
        return {"nodes": ()}
    own = [(box.box, each.name, each.state) for each in box.nodes]
    others = [
        (each.box, each.node, each.state)
        for each in box.fleet
        if each.box != box.box and each.silent_s < SILENT_S and each.state in ("running", "starting", "draining")
    ]
    return {"nodes": [each for each in (*own, *others) if _drains(each[1])], "has_boxes": bool(others)}


def _drains(node: str) -> bool:
    return node.partition("#")[0] not in ("conf", "all")


def _demo_of(request: HttpRequest) -> dict[str, Any]:
    """Which paces the page offers, where it is a demo's."""
    person: Any = request.user
    return {"paces": PACES if here.reading().terms.is_demo and person.has_hands else ()}


def _shown(request: HttpRequest) -> dict[str, Any]:
    reading, person = here.reading(), request.user
    samples = reading.samples()
    good = [each for each in samples if each.box is not None]
    box = samples[-1].box
    known = known_now(reading, samples[-1])
    if person.role == Role.CLIENT:
        return _for_client(person, box, good, known)
    told = troubles(known)
    mt, mo = events_named("mt_accepted"), events_named("mo_received")
    return {
        "box": box,
        "fault": samples[-1].fault,
        "troubles": told,
        "is_well": not [each for each in told if each.level > Level.NOTE],
        "accepted": figures.pace(good, mt),
        "sent": figures.pace(good, events_named("mt_sent")),
        "incoming": figures.pace(good, mo),
        "curve": figures.curve(good, mt, POINTS, CURVE_S),
        "sent_curve": figures.curve(good, events_named("mt_sent"), POINTS, CURVE_S),
        "mo_curve": figures.curve(good, mo, POINTS, CURVE_S),
        "delivered": figures.ratio(figures.since(good, SHARE_S)),
        "submit_s": figures.latency(figures.since(good, SHARE_S), "submit", None, 0.5),
        "submit_95_s": figures.latency(figures.since(good, SHARE_S), "submit", None, 0.95),
        "receipt_s": figures.latency(figures.since(good, SHARE_S), "receipt", None, 0.5),
        "waiting": sum(each.messages for each in box.queues) if box else 0,
        "oldest_s": max((each.oldest_s for each in box.queues if each.messages), default=0.0) if box else 0.0,
        "operators": [_operator(each.name, box, good) for each in box.operators] if box else [],
        "clients": [_client(each.name, box, good) for each in box.clients] if box else [],
        "queues": sorted((each for each in box.queues if each.messages), key=lambda each: -each.messages)[:20]
        if box
        else [],
        "is_quiet": not good or not any(good[-1].counts.get(key) for key in good[-1].counts if key[0] == "mt_accepted"),
    }


def known_now(reading: Reading, sample: Sample) -> Known:
    """What is judged, gathered; what cannot be read is not judged."""
    events = reading.recent_events() if sample.box is not None else []
    parked: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    sent: dict[str, list[tuple[str, str]]] = {}
    if sample.box is not None and sample.box.parked:
        views, _ = reading.try_to_read(reading.reader.parked_reports, COMPARED)
        for view in views or ():
            parked[view.operator].append((view.msisdn, view.references[0] if view.references else ""))
        sent = reading.sent_pairs() if parked else {}
    failed, _ = reading.try_to_read(reading.reader.failed_callbacks, "", 1_000)
    return Known(sample.box, sample.fault, events, len(failed or ()), parked=parked, sent=sent)


def _operator(name: str, box: BoxStatus, samples: Sequence[Sample]) -> Party:
    sent = events_named("mt_sent", operator=name)
    recent = figures.since(samples, SHARE_S)
    queue = next((each for each in box.queues if each.queue == f"operator:{name}"), None)
    links = next((each.links for each in box.operators if each.name == name), [])
    return Party(
        name,
        figures.pace(samples, sent),
        figures.pace(samples, events_named("mo_received", operator=name)),
        figures.curve(samples, sent, POINTS, CURVE_S),
        figures.ratio(recent, operator=name),
        figures.latency(recent, "submit", [name], 0.5),
        figures.latency(recent, "receipt", [name], 0.5),
        [(each, in_words(each.reason) if each.reason else "") for each in links],
        queue.messages if queue else 0,
        queue.oldest_s if queue else 0.0,
    )


def _client(name: str, box: BoxStatus, samples: Sequence[Sample]) -> Party:
    accepted = events_named("mt_accepted", client=name)
    told = next((each for each in box.clients if each.name == name), None)
    return Party(
        name,
        figures.pace(samples, accepted),
        figures.pace(samples, events_named("mo_received", client=name)),
        figures.curve(samples, accepted, POINTS, CURVE_S),
        figures.ratio(figures.since(samples, SHARE_S), client=name),
        binds=told.binds if told else 0,
        open_messages=told.open_messages if told else 0,
        callbacks=told.callbacks if told else "",
    )


def _for_client(person: Person, box: BoxStatus | None, samples: Sequence[Sample], known: Known) -> dict[str, Any]:
    """One client's own figures and troubles, and nobody else's."""
    own: list[Trouble] = []
    if box is not None:
        alone = Known(
            _of_one(box, person.client),
            events=[
                each for each in known.events if each["client"] == person.client and each["event"] != "mo_unrouted"
            ],
        )
        own = [each for each in troubles(alone) if each.title]
    party = _client(person.client, box, samples) if box is not None else None
    return {"is_client": True, "party": party, "troubles": own, "is_well": not own, "fault": known.fault and "away"}


def _of_one(box: BoxStatus, client: str) -> BoxStatus:
    import msgspec

    return msgspec.structs.replace(
        box,
        state="running",
        nodes=[],
        operators=[],
        queues=[],
        clients=[each for each in box.clients if each.name == client],
        parked=0,
        held=0,
        copies=[],
        fleet=[],
        certificates=[],
    )
