"""Writes delivery receipts as SMSCs do, good ones and the wild ones of the field.  SMPP 3.4 appendix B.

It must never know a link or a ledger, and it shares no code with the reader of receipts that it is a test for.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from chappe.sim.faults import ReceiptForm, ReceiptIdBase

#: message_state of each stat.  SMPP 3.4 §5.2.28; SCHEDULED and SKIPPED are of 5.0.
STATES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "SCHEDULED": 0,
        "ENROUTE": 1,
        "DELIVRD": 2,
        "EXPIRED": 3,
        "DELETED": 4,
        "UNDELIV": 5,
        "ACCEPTD": 6,
        "UNKNOWN": 7,
        "REJECTD": 8,
        "SKIPPED": 9,
    }
)

#: Stats after which nothing is expected any more.
FINAL_STATS: Final = frozenset({"DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "REJECTD", "SKIPPED"})

#: Forms in which the stat cannot be read.
STATLESS_FORMS: Final = frozenset(
    {ReceiptForm.EMPTY, ReceiptForm.NO_ID, ReceiptForm.NO_STAT, ReceiptForm.CUT_SHORT, ReceiptForm.NOISE}
)

_TAG_RECEIPTED_MESSAGE_ID: Final = 0x001E
_TAG_NETWORK_ERROR_CODE: Final = 0x0423
_TAG_MESSAGE_STATE: Final = 0x0427
_GSM_NETWORK: Final = 3


class ReceiptText(msgspec.Struct, frozen=True, gc=False):
    """What a receipt says.  Dates are `YYMMDDhhmm`; `text` is the start of the message."""

    message_id: str
    stat: str = "DELIVRD"
    submit_date: str = "0001010000"
    done_date: str = "0001010000"
    text: bytes = b""

    @property
    def error(self) -> int:
        """The network's error number; 0 is none."""
        return 0 if self.stat in ("DELIVRD", "ENROUTE", "ACCEPTD", "SCHEDULED") else 27


class WrittenReceipt(msgspec.Struct, frozen=True, gc=False):
    """The fields of a deliver_sm that carry a receipt."""

    short_message: bytes
    data_coding: int = 0
    tlvs: tuple[tuple[int, bytes], ...] = ()


def write_id(message_id: str, base: ReceiptIdBase) -> str:
    """The id as the receipt has it; an id that is no number in the needed base stays as it is."""
    try:
        match base:
            case ReceiptIdBase.HEX:
                return f"{int(message_id):x}"
            case ReceiptIdBase.DECIMAL:
                return f"{int(message_id, 16):010d}"
            case ReceiptIdBase.UPPER:
                return message_id.upper()
            case ReceiptIdBase.PADDED:
                return message_id.zfill(20)
            case ReceiptIdBase.SAME:
                return message_id
    except ValueError:
        return message_id


def write(receipt: ReceiptText, form: ReceiptForm = ReceiptForm.GOOD, *, has_tlvs: bool = True) -> WrittenReceipt:
    """The receipt in `form`; forms that are wild enough carry no TLVs, whatever `has_tlvs` says."""
    if form is ReceiptForm.GOOD:
        return WrittenReceipt(_appendix_b(receipt), 0, _tlvs(receipt) if has_tlvs else ())
    return _WILD[form](receipt, _appendix_b(receipt))


def _appendix_b(receipt: ReceiptText) -> bytes:
    delivered = 1 if receipt.stat == "DELIVRD" else 0
    head = (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered:03d} submit date:{receipt.submit_date}"
        f" done date:{receipt.done_date} stat:{receipt.stat} err:{receipt.error:03d} Text:"
    )
    return head.encode("latin-1") + receipt.text[:20]


def _tlvs(receipt: ReceiptText) -> tuple[tuple[int, bytes], ...]:
    tlvs = (
        (_TAG_RECEIPTED_MESSAGE_ID, receipt.message_id.encode("latin-1") + b"\x00"),
        (_TAG_MESSAGE_STATE, bytes((STATES.get(receipt.stat, 7),))),
    )
    if not receipt.error:
        return tlvs
    return (*tlvs, (_TAG_NETWORK_ERROR_CODE, bytes((_GSM_NETWORK, 0, receipt.error))))


def _write_shuffled(receipt: ReceiptText, good: bytes) -> WrittenReceipt:
    end = f"done date:20{receipt.done_date}00 ID:{receipt.message_id}\r\n"
    return WrittenReceipt(f"STAT:{receipt.stat}  ERR:{receipt.error:03d}\x00 {end}".encode("latin-1"))


def _write_ucs2(receipt: ReceiptText, good: bytes) -> WrittenReceipt:
    return WrittenReceipt(_before(good, b" Text:").decode("latin-1").encode("utf-16-be"), 8)


def _before(octets: bytes, mark: bytes) -> bytes:
    return octets[: octets.index(mark)]


def _from(octets: bytes, mark: bytes) -> bytes:
    return octets[octets.index(mark) :]


#: What is written for each form, made from the receipt and its good text.
_WILD: Final[Mapping[ReceiptForm, Callable[[ReceiptText, bytes], WrittenReceipt]]] = MappingProxyType(
    {
        ReceiptForm.EMPTY: lambda receipt, good: WrittenReceipt(b""),
        ReceiptForm.NO_ID: lambda receipt, good: WrittenReceipt(_from(good, b"sub:")),
        ReceiptForm.NO_STAT: lambda receipt, good: WrittenReceipt(_before(good, b"stat:") + _from(good, b"err:")),
        ReceiptForm.CUT_SHORT: lambda receipt, good: WrittenReceipt(_before(good, b"done date:")),
        ReceiptForm.NOISE: lambda receipt, good: WrittenReceipt(bytes(range(0x80, 0x100))),
        ReceiptForm.TLV_ONLY: lambda receipt, good: WrittenReceipt(b"", 0, _tlvs(receipt)),
        ReceiptForm.UCS2: _write_ucs2,
        ReceiptForm.SHUFFLED: _write_shuffled,
    }
)
