"""submit_multi: one message for many handsets becomes one message for each, under one id.  SMPP 3.4 §4.5.

It must never know the store; whoever judges each message says what became of it.
"""

from collections.abc import Iterator

from chappe.clients.account import Account
from chappe.clients.naming import named, told_id, with_short_id
from chappe.model.message import Item
from chappe.wire.smpp.fields import Tlvs
from chappe.wire.smpp.pdus import DistributionList, SubmitMulti, SubmitMultiResp, SubmitSm, UnsuccessSme
from chappe.wire.smpp.statuses import CommandStatus


class Multi:
    """One submit_multi while its messages are judged: the good ones, and what is wrong with the others."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        #: The id that stands for all of them.
        self.message_id = ""
        self._unsuccess: list[UnsuccessSme] = []

    def take(self, item: Item) -> None:
        """This one is good."""
        self.items.append(item)

    def refuse(self, ton: int, npi: int, address: str, status: int) -> None:
        """This destination gets nothing."""
        self._unsuccess.append(UnsuccessSme(ton, npi, address, status))

    def name(self, account: Account, *, is_short: bool) -> None:
        """Let all messages bear the id that their client is told: that of the first.  Raises: PeerError."""
        if not self.items:
            return
        first = self.items[0]
        if is_short:
            first = with_short_id(first, account)
        self.message_id = told_id(first, account)
        self.items = [named(item, self.message_id) for item in self.items]

    def answer(self, message_id: str, tlvs: Tlvs = ()) -> SubmitMultiResp:
        """The response, with every destination that gets nothing."""
        return SubmitMultiResp(message_id, tuple(self._unsuccess), tlvs)


def submits_of(pdu: SubmitMulti, multi: Multi) -> Iterator[SubmitSm]:
    """One submit_sm for each destination; distribution lists are refused: the gateway keeps none."""
    for each in pdu.dest_address:
        if isinstance(each, DistributionList):
            multi.refuse(0, 0, each.dl_name, CommandStatus.ESME_RINVDLNAME)
            continue
        yield SubmitSm(
            pdu.service_type,
            pdu.source_addr_ton,
            pdu.source_addr_npi,
            pdu.source_addr,
            each.dest_addr_ton,
            each.dest_addr_npi,
            each.destination_addr,
            pdu.esm_class,
            pdu.protocol_id,
            pdu.priority_flag,
            pdu.schedule_delivery_time,
            pdu.validity_period,
            pdu.registered_delivery,
            pdu.replace_if_present_flag,
            pdu.data_coding,
            pdu.sm_default_msg_id,
            pdu.short_message,
            pdu.tlvs,
        )
