"""A simulated SMSC over SMPP, UCP or HTTP: takes submits, answers, sends receipts and MO, and fails as its script says.

    async with SmscSimulator(SmscOptions(receipt_delay_s=0.1)) as smsc:
        ... connect to smsc.port ...
        await smsc.until(lambda: len(smsc.submitted) == 3)

It must never know the gateway that it is a test for: it shares only the wire with it.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Protocol, Self

from chappe.model.errors import SettingsError
from chappe.net.tls import Credentials, TlsTerms
from chappe.sim.alarm import Alarm
from chappe.sim.desk import Desk, Later, Taken
from chappe.sim.faults import Action, Event, LinkFault
from chappe.sim.http_smsc_link import HttpCaller, HttpSmscLink
from chappe.sim.ledger import Entry, Kind, Ledger, Role
from chappe.sim.mo import MoSource, delivery_of
from chappe.sim.options import SmscOptions
from chappe.sim.outbox import Delivery, Outbox
from chappe.sim.schedule import Schedule
from chappe.sim.script import Faults, read_script
from chappe.sim.smsc_link import SmscLink as SmppSmscLink
from chappe.sim.ucp_smsc_link import UcpSmscLink
from chappe.sim.waiting import Waiters
from chappe.wire.smpp.statuses import CommandStatus

#: Deliveries made ahead of the links' windows.
_MO_AHEAD: Final = 500

#: The least time between two looks at the rate of MO messages.
_MO_REST_S: Final = 0.002

#: How often sessions are asked for their timers; these count in seconds.
_TICK_S: Final = 0.2

_DEFAULTS: Final = SmscOptions()


class SmscLink(Protocol):
    """A connection to the SMSC, whatever it speaks."""

    @property
    def number(self) -> int:
        """Names the link in the ledger."""

    @property
    def system_id(self) -> str:
        """Whose link it is."""

    @property
    def is_ready(self) -> bool:
        """Bound, and not about to end."""

    def room(self) -> int:
        """How many deliveries it can take now."""

    def deliver(self, delivery: Delivery) -> None:
        """Send one delivery."""

    def accept_bind(self, request: Any) -> None:
        """Let the peer in."""

    def refuse_bind(self, request: Any, command_status: int) -> None:
        """Send the peer away."""

    def strike(self, fault: LinkFault, now: float) -> None:
        """Let a fault happen to this link."""

    def tick(self, now: float) -> None:
        """Let the session's timers speak."""

    def flush(self, now: float) -> None:
        """Write what is to be written."""

    def close(self, now: float) -> None:
        """End it in order."""


#: What speaks each protocol.
_LINKS: Final[dict[str, Callable[["SmscSimulator", int], asyncio.Protocol]]] = {
    "smpp": SmppSmscLink,
    "ucp": UcpSmscLink,
    "http": HttpSmscLink,
}


class SmscSimulator:
    """Listens from `async with` on; faults come from the script of the options, or as values.

    Raises:
        SettingsError: the script or the ledger cannot be read or written, or the address is taken.
    """

    def __init__(self, options: SmscOptions = _DEFAULTS, faults: Faults | None = None) -> None:
        self.options: Final = options
        self.faults: Final = faults or read_script(options.script_path)
        self.outbox: Final = Outbox()
        self.schedule: Final = Schedule[Later]()
        self.links: Final[list[SmscLink]] = []
        self.port = options.port
        self.binds = self.receipts_acked = self.mo_acked = 0
        #: http: the clients' own names of what was taken.
        self.references: dict[str, str] = {}
        self._dirty: set[SmscLink] = set()
        self._waiters = Waiters()
        self._random = Random(self.faults.seed)
        self._link_count = 0

    async def __aenter__(self) -> Self:
        """Listen; `port` says where."""
        self._loop = asyncio.get_running_loop()
        self._started_at = now = self.now()
        self._moment_s = self.faults.next_moment(0.0)
        self.ledger = Ledger.of(self.options.ledger_path, keeps=self.options.remembers)
        self.desk = Desk(self.options, self.faults, self.ledger, self.outbox, self.schedule, now)
        self.mo = MoSource(self.options.mo, now)
        self._alarm = Alarm(self._loop, self._wake)
        self._log(Kind.OPENED, now, detail=f"role={Role.SMSC.value}")
        await self._listen()
        self._caller = HttpCaller(self, 0) if self.options.protocol == "http" else None
        if self._caller is not None:
            self.links.append(self._caller)
        self._alarm.set(min(self._deadlines(now)), now)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unbind and close all links."""
        now = self.now()
        self._server.close()
        for link in list(self.links):
            link.close(now)
        # One turn of the loop, so that the links' ends are in the ledger.
        await asyncio.sleep(0)
        self._alarm.cancel()
        if self._caller is not None:
            await self._caller.end()
        self.ledger.close()

    @property
    def submitted(self) -> list[Taken]:
        """Every message that was taken, in order, when the options say that it remembers."""
        return self.desk.submitted

    def counts(self) -> dict[str, int]:
        """The sums so far, by what they count."""
        return {
            "links": len(self.links),
            "submits": self.desk.submits,
            "refused": self.desk.refused,
            "receipts": self.desk.receipts,
            "receipts_acked": self.receipts_acked,
            "mo_acked": self.mo_acked,
            "waiting": len(self.outbox) + len(self.schedule),
        }

    def send_mo(
        self,
        short_message: bytes,
        *,
        source: str = "37120000001",
        destination: str = "12345",
        tag: str = "",
        data_coding: int = 0,
        esm_class: int = 0,
        tlvs: tuple[tuple[int, bytes], ...] = (),
    ) -> None:
        """Send one MO on the next link that may receive; the tag is read from the text unless given."""
        self.outbox.put(
            delivery_of(
                source,
                destination,
                short_message,
                tag=tag,
                data_coding=data_coding,
                esm_class=esm_class,
                tlvs=tlvs,
            )
        )
        self.finish_batch(self.now())

    async def until(self, condition: Callable[[], bool], patience_s: float = 10.0) -> None:
        """Wait until `condition` holds; it is asked after each batch.

        Raises:
            TimeoutError: it did not come to hold within `patience_s`.
        """
        await self._waiters.until(condition, patience_s)

    def strike(self, action: Action) -> None:
        """Let a fault happen now, to all links."""
        now = self.now()
        self.enact(action, None, now)
        self.finish_batch(now)

    # --- what links report -------------------------------------------------------------------------------------

    def now(self) -> float:
        """Monotonic seconds, the same clock for all simulators on a machine."""
        return time.monotonic()

    def opened(self, link: SmscLink) -> None:
        """A connection came."""
        self.links.append(link)

    def soil(self, link: SmscLink) -> None:
        """The link has something to write."""
        self._dirty.add(link)

    def closed(self, link: SmscLink, contexts: list[object]) -> None:
        """A connection ended; what it had not got through goes to another."""
        now = self.now()
        self.links.remove(link)
        self._dirty.discard(link)
        self.outbox.put_back([context for context in contexts if isinstance(context, Delivery)])
        self._log(Kind.LINK_DOWN, now, detail=f"link={link.number} system_id={link.system_id}")
        self.finish_batch(now)

    def judge_bind(self, link: SmscLink, request: object, system_id: str, password: str, now: float) -> None:
        """Answer a bind or a sign-on as the script and the credentials want it."""
        self.binds += 1
        action = self.faults.judge(Event.BIND, now - self._started_at, self.binds, self._random)
        status = action.status or self._status_of(system_id, password)
        if not action.may_answer:
            return
        if status:
            link.refuse_bind(request, status)
        else:
            link.accept_bind(request)
            self._log(Kind.LINK_UP, now, detail=f"link={link.number} system_id={link.system_id}")
        self.enact(action, link, now)

    def enact(self, action: Action, link: SmscLink | None, now: float) -> None:
        """Strike links and send bursts as `action` says; without a link it strikes all."""
        if action.link_fault is not None:
            struck = [link] if link is not None and not action.has_every_link else list(self.links)
            for each in struck:
                each.strike(action.link_fault, now)
        for delivery in self.mo.burst(action.mo_count):
            self.outbox.put(delivery)

    def delivering(self, link: SmscLink, delivery: Delivery) -> None:
        """A delivery is about to be written."""
        pdu, detail = delivery.pdu, f"link={link.number} {delivery.detail}"
        self.ledger.append(
            Entry(
                time.monotonic_ns(),
                delivery.kind,
                delivery.tag,
                delivery.message_id,
                pdu.source_addr,
                pdu.destination_addr,
                detail,
            )
        )

    def delivered(self, link: SmscLink, delivery: Delivery, command_status: int, now: float) -> None:
        """A delivery was answered; a refused one is sent again later."""
        status = ""
        if command_status:
            status = f" status={command_status:#04x}"
            self.schedule.add(now + self.options.retry_s, lambda _: self.outbox.put(delivery))
        if delivery.kind is Kind.RECEIPT:
            self.receipts_acked += not command_status
            detail = f"link={link.number} {delivery.detail}{status}"
            self._log(Kind.RECEIPT_ACKED, now, delivery.tag, delivery.message_id, detail)
        else:
            self.mo_acked += not command_status
            self._log(Kind.MO_ACKED, now, delivery.tag, detail=f"link={link.number}{status}")

    def finish_batch(self, now: float) -> None:
        """Give links what waits for them, then write ledger and octets, in this order."""
        ready = [link for link in self.links if link.is_ready]
        self._feed_mo(ready, now)
        self.outbox.pump(ready)
        self.ledger.flush()
        while self._dirty:
            self._dirty.pop().flush(now)
        self._alarm.set(min(self._deadlines(now)), now)
        self._waiters.ask()

    # --- time --------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        now = self.now()
        for happen in self.schedule.take_due(now):
            happen(now)
        self._strike_moments(now)
        for link in list(self.links):
            link.tick(now)
        self.finish_batch(now)

    def _strike_moments(self, now: float) -> None:
        while self._moment_s is not None and self._started_at + self._moment_s <= now:
            self.enact(self.faults.judge_moment(self._moment_s, self._random), None, now)
            self._moment_s = self.faults.next_moment(self._moment_s)

    def _deadlines(self, now: float) -> list[float]:
        deadlines = [now + _TICK_S]
        if self._moment_s is not None:
            deadlines.append(self._started_at + self._moment_s)
        if (due_at := self.schedule.deadline()) is not None:
            deadlines.append(due_at)
        if (due_at := self.mo.deadline()) is not None and any(link.is_ready for link in self.links):
            deadlines.append(max(due_at, now + _MO_REST_S))
        return deadlines

    # --- the rest ----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        try:
            self._server = await self._loop.create_server(
                self._new_link, self.options.host, self.options.port, ssl=_tls_of(self.options)
            )
        except OSError as fault:
            where = f"{self.options.host}:{self.options.port}"
            raise SettingsError(f"cannot listen on {where}: {fault.strerror}; expected a free address") from fault
        self.port = self._server.sockets[0].getsockname()[1]

    def _new_link(self) -> asyncio.Protocol:
        self._link_count += 1
        return _LINKS[self.options.protocol](self, self._link_count)

    def _status_of(self, system_id: str, password: str) -> int:
        if self.options.system_id and system_id != self.options.system_id:
            return CommandStatus.ESME_RINVSYSID
        if self.options.password and password != self.options.password:
            return CommandStatus.ESME_RINVPASWD
        return CommandStatus.ESME_ROK

    def _feed_mo(self, ready: Sequence[SmscLink], now: float) -> None:
        room = _MO_AHEAD - len(self.outbox)
        if self.mo.remaining and room > 0 and len(ready) >= self.options.mo.wait_binds:
            for delivery in self.mo.take(now, room):
                self.outbox.put(delivery)

    def _log(self, kind: Kind, now: float, tag: str = "", message_id: str = "", detail: str = "") -> None:
        self.ledger.append(Entry(int(now * 1e9), kind, tag, message_id, detail=detail))


def _tls_of(options: SmscOptions) -> ssl.SSLContext | None:
    """What it shows to those who connect.  Raises: SettingsError."""
    if not options.tls_certificate:
        return None
    client_ca = Path(options.tls_client_ca) if options.tls_client_ca else None
    return Credentials(TlsTerms("tls", Path(options.tls_certificate), Path(options.tls_key), client_ca)).context
