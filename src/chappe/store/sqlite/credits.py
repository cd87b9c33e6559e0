"""What clients may still spend, and which handsets want nothing more.

It must never know a price, nor a message.
"""

from collections.abc import Sequence
from functools import partial

from chappe.rules.opt_outs import OptOut
from chappe.store.credit import Balance, Drawn
from chappe.store.sqlite import crediting, opting
from chappe.store.sqlite.group_commit import GroupCommit
from chappe.store.sqlite.once import once
from chappe.store.sqlite.store_file import StoreFile
from chappe.store.sqlite.transaction import Transaction


class Credits:
    """Balances and opt-outs of `SqliteStore`; it sets these before anything is asked."""

    _crediting: crediting.Crediting
    _file: StoreFile
    _group: GroupCommit

    async def note_opt_outs(self, changes: Sequence[OptOut]) -> None:
        await self._group.ask("write", [[(opting.NOTE, opting.rows_of(changes))]], None)

    async def opt_outs(self, since_us: int) -> list[OptOut]:
        with self._file.reading():
            return opting.since(self._file.connection, since_us)

    async def open_credit(self, client: str, currency: str, opening: int) -> None:
        await self._group.ask("write", [[(crediting.OPEN, [(client, currency, opening)])]], None)

    async def draw_credit(self, client: str, currency: str, wish: int) -> Drawn:
        return self._crediting.draw((client, currency))

    def draw_credit_now(self, client: str, currency: str) -> int | None:
        return self._crediting.draw((client, currency)).units

    async def return_credit(self, client: str, currency: str, units: int) -> None:
        self._crediting.give_back((client, currency), units)

    async def called_back_credit(self) -> Sequence[Balance]:
        return self._crediting.called_back()

    async def balances(self) -> list[Balance]:
        return self._crediting.balances()

    async def add_credit(self, client: str, currency: str, units: int, *, instruction: int = 0, told: str = "") -> bool:
        changed: list[int] = []

        def decide(transaction: Transaction) -> None:
            connection, events = self._file.connection, transaction.events
            act = partial(crediting.add, connection, events, (client, currency), units, told=told, changed=changed)
            if not instruction:
                return act()
            return once(connection, instruction, changed, events, told, act)

        await self._group.ask("sweep", [decide], None)
        return bool(changed)
