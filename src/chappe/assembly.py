"""The one file that knows which engine, which nodes and which settings: it puts the gateway together."""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from typing import Any

import chappe
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.smpp_node import MAX_UNBOUND, ClientSmppNode
from chappe.clients.status import client_statuses
from chappe.conf.instructions import Instructions
from chappe.conf.node import ConfNode
from chappe.counters.node import COPY as COUNTERS
from chappe.counters.node import CounterNode
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.net.watching import Telling, Watching
from chappe.node_terms import SPLIT_METHODS, account_of, http_path_of, link_terms_of, rules_of, sending_terms_of
from chappe.observe.health import Health, Phase
from chappe.observe.redact import redactor
from chappe.observe.status import NodeStatus
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.status import operator_status
from chappe.router.sweeper import Patience, Sweeper
from chappe.rules.decide import Routes
from chappe.runtime import open_files
from chappe.runtime.clock import SYSTEM_CLOCK, Clock
from chappe.runtime.folder_lock import FolderLock
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import token_digest
from chappe.runtime.settings_gateway import host_and_port
from chappe.runtime.settings_operators import Operator
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.moving import HistoryMoves
from chappe.store.sqlite.opening import STORE_FILE

#: The folder of event files within `data_dir`.
EVENTS_FOLDER = "events"


#: Validity of messages whose client is gone from the settings.
DEFAULT_VALIDITY_S = 172_800.0


class Gateway:
    """All nodes of this box in one process, around one store."""

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK) -> None:
        self.settings = settings
        self._lock = FolderLock(settings.gateway.data_path)
        self._clock = clock
        self._rules = rules_of(settings.routes, settings.clients)
        self._mt_routes = Routes(self._rules, Direction.MT)
        self._mo_routes = Routes(self._rules, Direction.MO)
        self.smpp_port = 0
        self.http_port = 0
        self.metrics_port = 0
        self.health = Health()
        self.watching = Watching(self.health, clock, version=chappe.__version__, box=settings.gateway.box)
        self._nodes: list[ClientSmppNode | ClientHttpNode | OperatorSmppNode] = []

    async def start(self) -> None:
        """Open the store, then the links, then the doors.  Raises: StoreAway, SettingsError."""
        settings = self.settings
        self._lock.take()
        self.metrics_port = await self.watching.server.listen(*host_and_port(settings.listen.metrics))
        self.store = SqliteStore(settings.gateway.data_path / STORE_FILE, version=chappe.__version__)
        self.store.open()
        self.health.watch_store(lambda: self.store.is_away)
        self.counter = CounterNode(self.store) if settings.gateway.runs("counter") else None
        self.ids = IdMaker(self.store.run, last_id=self.store.last_id)
        self._validity_by_client = {client.name: client.default_validity_s for client in settings.clients}
        runs = settings.gateway.runs
        self.operators = [
            self._operator_node(operator) for operator in settings.operators if runs("operator", operator.name)
        ]
        patience = self._patience()
        self.sweeper = Sweeper(self.store, self._clock, patience, validity_s=self._validity_of)
        self.conf = ConfNode(Instructions(settings.gateway.data_path), self.store)
        self.history = HistoryMoves(self.store, settings.gateway.retention_days)
        self.accounts = [account_of(client, self._clock.monotonic()) for client in settings.clients]
        self._nodes = [*self.operators]
        await self._watch()
        if runs("client-smpp"):
            self.smpp_door = self._smpp_door()
            self._nodes.append(self.smpp_door)
            self.smpp_port = await self.smpp_door.listen(*host_and_port(settings.listen.smpp))
        if runs("client-http"):
            self.http_door = self._http_door()
            self._nodes.append(self.http_door)
            self.http_port = await self.http_door.listen(*host_and_port(settings.listen.http))
        await self._note(EventName.NODE_STARTED)

    def _patience(self) -> dict[str, Patience]:
        """How long messages wait, also for operators that are gone from the settings: nobody will send those."""
        waiting = [
            depth.queue.removeprefix("operator:") for depth in self.store.depths() if depth.queue[:9] == "operator:"
        ]
        gone = dict.fromkeys(waiting, Patience(DEFAULT_VALIDITY_S, DEFAULT_VALIDITY_S))
        return gone | {each.name: Patience(each.max_validity_s, each.unknown_s) for each in self.settings.operators}

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain within `drain_s`."""
        work: list[tuple[str, Coroutine[Any, Any, None]]] = [
            *(("node", node.run()) for node in self._nodes),
            # Also while it drains the store must come back: what peers have answered is not on disk yet.
            ("store time", self.store.keep_time(asyncio.Event())),
            ("watching", self.watching.run()),
            ("history", self.history.run()),
            ("conf", self.conf.run()),
        ]
        if self.counter is not None:
            work.append(("counter", self.counter.run()))
        if self.settings.gateway.runs("router"):
            work.append(("router", self.sweeper.run()))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each, name=name) for name, each in work]
            self.health.phase = Phase.RUNNING
            await stopping.wait()
            self.health.phase = Phase.DRAINING
            until = self._clock.monotonic() + self.settings.gateway.drain_s
            await asyncio.gather(*(node.drain(until) for node in self._nodes))
            for task in tasks:
                task.cancel()
        await self._note(EventName.NODE_STOPPED)
        await self.watching.finish()
        if self.counter is not None:
            await self.counter.finish()
        self.conf.close()
        await self.store.close()
        await self.watching.close()
        self._lock.release()

    async def _watch(self) -> None:
        """Copy the events, and show what the nodes tell of themselves."""
        gateway = self.settings.gateway
        telling = Telling(
            nodes=self._node_statuses,
            operators=lambda: [operator_status(node.links, self._clock.monotonic()) for node in self.operators],
            clients=lambda: client_statuses(self.accounts, self.store.open_messages),
            copies=self._copies,
        )
        redact = redactor(gateway.redact.value, self.store.key)
        await self.watching.start(self.store, telling, gateway.data_path / EVENTS_FOLDER, redact)

    def _node_statuses(self) -> list[NodeStatus]:
        """The nodes of this box; all of them start, run and drain together."""
        kinds = [
            kind for kind in ("client-smpp", "client-http", "router", "counter") if self.settings.gateway.runs(kind)
        ]
        names = [*kinds, self.conf.name, *(node.queue for node in self.operators)]
        return [NodeStatus(name, self.health.phase) for name in names]

    def _copies(self) -> dict[str, int]:
        """Copies of the events besides their files, and how far each has come."""
        return {} if self.counter is None else {COUNTERS: self.counter.safe_seq}

    def _operator_node(self, operator: Operator) -> OperatorSmppNode:
        profile = self.settings.profile_of(operator)
        return OperatorSmppNode(
            link_terms_of(operator),
            sending_terms_of(operator, profile),
            self.store,
            lambda: self._mt_routes,
            lambda: self._mo_routes,
            self.ids,
            self._clock,
            validity_s=self._validity_of,
            shortest_validity_s=min((client.default_validity_s for client in self.settings.clients), default=172_800.0),
            premium=frozenset(client.name for client in self.settings.clients if client.premium),
            is_up=self._is_up,
        )

    def _is_up(self, operator: str) -> bool:
        """Whether a link of an operator of this box can send now."""
        return any(node.name == operator and node.links.down_since is None for node in self.operators)

    def _smpp_door(self) -> ClientSmppNode:
        return ClientSmppNode(
            self.accounts,
            self.store,
            lambda: self._mt_routes,
            self.ids,
            self._clock,
            session_init_s=self.settings.listen.session_init_s,
            # Strangers never take the files that links, clients and the store need.
            max_unbound=min(MAX_UNBOUND, open_files.limit() // 2),
            split_by_operator={
                each.name: SPLIT_METHODS[self.settings.profile_of(each).split] for each in self.settings.operators
            },
        )

    def _http_door(self) -> ClientHttpNode:
        accounts = {account.name: account for account in self.accounts}
        digests = [(client.name, token_digest(client.http)) for client in self.settings.clients if client.http]
        profile_of = self.settings.profile_of
        return ClientHttpNode(
            {digest: accounts[name] for name, digest in digests if digest is not None},
            self.store,
            lambda: self._mt_routes,
            {each.name: http_path_of(each, profile_of(each)) for each in self.settings.operators},
            self.ids,
            self._clock,
            self.health,
        )

    def _validity_of(self, client: str) -> float:
        """Of a client that is gone from the settings messages may still wait."""
        return self._validity_by_client.get(client, DEFAULT_VALIDITY_S)

    async def _note(self, event: EventName) -> None:
        events = EventBatch(self._clock.utc_us())
        events.add(event, detail=f"chappe {chappe.__version__} run {self.store.run}")
        await self.store.record(events)


async def serve(settings: Settings) -> int:
    """Run the gateway until SIGTERM or SIGINT; a second one ends at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            # Whoever asks twice wants out now; what is committed is safe, nothing else was promised.
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    open_files.raise_limit()
    gateway = Gateway(settings)
    await gateway.start()
    # What lives now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    await gateway.run(stopping)
    return 0


def run(settings: Settings) -> int:
    """Run the gateway; returns the exit code.  Raises: SettingsError, StoreAway."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(serve(settings))
    return int(uvloop.run(serve(settings)))
