"""One TCP connection that carries a session: octets in both directions, and nothing that knows messages.

Output is written once per batch (`flush`).  A peer that does not read is not read from either, and is
cut off when it stays that way: its memory is bounded.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

from chappe.net.tls import shown_by
from chappe.net.tls_dial import why_lost
from chappe.rules.certificates import Shown

#: Octets waiting for a peer beyond which we stop reading from it.
HIGH_WATER_OCTETS: Final = 1 << 20
#: How long a peer may leave its output unread before it is cut off.
UNREAD_PATIENCE_S: Final = 30.0
#: How long after our last octets an orderly closed connection may linger.
LINGER_S: Final = 2.0
#: Why a connection is lost that its peer ended in order.
CLOSED: Final = "closed by the peer"

FactsHandler = Callable[[Any, list[Any]], None]
LossHandler = Callable[[Any, str], None]


class Peer(asyncio.Protocol):
    """A connected peer.  `owner` hangs on it whatever its node knows of it."""

    #: The fact that ends a session.
    over: ClassVar[type[Any]]
    #: Its subclass says of which protocol.
    session: Any

    __slots__ = (
        "_on_facts",
        "_on_lost",
        "_reason",
        "_transport",
        "_unread_since",
        "address",
        "is_dirty",
        "is_lost",
        "is_writable",
        "name",
        "owner",
        "session",
    )

    def __init__(
        self, session: Any, on_facts: FactsHandler, on_lost: LossHandler, *, owner: Any = None, name: str = ""
    ) -> None:
        self.session = session
        self.owner = owner
        self.name = name
        self.address = ""
        self.is_writable = True
        self.is_lost = False
        #: A node marks it while it gathers output for it.
        self.is_dirty = False
        self._on_facts = on_facts
        self._on_lost = on_lost
        self._reason = ""
        self._unread_since = 0.0
        self._transport: asyncio.Transport | None = None

    @property
    def certificate(self) -> Shown | None:
        """The certificate that the peer has shown; None without one, or without TLS."""
        return shown_by(self._transport)

    # -- called by the loop -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=HIGH_WATER_OCTETS)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self.name = self.name or (f"{peer[0]}:{peer[1]}" if peer else "?")

    def data_received(self, data: bytes) -> None:
        self.hand_on(self.session.receive(data, _now()))

    def pause_writing(self) -> None:
        self.is_writable = False
        self._unread_since = _now()
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.is_writable = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.is_writable = False
        self._on_lost(self, self._reason or (why_lost(exc) if exc else CLOSED))

    # -- called by the node -------------------------------------------------------------------------

    def hand_on(self, facts: list[Any]) -> None:
        """Give facts to the node, write what the session itself has to say, close when it is over."""
        if facts:
            self._on_facts(self, facts)
        if not self.is_dirty:
            self.flush()
        if facts and type(facts[-1]) is self.over:
            reason: str = cast(Any, facts[-1]).reason
            self.close(reason)

    def flush(self) -> None:
        """Write all that the session has to say."""
        self.is_dirty = False
        if self._transport is not None and not self._transport.is_closing():
            octets = self.session.take_octets()
            if octets:
                self._transport.write(octets)

    def tick(self, now: float) -> None:
        """Let the session look at the clock; cut off a peer that does not read."""
        if not self.is_writable and not self.is_lost and now - self._unread_since > UNREAD_PATIENCE_S:
            self.abort(f"did not read for {UNREAD_PATIENCE_S:.0f} s")
            return
        deadline = self.session.deadline()
        if deadline is not None and deadline <= now:
            self.hand_on(self.session.tick(now))

    def close(self, reason: str) -> None:
        """Close after what is written has been read, or soon."""
        self._reason = self._reason or reason
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self.flush()
            transport.close()
            asyncio.get_running_loop().call_later(LINGER_S, transport.abort)

    def abort(self, reason: str) -> None:
        """Close at once, dropping what is not yet written."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()


def _now() -> float:
    return time.monotonic()
