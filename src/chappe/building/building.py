"""Makes nodes from the settings, around one store.

It must never start a node, nor know when one stops: that is `assembly`.
"""

from chappe.building.configured import Configured
from chappe.building.doors import Doors
from chappe.building.holders import Holders
from chappe.building.operators import Operators
from chappe.building.posting import Posting
from chappe.building.routing import Routing
from chappe.building.surroundings import Surroundings
from chappe.clients.credit_keeper import CreditKeeper
from chappe.clients.demo_traffic import DemoTraffic
from chappe.conf.callbacks import CallbackWishes
from chappe.conf.configuring import Announce, Configuring
from chappe.conf.crediting import CreditWishes
from chappe.conf.dropping import QueueDrop
from chappe.conf.node import ConfNode, Everywhere
from chappe.conf.opting import OptOutWishes
from chappe.conf.replaying import ReceiptWishes
from chappe.conf.steering import Drain, Reset, Steering
from chappe.engines import inbox_of
from chappe.routing_terms import doubts_of
from chappe.rules.admit import Policy
from chappe.rules.decide import Routes
from chappe.runtime.node import Notes
from chappe.runtime.settings import Settings
from chappe.store.fleet import Alone
from chappe.store.sealing import seal
from chappe.store.versions import Versions


class Building:
    """One node of a kind for each call, for a gateway in one process and for a process of its own alike."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._around = around
        self.configured = Configured(settings, around)
        self.holders = Holders(self.configured, around.clock)
        self.posting = Posting(self.configured, around)
        self.operators = Operators(self.configured, around)
        self.doors = Doors(self.configured, around, self.holders, self.posting, self.operators.is_up)
        self.routing = Routing(self.configured, around, self.operators.is_up)

    def take(self, settings: Settings, policy: Policy, mo_routes: Routes) -> None:
        """Judge by these settings from now on; nodes that must be told of it are told by who calls this."""
        self.configured.take(settings, policy, mo_routes)
        self.routing.take()

    def credit_keeper(self) -> CreditKeeper:
        around = self._around
        return CreditKeeper(self.configured.credits, around.store, Notes(around.store, around.clock))

    def conf(
        self,
        versions: Versions,
        announce: Announce,
        reset: Reset,
        drain: Drain,
        everywhere: Everywhere,
        demo: DemoTraffic | None = None,
    ) -> ConfNode:
        configured, around = self.configured, self._around
        return ConfNode(
            inbox_of(around.store, configured.settings),
            around.store,
            QueueDrop(around.store, around.clock, configured.why_unread),
            CallbackWishes(around.store, around.clock),
            Configuring(
                versions,
                configured.settings,
                around.clock,
                seal().derived(around.store.key),
                announce,
                reset,
                doubts_of,
            ),
            Steering(around.store, reset, drain),
            CreditWishes(around.store),
            self.posting.test_sending(),
            None if isinstance(around.fleet, Alone) else everywhere,
            ReceiptWishes(around.store, around.clock, configured.id_reading),
            None if demo is None else demo.set_pace,
            OptOutWishes(around.store, around.clock, configured.opt_outs, versions),
        )
