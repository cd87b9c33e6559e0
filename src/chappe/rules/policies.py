"""Sender rules and block lists: who may send as whom, and what nobody may send.

The first rule that holds decides, as with routes.  It must never know what happens to a message that is refused.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from chappe.model.address import Address, international
from chappe.rules.conditions import Conditions, Facts, SenderKind, kind_of
from chappe.rules.index import Index

NO_SENDER: Final = Address(0, 0, "")


class Action(Enum):
    """What a sender rule does."""

    ALLOW = "allow"
    REPLACE = "replace"
    REFUSE = "refuse"


class SenderRule(msgspec.Struct, frozen=True):
    """What becomes of a sender where the conditions hold."""

    conditions: Conditions
    action: Action
    replacement: Address = NO_SENDER
    reason: str = ""


class BlockRule(msgspec.Struct, frozen=True):
    """What is not taken, and why."""

    conditions: Conditions
    reason: str = ""
    #: Where it stands.
    name: str = "blocks"
    #: mo: the operator hears that it will never be taken.
    refuses: bool = False

    @property
    def told(self) -> str:
        """What events and explanations say of it."""
        return f"{self.name}: {self.reason or 'blocked'}"


class SenderRules:
    """All sender rules; what none speaks of is allowed."""

    def __init__(self, rules: Sequence[SenderRule] = ()) -> None:
        self.rules = tuple(rules)
        self.index = Index([rule.conditions for rule in rules])

    def __bool__(self) -> bool:
        return bool(self.rules)

    def find(self, number: str, source: str, client: str, facts: Facts) -> int | None:
        """The place of the rule that decides; None where none does."""
        return self.index.first(number, source, client, facts=facts)


class BlockList:
    """All block lists of one direction."""

    def __init__(self, rules: Sequence[BlockRule] = ()) -> None:
        self.rules = tuple(rules)
        self.index = Index([rule.conditions for rule in rules])

    def __bool__(self) -> bool:
        return bool(self.rules)

    def find(self, number: str, source: str, client: str, facts: Facts) -> int | None:
        """The place of the block that holds; None where none does."""
        return self.index.first(number, source, client, facts=facts)


def sender_address(text: str) -> Address:
    """A sender as PDUs write it, going by its form.  SMPP 3.4 §5.2.5 and §5.2.6."""
    match kind_of(text):
        case SenderKind.ALPHANUMERIC:
            return Address(5, 0, text)
        case SenderKind.NUMBER:
            return Address(1, 1, international(text))
        case _:
            return Address(0, 0, international(text))
