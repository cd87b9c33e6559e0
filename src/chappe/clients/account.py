"""One client as its door knows it: what it may do, what it has used of it, and who of it is bound."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from chappe.clients.credit import Credit
from chappe.clients.seconds import Seconds
from chappe.clients.short_ids import ShortIds
from chappe.rules.certificates import CertificateRule
from chappe.rules.order import HandsetOrder
from chappe.runtime.throttle import Throttle

PRIORITY_BY_NAME = {"high": 0, "normal": 1, "bulk": 2}


@dataclass(frozen=True, slots=True)
class CallbackRights:
    """What a client may ask to be called back for."""

    #: It has a URL of its own.
    has_url: bool = False
    #: A message may name another one.
    may_name_url: bool = False
    allow_private: bool = False


NO_CALLBACKS: Final = CallbackRights()


@dataclass(slots=True)
class Account:
    """A client's rights and state at one door.  Times are monotonic seconds unless they end in `_ms`."""

    name: str
    is_enabled: bool
    priority: int
    queue_limit: int
    store_away_status: int
    throttle: Throttle
    default_validity_s: float
    #: What it may still spend here; None where it may spend without end.
    credit: Credit | None = None
    #: Of an account for trials: the client whose routes hold for it; empty for a real one.
    trial_of: str = ""
    # HTTP
    callbacks: CallbackRights = NO_CALLBACKS
    # SMPP
    system_id: str = ""
    password: str | None = None
    password_hash: str | None = None
    #: What is hashed is the password's MD5.
    password_is_md5: bool = False
    #: The password before, good until a moment in Unix µs.
    previous_password: str | None = None
    previous_password_hash: str | None = None
    previous_until_us: int = 0
    #: Certificates one of which it must show, at the door for SMPP and at that for HTTP; none: it need not.
    certificates: tuple[CertificateRule, ...] = ()
    http_certificates: tuple[CertificateRule, ...] = ()
    max_binds: int = 16
    window: int = 1000
    allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    id_form: str = "decimal"
    #: Binds of SMPP 3.3 get short ids: nobody has said how its ids are to be written.
    may_shorten_ids: bool = False
    #: Seconds within which a repeat of a submission is recognised; 0 for never.
    dedup_s: float = 0.0
    enquire_link_s: float = 30.0
    response_s: float = 30.0
    retry_s: float = 5.0
    #: Its bound connections, in the order in which they bound.
    peers: list[Any] = field(default_factory=list)
    #: Its binds at other processes, as far as they have told.
    binds_elsewhere: int = 0
    #: Its binds whose message ids must be short, and those that are told how much of its queue is used.
    short_id_peers: set[Any] = field(default_factory=set)
    congestion_peers: set[Any] = field(default_factory=set)
    short_ids: ShortIds = field(default_factory=ShortIds)
    #: Its messages that are judged and on their way to the store.
    arriving: int = 0
    #: What follows a refused delivery for the same handset waits behind it.
    order: HandsetOrder = field(default_factory=HandsetOrder)
    # UCP
    #: Who signs on by `system_id` speaks UCP.
    is_ucp: bool = False
    #: The time that it lives in.
    zone: tzinfo = UTC
    throttle_code: int = 4
    queue_full_code: int = 4
    store_away_code: int = 55
    #: The names that its messages were given.
    seconds: Seconds = field(default_factory=Seconds)

    def adopt(self, other: "Account", now: float) -> None:
        """Take the rights of an account that was made anew; what is going on stays as it is."""
        for name in self.__slots__:
            if name not in _STATE:
                setattr(self, name, getattr(other, name))
        self.throttle.change(other.throttle.rate, now)

    @property
    def queue(self) -> str:
        """Where what it is to receive over SMPP waits."""
        return f"client:{self.name}"

    @property
    def is_full(self) -> bool:
        """It holds all binds that it may hold."""
        return len(self.peers) + self.binds_elsewhere >= self.max_binds

    def may_come_from(self, address: str) -> bool:
        """Say whether its allow-list has this address."""
        came = ip_address(address)
        return any(came in network for network in self.allowed)


#: What an account has gathered while it was used; everything else is from the settings.
_STATE: Final = frozenset(
    {"throttle", "peers", "binds_elsewhere", "short_id_peers", "congestion_peers", "short_ids", "arriving", "order"}
    | {"seconds", "credit"}
)
