"""What a replaced message costs more, or less, than the one before it: the same for every engine."""

from typing import Protocol

from chappe.model.message import Message
from chappe.model.money import Price


class Pays(Protocol):
    """The rows of one transaction while they gather."""

    def charge(self, client: str, price: Price) -> None:
        """A client pays."""
        ...

    def give_back(self, client: str, price: Price) -> None:
        """It gets something back."""
        ...


def pay_difference(writes: Pays, was: Message, message: Message) -> None:
    """Charge what the new text costs more, or give back what it costs less."""
    old, new = was.price, message.price
    if old == new or old is None or new is None:
        return
    if new.units > old.units:
        writes.charge(message.client, Price(new.units - old.units, new.currency))
    else:
        writes.give_back(message.client, Price(old.units - new.units, old.currency))
