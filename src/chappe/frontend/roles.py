"""Who may do what on the pages.  Pure; it must never know a request."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is here for."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    CLIENT = "client"


#: Roles as people read them.
LABELS: Final = {
    Role.VIEWER: "Viewer",
    Role.OPERATOR: "Gateway operator",
    Role.ADMINISTRATOR: "Administrator",
    Role.CLIENT: "Client's user",
}


#: Who watches the gateway as a whole.
STAFF = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR})
#: Who may ask the gateway for something.
HANDS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
#: Who looks after people and their audit.
HEADS = frozenset({Role.ADMINISTRATOR})
#: Everybody who has signed in.
ALL = frozenset(Role)
#: Who may send a test message: clients' users send as their own client.
SENDERS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR, Role.CLIENT})

TOLD: Final = {
    Role.VIEWER: "Sees everything with numbers masked and without texts; changes nothing.",
    Role.OPERATOR: "Sees numbers and texts; decides about held items, sends tests, changes the configuration.",
    Role.ADMINISTRATOR: "Everything, and looks after people.",
    Role.CLIENT: "Sees the messages and callbacks of one client, and nothing else.",
}


def masked(number: str) -> str:
    """A handset's number for those who need not know it: its first two and last two digits."""
    digits = sum(each.isdigit() for each in number)
    return number if digits < 7 else number[:3] + "•" * (len(number) - 5) + number[-2:]
