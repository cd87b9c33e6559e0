"""How rows carry messages, receipts and reports: msgpack, the same for every engine."""

from typing import Any, Final

import msgspec

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Message, Receipt
from chappe.store.port import Life, Report

pack = msgspec.msgpack.Encoder().encode
unpack_message = msgspec.msgpack.Decoder(Message).decode
unpack_receipt = msgspec.msgpack.Decoder(Receipt).decode
unpack_report = msgspec.msgpack.Decoder(Report).decode
unpack_counts = msgspec.msgpack.Decoder(list[tuple[str, str, str, int]]).decode


#: A member by its number: asking the enumeration costs more than all else of a life.
_STATUSES: Final = {int(each): each for each in Status}


def message_or_none(body: bytes | None) -> Message | None:
    """Read a message; None when its octets are broken, which must stop nobody else."""
    try:
        return None if body is None else unpack_message(body)
    except (msgspec.MsgspecError, ValueError):
        return None


def life_of(row: Any, operator: str) -> Life:
    """Make a life of (id, status, operator, operator_ref, sent_at_us, final_at_us, error, body)."""
    message_id, status, _, reference, sent_at_us, final_at_us, error, body = row[:8]
    message = message_or_none(body)
    handset = "" if message is None else message.handset
    reference, error = (reference or b"").decode(), (error or b"").decode()
    status = _STATUSES[status]
    return Life(message_id, status, message, operator, reference, sent_at_us, final_at_us, error, None, handset)


def with_parts(life: Life, known: dict[int, Status], references: dict[int, str]) -> None:
    """Give a message in parts what is known of each: part → status, part → the operator's reference."""
    count = 1 if life.message is None else life.message.parts
    if count > 1:
        life.parts = [known.get(part, Status.QUEUED) for part in range(1, count + 1)]
        life.part_refs = [references.get(part, "") for part in range(1, count + 1)]
    if life.parts is not None and life.status in FINAL and not FINAL.issuperset(life.parts):
        # It ended before all of its parts did: reports about them meet its end.
        life.parts = None
