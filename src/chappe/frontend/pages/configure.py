"""The configuration: what counts, forms that make drafts, and the review of a draft with its differences and doubts.

A draft travels signed within its own page, so that neither a secret nor a half-made change lies anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chappe.configuration.differences import differences
from chappe.configuration.document import Document, tables_of, toml_of
from chappe.frontend import forms, here
from chappe.frontend.drafts import (
    Standing,
    changes_between,
    draft,
    is_change,
    named,
    read_toml,
    shown_toml,
    standing,
    unmasked,
)
from chappe.frontend.forms import CLIENT, OPERATOR, ROUTE, SECTIONS, SINGLE, FormField
from chappe.frontend.gate import shown_to
from chappe.frontend.hands import carry_out, tell
from chappe.frontend.keywords import Claim, claims_of
from chappe.frontend.roles import HANDS, STAFF
from chappe.model.errors import GatewayError, SettingsError
from chappe.routing_terms import doubts_of
from chappe.runtime.settings_routing import Route
from chappe.runtime.settings_text import as_plain, as_toml

#: How long a draft may lie open in a browser.
DRAFT_S: Final = 3600
VERSIONS: Final = 100
WISHES: Final = 100


def _now() -> Standing:
    reading = here.reading()
    return standing(reading.reader, reading.settings)


@shown_to(STAFF)
def page(request: HttpRequest) -> HttpResponse:
    """All there is."""
    now = _now()
    shown = {"tab": "configure", "settings": now.settings, "number": now.number, "sections": SECTIONS.items()}
    return render(request, "configure/overview.html", shown)


# -- operators and clients ----------------------------------------------------------------------------


@shown_to(STAFF)
def operator(request: HttpRequest, name: str) -> HttpResponse:
    """One operator; posted, a draft of a change."""
    return _edit(request, "operators", name, OPERATOR, "change_operator")


@shown_to(STAFF)
def client(request: HttpRequest, name: str) -> HttpResponse:
    """One client; posted, a draft of a change."""
    return _edit(request, "clients", name, CLIENT, "change_client")


@shown_to(HANDS)
def operator_add(request: HttpRequest) -> HttpResponse:
    """A new operator."""
    return _add(request, "operator", OPERATOR)


@shown_to(HANDS)
def client_add(request: HttpRequest) -> HttpResponse:
    """A new client."""
    return _add(request, "client", CLIENT)


def _add(request: HttpRequest, what: str, fields: tuple[FormField, ...]) -> HttpResponse:
    posted, fault = request.POST.dict(), ""
    if request.method == "POST":
        try:
            return review(request, f"add_{what}", {what: forms.table_of(posted, fields, None)})
        except SettingsError as error:
            fault = str(error)
    shown = forms.values_of({}, fields, is_new=True)
    if posted:
        shown = [(field, posted.get(field.key, "") if field.kind != "secret" else "") for field, _ in shown]
    values = {"tab": "configure", "what": what, "fields": shown, "more": posted.get("more", ""), "fault": fault}
    return render(request, "configure/add.html", {**values, "suggestions": _suggestions()})


def _edit(request: HttpRequest, section: str, name: str, fields: tuple[FormField, ...], kind: str) -> HttpResponse:
    now = _now()
    table = named(now.document, section, name)
    if table is None:
        raise Http404
    fault, what = "", section.removesuffix("s")
    if request.method == "POST":
        if not request.user.has_hands:
            raise Http404
        try:
            new = forms.table_of(request.POST.dict(), fields, table)
            values: dict[str, Any] = {"name": name, "changes": changes_between(table, new)}
            if request.POST.get("resets_links") == "on":
                values["resets_links"] = True
            return review(request, kind, values)
        except SettingsError as error:
            fault = str(error)
    shown = {
        "tab": "configure",
        "what": what,
        "name": name,
        "table": table,
        "fields": forms.values_of(table, fields, is_new=False),
        "more": shown_toml(forms.rest_of(table, fields)),
        "toml": shown_toml(table),
        "fault": fault,
        "suggestions": _suggestions(),
        "secrets": [each for each in ("smpp", "ucp", "callback") if each in table]
        + (["token"] if "http" in table else []),
    }
    return render(request, "configure/one.html", shown)


def _suggestions() -> list[str]:
    from importlib import resources

    shipped = [each.name.removesuffix(".toml") for each in resources.files("chappe.profiles").iterdir()]
    own = [*here.reading().settings().profiles]
    return sorted({*own, *(each for each in shipped if not each.startswith("_"))})


@require_POST
@shown_to(HANDS)
def act(request: HttpRequest) -> HttpResponse:
    """What needs no draft but a look at what it does: pause, resume, remove, rotate, move and remove routes."""
    kind = request.POST.get("kind", "")
    given = {key: value for key, value in request.POST.items() if key not in ("kind", "csrfmiddlewaretoken")}
    if kind == "reset_link":
        reply = carry_out(request, kind, {"operator": given.get("operator", "")}, given.get("operator", ""))
        tell(request, reply, f"{reply.count} links are bound anew.")
        return redirect("operator", given.get("operator", ""))
    if not is_change(kind):
        raise Http404
    return review(request, kind, {key: _number_or_text(value) for key, value in given.items()})


def _number_or_text(value: str) -> int | str:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else value


# -- routes, numbers, lists ---------------------------------------------------------------------------


@shown_to(STAFF)
def routes(request: HttpRequest) -> HttpResponse:
    """All routes in their order; posted, a draft of a new one or of another one in its place."""
    now, fault = _now(), ""
    place = request.GET.get("place", "")
    at = int(place) if place.isdecimal() and int(place) < len(now.settings.routes) else None
    tables = now.document.get("routes", [])
    old = tables[at] if at is not None and at < len(tables) else None
    if request.method == "POST":
        if not request.user.has_hands:
            raise Http404
        try:
            table = forms.table_of(request.POST.dict(), ROUTE, old)
            values: dict[str, Any] = {"route": table}
            where = request.POST.get("at", "")
            if old is not None:
                return review(request, "set_route", {"place": at, **values})
            return review(request, "add_route", values | ({"place": int(where)} if where.isdecimal() else {}))
        except SettingsError as error:
            fault = str(error)
    shown = {
        "tab": "routes",
        "routes": [(number, each, _more(each)) for number, each in enumerate(now.settings.routes)],
        "last": len(now.settings.routes) - 1,
        "doubts": _doubts(now),
        "fields": forms.values_of(old or {}, ROUTE, is_new=old is None),
        "more": shown_toml(forms.rest_of(old or {}, ROUTE)),
        "place": at,
        "fault": fault,
    }
    return render(request, "configure/routes.html", shown)


def _doubts(now: Standing) -> list[str]:
    try:
        return doubts_of(now.settings)
    except GatewayError as error:
        return [str(error)]


def _more(route: Route) -> str:
    """The conditions of a route that have no column."""
    columns = ("direction", "to", "from", "client", "operators", "keyword", "name")
    defaults = as_plain(Route(direction=route.direction))
    plain = {key: value for key, value in as_plain(route).items() if value != defaults.get(key)}
    return as_toml({key: value for key, value in plain.items() if key not in columns}).replace("\n", "; ")


@shown_to(STAFF)
def numbers(request: HttpRequest) -> HttpResponse:
    """Who gets what handsets send, number by number and keyword by keyword, with conflicts."""
    now = _now()
    claims: list[Claim] = claims_of(now.settings.routes)
    return render(request, "configure/numbers.html", {"tab": "numbers", "claims": claims})


@shown_to(STAFF)
def section(request: HttpRequest, name: str) -> HttpResponse:
    """A section that is written whole, as TOML."""
    if name not in SECTIONS:
        raise Http404
    now, fault = _now(), ""
    old: Any = now.document.get(name, {} if name in SINGLE else [])
    text = as_toml_of(name, old)
    if request.method == "POST":
        if not request.user.has_hands:
            raise Http404
        text = request.POST.get("toml", "").replace("\r\n", "\n")
        try:
            said = read_toml(text)
            if set(said) - {name}:
                raise SettingsError(f"only [{name}] is written here; what else is there belongs to its own page")
            tables = unmasked(said.get(name, {} if name in SINGLE else []), old)
            return review(request, "set_section", {"section": name, "tables": tables})
        except SettingsError as error:
            fault = str(error)
    shown = {"tab": "lists", "name": name, "told": SECTIONS[name], "toml": text, "fault": fault}
    return render(request, "configure/section.html", {**shown, "sections": SECTIONS.items()})


def as_toml_of(name: str, tables: Any) -> str:
    """A section as people write it."""
    return shown_toml({name: tables}) if tables else ""


@shown_to(STAFF)
def profiles(request: HttpRequest) -> HttpResponse:
    """Profiles of one's own, as TOML; and the names of those that are shipped."""
    now, fault = _now(), ""
    name = request.GET.get("name", "") or request.POST.get("name", "")
    own: Document = now.document.get("profiles", {})
    text = shown_toml(own.get(name, {}))
    if request.method == "POST":
        if not request.user.has_hands:
            raise Http404
        text = request.POST.get("toml", "").replace("\r\n", "\n")
        try:
            table = unmasked(read_toml(text), own.get(name, {}))
            return review(request, "set_profile", {"name": name, "profile": table})
        except SettingsError as error:
            fault = str(error)
    shown = {"tab": "profiles", "own": own, "name": name, "toml": text, "fault": fault, "shipped": _suggestions()}
    return render(request, "configure/profiles.html", shown)


def with_keys(request: HttpRequest, name: str, keys: Mapping[str, str | bool]) -> HttpResponse:
    """A draft in which a profile has these keys too."""
    own: Document = _now().document.get("profiles", {})
    return review(request, "set_profile", {"name": name, "profile": {**own.get(name, {}), **keys}})


# -- drafts -------------------------------------------------------------------------------------------


def review(request: HttpRequest, kind: str, values: Mapping[str, Any]) -> HttpResponse:
    """A change as a draft: what differs and what is doubtful, before anybody asks for it."""
    now = _now()
    made = draft(now, kind, values, _earlier(kind, values))
    sealed = signing.dumps([kind, {**values, "base": now.number}, request.user.pk], salt="draft", compress=True)
    shown = {"tab": "configure", "draft": made, "sealed": sealed, "given": _given(kind, values), "number": now.number}
    return render(request, "configure/review.html", shown, status=422 if made.fault else 200)


def _earlier(kind: str, values: Mapping[str, Any]) -> Document | None:
    if kind != "rollback":
        return None
    version = here.reading().reader.version(int(values["version"]))
    return tables_of(version) if version is not None else None


def _given(kind: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The secrets of a new client: whoever made it tells the client, and they are shown this once."""
    if kind != "add_client":
        return []
    table = values["client"]
    found = [(field.title, forms.value_at(table, field.key)) for field in CLIENT if field.kind == "secret"]
    return [(title, str(value)) for title, value in found if value]


@require_POST
@shown_to(HANDS)
def apply(request: HttpRequest) -> HttpResponse:
    """Ask the gateway for a draft that was reviewed."""
    try:
        kind, values, who = signing.loads(request.POST.get("draft", ""), salt="draft", max_age=DRAFT_S)
    except signing.BadSignature:
        messages.error(request, "This draft is too old, or not one of ours: begin again.", extra_tags="bad")
        return redirect("configure")
    if who != request.user.pk:
        raise Http404
    if not values["base"]:
        del values["base"]
    if kind == "rollback" and request.POST.get("resets_links") == "on":
        values["resets_links"] = True
    reply = carry_out(request, kind, values, _named_in(values))
    tell(request, reply, f"Done: version {reply.version} counts now." if reply.version else "Done.")
    if reply.secret:
        return render(request, "configure/secret.html", {"secret": reply.secret, "values": values})
    return redirect(_after(kind))


def _named_in(values: Mapping[str, Any]) -> str:
    told = values.get("name") or values.get("client") or values.get("operator") or values.get("section") or ""
    return str(told.get("name", "") if isinstance(told, Mapping) else told)


def _after(kind: str) -> str:
    if "route" in kind:
        return "routes"
    return "profiles" if "profile" in kind else "configure"


# -- versions and changes -----------------------------------------------------------------------------


@shown_to(STAFF)
def versions(request: HttpRequest) -> HttpResponse:
    """Every version: who, when, and what."""
    found = here.reading().reader.versions(VERSIONS)
    return render(request, "configure/versions.html", {"tab": "versions", "versions": found})


@shown_to(STAFF)
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One version: what it changed, what a rollback to it would change, and what it says."""
    reader = here.reading().reader
    found = reader.version(number)
    if found is None:
        raise Http404
    before = reader.version(number - 1)
    newest = reader.versions(1)[0]
    document = tables_of(found)
    shown = {
        "tab": "versions",
        "version": found,
        "differences": differences(tables_of(before) if before is not None else {}, document),
        "back": differences(tables_of(newest), document) if newest.number != number else [],
        "toml": toml_of(dict(_masked(document))),
        "is_newest": newest.number == number,
    }
    return render(request, "configure/version.html", shown)


def _masked(document: Document) -> Document:
    from chappe.configuration.differences import masked

    return {key: masked(value, key) for key, value in document.items()}


@shown_to(STAFF)
def changes(request: HttpRequest) -> HttpResponse:
    """What was asked of the gateway lately, and what waits for a second person."""
    try:
        wishes, fault = here.reading().terms.hands.recent(WISHES), ""
    except GatewayError as error:
        wishes, fault = [], str(error)
    return render(request, "configure/changes.html", {"tab": "changes", "wishes": wishes, "fault": fault})


@require_POST
@shown_to(HANDS)
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """Approve or reject what somebody else asked for."""
    kind = "approve" if request.POST.get("act") == "approve" else "reject"
    reply = carry_out(request, kind, {"instruction": number}, str(number))
    tell(request, reply, "Approved." if kind == "approve" else "Rejected.")
    return redirect("changes")


@shown_to(STAFF)
def explain(request: HttpRequest) -> HttpResponse:
    """Which rule decides about a message, and which are passed over and why."""
    reading = here.reading()
    keys = ("to", "source", "client", "text", "operator", "direction")
    asked = {key: request.GET.get(key, "").strip()[:200] for key in keys}
    asked["direction"] = asked["direction"] or "mt"
    shown: dict[str, Any] = {"tab": "explain", **asked, "settings": reading.settings()}
    if asked["to"]:
        try:
            shown["explained"] = reading.terms.explain(reading.settings(), **asked)
        except (GatewayError, ValueError) as error:
            shown["fault"] = str(error)
    return render(request, "configure/explain.html", shown)
