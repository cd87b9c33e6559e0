"""Who may see a page: each view says which roles, and one that says nothing is for nobody.

It must never know what a page shows.
"""

from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

from django.contrib.auth import logout
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseForbidden, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from chappe.frontend.models import Person, SignIn

#: How often a session's last request is noted.
_NOTE_EVERY_S: Final = 60

View = TypeVar("View", bound=Callable[..., HttpResponse])


def shown_to(roles: Collection[str]) -> Callable[[View], View]:
    """This page is for people in these roles."""

    def mark(view: View) -> View:
        view.roles = frozenset(roles)  # type: ignore[attr-defined]
        return view

    return mark


def shown_to_anyone(view: View) -> View:
    """This page is for people who have not signed in, too."""
    view.is_open = True  # type: ignore[attr-defined]
    return view


def shown_to_newcomers(view: View) -> View:
    """This page is for signed-in people in any role, also for those who must choose a password first."""
    view.is_for_newcomers = True  # type: ignore[attr-defined]
    return view


class Backend:
    """Finds people for Django's sessions."""

    def authenticate(self, request: HttpRequest, name: str, password: str) -> Person | None:
        """The person of that name and password.  It takes as long for a name that nobody has."""
        person = Person.objects.filter(name=name, is_active=True).first()
        if person is None:
            make_password(password)
            return None
        return person if person.check_password(password) else None

    def get_user(self, number: int) -> Person | None:
        """The person of a session."""
        found: Person | None = Person.objects.filter(pk=number, is_active=True).first()
        return found


class Gate:
    """Lets requests through to views, or not."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer."""
        return self._answer(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], values: tuple[Any, ...], named: dict[str, Any]
    ) -> HttpResponseBase | None:
        """None: the view may answer."""
        if getattr(view, "is_open", False):
            return None
        person = request.user
        if not person.is_authenticated or not _is_current(request):
            return _to_the_door(request)
        if getattr(view, "is_for_newcomers", False):
            return None
        if person.must_change:
            return _go(request, reverse("password"))
        if person.role in getattr(view, "roles", ()):
            return None
        from chappe.frontend.pages.faults import refused

        return refused(request)


def _is_current(request: HttpRequest) -> bool:
    """Whether nobody ended the session meanwhile; notes that it is used."""
    found = SignIn.objects.filter(session_key=request.session.session_key, person=request.user).first()
    if found is None:
        logout(request)
        return False
    now = timezone.now()
    if (now - found.seen_at).total_seconds() > _NOTE_EVERY_S:
        SignIn.objects.filter(pk=found.pk).update(seen_at=now)
        request.session.modified = True
    return True


def _to_the_door(request: HttpRequest) -> HttpResponse:
    if not Person.objects.exists():
        return _go(request, reverse("first"))
    back = request.get_full_path() if request.method == "GET" and not request.htmx else ""
    return _go(request, reverse("sign_in") + (f"?{urlencode({'next': back})}" if back not in ("", "/") else ""))


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if request.htmx:
        # A redirect would put the whole page into the fragment's place.
        answer = HttpResponseForbidden()
        answer["HX-Redirect"] = url
        answer.status_code = 200
        return answer
    return HttpResponseRedirect(url)


def address_of(request: HttpRequest) -> str:
    """Where a request comes from; behind a trusted proxy the server has put its client's address there."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
