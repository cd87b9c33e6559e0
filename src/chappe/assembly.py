"""Puts the gateway together: which nodes run in this process, how they start, drain and end.

`building` makes them, `engines` opens the store; this file must never know the settings of a node, nor an engine.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

import chappe
from chappe.box.beats import Beat, Shown
from chappe.box.desk import Desk, Granted, Wish, wish_at
from chappe.box.parent import memory_mib
from chappe.box.plan import Process
from chappe.building.building import Building
from chappe.building.surroundings import Surroundings
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.status import client_statuses
from chappe.clients.ucp_node import ClientUcpNode
from chappe.conf.passing import Passing
from chappe.configuration.document import settings_with, tables_of
from chappe.configuration.seeding import Take, begin, current
from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.node import COPY as COUNTERS
from chappe.engines import (
    clock_of,
    counter_of,
    errands_of,
    fleet_of,
    following_of,
    history_of,
    is_fenced,
    open_store,
    versions_of,
)
from chappe.instructions.kinds import DrainNode, ResetLink
from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch, EventName
from chappe.net.tls import Credentials
from chappe.net.tls_dial import DialCredentials
from chappe.net.tls_watch import TlsWatch
from chappe.net.watching import Telling, Watching
from chappe.node_terms import tls_of
from chappe.observe.health import Health, Phase
from chappe.observe.redact import redactor
from chappe.observe.status import NodeStatus, NodeTold
from chappe.operators.status import operator_status
from chappe.runtime.clock import SYSTEM_CLOCK, Clock, SystemClock
from chappe.runtime.clock_watch import ClockWatch
from chappe.runtime.fleet_watch import FleetWatch, unmoved_from
from chappe.runtime.folder_lock import FolderLock
from chappe.runtime.in_hand import InHand
from chappe.runtime.node import Notes
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import host_and_port, runs_node
from chappe.runtime.settings_table import nearest
from chappe.store.fleet import Alone
from chappe.store.port import StoreAway
from chappe.store.versions import Version
from chappe.swapping import Door, Swapping, nothing_to_open

#: How long the nodes of all boxes may take to follow the configuration before they are told to lag behind, how often
#: they are asked, and for how long who is asked may have been silent.
EVERYWHERE_S = 8.0
EVERYWHERE_LOOK_S = 0.25
#: How often nodes that could not follow the configuration are asked to again.
AGAIN_S = 60.0
SILENT_S = 4.0
#: The folder of event files within `data_dir`.
EVENTS_FOLDER = "events"


class Gateway:
    """Nodes in one process around one store: all that this box runs, or the one that this `process` is."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = SYSTEM_CLOCK,
        process: Process | None = None,
        *,
        config: Path | None = None,
        take: Take = Take.NEITHER,
        is_demo: bool = False,
    ) -> None:
        """`config` is the file that the settings are from; `take` what counts where it and the store disagree.

        `is_demo`: there is none, and operators are simulated.
        """
        self.settings = settings
        self._is_demo = is_demo
        self.process = process
        self._config = config
        self._take = take
        #: The number of the version of the configuration by which this process runs, and what people should know of it.
        self.version = 0
        self._unmoved: dict[str, str] = {}
        #: Operators whose links were ordered to be bound anew, until all boxes have done so.
        self._resetting: set[str] = set()
        self._taking = asyncio.Lock()
        self.said = ""
        self._nodes_run = settings.gateway.nodes if process is None else (process.node,)
        self._lock = FolderLock(settings.gateway.data_path)
        self._clock = clock
        self.smpp_port = 0
        self.http_port = 0
        self.smpp_tls_port = 0
        self.ucp_port = 0
        self.ucp_tls_port = 0
        self.http_tls_port = 0
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
        #: What this process has in hand, for the next one to know should it end.
        self.hand = InHand(clock)
        self._desk = Desk(settings.gateway.data_path, self.grant)
        #: Some door or operator link of this process speaks TLS.
        self.has_tls = False
        #: Answers that nobody waited for any longer when this process drained.
        self.unanswered = 0

    async def start(self) -> None:
        """Open the store, then the links, then the doors.  Raises: StoreAway, SettingsError, ResourceError."""
        runs = self._runs
        if self.process is None:
            self._lock.take()
            await self.show_at(self.settings.listen.metrics)
            await self._desk.open()
        name = "all" if self.process is None else self.process.name
        self.store = await open_store(self.settings, name, self._clock)
        self._clock = clock_of(self.store, self._clock)
        self.versions = versions_of(self.store)
        settings = self.settings = await self._settle()
        self.following = following_of(
            self.store, self.versions, lambda: self.version, self._follow, self._obey, self._refuse
        )
        self.health.watch_store(lambda: self.store.is_away)
        self.fleet = fleet_of(self.store)
        self.fleet_watch = FleetWatch(self.fleet, self._clock, self.store.run, self._told)
        # The store has just proved that nobody else works under our name.
        self.hand.begin(settings.gateway.data_path, self.process.file_name if self.process else "all")
        around = Surroundings(
            self.store, self.fleet, self.fleet_watch, self._clock, self.health, self.watching, self.hand
        )
        building = self.building = Building(settings, around)
        self.accounts = building.configured.accounts
        if building.configured.policy.opt_outs:
            await building.routing.opt_out_watch().look()
        self.agreement = AgreementWatch(self.store.record, self._clock)
        self.counter = counter_of(self.store, self.agreement) if runs("counter") else None
        self.operators = [
            building.operators.operator(each) for each in settings.operators if runs("operator", each.name)
        ]
        self.sweeper = building.routing.sweeper()
        self._demo = building.posting.demo_traffic() if self._is_demo else None
        # Instructions are for the box: whichever of its processes carries them out, one does.
        self.passing = self._passing() if self._runs_conf else None
        self.conf = (
            building.conf(self.versions, self._announce, self._reset, self._steer, self._everywhere, self._demo)
            if self._runs_conf
            else None
        )
        self.history = history_of(self.store, settings)
        self._nodes = {node.queue: node for node in self.operators}
        self._sharings = building.operators.sharings(self.operators)
        self._divided = building.doors.divided()
        self.fleet_watch.looked = lambda: self._divided.divide(self._clock.monotonic())
        self._credentials = {
            door: Credentials(terms) for door, terms in tls_of(settings.listen).items() if runs(f"client-{door}")
        }
        dialled = {f"operator:{node.name}": node.links.credentials for node in self.operators}
        watched = self._credentials | {name: each for name, each in dialled.items() if each is not None}
        self.has_tls = bool(watched)
        self.tls_watch = TlsWatch(watched, self.store, self._clock)
        await self._watch()
        if self._accepts:
            self._credit_keeper = building.credit_keeper()
            await self._credit_keeper.begin()
        for node in self.operators:
            await node.listen(is_shared=self.process is not None)
        if runs("client-smpp"):
            self._nodes["client-smpp"] = self.smpp_door = building.doors.smpp()
            self.smpp_port, self.smpp_tls_port = await self._open("smpp", self.smpp_door)
        if runs("client-http"):
            self._nodes["client-http"] = self.http_door = building.doors.http()
            self.http_port, self.http_tls_port = await self._open("http", self.http_door)
        if self._runs_ucp:
            self._nodes["client-ucp"] = self.ucp_door = building.doors.ucp()
            self.ucp_port, self.ucp_tls_port = await self._open("ucp", self.ucp_door)
        if runs("callback"):
            self._nodes["callback"] = self.callbacks = building.doors.callbacks()
        self.swapping = Swapping(
            building,
            self._nodes,
            self.operators,
            self._sharings,
            runs_operator=lambda name: runs("operator", name),
            is_shared=self.process is not None,
            drain=self._drain_removed,
            watch_tls=self._watch_tls,
            open_credit=self._credit_keeper.begin if self._accepts else nothing_to_open,
        )
        await self._note(EventName.NODE_STARTED)
        await self._blame()

    async def _settle(self) -> Settings:
        """The settings that count: those of the newest version.  Raises: StoreAway, SettingsError."""
        if self.process is None:
            settings, version, self.said = await begin(
                self.versions, self.settings, self._config, self._clock.utc_us(), self._take
            )
            self.version = version.number
            return settings
        settings, newest = await current(self.versions, self.settings)
        kind, _, name = self.process.node.partition(":")
        if kind == "operator" and name and all(each.name != name for each in settings.operators):
            raise SettingsError(f"no operator {name!r} is in the configuration")
        self.version = newest.number if newest is not None else 0
        return settings

    async def _announce(self, version: Version, settings: Settings) -> dict[str, str]:
        """Have everything that runs here take a version over; returns who did not, and why."""
        async with self._taking:
            if version.number > self.version:
                await self._take_over(version, settings)
            return self._unmoved if self.following is None else {}

    async def _follow(self, version: Version) -> None:
        """Some other process has made a version."""
        async with self._taking:
            if version.number > self.version:
                try:
                    settings = settings_with(tables_of(version), self.settings, f"version {version.number}")
                except SettingsError as error:
                    self._refuse(version.number, str(error))
                else:
                    await self._take_over(version, settings)

    def _refuse(self, number: int, why: str) -> None:
        """Stay as we are: nothing of that version can be taken over here."""
        self.version, self._unmoved = number, {self._name: why}

    async def _take_over(self, version: Version, settings: Settings) -> None:
        unmoved = await self._swap(settings)
        self.version = version.number
        await self._tell_unmoved(unmoved, f"version {version.number} {version.digest}")

    async def _swap(self, settings: Settings) -> dict[str, str]:
        """Returns who did not follow, and why; this process by its name, where nothing of it did."""
        try:
            unmoved = await self.swapping.take(settings)
            self.settings = settings
        except SettingsError as error:
            return {self._name: str(error)}
        return unmoved

    async def _tell_unmoved(self, unmoved: dict[str, str], told: str = "") -> None:
        """Note who stayed behind, for everybody to see."""
        self._unmoved = unmoved
        told = told or f"version {self.version} once more"
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.CONF_APPLIED, detail="; ".join([told, *(f"{who}: {why}" for who, why in unmoved.items())]))
        await self.store.record(events)
        if self.following is not None:
            await self.fleet_watch.look()

    async def _try_again(self) -> None:
        """Who could not follow is asked to again, until cancelled: a port is free by now, a file is there."""
        while True:
            await asyncio.sleep(AGAIN_S)
            with suppress(StoreAway):
                await self.follow_again()

    async def follow_again(self) -> None:
        """Have those follow who could not, once.  Raises: StoreAway."""
        async with self._taking:
            if not self._unmoved:
                return
            unmoved = {self._name: "the newest version cannot be read here"}
            try:
                newest = await self.versions.newest()
                if newest is not None and newest.number == self.version:
                    unmoved = await self._swap(
                        settings_with(tables_of(newest), self.settings, f"version {newest.number}")
                    )
                elif newest is not None:
                    # Whoever made it has it taken over as well.
                    return
            except SettingsError as error:
                unmoved = {self._name: str(error)}
            if unmoved != self._unmoved:
                await self._tell_unmoved(unmoved)

    async def _everywhere(self, number: int) -> dict[str, str]:
        """Wait for the nodes of all boxes, for a while; returns who does not go by a version, and why."""
        until = self._clock.monotonic() + EVERYWHERE_S
        while True:
            unmoved, has_all = await unmoved_from(self.fleet, number, SILENT_S)
            # Whose links are bound anew with the change waits for that no longer in a moment.
            waits = any(who.endswith(f"/operator:{each}") for who in unmoved for each in self._resetting)
            if (has_all and not waits) or self._clock.monotonic() >= until:
                self._resetting.clear()
                return unmoved
            await asyncio.sleep(EVERYWHERE_LOOK_S)

    @property
    def _name(self) -> str:
        """How people call what runs in this process."""
        return "gateway" if self.process is None else self.process.name

    async def _reset(self, wishes: Sequence[ResetLink], instruction: int) -> int:
        """Have links of operators bound anew, here or wherever they are; returns how many.  Raises: SettingsError."""
        operators = {each.name: each for each in self.settings.operators}
        for wish in wishes:
            if wish.operator not in operators:
                known = nearest(wish.operator, operators)
                raise SettingsError(f"no operator {wish.operator!r} is in the configuration{known}")
        if self.following is not None:
            await self.following.order(instruction, msgspec.json.encode(wishes), self._clock.utc_us())
            self._resetting.update(wish.operator for wish in wishes)
            return sum(1 if wish.link else operators[wish.operator].binds for wish in wishes)
        return sum([await self._reset_here(wish) for wish in wishes])

    async def _reset_here(self, wish: ResetLink) -> int:
        if not wish.link:
            async with self._taking:
                if await self.swapping.renew(wish.operator):
                    await self._tell_unmoved(self.swapping.unmoved)
                    return sum(node.links.terms.links for node in self.operators if node.name == wish.operator)
        return sum(node.links.reset(wish.link) for node in self.operators if node.name == wish.operator)

    async def _obey(self, order: bytes) -> None:
        """Do what was ordered, as far as it concerns this process."""
        # A release before this one ordered one thing at a time.
        with suppress(msgspec.MsgspecError):
            ordered = msgspec.json.decode(order, type=ResetLink | tuple[ResetLink, ...])
            for wish in (ordered,) if isinstance(ordered, ResetLink) else ordered:
                with suppress(SettingsError):
                    await self._reset_here(wish)

    def _passing(self) -> Passing | None:
        """What passes wishes on to other boxes, where several share the store."""
        errands, own = errands_of(self.store), self.settings.gateway
        if errands is None:
            return None
        return Passing(errands, self.fleet, self._clock, own.box, self._drain_here, own.drain_s)

    async def _steer(self, wish: DrainNode, instruction: int) -> int:
        """Drain a node, or have it back, wherever it is.  Raises: SettingsError, ResourceError."""
        if self.passing is not None:
            return await self.passing.pass_on(wish, instruction)
        own = self.settings.gateway
        if wish.box not in ("", own.box):
            raise SettingsError(f"there is no box {wish.box!r} but this one, {own.box}")
        return await self._drain_here(wish)

    async def _drain_here(self, wish: DrainNode) -> int:
        """The same at this box, whichever process has the node.  Raises: SettingsError, ResourceError."""
        granted = await wish_at(self.settings.gateway.data_path, Wish(wish.node, is_drain=not wish.resumes))
        if granted.fault:
            raise SettingsError(granted.fault)
        return granted.unanswered

    async def _open(self, name: str, door: ClientSmppNode | ClientUcpNode | ClientHttpNode) -> tuple[int, int]:
        """Open the plain door and that for TLS; returns their ports, 0 for a door that is not there."""
        listen, is_shared = self.settings.listen.addresses, self.process is not None
        credentials = self._credentials.get(name)
        plain, encrypted = host_and_port(listen[name]), listen.get(f"{name}_tls.address")
        if credentials is None:
            return await door.listen(*plain, is_shared=is_shared), 0
        if encrypted is None:
            return 0, await door.listen(*plain, credentials, is_shared=is_shared)
        port = await door.listen(*plain, is_shared=is_shared)
        return port, await door.listen(*host_and_port(encrypted), credentials, is_shared=is_shared)

    def renew_certificates(self) -> None:
        """Have certificates read anew, where there are some."""
        if self.has_tls:
            self.tls_watch.ask()

    def _runs(self, kind: str, name: str = "") -> bool:
        """Whether this process runs the nodes of a kind, or the one of that name."""
        return runs_node(self._nodes_run, kind, name)

    @property
    def _runs_ucp(self) -> bool:
        return self._runs("client-ucp") and self.settings.listen.ucp is not None

    @property
    def _accepts(self) -> bool:
        """Clients hand messages in here, or answer to what handsets sent."""
        return any(self._runs(kind) for kind in ("client-smpp", "client-http", "client-ucp", "callback"))

    @property
    def _runs_conf(self) -> bool:
        return self.process is None or self._runs("conf")

    async def show_at(self, address: str) -> None:
        """Serve metrics, status and health at an address.  Raises: SettingsError."""
        self.metrics_port = await self.watching.server.listen(*host_and_port(address))

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain within `drain_s`."""
        async with asyncio.TaskGroup() as group:
            self.swapping.start(group)
            tasks = [group.create_task(each, name=name) for name, each in self._work()]
            self.health.phase = Phase.RUNNING
            await stopping.wait()
            self.health.phase = Phase.DRAINING
            self.unanswered = await self._drain(*self._nodes)
            for task in tasks:
                task.cancel()
            self.swapping.stop()
        await self._finish()

    def _work(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """Everything that goes on at the same time."""
        if self._runs("client-http"):
            yield "trials", self.building.operators.trials().run()
            yield "trial endings", self.building.operators.trial_endings().run()
        # Also while it drains the store must come back: what peers have answered is not on disk yet.
        yield "store time", self.store.keep_time(asyncio.Event())
        yield "watching", self.watching.run()
        if not isinstance(self.fleet, Alone):
            yield "opt-outs", self.building.routing.opt_out_watch().run()
        if self._accepts:
            yield "credit", self._credit_keeper.run()
        yield "networks", self.building.configured.network_cache.run()
        yield "sick operators", self.building.routing.sick_watch().run()
        if isinstance(self._clock, SystemClock):
            yield "clock", ClockWatch(self._clock, Notes(self.store, self._clock)).run()
        yield "history", self.history.run()
        if not isinstance(self.fleet, Alone):
            yield "fleet", self.fleet_watch.run()
        yield "certificates", self.tls_watch.run()
        yield "following again", self._try_again()
        if self._demo is not None:
            yield "demo traffic", self._demo.run()
        if self.conf is not None:
            yield "conf", self.conf.run()
        if self.following is not None:
            yield "following", self.following.run()
        if self.passing is not None:
            yield "passing", self.passing.run()
        if self.counter is not None:
            yield "counter", self.counter.run()
        if self._runs("router"):
            yield "router", self.sweeper.run()
            yield "rerouter", self.building.routing.rerouter().run()
            yield "joiner", self.building.routing.joiner().run()
            yield "looker", self.building.routing.looker().run()

    @property
    def is_fenced(self) -> bool:
        """Another process has ended our run: nothing that we do counts any longer."""
        return is_fenced(self.store)

    async def _finish(self) -> None:
        """Bring everything to its end, the store last."""
        await self._desk.close()
        with suppress(StoreAway):
            # A stop does not wait for a store that is away: all that matters is settled, or will be sent again.
            await self._note(EventName.NODE_STOPPED)
        for sharing in self._sharings:
            await sharing.leave()
        await self.watching.finish()
        if self.counter is not None:
            await self.counter.finish()
        if self.conf is not None:
            await self.conf.close()
        self.building.configured.network_cache.close()
        await self.versions.close()
        if self.following is not None:
            await self.following.close()
        if self.passing is not None:
            await self.passing.close()
        await self.store.close()
        self.hand.end()
        await self.watching.close()
        self._lock.release()

    async def _drain(self, *names: str) -> int:
        """Drain these nodes within `drain_s`; returns how many answers did not come in time."""
        until = self._clock.monotonic() + self.settings.gateway.drain_s
        wanted = [name for name in names if name not in self._drained]
        self._drained.update(wanted)
        return sum(await asyncio.gather(*(self._nodes[name].drain(until) for name in wanted)))

    async def _drain_removed(self, name: str) -> int:
        """Drain a node that the configuration names no longer; one of the same name may come later."""
        unanswered = await self._drain(name)
        self._drained.discard(name)
        return unanswered

    def _watch_tls(self, name: str, credentials: DialCredentials | None) -> None:
        self.has_tls = self.tls_watch.watch(name, credentials)

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
        names = tuple(each.name for each in self.settings.operators) if self.conf is not None else None
        return Beat(self.health.phase, turns, self.store.is_away, memory_mib(), names)

    def shown(self, number: int) -> Shown:
        """What this process answers to its box."""
        return Shown(number, self.watching.metrics.text().decode(), self.watching.status())

    def _told(self) -> NodeTold:
        """What this process lets the nodes of all boxes know."""
        links = {node.name: (node.links.up, node.links.terms.links) for node in self.operators}
        used = self._divided.used(self._clock.monotonic())
        return NodeTold(self.health.phase, links, used, self.version, self._unmoved)

    async def _watch(self) -> None:
        """Copy the events, and show what the nodes tell of themselves."""
        gateway = self.settings.gateway
        telling = Telling(
            nodes=self._node_statuses,
            operators=lambda: [operator_status(node.links, self._clock.monotonic()) for node in self.operators],
            clients=lambda: client_statuses(self.accounts, self.store.open_messages, self._callbacks_of),
            copies=self._copies,
            why_unread=self.building.configured.why_unread,
            fleet=lambda: self.fleet_watch.nodes,
            certificates=self.tls_watch.statuses,
            configuration=lambda: self.version,
            disagreeing=lambda: self.agreement.disagreeing,
            unmoved=lambda: self._unmoved,
        )
        redact = redactor(gateway.redact.value, self.store.key)
        await self.watching.start(self.store, telling, gateway.data_path / EVENTS_FOLDER, redact)

    def _node_statuses(self) -> list[NodeStatus]:
        """The nodes of this process; they start and run together, and may drain one by one."""
        every = (
            "client-smpp",
            "client-http",
            *(("client-ucp",) if self._runs_ucp else ()),
            "callback",
            "router",
            "counter",
        )
        kinds = [kind for kind in every if self._runs(kind)]
        names = [*kinds, *(["conf"] if self.conf is not None else []), *(node.queue for node in self.operators)]
        return [NodeStatus(name, "drained" if self._is_drained(name) else self.health.phase) for name in names]

    def _is_drained(self, name: str) -> bool:
        return name in self._drained and self.health.phase is Phase.RUNNING

    def _callbacks_of(self, client: str) -> str:
        return self.callbacks.state_of(client) if "callback" in self._nodes else ""

    def _copies(self) -> dict[str, int]:
        """Copies of the events besides their files, and how far each has come."""
        return {} if self.counter is None else {COUNTERS: self.counter.safe_seq}

    async def _note(self, event: EventName) -> None:
        events = EventBatch(self._clock.utc_us())
        events.add(event, detail=f"chappe {chappe.__version__} run {self.store.run}")
        await self.store.record(events)

    async def _blame(self) -> None:
        """Tell what was in hand when the last process ended."""
        suspect = self.hand.suspect
        if suspect is not None:
            events = EventBatch(self._clock.utc_us())
            told = f"{suspect.queue}: {self.hand.told(suspect)}"
            events.add(EventName.ITEM_POISONED, suspect.message_id, suspect.client, detail=told)
            await self.store.record(events)
