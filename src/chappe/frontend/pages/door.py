"""The way in: the first administrator, signing in with name, password and code, and signing out."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from chappe.frontend import codes, first, here, limits
from chappe.frontend.audit import note
from chappe.frontend.gate import address_of, shown_to_anyone, shown_to_newcomers
from chappe.frontend.models import MAX_NAME, Person, SignIn
from chappe.frontend.roles import Role

#: Between password and code no more than this may pass.
HALF_S: Final = 300
WRONG: Final = "Name or password is wrong."
TOO_OFTEN: Final = "Too many attempts failed. Wait a quarter of an hour, or ask an administrator."


@shown_to_anyone
def first_person(request: HttpRequest) -> HttpResponse:
    """Make the first administrator: whoever has the token from the gateway's terminal."""
    if Person.objects.exists():
        raise Http404
    folder = here.reading().terms.data_dir
    token = request.POST.get("token") or request.GET.get("token") or ""
    faults: list[str] = []
    if request.method == "POST":
        faults = _first_faults(request, token)
        if not faults:
            person = _make_first(request.POST["name"].strip(), request.POST["password"])
            if person is None:
                raise Http404
            first.forget(folder)
            limits.forgive("first", address_of(request))
            enter(request, person)
            note(request, "first administrator made", person.name)
            return redirect("welcome")
    shown = {"token": token, "faults": faults, "rules": password_validators_help_texts(), "folder": folder.resolve()}
    return render(request, "door/first.html", shown, status=422 if faults else 200)


def _first_faults(request: HttpRequest, token: str) -> list[str]:
    if not limits.may_try("first", address_of(request)):
        return [TOO_OFTEN]
    if not first.is_good(here.reading().terms.data_dir, token):
        return ["This token is not good: open the address that the gateway printed when it started."]
    return name_faults(request.POST.get("name", "")) + password_faults(
        request.POST.get("password", ""), request.POST.get("again", ""), request.POST.get("name", "")
    )


def _make_first(name: str, password: str) -> Person | None:
    """None: somebody was quicker."""
    with transaction.atomic():
        return None if Person.objects.exists() else Person.objects.make(name, password, Role.ADMINISTRATOR)


def name_faults(name: str) -> list[str]:
    """What is wrong with a name to sign in by."""
    name = name.strip()
    if not 2 <= len(name) <= MAX_NAME or not name.isprintable():
        return [f"A name has 2 to {MAX_NAME} characters."]
    return ["This name is taken."] if Person.objects.filter(name__iexact=name).exists() else []


def password_faults(password: str, again: str, name: str, client: str = "") -> list[str]:
    """What is wrong with a new password."""
    if password != again:
        return ["The two passwords differ."]
    try:
        validate_password(password[:1_000], Person(name=name, client=client))
    except ValidationError as error:
        return list(error.messages)
    return [] if len(password) <= 200 else ["At most 200 characters."]


@shown_to_anyone
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password."""
    if not Person.objects.exists():
        return redirect("first")
    if request.user.is_authenticated:
        return redirect("now")
    fault = ""
    if request.method == "POST":
        name, address = request.POST.get("name", "").strip()[:MAX_NAME], address_of(request)
        if not limits.may_try(name, address):
            note(request, "sign-in refused", "too many attempts", who=name)
            fault = TOO_OFTEN
        else:
            person = authenticate(request, name=name, password=request.POST.get("password", "")[:200])
            if person is not None:
                return _password_was_good(request, person)
            note(request, "sign-in failed", "name or password", who=name)
            fault = WRONG
    shown = {"fault": fault, "next": _next(request), "name": request.POST.get("name", "")}
    return render(request, "door/sign_in.html", shown, status=401 if fault else 200)


def _password_was_good(request: HttpRequest, person: Person) -> HttpResponse:
    if not person.has_totp:
        limits.forgive(person.name, address_of(request))
        target = _next(request)
        enter(request, person)
        return redirect(target or "now")
    target = _next(request)
    request.session.flush()
    request.session["half"] = {"person": person.pk, "at": timezone.now().timestamp(), "next": target}
    return redirect("code")


@shown_to_anyone
def code(request: HttpRequest) -> HttpResponse:
    """The code of the authenticator, or a recovery code."""
    half = request.session.get("half")
    if not half or timezone.now().timestamp() - half["at"] > HALF_S:
        return redirect("sign_in")
    person = Person.objects.filter(pk=half["person"], is_active=True).first()
    if person is None:
        return redirect("sign_in")
    fault = ""
    if request.method == "POST":
        if not limits.may_try(f"{person.name} code", address_of(request)):
            note(request, "sign-in refused", "too many codes", who=person.name)
            fault = TOO_OFTEN
        elif codes.is_good(person, request.POST.get("code", "")[:40]):
            limits.forgive(person.name, address_of(request))
            limits.forgive(f"{person.name} code", address_of(request))
            enter(request, person)
            return redirect(half["next"] or "now")
        else:
            note(request, "sign-in failed", "code", who=person.name)
            fault = "This code is not good. Each is good once, for half a minute."
    return render(request, "door/code.html", {"fault": fault}, status=401 if fault else 200)


def enter(request: HttpRequest, person: Person) -> None:
    """Begin a session under a new key: one that somebody planted before is worth nothing."""
    request.session.flush()
    login(request, person, backend="chappe.frontend.gate.Backend")
    if request.session.session_key is None:
        request.session.create()
    agent = str(request.META.get("HTTP_USER_AGENT", ""))[:200]
    SignIn.objects.create(
        person=person, session_key=request.session.session_key, address=address_of(request), agent=agent
    )
    note(request, "signed in")


@require_POST
@shown_to_newcomers
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    note(request, "signed out")
    SignIn.objects.filter(session_key=request.session.session_key).delete()
    logout(request)
    return redirect("sign_in")


@shown_to_newcomers
def password(request: HttpRequest) -> HttpResponse:
    """Choose one's own password; all other sessions of the person end."""
    person: Any = request.user
    faults: list[str] = []
    if request.method == "POST":
        old, new = request.POST.get("old", "")[:200], request.POST.get("password", "")
        if not limits.may_try(person.name, address_of(request)):
            faults = [TOO_OFTEN]
        elif not person.check_password(old):
            faults = ["The present password is wrong."]
        elif old == new:
            faults = ["The new password is the old one."]
        else:
            faults = password_faults(new, request.POST.get("again", ""), person.name, person.client)
        if not faults:
            limits.forgive(person.name, address_of(request))
            person.set_password(new)
            person.must_change = False
            person.save()
            person.sign_ins.all().delete()
            enter(request, person)
            note(request, "password changed")
            return redirect("me")
    shown = {"faults": faults, "rules": password_validators_help_texts()}
    return render(request, "door/password.html", shown, status=422 if faults else 200)


def _next(request: HttpRequest) -> str:
    """Where to go after signing in: a page of ours, or nowhere."""
    target = str(request.POST.get("next") or request.GET.get("next") or "")
    is_ours = target.startswith("/") and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if is_ours else ""
