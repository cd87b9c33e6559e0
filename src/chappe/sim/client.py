"""A simulated client over SMPP or UCP: binds, sends, takes receipts and MO, comes back when its link ends.

    async with ClientSimulator(ClientOptions(port=2775, count=1000)) as client:
        await client.run()

It must never know the gateway that it is a test for: it shares only the wire with it.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from chappe.model.errors import PeerError, ResourceError
from chappe.sim.alarm import Alarm
from chappe.sim.client_link import ClientLink
from chappe.sim.inbox import Inbox, Received
from chappe.sim.jobs import Answer, Job
from chappe.sim.ledger import Entry, Kind, Ledger, Role
from chappe.sim.options import ClientOptions
from chappe.sim.outgoing import Outgoing
from chappe.sim.script import Faults, read_script
from chappe.sim.ucp_client_link import UcpClientLink
from chappe.sim.waiting import Waiters
from chappe.wire.smpp.pdus import Bind, BindReceiver, BindTransceiver, BindTransmitter, Pdu
from chappe.wire.smpp.statuses import CommandStatus, status_name
from chappe.wire.ucp.operations import Operation

#: Answers to a bind that trying again does not change.
_NEVER: Final = frozenset({CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RINVSYSID, CommandStatus.ESME_RBINDFAIL})

BINDS: Final[dict[str, tuple[type[BindTransceiver] | type[BindTransmitter] | type[BindReceiver], ...]]] = {
    "transceiver": (BindTransceiver,),
    "transmitter": (BindTransmitter,),
    "receiver": (BindReceiver,),
    "transmitter+receiver": (BindTransmitter, BindReceiver),
}

_LINKS: Final[dict[str, type[ClientLink] | type[UcpClientLink]]] = {"smpp": ClientLink, "ucp": UcpClientLink}

#: How often sessions are asked for their timers.
_TICK_S: Final = 0.2

_DEFAULTS: Final = ClientOptions()


class ClientSimulator:
    """Connects from `async with` on and keeps its links up until the end of it.

    Raises:
        SettingsError: the script or the ledger cannot be read or written.
    """

    def __init__(self, options: ClientOptions = _DEFAULTS, faults: Faults | None = None) -> None:
        self.options: Final = options
        self.faults: Final = faults or read_script(options.script_path)
        self.links: Final[list[ClientLink | UcpClientLink]] = []
        self.bind_refusals: Final[list[int]] = []
        #: Operations over UCP that are no deliveries: what inquiries found.
        self.asked: Final[list[Operation]] = []
        self._link_count = 0
        self._dirty: set[ClientLink | UcpClientLink] = set()
        self._waiters = Waiters()

    async def __aenter__(self) -> Self:
        """Begin to connect; `until_bound` waits for the links."""
        now = self.now()
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._wake)
        self.ledger = Ledger.of(self.options.ledger_path, keeps=self.options.remembers)
        self.inbox = Inbox(self.faults, self.ledger, now, remembers=self.options.remembers)
        self.outgoing = Outgoing(self.options, self.ledger, self.inbox, now)
        self._log(Kind.OPENED, now, detail=f"role={Role.CLIENT.value}")
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._keepers = [self._group.create_task(self._keep(bind), name=f"keep {bind}") for bind in self._binds()]
        self._alarm.set(now + _TICK_S, now)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unbind and close all links."""
        for keeper in self._keepers:
            keeper.cancel()
        for link in list(self.links):
            link.close(self.now())
        await self._group.__aexit__(None, None, None)
        self._alarm.cancel()
        self.ledger.close()

    @property
    def received(self) -> list[Received]:
        """Every receipt and MO that was taken, in order, when the options say that it remembers."""
        return self.inbox.received

    @property
    def missing(self) -> int:
        """How many answers, receipts and MO have not come yet."""
        still_to_come = len(self.inbox.awaiting) + max(0, self.options.expect_mo - self.inbox.mo)
        return self.outgoing.unanswered_count + still_to_come

    def counts(self) -> dict[str, int]:
        """The sums so far, by what they count."""
        return {
            "links": sum(link.is_ready for link in self.links),
            "sent": self.outgoing.sent,
            "accepted": self.outgoing.accepted,
            "refused": self.outgoing.refused,
            "resent": self.outgoing.resent,
            "given_up": self.outgoing.given_up,
            "receipts": self.inbox.receipts,
            "mo": self.inbox.mo,
            "missing": self.missing,
        }

    async def run(self) -> bool:
        """Send everything that the options ask for and wait for what should come; whether all of it did.

        Raises:
            PeerError: the gateway refuses to bind, and would again.
            ResourceError: not all links could be bound.
        """
        await self.until_bound()
        self.outgoing.may_make = True
        self.finish_batch(self.now())
        await self.until(lambda: not self.outgoing.unanswered_count, math.inf)
        while self.missing and (patience_s := self._patience_s()) > 0:
            with contextlib.suppress(TimeoutError):
                await self.until(lambda: not self.missing, patience_s)
        return not (self.missing or self.outgoing.refused or self.outgoing.given_up)

    async def ask(self, pdu: Pdu | Operation, patience_s: float = 10.0) -> Answer:
        """Send one request on the next link with room, and return its answer.

        Raises:
            ResourceError: the link ended before the answer came.
            TimeoutError: no answer came within `patience_s`.
        """
        job = self.outgoing.put(pdu)
        job.answer = self._loop.create_future()
        self.finish_batch(self.now())
        return await asyncio.wait_for(job.answer, patience_s)

    def send(self, pdu: Pdu | Operation) -> None:
        """Send one request without waiting; it is sent again when its link ends before the answer."""
        self.outgoing.put(pdu)
        self.finish_batch(self.now())

    async def until(self, condition: Callable[[], bool], patience_s: float = 10.0) -> None:
        """Wait until `condition` holds; it is asked after each batch.

        Raises:
            TimeoutError: it did not come to hold within `patience_s`.
        """
        await self._waiters.until(condition, patience_s)

    async def until_bound(self, patience_s: float = 30.0) -> None:
        """Wait until all links are bound.

        Raises:
            PeerError: the gateway refuses to bind, and would again.
            ResourceError: not all were bound within `patience_s`.
        """
        try:
            await self.until(lambda: self._is_bound or not _NEVER.isdisjoint(self.bind_refusals), patience_s)
        except TimeoutError as fault:
            where = f"{self.options.host}:{self.options.port}"
            raise ResourceError(f"not all links to {where} were bound within {patience_s:g} s") from fault
        if not self._is_bound:
            status = self.bind_refusals[-1]
            raise PeerError(f"the gateway refuses the bind with {status_name(status)}", status=status)

    # --- what links report -------------------------------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds, the same clock for all simulators on a machine."""
        return time.monotonic()

    def soil(self, link: ClientLink | UcpClientLink) -> None:
        """The link has something to write."""
        self._dirty.add(link)

    def opened(self, link: ClientLink | UcpClientLink) -> None:
        """A connection came about; its bind is to be written."""
        self.links.append(link)
        self.soil(link)
        self.finish_batch(self.now())

    def bound(self, link: ClientLink | UcpClientLink, now: float) -> None:
        """The gateway accepted a bind."""
        self._log(Kind.LINK_UP, now, detail=f"link={link.number} system_id={link.system_id}")

    def closed(self, link: ClientLink | UcpClientLink, contexts: list[object]) -> None:
        """A connection ended; what it had not got through goes to another."""
        now = self.now()
        self.links.remove(link)
        self._dirty.discard(link)
        self._log(Kind.LINK_DOWN, now, detail=f"link={link.number} system_id={link.system_id}")
        self.outgoing.unanswered([context for context in contexts if isinstance(context, Job)])
        self.finish_batch(now)

    def finish_batch(self, now: float) -> None:
        """Fill the windows, then write ledger and octets, in this order."""
        self.outgoing.pump([link for link in self.links if link.is_ready and link.may_submit], now)
        self.ledger.flush()
        while self._dirty:
            self._dirty.pop().flush(now)
        self._alarm.set(self._deadline(now), now)
        self._waiters.ask()

    # --- the rest ----------------------------------------------------------------------------------------------

    @property
    def _is_bound(self) -> bool:
        return sum(link.is_ready for link in self.links) >= len(self._keepers)

    def _binds(self) -> list[Bind]:
        system_id, password = self.options.system_id, self.options.password
        kinds = BINDS[self.options.bind] * self.options.binds
        return [kind(system_id=system_id, password=password) for kind in kinds]

    async def _keep(self, bind: Bind) -> None:
        """Keep one connection up for ever."""
        while True:
            self._link_count += 1
            with contextlib.suppress(OSError):
                link = _LINKS[self.options.protocol](self, self._link_count, bind)
                await self._loop.create_connection(lambda link=link: link, self.options.host, self.options.port)  # type: ignore[misc]
                await link.ended
            await asyncio.sleep(self.options.reconnect_s)

    def _wake(self) -> None:
        now = self.now()
        for link in list(self.links):
            link.tick(now)
        self.finish_batch(now)

    def _deadline(self, now: float) -> float:
        due_at = self.outgoing.deadline(now)
        return now + _TICK_S if due_at is None else min(due_at, now + _TICK_S)

    def _patience_s(self) -> float:
        """How much longer to wait for receipts and MO."""
        return max(self.inbox.arrived_at, self.outgoing.answered_at) + self.options.linger_s - self.now()

    def _log(self, kind: Kind, now: float, detail: str) -> None:
        self.ledger.append(Entry(int(now * 1e9), kind, detail=detail))
