"""Keeps an operator's links up: dials, signs on, waits, and tries again without a storm.

It must never know a protocol: the subclasses do.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from chappe.model.events import EventName
from chappe.net.http_call import Endpoint
from chappe.net.peer import CLOSED, FactsHandler, Peer
from chappe.net.tls import TlsTerms
from chappe.net.tls_dial import DialCredentials, DialTerms, why_lost
from chappe.observe.status import ELSEWHERE
from chappe.operators.link import Connecting, Link
from chappe.runtime.backoff import Backoff
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes

#: Why a link is down that this node leaves to others.
RESTS: Final = ELSEWHERE
#: How long an operator may take to answer a goodbye.
UNBIND_S: Final = 2.0


class LinkTerms(msgspec.Struct, frozen=True):
    """Where and how an operator's links are bound."""

    operator: str
    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    is_pair: bool = False
    links: int = 2
    window_pdus: int = 100
    session_init_s: float = 10.0
    enquire_link_s: float = 30.0
    response_s: float = 30.0
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 60.0
    #: Connections are encrypted.
    tls: DialTerms | None = None
    #: HTTP: where requests go, and where the operator's own calls come in.
    endpoint: Endpoint | None = None
    listen: tuple[str, int] | None = None
    listen_tls: TlsTerms | None = None


class Links(ABC):
    """The links of one operator.  `on_up(link)` and `on_down(link, peer)` are called when one comes or goes.

    `kind` is what one connection of a link is for, in the words of the protocol.
    """

    def __init__(
        self,
        terms: LinkTerms,
        clock: Clock,
        notes: Notes,
        *,
        on_facts: FactsHandler,
        on_up: Callable[[Link], None],
        on_down: Callable[[Link, Any], None],
    ) -> None:
        """Raises: SettingsError, when a certificate cannot be read."""
        self.terms = terms
        #: What connections are dialled with; None where they are not encrypted.
        self.credentials = DialCredentials(terms.tls) if terms.tls else None
        self._clock = clock
        self._notes = notes
        self._on_facts = on_facts
        self._on_up = on_up
        self._on_down = on_down
        self.links = [self.new_link(number) for number in range(1, terms.links + 1)]
        self.is_stopping = False
        #: Where keepers live while the node runs.
        self._group: asyncio.TaskGroup | None = None
        #: How many links this node may keep: those of an operator are shared by all nodes that serve it.
        self.allowed = terms.links
        self._allowance = asyncio.Event()
        #: Monotonic seconds since when no link can send; None while one can.
        self.down_since: float | None = clock.monotonic()

    # -- what protocols do differently ----------------------------------------------------------------

    @abstractmethod
    def kinds(self) -> Sequence[Any]:
        """The connections of each link."""

    @abstractmethod
    def sends(self, kind: Any) -> bool:
        """Messages leave on such a connection."""

    @abstractmethod
    def receives(self, kind: Any) -> bool:
        """Receipts and MO come on such a connection."""

    @abstractmethod
    def word_of(self, kind: Any) -> str:
        """How events name such a connection."""

    @abstractmethod
    def new_peer(self, on_lost: Callable[[Any, str], None]) -> Peer:
        """A connection that is about to be dialled."""

    @abstractmethod
    def sign_on(self, peer: Any, kind: Any, now: float) -> None:
        """Ask to be let in."""

    @abstractmethod
    def why_refused(self, status: int) -> str:
        """How events say that the operator did not let us in."""

    @abstractmethod
    def say_goodbye(self, peer: Any, now: float) -> None:
        """End a connection on which nothing is open."""

    def new_link(self, number: int) -> Link:
        """One link, still down."""
        backoff = Backoff(self.terms.reconnect_min_s, self.terms.reconnect_max_s)
        return Link(number, backoff, changed_at=self._clock.monotonic())

    # -- life -----------------------------------------------------------------------------------------

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start one keeper for each connection."""
        self._group = group
        for link in self.links:
            self._start_keepers(link)

    def _start_keepers(self, link: Link) -> None:
        if self._group is not None:
            for kind in self.kinds():
                self._group.create_task(self._keep(link, kind), name=f"{self.terms.operator} link {link.number}")

    def change(self, terms: LinkTerms, credentials: DialCredentials | None) -> None:
        """Other terms: the window holds at once, the rest when a connection is dialled; links are added or end."""
        was, self.terms, self.credentials = self.terms, terms, credentials
        if terms.window_pdus != was.window_pdus:
            for peer in self.peers():
                peer.session.resize(terms.window_pdus)
        if terms.links == was.links:
            return
        known = {link.number for link in self.links}
        for number in range(1, terms.links + 1):
            if number not in known:
                link = self.new_link(number)
                link.is_wanted = False
                self.links.append(link)
                self._start_keepers(link)
        if self.allowed == was.links:
            # Nobody else serves the operator; else what is ours is asked for again soon.
            self.allow(terms.links)

    def _forget(self, link: Link) -> None:
        """The settings name fewer links now."""
        if link in self.links and not link.kept:
            self.links.remove(link)

    def _may_dial(self) -> bool:
        return not self.is_stopping

    async def _keep(self, link: Link, kind: Any) -> None:
        """Keep one connection bound until asked to stop, for as long as this node may have the link."""
        while self._may_dial():
            if link.number > self.terms.links:
                self._forget(link)
                return
            if link.is_reset:
                link.is_reset, link.is_wanted = False, link.number <= self.allowed
            if not link.is_wanted:
                self._allowance.clear()
                await self._allowance.wait()
                continue
            began = self._clock.monotonic()
            link.kept += 1
            try:
                reason = await self._serve(link, kind)
            finally:
                link.kept -= 1
            self._note(EventName.LINK_DOWN, link, kind, reason)
            if not link.down_reason:
                link.changed_at = self._clock.monotonic()
            link.down_reason = reason
            link.backoff.held(self._clock.monotonic() - began)
            if not self._may_dial():
                return
            if link.number > self.allowed:
                link.down_reason = RESTS
                continue
            if link.is_reset:
                continue
            await asyncio.sleep(link.backoff.pause_s(random.random()))  # jitter needs no secrecy

    async def _serve(self, link: Link, kind: Any) -> str:
        """Dial, bind, and wait until the connection is gone; returns why."""
        terms, connecting = self.terms, Connecting()
        peer = self.new_peer(lambda peer, why: self._lost(link, peer, connecting, why))
        peer.owner = (link, connecting)
        try:
            async with asyncio.timeout(terms.session_init_s):
                await self._connect(peer)
                self.sign_on(peer, kind, self._clock.monotonic())
                peer.flush()
                status = await connecting.bound
        except TimeoutError:
            peer.abort("no answer to the bind")
            return f"no bind within {terms.session_init_s:g} s at {terms.host}:{terms.port}"
        except OSError as error:
            return f"{terms.host}:{terms.port} cannot be reached: {self._why_not(error)}"
        if status:
            why = self.why_refused(status)
            peer.close(why)
            return why
        if peer.is_lost:
            # It ended in the moment of the bind: nobody would take it off the link again.
            return await connecting.lost
        self._bound(link, peer, kind)
        return await connecting.lost

    def _why_not(self, error: OSError) -> str:
        """Why nobody let us in."""
        tls = self.terms.tls
        why = why_lost(error, tls.server_name if tls else "")
        if tls is not None and tls.certificate is None and why == CLOSED:
            # By TLS 1.3 whoever shows none is turned away after the handshake, and not every server says why.
            return f"{why}; perhaps it asks for a certificate of ours"
        return why

    async def _connect(self, peer: Peer) -> None:
        """Raises: OSError."""
        loop, terms, credentials = asyncio.get_running_loop(), self.terms, self.credentials
        if credentials is None or terms.tls is None:
            await loop.create_connection(lambda: peer, terms.host, terms.port)
            return
        transport, _ = await loop.create_connection(
            lambda: peer, terms.host, terms.port, ssl=credentials.context, server_hostname=terms.tls.server_name
        )
        credentials.saw(transport)

    def _bound(self, link: Link, peer: Peer, kind: Any) -> None:
        if self.sends(kind):
            link.sender = peer
            self.down_since = None
        if self.receives(kind):
            link.receiver = peer
        link.bound_at = self._clock.monotonic()
        link.changed_at, link.down_reason = link.bound_at, ""
        self._note(EventName.LINK_UP, link, kind, f"{self.terms.host}:{self.terms.port}")
        self._on_up(link)

    def _lost(self, link: Link, peer: Peer, connecting: Connecting, reason: str) -> None:
        if not connecting.bound.done():
            connecting.bound.set_exception(OSError(reason))
        if not connecting.lost.done():
            connecting.lost.set_result(reason)
        if link.sender is peer:
            link.sender = None
        if link.receiver is peer:
            link.receiver = None
        if self.down_since is None and not any(each.sender for each in self.links):
            self.down_since = self._clock.monotonic()
        self._on_down(link, peer)

    def peers(self) -> list[Peer]:
        """All connections that are bound, each once."""
        return [peer for link in self.links for peer in link.peers()]

    # -- sharing ------------------------------------------------------------------------------------

    @property
    def up(self) -> int:
        """Links that can send now."""
        return sum(1 for link in self.links if link.sender is not None)

    @property
    def held(self) -> int:
        """Links that this node keeps or may dial at any moment."""
        return sum(1 for link in self.links if link.kept or link.is_wanted)

    def allow(self, links: int) -> None:
        """From now on this node may keep so many; what is above takes no more work and ends when nothing is open."""
        self.allowed = links
        now = self._clock.monotonic()
        for link in self.links:
            is_wanted = link.number <= links
            if link.is_wanted and not is_wanted:
                link.unwanted_at, link.unbound_at = now, 0.0
                if not link.kept:
                    link.down_reason = RESTS
            # One that is to be bound anew is wanted again when it has ended.
            link.is_wanted = is_wanted and not link.is_reset
        self._allowance.set()

    def reset(self, number: int = 0) -> int:
        """Sign off as soon as nothing is open, and dial anew: one link, or all for 0; returns how many."""
        now = self._clock.monotonic()
        wanted = [link for link in self.links if number in (0, link.number) and link.is_wanted]
        for link in wanted:
            link.is_reset, link.is_wanted = True, False
            link.unwanted_at, link.unbound_at = now, 0.0
        return len(wanted)

    def retire(self, now: float) -> None:
        """End unwanted links on which nothing is open, or on which answers have not come for too long."""
        for link in self.links:
            peers = () if link.is_wanted else link.peers()
            if not peers:
                continue
            is_open = bool(link.backlog) or any(peer.session.in_flight or peer.session.unanswered for peer in peers)
            if is_open and now < link.unwanted_at + self.terms.response_s:
                continue
            if link.unbound_at and now >= link.unbound_at + UNBIND_S:
                for peer in peers:
                    peer.close("given up to another node")
            elif not link.unbound_at:
                link.unbound_at = now
                for peer in peers:
                    self.say_goodbye(peer, now)

    def _note(self, event: EventName, link: Link, kind: Any, detail: str) -> None:
        self._notes.add(
            event, operator=self.terms.operator, detail=f"link {link.number} {self.word_of(kind)}: {detail}"
        )
