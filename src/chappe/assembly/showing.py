"""What this process tells of itself: to people, to its box, to the nodes of all boxes.

It must never change what it tells of.
"""

from chappe.assembly.parts import Parts
from chappe.box.beats import Beat, Shown
from chappe.box.parent import memory_mib
from chappe.clients.status import client_statuses
from chappe.counters.node import COPY as COUNTERS
from chappe.model.events import EventBatch, EventName
from chappe.net.watching import Telling
from chappe.observe.health import Phase
from chappe.observe.redact import redactor
from chappe.observe.status import NodeStatus, NodeTold
from chappe.operators.status import operator_status
from chappe.runtime.settings_gateway import host_and_port

#: The folder of event files within `data_dir`.
EVENTS_FOLDER = "events"


class Shows(Parts):
    """Statuses, beats and copies of the events."""

    async def show_at(self, address: str) -> None:
        """Serve metrics, status and health at an address.  Raises: SettingsError."""
        self.metrics_port = await self.watching.server.listen(*host_and_port(address))

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

    async def _blame(self) -> None:
        """Tell what was in hand when the last process ended."""
        suspect = self.hand.suspect
        if suspect is not None:
            events = EventBatch(self._clock.utc_us())
            told = f"{suspect.queue}: {self.hand.told(suspect)}"
            events.add(EventName.ITEM_POISONED, suspect.message_id, suspect.client, detail=told)
            await self.store.record(events)
