"""People and their roles, one's own account with its second factor and sessions, and the audit."""

from __future__ import annotations

import secrets
from typing import Any, Final

import pyotp
import segno
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_POST

from chappe.frontend import codes, here
from chappe.frontend.audit import note
from chappe.frontend.gate import shown_to
from chappe.frontend.models import AuditEntry, Person, SignIn, new_codes
from chappe.frontend.pages.door import name_faults
from chappe.frontend.roles import ALL, HEADS, LABELS, TOLD, Role
from chappe.model.errors import GatewayError

PAGE_ROWS: Final = 100


@shown_to(HEADS)
def page(request: HttpRequest) -> HttpResponse:
    """Everybody."""
    return render(request, "people/list.html", {"people": Person.objects.all(), "labels": LABELS})


@shown_to(HEADS)
def add(request: HttpRequest) -> HttpResponse:
    """Somebody new, with a password that is good for choosing one's own."""
    faults: list[str] = []
    if request.method == "POST":
        name, role, client = (request.POST.get(key, "").strip() for key in ("name", "role", "client"))
        faults = name_faults(name) + _role_faults(role, client)
        if not faults:
            given = _new_password()
            person = Person.objects.make(name, given, role, client if role == Role.CLIENT else "")
            Person.objects.filter(pk=person.pk).update(must_change=True)
            note(request, "person added", f"{name}: {role} {client}".strip())
            return render(request, "people/given.html", {"person": person, "given": given})
    return render(request, "people/add.html", {"faults": faults, **_choices()}, status=422 if faults else 200)


@shown_to(HEADS)
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One person: role, sessions, a new password."""
    person = _person(number)
    faults: list[str] = []
    if request.method == "POST":
        role, client = request.POST.get("role", ""), request.POST.get("client", "").strip()
        faults = _role_faults(role, client) or _change(request, person, role, client)
        if not faults:
            messages.success(request, f"{person.name} is changed.")
            return redirect("people")
    shown = {"person": person, "faults": faults, "sign_ins": person.sign_ins.all(), **_choices()}
    return render(request, "people/one.html", shown, status=422 if faults else 200)


def _change(request: HttpRequest, person: Person, role: str, client: str) -> list[str]:
    is_active = request.POST.get("is_active") == "on"
    with transaction.atomic():
        if not (is_active and role == Role.ADMINISTRATOR) and not _other_heads(person):
            return ["Somebody must stay administrator: there is no other one."]
        was = f"{person.role} {person.client} {'' if person.is_active else 'locked'}".strip()
        person.role, person.client = role, client if role == Role.CLIENT else ""
        person.is_active = is_active
        person.save()
        # Whoever was let in as something else comes in again as what they are now.
        person.sign_ins.all().delete()
    note(request, "person changed", f"{person.name}: {was} -> {role} {client}{'' if is_active else ' locked'}")
    return []


def _other_heads(person: Person) -> bool:
    return bool(Person.objects.filter(role=Role.ADMINISTRATOR, is_active=True).exclude(pk=person.pk).exists())


@require_POST
@shown_to(HEADS)
def reset(request: HttpRequest, number: int) -> HttpResponse:
    """A new password for somebody who forgot theirs, and no second factor any more."""
    person = _person(number)
    given = _new_password()
    person.set_password(given)
    person.must_change, person.totp_secret = True, ""
    person.save()
    person.recovery_codes.all().delete()
    person.sign_ins.all().delete()
    note(request, "password reset", person.name)
    return render(request, "people/given.html", {"person": person, "given": given})


def _new_password() -> str:
    return "-".join(secrets.token_hex(2) for _ in range(5))


def _person(number: int) -> Person:
    found: Person | None = Person.objects.filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def _role_faults(role: str, client: str) -> list[str]:
    if role not in set(Role):
        return ["Choose a role."]
    if role == Role.CLIENT and not client:
        return ["Say whose user this is."]
    return []


def _choices() -> dict[str, Any]:
    try:
        clients = [each.name for each in here.reading().settings().clients]
    except GatewayError:
        clients = []
    return {"roles": [(each.value, LABELS[each], TOLD[each]) for each in Role], "clients": clients}


# -- one's own account ---------------------------------------------------------------------------------


@shown_to(ALL)
def me(request: HttpRequest) -> HttpResponse:
    """One's own account."""
    person: Any = request.user
    shown = {
        "label": LABELS[Role(person.role)],
        "told": TOLD[Role(person.role)],
        "sign_ins": person.sign_ins.all(),
        "own": request.session.session_key,
        "codes_left": person.recovery_codes.count(),
    }
    return render(request, "people/me.html", shown)


@shown_to(ALL)
def enrol(request: HttpRequest) -> HttpResponse:
    """Begin with an authenticator: the picture, and a code that proves that it works."""
    person: Any = request.user
    if person.has_totp:
        return redirect("me")
    secret = request.session.get("new_totp") or pyotp.random_base32()
    request.session["new_totp"] = secret
    fault = ""
    if request.method == "POST":
        step = codes.step_of(secret, request.POST.get("code", ""))
        if step:
            Person.objects.filter(pk=person.pk).update(totp_secret=secret, totp_step=step)
            del request.session["new_totp"]
            SignIn.objects.filter(person=person).exclude(session_key=request.session.session_key).delete()
            note(request, "authenticator added")
            return render(request, "people/codes.html", {"codes": new_codes(person)})
        fault = "This code does not fit. Is your phone's clock right?"
    picture = segno.make(codes.uri_of(person, secret), error="m").svg_inline(scale=5, border=2, omitsize=True)
    shown = {"picture": mark_safe(picture), "secret": secret, "fault": fault}
    return render(request, "people/enrol.html", shown, status=422 if fault else 200)


@require_POST
@shown_to(ALL)
def codes_anew(request: HttpRequest) -> HttpResponse:
    """Fresh recovery codes, or an end of the authenticator; the password is asked for both."""
    person: Any = request.user
    if not person.has_totp or not person.check_password(request.POST.get("password", "")[:200]):
        messages.error(request, "The password is wrong.")
        return redirect("me")
    if request.POST.get("act") == "remove":
        Person.objects.filter(pk=person.pk).update(totp_secret="")
        person.recovery_codes.all().delete()
        note(request, "authenticator removed")
        messages.success(request, "Your account has no second factor any more.")
        return redirect("me")
    note(request, "recovery codes made anew")
    return render(request, "people/codes.html", {"codes": new_codes(person)})


@require_POST
@shown_to(ALL)
def end_session(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own sessions; administrators those of everybody."""
    person: Any = request.user
    found = SignIn.objects.filter(pk=number).first()
    if found is None or not (person.is_head or found.person_id == person.pk):
        raise Http404
    found.delete()
    note(request, "session ended", found.person.name)
    return redirect("me" if found.person_id == person.pk else "people")


# -- audit ---------------------------------------------------------------------------------------------


@shown_to(HEADS)
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    who, what = (request.GET.get(key, "").strip()[:60] for key in ("who", "what"))
    before = request.GET.get("before", "")
    entries = AuditEntry.objects.all()
    if who:
        entries = entries.filter(who__icontains=who)
    if what:
        entries = entries.filter(what__icontains=what)
    if before.isdecimal() and len(before) < 19:
        entries = entries.filter(id__lt=int(before))
    rows = list(entries[: PAGE_ROWS + 1])
    older = rows[PAGE_ROWS - 1].pk if len(rows) > PAGE_ROWS else 0
    return render(request, "people/audit.html", {"rows": rows[:PAGE_ROWS], "older": older, "who": who, "what": what})
