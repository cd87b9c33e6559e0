"""Keeps an operator's SMPP links bound: dials, binds, waits, and tries again without a storm."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import msgspec

from chappe.model.events import EventName
from chappe.net.smpp_peer import FactsHandler, SmppPeer
from chappe.operators.link import Connecting, Link
from chappe.runtime.backoff import Backoff
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.wire.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter
from chappe.wire.smpp.session import Role, Session, Timers
from chappe.wire.smpp.statuses import status_name

#: Why a link is down that this node leaves to others.
RESTS: Final = "left to other nodes of this operator"
#: How long an operator may take to answer an unbind.
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


class SmppLinks:
    """The links of one operator.  `on_change(link)` is called when one comes or goes."""

    def __init__(
        self,
        terms: LinkTerms,
        clock: Clock,
        notes: Notes,
        *,
        on_facts: FactsHandler,
        on_up: Callable[[Link], None],
        on_down: Callable[[Link, SmppPeer], None],
    ) -> None:
        self.terms = terms
        self._clock = clock
        self._notes = notes
        self._on_facts = on_facts
        self._on_up = on_up
        self._on_down = on_down
        self.links = [
            Link(number, Backoff(terms.reconnect_min_s, terms.reconnect_max_s), changed_at=clock.monotonic())
            for number in range(1, terms.links + 1)
        ]
        self.is_stopping = False
        #: How many links this node may keep: those of an operator are shared by all nodes that serve it.
        self.allowed = terms.links
        self._allowance = asyncio.Event()
        #: Monotonic seconds since when no link can send; None while one can.
        self.down_since: float | None = clock.monotonic()

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start one keeper for each connection."""
        kinds = (BindTransmitter, BindReceiver) if self.terms.is_pair else (BindTransceiver,)
        for link in self.links:
            for kind in kinds:
                group.create_task(self._keep(link, kind), name=f"{self.terms.operator} link {link.number}")

    def _may_dial(self) -> bool:
        return not self.is_stopping

    async def _keep(self, link: Link, kind: type[Bind]) -> None:
        """Keep one connection bound until asked to stop, for as long as this node may have the link."""
        while self._may_dial():
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
            await asyncio.sleep(link.backoff.pause_s(random.random()))  # jitter needs no secrecy

    async def _serve(self, link: Link, kind: type[Bind]) -> str:
        """Dial, bind, and wait until the connection is gone; returns why."""
        terms, connecting = self.terms, Connecting()
        peer = SmppPeer(self._session(), self._on_facts, lambda peer, why: self._lost(link, peer, connecting, why))
        peer.owner = (link, connecting)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(terms.session_init_s):
                await loop.create_connection(lambda: peer, terms.host, terms.port)
                peer.session.bind(kind(terms.system_id, terms.password, terms.system_type), self._clock.monotonic())
                peer.flush()
                status = await connecting.bound
        except TimeoutError:
            peer.abort("no answer to the bind")
            return f"no bind within {terms.session_init_s:g} s at {terms.host}:{terms.port}"
        except OSError as error:
            return f"{terms.host}:{terms.port} cannot be reached: {error.strerror or error}"
        if status:
            peer.close("bind refused")
            return f"bind refused with {status_name(status)}"
        if peer.is_lost:
            # It ended in the moment of the bind: nobody would take it off the link again.
            return await connecting.lost
        self._bound(link, peer, kind)
        return await connecting.lost

    def _session(self) -> Session:
        terms = self.terms
        timers = Timers(
            session_init_s=terms.session_init_s, enquire_link_s=terms.enquire_link_s, response_s=terms.response_s
        )
        return Session(Role.ESME, now=self._clock.monotonic(), timers=timers, window_pdus=terms.window_pdus)

    def _bound(self, link: Link, peer: SmppPeer, kind: type[Bind]) -> None:
        if kind is not BindReceiver:
            link.sender = peer
            self.down_since = None
        if kind is not BindTransmitter:
            link.receiver = peer
        link.bound_at = self._clock.monotonic()
        link.changed_at, link.down_reason = link.bound_at, ""
        self._note(EventName.LINK_UP, link, kind, f"{self.terms.host}:{self.terms.port}")
        self._on_up(link)

    def _lost(self, link: Link, peer: SmppPeer, connecting: Connecting, reason: str) -> None:
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

    def peers(self) -> list[SmppPeer]:
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
            link.is_wanted = is_wanted
        self._allowance.set()

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
                    peer.session.unbind(now)
                    peer.flush()

    def _note(self, event: EventName, link: Link, kind: type[Bind], detail: str) -> None:
        word = kind.__name__.removeprefix("Bind").lower()
        self._notes.add(event, operator=self.terms.operator, detail=f"link {link.number} {word}: {detail}")
