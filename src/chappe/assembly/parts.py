"""What a gateway consists of, and what of it this process runs.

It must never start anything.
"""

import asyncio
from pathlib import Path

import chappe
from chappe.box.plan import Process
from chappe.building.building import Building
from chappe.callbacks.node import CallbackNode
from chappe.clients.account import Account
from chappe.clients.dividing import Divided
from chappe.conf.following import Following
from chappe.conf.node import ConfNode
from chappe.conf.passing import Passing
from chappe.configuration.seeding import Take
from chappe.counters.agreement_watch import AgreementWatch
from chappe.counters.fleet_node import FleetCounterNode
from chappe.counters.node import CounterNode
from chappe.engines import AnyStore
from chappe.model.events import EventBatch, EventName
from chappe.net.tls_watch import TlsWatch
from chappe.net.watching import Watching
from chappe.observe.health import Health
from chappe.operators.node import OperatorNode
from chappe.router.sweeper import Sweeper
from chappe.runtime.clock import SYSTEM_CLOCK, Clock
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.folder_lock import FolderLock
from chappe.runtime.in_hand import InHand
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import runs_node
from chappe.store.fleet import Fleet
from chappe.store.versions import Versions
from chappe.swapping import Door, Swapping


class Parts:
    """Everything by its name.  What is only declared here is there once the gateway has started."""

    store: AnyStore
    versions: Versions
    fleet: Fleet
    fleet_watch: FleetWatch
    #: Other versions and orders of other processes; None where there are none.
    following: Following | None
    passing: Passing | None
    conf: ConfNode | None
    swapping: Swapping
    building: Building
    accounts: list[Account]
    operators: list[OperatorNode]
    sweeper: Sweeper
    counter: CounterNode | FleetCounterNode | None
    agreement: AgreementWatch
    tls_watch: TlsWatch
    callbacks: CallbackNode
    _divided: Divided

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
        #: Some door or operator link of this process speaks TLS.
        self.has_tls = False
        #: Answers that nobody waited for any longer when this process drained.
        self.unanswered = 0

    @property
    def _name(self) -> str:
        """How people call what runs in this process."""
        return "gateway" if self.process is None else self.process.name

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

    async def _note(self, event: EventName) -> None:
        events = EventBatch(self._clock.utc_us())
        events.add(event, detail=f"chappe {chappe.__version__} run {self.store.run}")
        await self.store.record(events)
