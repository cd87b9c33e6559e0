"""What a simulated client sends: made or asked for, handed to links with room, answered, sent again.

It must never know a socket: links are asked to send, and time comes in as `now`.
"""

import time
from collections import deque
from collections.abc import Sequence
from random import SystemRandom
from typing import Final, Protocol

from chappe.model.errors import ResourceError
from chappe.sim.inbox import Inbox
from chappe.sim.jobs import Answer, Job
from chappe.sim.ledger import Entry, Kind, Ledger
from chappe.sim.messages import Message, MessageSource
from chappe.sim.options import ClientOptions
from chappe.sim.pace import Pace
from chappe.sim.schedule import Schedule
from chappe.sim.tags import TagReader
from chappe.wire.smpp.constants import Npi, RegisteredDelivery, Ton
from chappe.wire.smpp.pdus import DataSm, Pdu, SubmitSm
from chappe.wire.smpp.statuses import CommandStatus
from chappe.wire.ucp.operations import Operation

#: Answers that say: later.
_LATER: Final = frozenset({CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL})

#: The least time between two looks at the rate.
_REST_S: Final = 0.002


class Sender(Protocol):
    """A link that may send."""

    @property
    def number(self) -> int:
        """Names the link in the ledger."""

    def room(self) -> int:
        """How many jobs it can take now."""

    def send(self, job: Job) -> None:
        """Send it; the window has room."""


class Outgoing:
    """The jobs of one client; answers to messages that want a receipt are told to its inbox."""

    def __init__(self, options: ClientOptions, ledger: Ledger, inbox: Inbox, now: float) -> None:
        self.source: Final = MessageSource(options, SystemRandom())
        self.sent = self.accepted = self.refused = self.resent = self.given_up = 0
        self.answered_at = now
        self.may_make = False
        self._options = options
        self._ledger = ledger
        self._inbox = inbox
        self._pace = Pace(options.rate, now)
        self._waiting: deque[Job] = deque()
        self._later = Schedule[Job]()
        self._in_flight = 0
        self._tags = TagReader()

    @property
    def unanswered_count(self) -> int:
        """How many messages have no answer yet, those included that are not made yet."""
        return self.source.remaining + len(self._waiting) + len(self._later) + self._in_flight

    def put(self, pdu: Pdu | Operation) -> Job:
        """Have something sent."""
        job = self._job_of(pdu)
        self._waiting.append(job)
        return job

    def pump(self, senders: Sequence[Sender], now: float) -> None:
        """Fill the windows as the rate allows, spread evenly."""
        if len(self._later):
            self._waiting.extend(self._later.take_due(now))
        room = sum(sender.room() for sender in senders)
        while self.may_make and self.source.remaining and len(self._waiting) < room:
            self.put(self._pdu_of(self.source.make()))
        if room and self._waiting:
            self._spread(senders, self._pace.grant(now, min(room, len(self._waiting))))

    def deadline(self, now: float) -> float | None:
        """When to pump again though nothing happened, or None."""
        dues = [self._later.deadline()]
        if self._waiting and (paced_at := self._pace.deadline()) is not None:
            dues.append(max(paced_at, now + _REST_S))
        return min((due_at for due_at in dues if due_at is not None), default=None)

    def sending(self, link: Sender, job: Job) -> None:
        """A job is about to be written."""
        self._in_flight += 1
        job.times += 1
        if not isinstance(job.pdu, SubmitSm | DataSm):
            return
        self.sent += job.times == 1
        self.resent += job.times > 1
        kind = Kind.SENT if job.times == 1 else Kind.RESENT
        pdu, detail = job.pdu, f"link={link.number} {job.detail}"
        self._ledger.append(
            Entry(time.monotonic_ns(), kind, job.tag, "", pdu.source_addr, pdu.destination_addr, detail)
        )

    def answered(self, link: Sender, job: Job, answer: Answer, now: float) -> None:
        """A job was answered; a throttled message goes again later."""
        self._in_flight -= 1
        self.answered_at = now
        is_later = answer.command_status in _LATER and job.answer is None
        if job.answer is not None and not job.answer.done():
            job.answer.set_result(answer)
        if is_later:
            self._later.add(now + self._options.retry_s, job)
        if isinstance(job.pdu, SubmitSm | DataSm):
            self._note_answer(link, job, answer, now, is_later=is_later)

    def unanswered(self, jobs: list[Job]) -> None:
        """Nobody knows what became of these; they are sent again if the options allow it."""
        self._in_flight -= len(jobs)
        for job in reversed(jobs):
            if job.answer is not None:
                if not job.answer.done():
                    job.answer.set_exception(ResourceError(f"no answer came for {type(job.pdu).__name__}"))
            elif self._options.may_resend:
                self._waiting.appendleft(job)
            else:
                self.given_up += 1

    def _note_answer(self, link: Sender, job: Job, answer: Answer, now: float, *, is_later: bool) -> None:
        detail = f"link={link.number}"
        if answer.command_status:
            self.refused += not is_later
            detail += f" status={answer.command_status:#04x}"
            self._ledger.append(Entry(int(now * 1e9), Kind.REFUSED, job.tag, detail=detail))
            return
        self.accepted += 1
        self._ledger.append(Entry(int(now * 1e9), Kind.ACCEPTED, job.tag, answer.message_id, detail=detail))
        if job.wants_receipt:
            self._inbox.expect(answer.message_id)

    def _spread(self, senders: Sequence[Sender], wanted: int) -> None:
        """Send `wanted` jobs, which the windows have room for."""
        while wanted > 0:
            for index, sender in enumerate(senders):
                fair_share = -(-wanted // (len(senders) - index))
                for _ in range(min(sender.room(), fair_share)):
                    sender.send(self._waiting.popleft())
                    wanted -= 1

    def _job_of(self, pdu: Pdu | Operation) -> Job:
        if not isinstance(pdu, SubmitSm | DataSm):
            return Job("", pdu)
        reading = self._tags.read(pdu)
        wanted = pdu.registered_delivery
        detail = f"dcs={pdu.data_coding} rd={wanted}{reading.part_detail} octets={reading.octets.hex()}"
        wants_receipt = wanted & RegisteredDelivery.RECEIPT_MASK == RegisteredDelivery.RECEIPT_ALWAYS
        return Job(reading.tag, pdu, detail, wants_receipt)

    def _pdu_of(self, message: Message) -> SubmitSm:
        is_number = message.source.isdigit()
        data_coding = self._options.data_coding
        return SubmitSm(
            source_addr_ton=Ton.INTERNATIONAL if is_number else Ton.ALPHANUMERIC,
            source_addr_npi=Npi.E164 if is_number else Npi.UNKNOWN,
            source_addr=message.source,
            dest_addr_ton=Ton.INTERNATIONAL,
            dest_addr_npi=Npi.E164,
            destination_addr=message.destination,
            registered_delivery=self._options.registered_delivery,
            data_coding=data_coding,
            short_message=message.text.encode("utf-16-be" if data_coding == 8 else "latin-1", "replace"),
        )
