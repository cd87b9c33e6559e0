"""What people read when something is not for them, not there, or forged."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chappe.frontend.audit import note
from chappe.frontend.gate import shown_to_anyone


def told(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """A page that says one thing."""
    return render(request, "told.html", {"title": title, "text": text}, status=status)


def refused(request: HttpRequest) -> HttpResponse:
    """This page is for other roles."""
    note(request, "page refused", request.path)
    return told(request, 403, "Not for your role", "An administrator can give you another role.")


@shown_to_anyone
def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """There is no such page."""
    return told(request, 404, "Nothing here", "The page does not exist, or is not yours to see.")


@shown_to_anyone
def broken(request: HttpRequest) -> HttpResponse:
    """We are at fault."""
    return HttpResponse("Something went wrong; the gateway goes on. See the log of the web pages.", status=500)


@shown_to_anyone
def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from one of our pages."""
    return told(request, 403, "This form is not good any more", "Go back, load the page again, and send it once more.")
