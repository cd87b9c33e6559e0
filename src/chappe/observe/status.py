"""What `/status.json` says: the state of one box at one moment, for people and for `chappe status`.

Gateway and command line share these shapes.  It must never know where the values come from.
"""

from typing import Final

import msgspec

#: Why a link is not up that need not be: other processes hold their parts of an operator's links.
ELSEWHERE: Final = "left to other nodes of this operator"


class NodeStatus(msgspec.Struct, frozen=True):
    """One node of this box: `operator:three` and `running`."""

    name: str
    state: str
    #: Its process; 0 while none runs, and where all nodes share one.
    pid: int = 0


class LinkStatus(msgspec.Struct, frozen=True):
    """One link to an operator.  `window_used` and `window` count PDUs; `reason` says why it is down."""

    link: int
    state: str
    window_used: int
    window: int
    since_s: float
    reason: str = ""


class OperatorStatus(msgspec.Struct, frozen=True):
    """One operator and its links on this box."""

    name: str
    links: list[LinkStatus]


class QueueStatus(msgspec.Struct, frozen=True):
    """What waits in one queue; what is leased and not yet settled counts too.  `cause` says why nobody reads it."""

    queue: str
    messages: int
    oldest_s: float
    cause: str = ""


class ClientStatus(msgspec.Struct, frozen=True):
    """One client: its binds here, and its messages that are not final.

    `callbacks` is empty while its URL takes them, else `failing`, or `off` when it said that it is gone.
    """

    name: str
    binds: int
    open_messages: int
    callbacks: str = ""


class CopyStatus(msgspec.Struct, frozen=True):
    """One copy made from the event blocks: how many blocks it lags behind, and what is in its way."""

    name: str
    behind_blocks: int
    fault: str = ""


class NodeTold(msgspec.Struct, frozen=True):
    """What a node lets the nodes of all boxes know: its state, and operator → how many links are up, of how many.

    A door tells client → (it sends here, binds) as well.
    """

    state: str
    links: dict[str, tuple[int, int]] = {}
    clients: dict[str, tuple[bool, int]] = {}
    #: The version of the configuration that it goes by, and which of its nodes stayed on an earlier one, and why.
    configuration: int = 0
    unmoved: dict[str, str] = {}


class RunStatus(msgspec.Struct, frozen=True):
    """One node of any box, as the store knows it; `silent_s` is how long ago it was last heard of."""

    box: str
    node: str
    version: str
    run: int
    state: str
    up_s: float
    silent_s: float
    links: dict[str, tuple[int, int]] = {}
    #: The version of the configuration that it goes by; 0 where it does not say.
    configuration: int = 0
    #: Which of its nodes did not follow that version, and why.
    unmoved: dict[str, str] = {}


class CertificateStatus(msgspec.Struct, frozen=True):
    """What one TLS door shows, and until when; `fault` says why its files were not loaded when they changed."""

    door: str
    subject: str
    expires_at: str
    expires_in_s: float
    fault: str = ""


class StoreStatus(msgspec.Struct, frozen=True):
    """The store's file; `wal_octets` is what its log holds now."""

    path: str
    octets: int
    wal_octets: int
    is_away: bool


class BoxStatus(msgspec.Struct, frozen=True):
    """Everything, in the order in which people want to read it."""

    version: str
    run: int
    box: str
    state: str
    uptime_s: float
    nodes: list[NodeStatus]
    operators: list[OperatorStatus]
    clients: list[ClientStatus]
    queues: list[QueueStatus]
    parked: int
    #: At most `HELD_COUNTED`: counting further would cost more than it tells.
    held: int
    store: StoreStatus
    copies: list[CopyStatus]
    #: Event → how many a second, over the last ten.
    events_per_second: dict[str, float]
    #: The nodes of all boxes on this store; none where the store belongs to one process.
    fleet: list[RunStatus] = []
    certificates: list[CertificateStatus] = []
    #: Nodes of this box that do not follow the configuration that counts, and why.
    unmoved: dict[str, str] = {}


def unmoved_of(box: BoxStatus) -> list[tuple[str, str]]:
    """Who does not follow the configuration that counts, and why: of this box, and as others tell of themselves."""
    elsewhere = [
        (f"{name} on {run.box}", why) for run in box.fleet if run.box != box.box for name, why in run.unmoved.items()
    ]
    return [*box.unmoved.items(), *elsewhere]
