"""Puts the gateway together: which nodes run in this process, how they start, drain and end.

`building` makes them, `engines` opens the store; this file must never know the settings of a node, nor an engine.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any

from chappe.assembly.showing import Shows
from chappe.assembly.wishes import Steered
from chappe.box.desk import Desk
from chappe.building.building import Building
from chappe.building.surroundings import Surroundings
from chappe.clients.http_node import ClientHttpNode
from chappe.clients.smpp_node import ClientSmppNode
from chappe.clients.ucp_node import ClientUcpNode
from chappe.counters.agreement_watch import AgreementWatch
from chappe.engines import (
    clock_of,
    counter_of,
    fleet_of,
    following_of,
    history_of,
    is_fenced,
    open_store,
    versions_of,
)
from chappe.model.events import EventName
from chappe.net.tls import Credentials
from chappe.net.tls_dial import DialCredentials
from chappe.net.tls_watch import TlsWatch
from chappe.node_terms import tls_of
from chappe.observe.health import Phase
from chappe.runtime.clock import SystemClock
from chappe.runtime.clock_watch import ClockWatch
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.node import Notes
from chappe.runtime.settings_gateway import host_and_port
from chappe.store.fleet import Alone
from chappe.store.port import StoreAway
from chappe.swapping import Swapping, nothing_to_open


class Gateway(Steered, Shows):
    """Nodes in one process around one store: all that this box runs, or the one that this `process` is."""

    async def start(self) -> None:
        """Open the store, then the links, then the doors.  Raises: StoreAway, SettingsError, ResourceError."""
        await self._open_store()
        await self._build()
        self._make_nodes()
        self._make_tls_watch()
        await self._watch()
        await self._open_doors()
        self._make_swapping()
        await self._note(EventName.NODE_STARTED)
        await self._blame()

    async def _open_store(self) -> None:
        """From here on this process works by the newest version of the configuration."""
        self._desk = Desk(self.settings.gateway.data_path, self.grant)
        if self.process is None:
            self._lock.take()
            await self.show_at(self.settings.listen.metrics)
            await self._desk.open()
        name = "all" if self.process is None else self.process.name
        self.store = await open_store(self.settings, name, self._clock)
        self._clock = clock_of(self.store, self._clock)
        self.versions = versions_of(self.store)
        self.settings = await self._settle()
        self.following = following_of(
            self.store, self.versions, lambda: self.version, self._follow, self._obey, self._refuse
        )
        self.health.watch_store(lambda: self.store.is_away)
        self.fleet = fleet_of(self.store)
        self.fleet_watch = FleetWatch(self.fleet, self._clock, self.store.run, self._told)

    async def _build(self) -> None:
        # The store has just proved that nobody else works under our name.
        self.hand.begin(self.settings.gateway.data_path, self.process.file_name if self.process else "all")
        around = Surroundings(
            self.store, self.fleet, self.fleet_watch, self._clock, self.health, self.watching, self.hand
        )
        building = self.building = Building(self.settings, around)
        self.accounts = building.configured.accounts
        if building.configured.policy.opt_outs:
            await building.routing.opt_out_watch().look()

    def _make_nodes(self) -> None:
        """Those without doors."""
        runs, settings, building = self._runs, self.settings, self.building
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

    def _make_tls_watch(self) -> None:
        """Of all certificates that doors show and links are dialled with."""
        terms = tls_of(self.settings.listen)
        self._credentials = {door: Credentials(each) for door, each in terms.items() if self._runs(f"client-{door}")}
        dialled = {f"operator:{node.name}": node.links.credentials for node in self.operators}
        watched = self._credentials | {name: each for name, each in dialled.items() if each is not None}
        self.has_tls = bool(watched)
        self.tls_watch = TlsWatch(watched, self.store, self._clock)

    async def _open_doors(self) -> None:
        doors, runs = self.building.doors, self._runs
        if self._accepts:
            self._credit_keeper = self.building.credit_keeper()
            await self._credit_keeper.begin()
        for node in self.operators:
            await node.listen(is_shared=self.process is not None)
        if runs("client-smpp"):
            self._nodes["client-smpp"] = self.smpp_door = doors.smpp()
            self.smpp_port, self.smpp_tls_port = await self._open("smpp", self.smpp_door)
        if runs("client-http"):
            self._nodes["client-http"] = self.http_door = doors.http()
            self.http_port, self.http_tls_port = await self._open("http", self.http_door)
        if self._runs_ucp:
            self._nodes["client-ucp"] = self.ucp_door = doors.ucp()
            self.ucp_port, self.ucp_tls_port = await self._open("ucp", self.ucp_door)
        if runs("callback"):
            self._nodes["callback"] = self.callbacks = doors.callbacks()

    def _make_swapping(self) -> None:
        self.swapping = Swapping(
            self.building,
            self._nodes,
            self.operators,
            self._sharings,
            runs_operator=lambda name: self._runs("operator", name),
            is_shared=self.process is not None,
            drain=self._drain_removed,
            watch_tls=self._watch_tls,
            open_credit=self._credit_keeper.begin if self._accepts else nothing_to_open,
        )

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

    def _watch_tls(self, name: str, credentials: DialCredentials | None) -> None:
        self.has_tls = self.tls_watch.watch(name, credentials)
