"""Money over HTTP."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chappe.model.money import Price, text_of


class Money(msgspec.Struct, frozen=True):
    """An amount of a currency."""

    amount: Annotated[str, Meta(description="A decimal number.", examples=["0.50"])]
    currency: Annotated[str, Meta(description="ISO 4217.", examples=["EUR"])]


class BalanceView(msgspec.Struct, frozen=True):
    """What a client may still spend; both are null for one without a limit."""

    balance: Annotated[Money | None, Meta(description="Money, for a client that pays by `[[tariffs]]`.")] = None
    parts: Annotated[int | None, Meta(description="Parts, for a client that has bought so many.")] = None


def money_of(price: Price | None) -> Money | None:
    """A price in money; None of what costs none."""
    return Money(text_of(price.units, price.currency), price.currency) if price is not None and price.currency else None
