"""Credit: what clients have left, taken in slices by those who accept for them, and what people add."""

from collections.abc import Sequence
from functools import partial

from chappe.store.credit import Balance, Drawn
from chappe.store.postgres import crediting
from chappe.store.postgres.decisions import Decisions
from chappe.store.postgres.transaction import Transaction


class Credits(Decisions):
    """What `PostgresStore` does about credit; it sets these before anything is asked."""

    _crediting: crediting.Crediting

    async def open_credit(self, client: str, currency: str, opening: int) -> None:
        await self._crediting.open((client, currency), opening)

    async def draw_credit(self, client: str, currency: str, wish: int) -> Drawn:
        is_away = self._group.is_away or self._run.is_fenced
        return Drawn(0) if is_away else await self._crediting.draw((client, currency), wish)

    def draw_credit_now(self, client: str, currency: str) -> int | None:
        return None

    async def return_credit(self, client: str, currency: str, units: int) -> None:
        await self._crediting.give_back((client, currency), units)

    async def called_back_credit(self) -> Sequence[Balance]:
        return await self._crediting.called_back()

    async def balances(self) -> list[Balance]:
        return await self._crediting.balances()

    async def add_credit(self, client: str, currency: str, units: int, *, instruction: int = 0, told: str = "") -> bool:
        changed: list[int] = []

        async def decide(transaction: Transaction) -> None:
            key, events = (client, currency), transaction.writes.events
            act = partial(crediting.add, transaction.connection, events, key, units, told=told, changed=changed)
            await self._once(transaction, instruction, changed, told, act)

        await self._group.ask("sweep", [decide], None)
        return bool(changed)
