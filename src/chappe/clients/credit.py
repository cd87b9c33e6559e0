"""What one client may still spend at this process: a slice of its balance, and the price of its messages.

Nothing here is awaited: a message is charged from what is in hand, and the store takes the same in the transaction
that keeps it.  It must never call a store; `credit_keeper` fetches slices and gives them back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

import msgspec

from chappe.model.message import Item, Message
from chappe.model.money import Price, told
from chappe.store.port import Granted, Replace

#: A client whose balance is used up is told so from memory for so long, in seconds.
DRY_S: Final = 1.0
#: How long other processes may take to give back what they do not need.
PATIENCE_S: Final = 3.0


class Shortage(Enum):
    """Why a message cannot be charged."""

    NONE_LEFT = "the credit is used up"
    #: Others have some in hand, or it is being fetched.
    LATER = "the credit is being fetched"


class Credit:
    """A client's slice.  Units are millionths of a currency, or parts where `currency` is empty."""

    def __init__(
        self, client: str, currency: str, unit_price: Callable[[str], int], now: Callable[[], float], opening: int = 0
    ) -> None:
        """`unit_price(to)` is that of a part, `now()` monotonic seconds, `opening` what the client begins with."""
        self.client = client
        self.currency = currency
        self.opening = opening
        self._unit_price = unit_price
        self._now = now
        #: Has the keeper look; and fetches what can be had without waiting for it, where there is such a thing.
        self.wake: Callable[[], None] = _nobody
        self.fetch_now: Callable[[], int] = _nothing
        #: What is fetched so is all there is: nobody else has any of it in hand.
        self.has_all = False
        #: What may be spent, and what was since somebody looked.
        self.left = 0
        self.spent = 0
        #: More than is left was asked for: so much.
        self.wish = 0
        self._dry_until = 0.0
        self._short_since = 0.0

    def adopt(self, other: "Credit") -> None:
        """Charge by the prices of another one, which was made anew."""
        self._unit_price = other._unit_price

    def price_of(self, to: str, parts: int) -> Price:
        """What a message costs."""
        return Price(self._unit_price(to) * parts, self.currency)

    def charge(self, item: Item) -> Item | Shortage:
        """The same message, paid from what is in hand."""
        message = item.content
        assert isinstance(message, Message)
        price = self.price_of(message.dest, message.parts)
        short = self.take(price.units)
        if short is not None:
            return short
        return msgspec.structs.replace(item, content=msgspec.structs.replace(message, price=price))

    def take(self, units: int) -> Shortage | None:
        """Spend so much, or say why not."""
        if units > self.left:
            self.left += self.fetch_now()
            if units > self.left:
                return self._short(units)
        self.left -= units
        self.spent += units
        return None

    def give_back(self, units: int) -> None:
        """What was charged is not stored after all."""
        self.left += units

    def _short(self, units: int) -> Shortage:
        if self._now() < self._dry_until:
            return Shortage.NONE_LEFT
        self.wish = max(self.wish, units)
        self.wake()
        return Shortage.NONE_LEFT if self.has_all else Shortage.LATER

    def told_short(self, shortage: Shortage, item: Item) -> str:
        """The same for people."""
        message = item.content
        assert isinstance(message, Message)
        price = self.price_of(message.dest, message.parts)
        return f"{shortage.value}: the message costs {told(price.units, self.currency)}"

    # -- for the keeper -----------------------------------------------------------------------------

    @property
    def is_dry(self) -> bool:
        """It was found used up a moment ago."""
        return self._now() < self._dry_until

    def needs(self) -> int:
        """How much should be fetched: what was asked for in vain, else what two seconds like the last one take."""
        return max(self.wish, 2 * self.spent) - self.left

    def drawn(self, units: int, elsewhere: int) -> bool:
        """A slice was fetched, perhaps less than what was needed; True when the balance is found used up."""
        self.left += units
        now = self._now()
        if self.left >= self.wish:
            self.wish, self._short_since, self._dry_until = 0, 0.0, 0.0
            return False
        self._short_since = self._short_since or now
        if elsewhere and now < self._short_since + PATIENCE_S:
            return False
        was_dry = self._dry_until > 0.0
        self.wish, self._dry_until = 0, now + DRY_S
        return not was_dry

    def spare(self, wanted: int) -> int:
        """Take as much of what is wanted elsewhere out of hand as is not just being spent here."""
        units = max(0, min(wanted, self.left - self.spent))
        self.left -= units
        return units


class Credits:
    """Those of all clients that have one; of a client without, nothing is asked."""

    def __init__(self, credits_: Iterable[Credit] = ()) -> None:
        self.by_client: Mapping[str, Credit] = {each.client: each for each in credits_}

    def __bool__(self) -> bool:
        return bool(self.by_client)

    def give_back(self, items: Iterable[Item]) -> None:
        """These are not stored after all."""
        if not self.by_client:
            return
        for item in items:
            message = item.content
            if isinstance(message, Message) and message.price is not None:
                credit = self.by_client.get(message.client)
                if credit is not None:
                    credit.give_back(message.price.units)


def units_in(items: Iterable[Item]) -> int:
    """What messages were charged, all together."""
    return sum(item.content.price.units for item in items if isinstance(item.content, Message) and item.content.price)


def give_back_unreplaced(credit: Credit | None, wishes: Sequence[Replace], granted: Sequence[Granted]) -> None:
    """What was paid for new texts that did not come to be."""
    if credit is None:
        return
    for wish, what in zip(wishes, granted, strict=True):
        old, new = wish.was.price, wish.message.price
        if what is not Granted.DONE and old is not None and new is not None:
            credit.give_back(max(0, new.units - old.units))


def _nothing() -> int:
    """Not without waiting."""
    return 0


def _nobody() -> None:
    """No keeper yet."""
