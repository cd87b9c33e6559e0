"""How one client is called back: its settings as the node uses them, and the seam where formats differ.

It must never know a connection or a store.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from chappe.model.message import Item
from chappe.text.encoding import Encoding
from chappe.wire.smpp.named_tlvs import NamedTlv


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a client's `[clients.callback]` says."""

    client: str
    #: Its name at the doors of other gateways' clients.
    username: str = ""
    #: Empty: only messages that name a URL themselves are told of.
    url: str
    #: Keys that sign, the newest first; none: callbacks bear no signature.
    keys: tuple[bytes, ...] = ()
    #: Where statuses are told, if not at `url`.
    status_url: str = ""
    format: str = "chappe"
    #: GET or POST, where the format leaves a choice.
    method: str = "POST"
    #: A text in the answer to an MO goes to the handset.
    takes_replies: bool = True
    #: Operator → the name by which it knows us.
    account_by_operator: Mapping[str, str] = {}
    #: Operator → tag → the name that its profile has for such a TLV, and how that is read.
    tlvs_by_operator: Mapping[str, Mapping[int, tuple[str, NamedTlv]]] = {}
    #: How many callbacks one body carries at most.
    batch: int = 1
    max_connections: int = 16
    timeout_s: float = 15.0
    #: Pauses between tries of one callback; the last one repeats.
    retry_s: tuple[float, ...] = (5.0,)
    #: Age after which a callback that was refused is given up.
    give_up_after_s: float = 259_200.0
    allow_private: bool = False
    #: Hosts and ports in our own house that the settings themselves name.
    private_hosts: frozenset[tuple[str, int]] = frozenset()

    @property
    def queue(self) -> str:
        """Where its callbacks wait."""
        return f"callback:{self.client}"

    def may_lead_home(self, host: str, port: int) -> bool:
        """Its callbacks may go there also where that is in our own house; what listens beside it is not meant."""
        return self.allow_private or (host, port) in self.private_hosts


class Piece(msgspec.Struct, gc=False):
    """One callback, ready to be posted: where to, and its part of the request."""

    item: Item
    #: As the settings or the message have it.
    url: str
    octets: bytes
    format: "Format"


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A request without its host: `head` is its lines from the second on, each with its end."""

    method: str
    url: str
    head: str
    body: bytes


class Format(Protocol):
    """Whose shape a client's callbacks have."""

    #: Several pieces fit into one request.
    can_batch: bool

    def piece(self, item: Item, url: str, encodings: Mapping[str, Encoding], terms: Terms) -> Piece:
        """Write one callback; `encodings` says how an operator's data_coding 0 reads."""
        ...

    def request(self, pieces: Sequence[Piece], terms: Terms, unix_s: int) -> Outgoing:
        """Make one request of pieces that go to the same URL."""
        ...

    def is_taken(self, status: int, body: bytes) -> bool:
        """Whether the client has taken what was posted."""
        ...

    def reply_in(self, body: bytes, content_type: str) -> str:
        """The text that the client answers to a single MO with; empty for none."""
        ...

    def replies_in(self, body: bytes) -> Mapping[int, str]:
        """The texts that it answers to some of a batch with, by the numbers of the callbacks."""
        ...
