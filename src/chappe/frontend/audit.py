"""Notes who did what on the pages.  A secret is never given to it."""

from django.http import HttpRequest

from chappe.frontend.gate import address_of
from chappe.frontend.models import AuditEntry


def note(request: HttpRequest, what: str, detail: str = "", who: str | None = None) -> None:
    """Add an entry; `who` for people who have not signed in."""
    name = who if who is not None else getattr(request.user, "name", "")
    AuditEntry(who=name[:60], address=address_of(request), what=what, detail=detail[:2_000]).save()
