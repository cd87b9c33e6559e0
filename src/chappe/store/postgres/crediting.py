"""Balances of clients over PostgreSQL: what is free in `credit`, what runs have in hand in `credit_slices`.

Whoever draws locks the client's balance; charging touches the run's own slice alone, in the transaction that stores
the messages, and fails where another run has ended ours.  It must never know what is charged for.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from chappe.model.events import EventBatch, EventName
from chappe.model.money import told as amount
from chappe.store.credit import Balance, Drawn
from chappe.store.port import StoreAway

_OPEN: Final = (
    "INSERT INTO credit AS c (client, currency, balance, is_open) VALUES ($1, $2, $3, 1) ON CONFLICT (client, currency)"
    " DO UPDATE SET balance = c.balance + excluded.balance, is_open = 1 WHERE c.is_open = 0"
)
_LOCK: Final = "SELECT balance FROM credit WHERE client = $1 AND currency = $2 FOR UPDATE"
#: Slices of ended runs, and what came back, become free.
_FOLD_SLICES: Final = """
WITH gone AS (DELETE FROM credit_slices s WHERE client = $1 AND currency = $2
  AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run = s.run AND r.ended_at IS NULL) RETURNING units)
SELECT coalesce(sum(units), 0)::bigint FROM gone"""
_FOLD_RETURNS: Final = """
WITH gone AS (DELETE FROM credit_returns WHERE client = $1 AND currency = $2 RETURNING units)
SELECT coalesce(sum(units), 0)::bigint FROM gone"""
_OTHERS: Final = (
    "SELECT count(*), coalesce(sum(units), 0)::bigint FROM credit_slices"
    " WHERE client = $1 AND currency = $2 AND run <> $3"
)
_FREE: Final = (
    "UPDATE credit SET balance = $3, wanted_at = CASE WHEN $4::boolean THEN clock_timestamp() ELSE wanted_at END"
    " WHERE client = $1 AND currency = $2"
)
_TAKE: Final = (
    "INSERT INTO credit_slices AS s VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (client, currency, run) DO UPDATE SET units = s.units + excluded.units"
)
_GIVE: Final = (
    "UPDATE credit_slices SET units = units - $4 WHERE client = $1 AND currency = $2 AND run = $3 RETURNING 1"
)
_GIVEN: Final = "UPDATE credit SET balance = balance + $3 WHERE client = $1 AND currency = $2"
_CALLED_BACK: Final = """
SELECT s.client, s.currency, s.units FROM credit_slices s JOIN credit c USING (client, currency)
WHERE s.run = $1 AND s.units > 0 AND (c.balance < 0 OR c.wanted_at > clock_timestamp() - interval '3 seconds')"""
_TOTALS: Final = """
SELECT c.client, c.currency, (c.balance
  + coalesce((SELECT sum(units) FROM credit_slices s WHERE (s.client, s.currency) = (c.client, c.currency)), 0)
  + coalesce((SELECT sum(units) FROM credit_returns r WHERE (r.client, r.currency) = (c.client, c.currency)), 0)
  )::bigint AS total
FROM credit c"""
_TOTAL: Final = f"SELECT total FROM ({_TOTALS}) t WHERE client = $1 AND currency = $2"
_ADD: Final = (
    "INSERT INTO credit AS c (client, currency, balance, is_open) VALUES ($1, $2, $3, 0) ON CONFLICT (client, currency)"
    " DO UPDATE SET balance = c.balance + excluded.balance"
)
_CHARGE: Final = """
UPDATE credit_slices s SET units = s.units - c.units
FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS c(client, currency, units)
WHERE s.client = c.client AND s.currency = c.currency AND s.run = $4 AND s.units >= c.units RETURNING 1"""
_RETURN: Final = "INSERT INTO credit_returns SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])"

#: Client and currency.
Key = tuple[str, str]
Connecting = Callable[[], AbstractAsyncContextManager[Any]]


class Crediting:
    """The balances as the run number `run()` uses them; `connecting` lends a connection.  All raise StoreAway."""

    def __init__(self, connecting: Connecting, run: Callable[[], int]) -> None:
        self._connecting = connecting
        self._run = run

    async def open(self, key: Key, opening: int) -> None:
        """Begin a balance."""
        async with self._connecting() as connection:
            await connection.execute(_OPEN, *_octets(key), opening)

    async def draw(self, key: Key, wish: int) -> Drawn:
        """Take what is wished for, and something on top: half of what is free, less where others draw too."""
        name, run = _octets(key), self._run()
        async with self._connecting() as connection, connection.transaction():
            balance = await connection.fetchval(_LOCK, *name)
            if balance is None:
                return Drawn(0)
            free = balance + await connection.fetchval(_FOLD_SLICES, *name)
            free += await connection.fetchval(_FOLD_RETURNS, *name)
            others, elsewhere = await connection.fetchrow(_OTHERS, *name, run)
            units = max(0, min(free, max(wish, free // (2 * (others + 1)))))
            await connection.execute(_FREE, *name, free - units, units < wish)
            if units:
                await connection.execute(_TAKE, *name, run, units)
            return Drawn(units, elsewhere)

    async def give_back(self, key: Key, units: int) -> None:
        """Give back what is not spent; of a slice that is gone nothing is left to give."""
        name = _octets(key)
        async with self._connecting() as connection, connection.transaction():
            await connection.fetchval(_LOCK, *name)
            if await connection.fetchval(_GIVE, *name, self._run(), units):
                await connection.execute(_GIVEN, *name, units)

    async def called_back(self) -> list[Balance]:
        """Slices of ours that others want, or that are no longer covered."""
        async with self._connecting() as connection:
            return [_balance(row) for row in await connection.fetch(_CALLED_BACK, self._run())]

    async def balances(self) -> list[Balance]:
        """All of them, by client."""
        async with self._connecting() as connection:
            return await list_balances(connection)


async def list_balances(connection: Any) -> list[Balance]:
    """All of them, by client."""
    return [_balance(row) for row in await connection.fetch(f"{_TOTALS} ORDER BY 1, 2")]


async def add(connection: Any, events: EventBatch, key: Key, units: int, *, told: str, changed: list[int]) -> None:
    """Add to a balance within a transaction, unless it would fall below nothing; fills `changed` when it is done."""
    changed.clear()
    name = _octets(key)
    await connection.fetchval(_LOCK, *name)
    total = (await connection.fetchval(_TOTAL, *name) or 0) + units
    if total < 0 and units < 0:
        return
    await connection.execute(_ADD, *name, units)
    changed.append(1)
    detail = f"{told}: {'+' if units > 0 else ''}{amount(units, key[1])}, now {amount(total, key[1])}"
    events.add(EventName.CREDIT_CHANGED, client=key[0], detail=detail)


async def charge(connection: Any, run: int, units_by_key: Mapping[Key, int]) -> None:
    """Take what new messages cost from the run's own slices.  Raises: StoreAway when another run has ended ours."""
    paid = await connection.fetch(_CHARGE, *_columns(units_by_key), run)
    if len(paid) != len(units_by_key):
        raise StoreAway("what this run had drawn of a client's credit has gone back")


async def give(connection: Any, units_by_key: Mapping[Key, int]) -> None:
    """Note what comes back; whoever draws next finds it."""
    await connection.execute(_RETURN, *_columns(units_by_key))


def _columns(units_by_key: Mapping[Key, int]) -> tuple[list[bytes], list[bytes], list[int]]:
    ordered = sorted(units_by_key.items())
    clients, currencies = [key[0].encode() for key, _ in ordered], [key[1].encode() for key, _ in ordered]
    return clients, currencies, [units for _, units in ordered]


def _octets(key: Key) -> tuple[bytes, bytes]:
    return key[0].encode(), key[1].encode()


def _balance(row: Any) -> Balance:
    client, currency, units = row
    return Balance(bytes(client).decode(), bytes(currency).decode(), units)
