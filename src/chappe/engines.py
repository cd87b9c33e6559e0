"""The one file that knows which store engines there are.

Whoever opens a store hands it on as what nodes know: the port.
"""

import chappe
from chappe.runtime.settings import Settings
from chappe.store.fleet import Alone, Fleet
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.moving import HistoryMoves
from chappe.store.sqlite.opening import STORE_FILE

AnyStore = SqliteStore


async def open_store(settings: Settings, node: str) -> AnyStore:
    """The store that the settings name, open; `node` names this process over its restarts.

    Raises: StoreAway, SettingsError.
    """
    store = SqliteStore(settings.gateway.data_path / STORE_FILE, version=chappe.__version__)
    store.open()
    return store


def fleet_of(store: AnyStore) -> Fleet:
    """What runs of other processes tell through this store."""
    return Alone()


def pressure_of(store: AnyStore) -> int:
    """How many accepted messages wait in memory though their readers take what they can."""
    return store.pressure


def history_of(store: AnyStore, settings: Settings) -> HistoryMoves:
    """What carries finished messages of this store to their history."""
    return HistoryMoves(store, settings.gateway.retention_days)


def is_fenced(store: AnyStore) -> bool:
    """Another process has ended our run: nothing that we do counts any longer."""
    return bool(getattr(store, "is_fenced", False))
