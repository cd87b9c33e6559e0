"""The menu: what each role sees of it.  It must never decide who may see a page: the pages do."""

from typing import Any, Final

from django.http import HttpRequest

from chappe.frontend.roles import ALL, HEADS, SENDERS, STAFF

#: Name of the page, title, roles.
MENU: Final = (
    ("messages", "Messages", ALL),
    ("receipts", "Receipts", STAFF),
    ("held", "Held", ALL),
    ("configure", "Configure", STAFF),
    ("trial", "Send a test", SENDERS),
    ("people", "People", HEADS),
    ("audit", "Audit", HEADS),
)


#: The tabs of the configuration: name, title, and which list is opened.
TABS: Final = (
    ("configure", "Operators and clients", ""),
    ("routes", "Routes", ""),
    ("numbers", "Numbers", ""),
    ("lists", "Lists", "senders"),
    ("profiles", "Profiles", ""),
    ("explain", "Explain", ""),
    ("versions", "Versions", ""),
    ("changes", "Changes", ""),
)


def menu(request: HttpRequest) -> dict[str, Any]:
    """For templates."""
    return {"menu": MENU, "tabs": TABS}
