"""Balances of clients: rows of `credit`, and in memory how much of each this process has in hand.

All doors live in this process, so a slice is no row: what is not charged is still there at the next start.
"""

import sqlite3
from collections.abc import Mapping
from typing import Final

from chappe.model.events import EventBatch, EventName
from chappe.model.money import told as amount
from chappe.store.credit import Balance, Drawn
from chappe.store.sqlite.store_file import StoreFile

OPEN: Final = (
    "INSERT INTO credit VALUES (?, ?, ?, 1) ON CONFLICT (client, currency)"
    " DO UPDATE SET balance = balance + excluded.balance, is_open = 1 WHERE is_open = 0"
)
CHARGE: Final = "UPDATE credit SET balance = balance - ? WHERE client = ? AND currency = ?"
_ADD: Final = (
    "INSERT INTO credit VALUES (?, ?, ?, 0) ON CONFLICT (client, currency)"
    " DO UPDATE SET balance = balance + excluded.balance"
)
_BALANCE: Final = "SELECT balance FROM credit WHERE client = ? AND currency = ?"
_BALANCES: Final = "SELECT client, currency, balance FROM credit ORDER BY client, currency"

#: Client and currency.
Key = tuple[str, str]


class Crediting:
    """What this process has in hand of each balance.  What reads the file raises StoreAway."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._in_hand: dict[Key, int] = {}

    def charged(self, units_by_key: Mapping[Key, int]) -> None:
        """So much was spent, and is committed."""
        for key, units in units_by_key.items():
            self._in_hand[key] = self._in_hand.get(key, 0) - units

    def draw(self, key: Key) -> Drawn:
        """Take all there is."""
        in_hand = self._in_hand.get(key, 0)
        units = max(0, self._balance(key) - in_hand)
        self._in_hand[key] = in_hand + units
        return Drawn(units)

    def give_back(self, key: Key, units: int) -> None:
        """So much is not in hand any longer."""
        self._in_hand[key] = self._in_hand.get(key, 0) - units

    def called_back(self) -> list[Balance]:
        """Where more is in hand than there is: something was taken from the balance."""
        return [
            Balance(*key, over)
            for key, in_hand in self._in_hand.items()
            if in_hand and (over := in_hand - self._balance(key)) > 0
        ]

    def balances(self) -> list[Balance]:
        """All of them, by client."""
        with self._file.reading():
            return list_balances(self._file.connection)

    def _balance(self, key: Key) -> int:
        with self._file.reading():
            row = self._file.connection.execute(_BALANCE, key).fetchone()
        return 0 if row is None else int(row[0])


def list_balances(connection: sqlite3.Connection) -> list[Balance]:
    """All of them, by client."""
    return [Balance(*row) for row in connection.execute(_BALANCES)]


def add(
    connection: sqlite3.Connection, events: EventBatch, key: Key, units: int, *, told: str, changed: list[int]
) -> None:
    """Add to a balance within a transaction, unless it would fall below nothing; fills `changed` when it is done."""
    changed.clear()
    row = connection.execute(_BALANCE, key).fetchone()
    balance = (0 if row is None else int(row[0])) + units
    if balance < 0 and units < 0:
        return
    connection.execute(_ADD, (*key, units))
    changed.append(1)
    sign = "+" if units > 0 else ""
    detail = f"{told}: {sign}{amount(units, key[1])}, now {amount(balance, key[1])}"
    events.add(EventName.CREDIT_CHANGED, client=key[0], detail=detail)
