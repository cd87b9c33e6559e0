"""What all nodes of a process share, whatever the configuration says.

It must never know the settings, nor a node.
"""

from dataclasses import dataclass, field

from chappe.engines import AnyStore
from chappe.model.ids import IdMaker
from chappe.net.watching import Watching
from chappe.observe.health import Health
from chappe.runtime.clock import Clock
from chappe.runtime.fleet_watch import FleetWatch
from chappe.runtime.in_hand import InHand
from chappe.store.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One store, and what stands around it."""

    store: AnyStore
    fleet: Fleet
    fleet_watch: FleetWatch
    clock: Clock
    health: Health
    watching: Watching
    hand: InHand
    ids: IdMaker = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", IdMaker(self.store.slot, last_id=self.store.last_id))
