"""The one file that knows which engine, which nodes and which settings: it puts the gateway together."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import chappe
from chappe.box.beats import Beat, Shown
from chappe.box.desk import Desk, Granted, Wish
from chappe.box.parent import memory_mib
from chappe.box.plan import Process
from chappe.callbacks.node import Admit, CallbackNode
from chappe.callbacks.render import shown
from chappe.clients.account import Account
from chappe.clients.http_intake import Intake
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.http_translate import Path
from chappe.clients.smpp_node import MAX_UNBOUND, ClientSmppNode
from chappe.clients.status import client_statuses
from chappe.conf.dropping import QueueDrop
from chappe.conf.instructions import Instructions
from chappe.conf.node import ConfNode
from chappe.counters.node import COPY as COUNTERS
from chappe.counters.node import CounterNode
from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.net.watching import Telling, Watching
from chappe.node_terms import (
    SPLIT_METHODS,
    account_of,
    callback_terms_of,
    encoding_of_operator,
    http_path_of,
    link_terms_of,
    rules_of,
    sending_terms_of,
    trial_account_of,
    trial_callback_terms_of,
)
from chappe.observe.health import Health, Phase
from chappe.observe.redact import redactor
from chappe.observe.status import NodeStatus, NodeTold
from chappe.operators.sharing import Sharing
from chappe.operators.smpp_node import OperatorSmppNode
from chappe.operators.status import operator_status
from chappe.operators.trial_node import TrialOperator
from chappe.router.joiner import Joiner
from chappe.router.rerouter import Rerouter
from chappe.router.sweeper import Patience, Sweeper
from chappe.rules.decide import Routes
from chappe.rules.readers import why_unread
from chappe.rules.trial import TRIAL_OPERATOR, trial_client
from chappe.runtime import open_files
from chappe.runtime.clock import SYSTEM_CLOCK, Clock
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.folder_lock import FolderLock
from chappe.runtime.node import Notes
from chappe.runtime.settings import Settings
from chappe.runtime.settings_checks import test_token_digest, token_digest
from chappe.runtime.settings_gateway import host_and_port, runs_node
from chappe.runtime.settings_operators import Operator
from chappe.runtime.settings_table import nearest
from chappe.store.fleet import Alone, Fleet
from chappe.store.sqlite.engine import SqliteStore
from chappe.store.sqlite.moving import HistoryMoves
from chappe.store.sqlite.opening import STORE_FILE
from chappe.text.encoding import Encoding
from chappe.wire.http.messages import NewMessage
from chappe.wire.http.problems import Refusal

#: The folder of event files within `data_dir`.
EVENTS_FOLDER = "events"


#: Validity of messages whose client is gone from the settings.
DEFAULT_VALIDITY_S = 172_800.0


#: Trials without a receipt become `unknown` soon: somebody waits to see it.
TRIAL_UNKNOWN_S = 60.0

Door = ClientSmppNode | ClientHttpNode | OperatorSmppNode | CallbackNode


def open_store(settings: Settings) -> SqliteStore:
    """The store that the settings name, open.  Raises: StoreAway, SettingsError."""
    store = SqliteStore(settings.gateway.data_path / STORE_FILE, version=chappe.__version__)
    store.open()
    return store


def fleet_of(store: SqliteStore) -> Fleet:
    """What runs of other processes tell through this store."""
    return Alone()


class Gateway:
    """Nodes in one process around one store: all that this box runs, or the one that this `process` is."""

    def __init__(self, settings: Settings, clock: Clock = SYSTEM_CLOCK, process: Process | None = None) -> None:
        self.settings = settings
        self.process = process
        self._nodes_run = settings.gateway.nodes if process is None else (process.node,)
        self._lock = FolderLock(settings.gateway.data_path)
        self._clock = clock
        self._rules = rules_of(settings.routes, settings.clients)
        self._mt_routes = Routes(self._rules, Direction.MT)
        self._mo_routes = Routes(self._rules, Direction.MO)
        self.smpp_port = 0
        self.http_port = 0
        self.metrics_port = 0
        self.health = Health()
        self.watching = Watching(
            self.health,
            clock,
            version=chappe.__version__,
            box=settings.gateway.box,
            node=process.file_name if process else "",
        )
        #: Nodes with peers, by the names by which people drain them.
        self._nodes: dict[str, Door] = {}
        self._drained: set[str] = set()
        self._desk = Desk(settings.gateway.data_path, self.grant)
        #: Answers that nobody waited for any longer when this process drained.
        self.unanswered = 0

    async def start(self) -> None:
        """Open the store, then the links, then the doors.  Raises: StoreAway, SettingsError, ResourceError."""
        settings, runs = self.settings, self._runs
        if self.process is None:
            self._lock.take()
            await self.show_at(settings.listen.metrics)
            await self._desk.open()
        self.store = open_store(settings)
        self.health.watch_store(lambda: self.store.is_away)
        self.fleet = fleet_of(self.store)
        self.fleet_watch = FleetWatch(self.fleet, self._clock, self.store.run, self._told)
        self.counter = CounterNode(self.store) if runs("counter") else None
        self.ids = IdMaker(self.store.run, last_id=self.store.last_id)
        self._validity_by_client = {client.name: client.default_validity_s for client in settings.clients}
        self.operators = [
            self._operator_node(operator) for operator in settings.operators if runs("operator", operator.name)
        ]
        patience = self._patience()
        self.sweeper = Sweeper(self.store, self._clock, patience, validity_s=self._validity_of)
        # Instructions are for the box: whichever of its processes carries them out, one does.
        drop = QueueDrop(self.store, self._clock, self._why_unread)
        self.conf = ConfNode(Instructions(settings.gateway.data_path), self.store, drop) if self._runs_conf else None
        self.history = HistoryMoves(self.store, settings.gateway.retention_days)
        self.accounts = [account_of(client, self._clock.monotonic()) for client in settings.clients]
        self._nodes = {node.queue: node for node in self.operators}
        self._sharings = self._share_operators()
        await self._watch()
        is_shared = self.process is not None
        if runs("client-smpp"):
            self._nodes["client-smpp"] = self.smpp_door = self._smpp_door()
            address = host_and_port(settings.listen.smpp)
            self.smpp_port = await self.smpp_door.listen(*address, is_shared=is_shared)
        if runs("client-http"):
            self._nodes["client-http"] = self.http_door = self._http_door()
            address = host_and_port(settings.listen.http)
            self.http_port = await self.http_door.listen(*address, is_shared=is_shared)
        if runs("callback"):
            self._nodes["callback"] = self.callbacks = self._callback_node()
        await self._note(EventName.NODE_STARTED)

    def _runs(self, kind: str, name: str = "") -> bool:
        """Whether this process runs the nodes of a kind, or the one of that name."""
        return runs_node(self._nodes_run, kind, name)

    @property
    def _runs_conf(self) -> bool:
        return self.process is None or self._runs("conf")

    async def show_at(self, address: str) -> None:
        """Serve metrics, status and health at an address.  Raises: SettingsError."""
        self.metrics_port = await self.watching.server.listen(*host_and_port(address))

    def _patience(self) -> dict[str, Patience]:
        """How long messages wait, also for operators that are gone from the settings: nobody will send those."""
        waiting = [
            depth.queue.removeprefix("operator:") for depth in self.store.depths() if depth.queue[:9] == "operator:"
        ]
        gone = dict.fromkeys(waiting, Patience(DEFAULT_VALIDITY_S, DEFAULT_VALIDITY_S))
        gone[TRIAL_OPERATOR] = Patience(DEFAULT_VALIDITY_S, TRIAL_UNKNOWN_S)
        return gone | {each.name: Patience(each.max_validity_s, each.unknown_s) for each in self.settings.operators}

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain within `drain_s`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each, name=name) for name, each in self._work()]
            self.health.phase = Phase.RUNNING
            await stopping.wait()
            self.health.phase = Phase.DRAINING
            self.unanswered = await self._drain(*self._nodes)
            for task in tasks:
                task.cancel()
        await self._finish()

    def _work(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Everything that goes on at the same time."""
        for name, node in self._nodes.items():
            yield name, node.run()
        if self._runs("client-http"):
            yield "trials", TrialOperator(self.store, self.ids, self._clock).run()
        # Also while it drains the store must come back: what peers have answered is not on disk yet.
        yield "store time", self.store.keep_time(asyncio.Event())
        yield "watching", self.watching.run()
        yield "history", self.history.run()
        if not isinstance(self.fleet, Alone):
            yield "fleet", self.fleet_watch.run()
            for sharing in self._sharings:
                yield "sharing", sharing.run()
        if self.conf is not None:
            yield "conf", self.conf.run()
        if self.counter is not None:
            yield "counter", self.counter.run()
        if self._runs("router"):
            yield "router", self.sweeper.run()
            yield "rerouter", self._rerouter().run()
            yield "joiner", self._joiner().run()

    async def _finish(self) -> None:
        """Bring everything to its end, the store last."""
        await self._desk.close()
        await self._note(EventName.NODE_STOPPED)
        for sharing in self._sharings:
            await sharing.leave()
        await self.watching.finish()
        if self.counter is not None:
            await self.counter.finish()
        if self.conf is not None:
            self.conf.close()
        await self.store.close()
        await self.watching.close()
        self._lock.release()

    async def _drain(self, *names: str) -> int:
        """Drain these nodes within `drain_s`; returns how many answers did not come in time."""
        until = self._clock.monotonic() + self.settings.gateway.drain_s
        wanted = [name for name in names if name not in self._drained]
        self._drained.update(wanted)
        return sum(await asyncio.gather(*(self._nodes[name].drain(until) for name in wanted)))

    async def grant(self, wish: Wish) -> Granted:
        """Drain one node of a gateway in one process.  Raises: SettingsError."""
        if not wish.is_drain:
            raise SettingsError("all nodes of this gateway live in one process: start it again to have one back")
        if wish.node not in self._nodes:
            known = ", ".join(self._nodes)
            raise SettingsError(
                f"no node {wish.node!r} to drain here{nearest(wish.node, self._nodes)} (it has: {known})"
            )
        return Granted(await self._drain(wish.node))

    def beat(self) -> Beat:
        """What this process tells its box once a second."""
        turns: dict[str, int] = {}
        for node in self._nodes.values():
            turns.update(node.turns())
        if self.counter is not None:
            turns.update(self.counter.turns())
        if self.conf is not None:
            turns["conf"] = self.conf.looks
        if self._runs("router"):
            turns["router"] = self.sweeper.rounds
        return Beat(self.health.phase, turns, self.store.is_away, memory_mib())

    def shown(self, number: int) -> Shown:
        """What this process answers to its box."""
        return Shown(number, self.watching.metrics.text().decode(), self.watching.status())

    def _told(self) -> NodeTold:
        """What this process lets the nodes of all boxes know."""
        links = {node.name: (node.links.up, node.links.terms.links) for node in self.operators}
        return NodeTold(self.health.phase, links)

    def _share_operators(self) -> list[Sharing]:
        """Operators' links and rates belong to all nodes that serve them."""
        if isinstance(self.fleet, Alone):
            return []
        rate_by_operator = {each.name: each.rate for each in self.settings.operators}
        return [Sharing(node, self.fleet, self._clock, rate=rate_by_operator[node.name]) for node in self.operators]

    async def _watch(self) -> None:
        """Copy the events, and show what the nodes tell of themselves."""
        gateway = self.settings.gateway
        telling = Telling(
            nodes=self._node_statuses,
            operators=lambda: [operator_status(node.links, self._clock.monotonic()) for node in self.operators],
            clients=lambda: client_statuses(self.accounts, self.store.open_messages),
            copies=self._copies,
            why_unread=self._why_unread,
            fleet=lambda: self.fleet_watch.nodes,
        )
        redact = redactor(gateway.redact.value, self.store.key)
        await self.watching.start(self.store, telling, gateway.data_path / EVENTS_FOLDER, redact)

    def _node_statuses(self) -> list[NodeStatus]:
        """The nodes of this process; they start and run together, and may drain one by one."""
        every = ("client-smpp", "client-http", "callback", "router", "counter")
        kinds = [kind for kind in every if self._runs(kind)]
        names = [*kinds, *(["conf"] if self.conf is not None else []), *(node.queue for node in self.operators)]
        return [NodeStatus(name, "drained" if self._is_drained(name) else self.health.phase) for name in names]

    def _is_drained(self, name: str) -> bool:
        return name in self._drained and self.health.phase is Phase.RUNNING

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
            has_links_elsewhere=lambda: self.fleet_watch.links_elsewhere(operator.name) > 0,
        )

    def _is_up(self, operator: str) -> bool:
        """Whether a link of an operator can send now, here or on another box."""
        is_up_here = any(node.name == operator and node.links.down_since is None for node in self.operators)
        return is_up_here or self.fleet_watch.links_elsewhere(operator) > 0

    def _why_unread(self, queue: str) -> str:
        settings = self.settings
        clients = {each.name for each in settings.clients}
        return why_unread(queue, {each.name for each in settings.operators}, clients | set(map(trial_client, clients)))

    def _rerouter(self) -> Rerouter:
        known = {operator.name for operator in self.settings.operators}
        return Rerouter(
            self.store,
            lambda: self._mt_routes,
            self._clock,
            depths=self.store.depths,
            is_gone=lambda name: name not in known,
            is_up=self._is_up,
        )

    def _joiner(self) -> Joiner:
        operators, profile_of = self.settings.operators, self.settings.profile_of
        by_operator = {operator.name: encoding_of_operator(profile_of(operator)) for operator in operators}
        return Joiner(
            self.store,
            self.fleet,
            lambda: self._mo_routes,
            self.ids,
            self._clock,
            encoding_of=lambda operator: by_operator.get(operator, Encoding.GSM7),
        )

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

    def _callback_node(self) -> CallbackNode:
        settings = self.settings
        return CallbackNode(
            [
                terms
                for client in settings.clients
                for terms in (callback_terms_of(client), trial_callback_terms_of(client))
                if terms is not None
            ],
            self.store,
            self._clock,
            {each.name: encoding_of_operator(settings.profile_of(each)) for each in settings.operators},
            self._admit_reply(),
            took=lambda client, seconds: self.watching.metrics.on_callback(client, seconds),
        )

    def _admit_reply(self) -> Admit:
        """A client's reply to an MO is judged as if the client had posted it."""
        accounts = {account.name: account for account in self.accounts}
        notes = Notes(self.store, self._clock)
        intake = Intake(self.store, lambda: self._mt_routes, self._http_paths(), self.ids, self._clock, notes)

        def admit(message: Message, text: str) -> Item | str:
            new = NewMessage(to=shown(message.source_ton, message.source), source=message.dest, text=text)
            judged = intake.admit(new, accounts[message.client])
            return judged.detail if isinstance(judged, Refusal) else judged

        return admit

    def _http_paths(self) -> dict[str, Path]:
        """What must be known of each operator where texts come in."""
        settings = self.settings
        return {each.name: http_path_of(each, settings.profile_of(each)) for each in settings.operators}

    def _http_door(self) -> ClientHttpNode:
        return ClientHttpNode(
            self._account_by_token(),
            self.store,
            lambda: self._mt_routes,
            self._http_paths(),
            self.ids,
            self._clock,
            self.health,
        )

    def _account_by_token(self) -> dict[str, Account]:
        """Clients by the digests of their tokens, those of trials beside the real ones."""
        now, accounts = self._clock.monotonic(), {account.name: account for account in self.accounts}
        found: dict[str, Account] = {}
        for client in self.settings.clients:
            if client.http and (digest := token_digest(client.http)):
                found[digest] = accounts[client.name]
            if client.http and (digest := test_token_digest(client.http)):
                found[digest] = trial_account_of(client, now)
        return found

    def _validity_of(self, client: str) -> float:
        """Of a client that is gone from the settings messages may still wait."""
        return self._validity_by_client.get(client, DEFAULT_VALIDITY_S)

    async def _note(self, event: EventName) -> None:
        events = EventBatch(self._clock.utc_us())
        events.add(event, detail=f"chappe {chappe.__version__} run {self.store.run}")
        await self.store.record(events)
