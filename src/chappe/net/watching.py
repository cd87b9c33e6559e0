"""Everything that only watches: event files, metrics, status and the server that shows them, around one store.

It must never hold up a message.  It knows no node: the assembly gives it functions that tell of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from chappe.model.errors import SettingsError
from chappe.net.http_status import StatusServer
from chappe.observe.event_copier import COPY as EVENTS
from chappe.observe.event_copier import EventCopier
from chappe.observe.event_files import Change
from chappe.observe.health import Health
from chappe.observe.metrics import Metrics, Readings
from chappe.observe.pace import Pace
from chappe.observe.status import (
    BoxStatus,
    CertificateStatus,
    ClientStatus,
    CopyStatus,
    NodeStatus,
    OperatorStatus,
    QueueStatus,
    RunStatus,
    StoreStatus,
)
from chappe.runtime.clock import Clock
from chappe.store.port import BlockSource, QueueDepth, StoreAway


class WatchedStore(BlockSource, Protocol):
    """What a store tells those who watch, besides its event blocks."""

    @property
    def run(self) -> int:
        """The number of this run."""
        ...

    @property
    def place(self) -> str:
        """Where the store is, for people."""
        ...

    def sizes(self) -> tuple[int, int]:
        """Octets on this box's disk: what is stored, and the log; 0 where another machine keeps them."""
        ...

    @property
    def is_away(self) -> bool:
        """The disk takes nothing."""
        ...

    def on_call(self, observer: Callable[[str, float], None]) -> None:
        """Call `observer` with the verbs and seconds of each commit."""
        ...

    def on_receipts(self, observer: Callable[[str, float, int], None]) -> None:
        """Call `observer` with how long receipts took."""
        ...

    def depths(self) -> list[QueueDepth]:
        """How much waits in each queue."""
        ...

    @property
    def parked_reports(self) -> int:
        """How many reports match nothing so far."""
        ...

    @property
    def held_messages(self) -> int:
        """How many messages wait for a person or a receipt.  Raises: StoreAway."""
        ...

    @property
    def last_block(self) -> int:
        """The number of the newest event block."""
        ...


class Telling(msgspec.Struct, frozen=True):
    """How the nodes of this box are asked for their state."""

    nodes: Callable[[], list[NodeStatus]]
    operators: Callable[[], list[OperatorStatus]]
    clients: Callable[[], list[ClientStatus]]
    #: Copies besides the event files: their names, and the last block that each holds safely.
    copies: Callable[[], dict[str, int]]
    #: Why nobody will read a queue; empty when somebody does.
    why_unread: Callable[[str], str]
    #: The nodes of all boxes.
    fleet: Callable[[], list[RunStatus]] = list
    #: What the TLS doors of this process show.
    certificates: Callable[[], list[CertificateStatus]] = list
    #: The version of the configuration that counts here.
    configuration: Callable[[], int] = lambda: 0
    #: Operator → receipts of the last minutes that match nothing, where these are the more.
    disagreeing: Callable[[], Mapping[str, int]] = dict
    #: Which nodes do not follow the configuration that counts, and why.
    unmoved: Callable[[], dict[str, str]] = dict


class Watching:
    """Watches one box.  First `listen`, then `start`, then `run`, at last `finish` and `close`."""

    def __init__(self, health: Health, clock: Clock, *, version: str, box: str, node: str = "") -> None:
        """`node` is the one that this process is, of several on the box."""
        self._health = health
        self._clock = clock
        self._version = version
        self._box = box
        self._files_of = f"{box}-{node}" if node else box
        self._began_at = clock.monotonic()
        self._pace = Pace()
        self._held = 0
        self.server = StatusServer(health)

    async def start(self, store: WatchedStore, telling: Telling, folder: Path, redact: Change | None = None) -> None:
        """Watch a store that has just been opened.  Raises: SettingsError, StoreAway."""
        self._store = store
        self._telling = telling
        try:
            self.files = EventCopier(store, folder, self._files_of, redact)
            await self.files.start()
        except OSError as error:
            raise SettingsError(f"event files in {folder}: {error.strerror}; make the folder writable") from error
        readings = Readings(
            queues=store.depths,
            operators=telling.operators,
            copies=self._copies,
            parked=lambda: store.parked_reports,
            certificates=telling.certificates,
            configuration=telling.configuration,
            disagreeing=telling.disagreeing,
        )
        self.metrics = Metrics(readings, version=self._version, run=store.run)
        store.on_block(self._pace.on_block)
        store.on_block(self.metrics.on_block)
        store.on_call(self.metrics.on_call)
        store.on_receipts(self.metrics.on_receipts)
        self.server.show(metrics=self.metrics.text, status=self.status)

    async def run(self) -> None:
        """Copy events until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.files.run(), name="event files")

    async def finish(self) -> None:
        """Bring the event files to their end; the store may be closed afterwards."""
        await self.files.finish()

    async def close(self) -> None:
        """Show nothing any more."""
        await self.server.close()

    def status(self) -> BoxStatus:
        """The box as it is now."""
        store, telling = self._store, self._telling
        return BoxStatus(
            version=self._version,
            run=store.run,
            box=self._box,
            state=self._health.why_not_ready or "running",
            uptime_s=round(self._clock.monotonic() - self._began_at, 1),
            nodes=telling.nodes(),
            operators=telling.operators(),
            clients=telling.clients(),
            queues=[
                QueueStatus(each.queue, each.messages, each.oldest_s, telling.why_unread(each.queue))
                for each in store.depths()
            ],
            parked=store.parked_reports,
            held=self._count_held(),
            store=_store_status(store),
            copies=self._copies(),
            events_per_second=self._pace.per_second(self._clock.utc_us() // 1_000_000),
            fleet=telling.fleet(),
            certificates=telling.certificates(),
            unmoved=telling.unmoved(),
        )

    def _count_held(self) -> int:
        """How many are held; while the store is away, how many were when it was last asked."""
        with suppress(StoreAway):
            self._held = self._store.held_messages
        return self._held

    def _copies(self) -> list[CopyStatus]:
        last = self._store.last_block
        files = CopyStatus(EVENTS, last - self.files.safe.seq, self.files.fault)
        return [files, *(CopyStatus(name, last - seq) for name, seq in self._telling.copies().items())]


def _store_status(store: WatchedStore) -> StoreStatus:
    return StoreStatus(store.place, *store.sizes(), store.is_away)
