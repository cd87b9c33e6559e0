"""How pages ask the gateway for something: instructions by their kind, and what came of them.

It is the one way out of this process.  It must never know where instructions lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest

from chappe.frontend import here
from chappe.frontend.audit import note
from chappe.frontend.wishes import Reply
from chappe.model.errors import GatewayError

#: How long a page waits for the gateway before it says that the instruction is still on its way.
PATIENCE_S: Final = 8.0


def carry_out(request: HttpRequest, kind: str, values: Mapping[str, Any], told: str = "") -> Reply:
    """Ask the gateway in the name of whoever is signed in, note it, and wait a while for what comes of it."""
    person: Any = request.user
    if not person.has_hands and not getattr(request, "may_ask", False):
        # Every view that comes here says so too; this is for the one that forgets.
        raise PermissionError(f"{person.name} may not ask for {kind}")
    try:
        number = here.reading().terms.hands.ask(kind, values, person.name)
    except GatewayError as error:
        note(request, f"could not ask: {kind}", f"{told} {error}".strip())
        return Reply("failed", str(error))
    note(request, kind, f"{number} {told}".strip())
    try:
        reply = here.reading().terms.hands.wait(number, PATIENCE_S)
    except GatewayError as error:
        return Reply("waiting", f"asked as {number}, and then: {error}")
    return reply or Reply("waiting", f"The gateway has not answered yet: instruction {number} waits for it.")


def tell(request: HttpRequest, reply: Reply, done: str) -> None:
    """Say on the next page what came of it."""
    if reply.state == "done":
        messages.success(request, done, extra_tags="good")
    elif reply.state == "partly":
        who = "; ".join(f"{node}: {why}" for node, why in reply.unmoved.items())
        messages.warning(request, f"{done} Not everywhere: {who}", extra_tags="warn")
    elif reply.state == "waiting_approval":
        messages.info(request, "It waits for a second person: see the changes.", extra_tags="warn")
    elif reply.state == "waiting":
        messages.info(request, reply.fault, extra_tags="warn")
    else:
        messages.error(request, reply.fault or "It failed.", extra_tags="bad")
    for doubt in reply.doubts:
        messages.warning(request, f"A doubt: {doubt}", extra_tags="warn")
