"""The one file that knows which store engines there are.

Whoever opens a store hands it on as what nodes know: the port.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import chappe
from chappe.clients.accepting import ACCEPT_ITEMS
from chappe.conf.following import Following
from chappe.conf.inbox import FileInbox, Inbox, SharedInbox
from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.fleet_node import FleetCounterNode
from chappe.counters.node import CounterNode
from chappe.instructions.file import Instructions
from chappe.runtime.clock import Clock
from chappe.runtime.settings import Settings
from chappe.store.errands import Errands
from chappe.store.fleet import Alone, Fleet
from chappe.store.postgres.clock import SharedClock
from chappe.store.postgres.engine import PostgresStore
from chappe.store.postgres.errands import PostgresErrands
from chappe.store.postgres.fleet import PostgresFleet
from chappe.store.postgres.folding import PostgresFolding
from chappe.store.postgres.moving import HistoryMoves as PostgresHistoryMoves
from chappe.store.postgres.opening import Session, check_server, migrate
from chappe.store.postgres.orders import PostgresOrders
from chappe.store.postgres.versions import PostgresVersions
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.moving import HistoryMoves
from chappe.store.sqlite.opening import STORE_FILE
from chappe.store.sqlite.versions import SqliteVersions
from chappe.store.versions import Version, Versions

#: Messages that one turn of a door accepts at most over a store whose readers are other processes.
SHARED_ACCEPT_ITEMS: Final = 1_000

AnyStore = SqliteStore | PostgresStore


async def open_store(settings: Settings, node: str, clock: Clock) -> AnyStore:
    """The store that the settings name, open; `node` names this process over its restarts.

    Where several boxes share it, it has a clock of its own.

    Raises: StoreAway, SettingsError.
    """
    gateway = settings.gateway
    if not gateway.is_one_process:
        shared = PostgresStore(
            gateway.store,
            version=chappe.__version__,
            box=gateway.box,
            node=node,
            allow_single_copy=gateway.allow_single_copy,
        )
        await shared.open()
        return shared
    store = SqliteStore(settings.gateway.data_path / STORE_FILE, version=chappe.__version__, clock_us=clock.utc_us)
    store.open()
    return store


def fleet_of(store: AnyStore) -> Fleet:
    """What runs of other processes tell through this store."""
    if isinstance(store, PostgresStore):
        return PostgresFleet(store.lend, store.run, store.tell)
    return Alone()


def pressure_of(store: AnyStore) -> int:
    """How many accepted messages wait in memory though their readers take what they can."""
    return store.pressure


def accept_items_of(store: AnyStore) -> int:
    """How many messages one turn of a door accepts at most: what others send on makes nobody wait here."""
    return SHARED_ACCEPT_ITEMS if isinstance(store, PostgresStore) else ACCEPT_ITEMS


def versions_of(store: AnyStore) -> Versions:
    """The versions of the configuration in this store."""
    if isinstance(store, PostgresStore):
        return PostgresVersions(store.session("configuration"))
    return SqliteVersions(store)


def following_of(
    store: AnyStore,
    versions: Versions,
    number: Callable[[], int],
    take: Callable[[Version], Awaitable[None]],
    obey: Callable[[bytes], Awaitable[None]],
    refuse: Callable[[int, str], None],
) -> Following | None:
    """What follows the changes that other processes make; None for a store that has only one."""
    if not isinstance(store, PostgresStore):
        return None
    orders = PostgresOrders(store.session("orders"))
    return Following(versions, orders, number=number, take=take, obey=obey, refuse=refuse)


def errands_of(store: AnyStore) -> Errands | None:
    """What boxes that share this store ask of each other; None for a store of one."""
    return PostgresErrands(store.session("errands")) if isinstance(store, PostgresStore) else None


@asynccontextmanager
async def versions_without_run(settings: Settings) -> AsyncIterator[Versions]:
    """The versions in a database, for a process that is no node of it.  Raises: StoreAway, SettingsError."""
    session = Session(settings.gateway.store, f"{settings.gateway.box}/box configuration")
    try:
        async with session.lend() as connection:
            await check_server(connection, settings.gateway.store, allow_single_copy=settings.gateway.allow_single_copy)
            await migrate(connection)
        yield PostgresVersions(session)
    finally:
        await session.close()


def inbox_of(store: AnyStore, settings: Settings) -> Inbox:
    """Where people lay what they ask of a gateway with this store."""
    if isinstance(store, PostgresStore):
        return SharedInbox(store.session("instructions"))
    return FileInbox(Instructions(settings.gateway.data_path))


def clock_of(store: AnyStore, clock: Clock) -> Clock:
    """The clock that nodes of this store go by: where several boxes share one, it is the database's."""
    return SharedClock(store.clock, clock) if isinstance(store, PostgresStore) else clock


def history_of(store: AnyStore, settings: Settings) -> HistoryMoves | PostgresHistoryMoves:
    """What carries finished messages of this store to their history."""
    if isinstance(store, PostgresStore):
        return PostgresHistoryMoves(store, settings.gateway.retention_days)
    return HistoryMoves(store, settings.gateway.retention_days)


def counter_of(store: AnyStore, watch: AgreementWatch) -> CounterNode | FleetCounterNode:
    """What counts the events of this store: where several nodes write them, those of all."""
    if isinstance(store, PostgresStore):
        folding = PostgresFolding(store.session("counters"), store.writer)
        return FleetCounterNode(folding, lambda: store.last_block, watch)
    return CounterNode(store, watch)


def is_fenced(store: AnyStore) -> bool:
    """Another process has ended our run: nothing that we do counts any longer."""
    return bool(getattr(store, "is_fenced", False))
