"""Credit that a person adds to a client's balance, or takes from it."""

from chappe.instructions.kinds import AddCredit
from chappe.instructions.outcome import Outcome
from chappe.model.money import told as amount
from chappe.store.port import CreditStore


class CreditWishes:
    """Carries out what people ask about balances."""

    def __init__(self, store: CreditStore) -> None:
        self._store = store

    async def add(self, wish: AddCredit, number: int, told: str) -> Outcome:
        """Add once, however often it is asked for.  Raises: StoreAway."""
        told = f"{told}: {wish.note}" if wish.note else told
        key = (wish.client, wish.currency)
        if await self._store.add_credit(*key, wish.units, instruction=number, told=told):
            return Outcome(count=1)
        return Outcome(fault=f"{wish.client} has less than {amount(-wish.units, wish.currency)} to take away")
