"""What a simulated SMSC does with the messages that it is handed: judge, take or refuse, answer, plan the receipts.

It must never know a socket: links are asked to answer and to fail, and time comes in as `now`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from chappe.sim.faults import NO_FAULT, Action, Event, ReceiptForm
from chappe.sim.ledger import Entry, Kind, Ledger
from chappe.sim.message_ids import ids_of
from chappe.sim.options import SmscOptions
from chappe.sim.outbox import Delivery, Outbox
from chappe.sim.pace import Pace
from chappe.sim.receipts import STATLESS_FORMS, ReceiptText, write, write_id
from chappe.sim.schedule import Schedule
from chappe.sim.script import Faults
from chappe.sim.tags import Part, TagReader
from chappe.wire.smpp.constants import EsmClass, RegisteredDelivery
from chappe.wire.smpp.pdus import (
    CancelSm,
    DataSm,
    DataSmResp,
    DeliverSm,
    QuerySm,
    ReplaceSm,
    SubmitSm,
    SubmitSmResp,
)
from chappe.wire.smpp.statuses import CommandStatus

#: What is due later; it is called with the moment.
Later = Callable[[float], None]

#: Answers to requests about a message that the SMSC says it no longer has.
_REFUSALS: Final[Mapping[type, CommandStatus]] = {
    QuerySm: CommandStatus.ESME_RQUERYFAIL,
    CancelSm: CommandStatus.ESME_RCANCELFAIL,
    ReplaceSm: CommandStatus.ESME_RREPLACEFAIL,
}


class Taken(msgspec.Struct, frozen=True):
    """A message that was taken: `at` in monotonic seconds, `link` by its number."""

    tag: str
    message_id: str
    pdu: SubmitSm | DataSm
    link: int
    part: Part
    octets: bytes
    at: float


class Submitter(Protocol):
    """A link that messages come from."""

    @property
    def number(self) -> int:
        """Names the link in the ledger."""

    @property
    def system_id(self) -> str:
        """Whose link it is; receipts go to any link of it."""

    @property
    def is_over(self) -> bool:
        """Whether nobody is there any more to be answered."""

    def respond(self, sequence_number: int, pdu: Any) -> None:
        """Answer with yes."""

    def refuse(self, sequence_number: int, command_status: int) -> None:
        """Answer with no."""

    def drop(self, sequence_number: int) -> None:
        """Never answer."""


class Desk:
    """Takes messages for one SMSC; receipts leave through the outbox, at once or by the schedule."""

    def __init__(
        self,
        options: SmscOptions,
        faults: Faults,
        ledger: Ledger,
        outbox: Outbox,
        schedule: Schedule[Later],
        now: float,
    ) -> None:
        self.submitted: list[Taken] = []
        self.submits = 0
        self.refused = 0
        self.receipts = 0
        self._options = options
        self._faults = faults
        self._ledger = ledger
        self._outbox = outbox
        self._schedule = schedule
        self._random = Random(faults.seed)
        self._zone = ZoneInfo(options.time_zone)
        self._ids = ids_of(options.protocol, options.ids, self._random, self._zone)
        self._pace = Pace(options.rate, now)
        self._started_at = now
        self._tags = TagReader()
        self._date, self._dated_at = "", 0.0

    def receive(self, link: Submitter, sequence_number: int, pdu: Any, now: float) -> Action:
        """Deal with one request; the action says what else a fault wants done."""
        if not isinstance(pdu, SubmitSm | DataSm):
            link.refuse(sequence_number, _REFUSALS.get(type(pdu), CommandStatus.ESME_RINVCMDID))
            return NO_FAULT
        self.submits += 1
        action = self._faults.judge(Event.SUBMIT, now - self._started_at, self.submits, self._random)
        status = action.status or self._status_of_rate(now)
        if status:
            self._refuse(link, sequence_number, pdu, status, now)
            return action
        taken = self._take(link, pdu, action, now)
        self._plan_receipts(link, taken, action, now)
        if action.may_answer:
            self._plan_answer(link, sequence_number, taken, action, now)
        else:
            link.drop(sequence_number)
        return action

    def _status_of_rate(self, now: float) -> int:
        return 0 if self._pace.grant(now, 1) else CommandStatus.ESME_RTHROTTLED

    def _refuse(self, link: Submitter, sequence_number: int, pdu: SubmitSm | DataSm, status: int, now: float) -> None:
        self.refused += 1
        detail = f"link={link.number} status={status:#04x}"
        self._ledger.append(Entry(int(now * 1e9), Kind.RESPONSE, self._tags.read(pdu).tag, detail=detail))
        link.refuse(sequence_number, status)

    def _take(self, link: Submitter, pdu: SubmitSm | DataSm, action: Action, now: float) -> Taken:
        reading = self._tags.read(pdu)
        if action.has_restarted_ids:
            self._ids.restart()
        if action.has_reused_id:
            message_id = self._ids.repeat(pdu.destination_addr)
        elif action.has_random_id:
            message_id = self._ids.scatter(pdu.destination_addr)
        else:
            message_id = self._ids.issue(pdu.destination_addr)
        shape = f"dcs={pdu.data_coding} rd={pdu.registered_delivery}{reading.part_detail}"
        detail = f"link={link.number} {shape} octets={reading.octets.hex()}"
        self._ledger.append(
            Entry(int(now * 1e9), Kind.SUBMIT, reading.tag, message_id, pdu.source_addr, pdu.destination_addr, detail)
        )
        taken = Taken(reading.tag, message_id, pdu, link.number, reading.part, reading.octets, now)
        if self._options.remembers:
            self.submitted.append(taken)
        return taken

    def _plan_answer(self, link: Submitter, sequence_number: int, taken: Taken, action: Action, now: float) -> None:
        if action.is_receipt_early:
            # By the schedule even when it is due now: the receipt leaves with this batch, the answer with the next.
            due_at = now + max(self._options.resp_delay_s, action.answer_after_s)
        elif self._options.resp_delay_s:
            due_at = now + self._options.resp_delay_s
        else:
            self._answer(link, sequence_number, taken, now)
            return
        self._schedule.add(due_at, partial(self._answer, link, sequence_number, taken))

    def _answer(self, link: Submitter, sequence_number: int, taken: Taken, now: float) -> None:
        if link.is_over:
            return
        response = SubmitSmResp if isinstance(taken.pdu, SubmitSm) else DataSmResp
        link.respond(sequence_number, response(message_id=taken.message_id))
        self._ledger.append(
            Entry(int(now * 1e9), Kind.RESPONSE, taken.tag, taken.message_id, detail=f"link={link.number}")
        )

    def _plan_receipts(self, link: Submitter, taken: Taken, submit: Action, now: float) -> None:
        wanted = taken.pdu.registered_delivery
        if not wanted & _ANY_RECEIPT:
            return
        self.receipts += 1
        action = self._faults.judge(Event.RECEIPT, now - self._started_at, self.receipts, self._random)
        if not action.may_receipt:
            return
        due_at = now if submit.is_receipt_early else now + self._options.receipt_delay_s + action.receipt_after_s
        if wanted & RegisteredDelivery.INTERMEDIATE_NOTIFICATION:
            self._plan(self._delivery(link, taken, "ENROUTE", action, now), due_at, now)
        for index, stat in enumerate(_final_stats(wanted, action)):
            self._plan(self._delivery(link, taken, stat, action, now), due_at + index * action.copy_after_s, now)

    def _plan(self, delivery: Delivery, due_at: float, now: float) -> None:
        if due_at <= now:
            self._outbox.put(delivery)
        else:
            self._schedule.add(due_at, lambda _: self._outbox.put(delivery))

    def _delivery(self, link: Submitter, taken: Taken, stat: str, action: Action, now: float) -> Delivery:
        date = self._date_at(now)
        written_id = write_id(taken.message_id, action.id_base)
        text = ReceiptText(written_id, stat, date, date, taken.octets)
        written = write(text, action.form, has_tlvs=self._options.receipt_tlvs)
        is_final = stat != "ENROUTE"
        pdu = DeliverSm(
            source_addr_ton=taken.pdu.dest_addr_ton,
            source_addr_npi=taken.pdu.dest_addr_npi,
            source_addr=taken.pdu.destination_addr[:20],
            dest_addr_ton=taken.pdu.source_addr_ton,
            dest_addr_npi=taken.pdu.source_addr_npi,
            destination_addr=taken.pdu.source_addr[:20],
            esm_class=EsmClass.TYPE_DELIVERY_RECEIPT if is_final else EsmClass.TYPE_INTERMEDIATE_NOTIFICATION,
            data_coding=written.data_coding,
            short_message=written.short_message,
            tlvs=written.tlvs,
        )
        detail = f"stat={'-' if action.form in STATLESS_FORMS else stat}{_FORM_DETAIL[action.form]}"
        return Delivery(
            Kind.RECEIPT,
            link.system_id,
            taken.tag,
            taken.message_id,
            detail,
            pdu,
            text,
            action.form,
            submit=taken.pdu,
        )

    def _date_at(self, now: float) -> str:
        if now - self._dated_at >= 1.0 or not self._date:
            self._date, self._dated_at = datetime.now(UTC).astimezone(self._zone).strftime("%y%m%d%H%M"), now
        return self._date


def _final_stats(wanted: int, action: Action) -> list[str]:
    """The stats of the final receipts that are sent, in order; none when an end like this was not to be told."""
    stat = action.stat or "DELIVRD"
    told = _TOLD_ON_SUCCESS if stat == "DELIVRD" else _TOLD_ON_FAILURE
    if wanted & RegisteredDelivery.RECEIPT_MASK not in told:
        return []
    return [stat] * action.receipt_copies + [action.contradiction] * bool(action.contradiction)


#: The bits of registered_delivery that ask for any receipt at all.
_ANY_RECEIPT: Final = RegisteredDelivery.RECEIPT_MASK | RegisteredDelivery.INTERMEDIATE_NOTIFICATION

#: The values of its receipt bits that want to be told of a success, and of a failure.
_TOLD_ON_SUCCESS: Final = (RegisteredDelivery.RECEIPT_ALWAYS, RegisteredDelivery.RECEIPT_ON_SUCCESS)
_TOLD_ON_FAILURE: Final = (RegisteredDelivery.RECEIPT_ALWAYS, RegisteredDelivery.RECEIPT_ON_FAILURE)

_FORM_DETAIL: Final[Mapping[ReceiptForm, str]] = {
    form: "" if form is ReceiptForm.GOOD else f" form={form.value}" for form in ReceiptForm
}
