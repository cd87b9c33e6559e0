"""A store of either engine, open in the process that asks: what dies in the midst of one verb is a small process.

It must never know what is asked of it.
"""

from pathlib import Path

from chappe.engines import AnyStore
from chappe.store.postgres.engine import PostgresStore
from chappe.store.sqlite.engine import SqliteStore


async def opened_store(place: str, node: str = "all") -> AnyStore:
    """The store at a DSN, by the name of a node, or in a file."""
    if place.startswith("postgresql:"):
        shared = PostgresStore(place, version="test", node=node, allow_single_copy=True)
        await shared.open()
        return shared
    store = SqliteStore(Path(place), version="test")
    store.open()
    return store
