"""How rows carry messages, receipts and reports: msgpack, the same for every engine.

A node may read what a newer program wrote.  Fields that it does not know stay with what it read, and whatever it makes
of that and stores again has them.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec

from chappe.model.lifecycle import FINAL, Status
from chappe.model.message import Message, Receipt
from chappe.store.port import Life, Report

Kind = TypeVar("Kind", bound=msgspec.Struct)
#: Programs beside each other differ by a few fields.
_MOST_LATER: Final = 64
#: msgpack's nil: what a field that we do not know is where nobody says.
_NIL: Final = msgspec.Raw(b"\xc0")

_items = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def reader_of(kind: type[Kind]) -> Callable[[bytes], Kind]:
    """What reads rows of a kind: with more fields than it has, they become one that keeps those as they are.

    It raises msgspec.MsgspecError or ValueError when the octets are broken.
    """
    decode = msgspec.msgpack.Decoder(kind).decode
    known = len(kind.__struct_fields__)
    decode_wider: dict[int, Callable[[bytes], Kind]] = {}

    def unpack(body: bytes) -> Kind:
        try:
            return decode(body)
        except msgspec.ValidationError:
            more = len(_items(body)) - known
            if not 0 < more <= _MOST_LATER:
                raise
            if more not in decode_wider:
                decode_wider[more] = msgspec.msgpack.Decoder(_wider(kind, more)).decode
            return decode_wider[more](body)

    return unpack


def _wider(kind: type[Kind], more: int) -> type[Kind]:
    """The same with so many fields more, whatever they are."""
    later = [(f"later_{number}", msgspec.Raw, _NIL) for number in range(1, more + 1)]
    wider = msgspec.defstruct(f"Later{kind.__name__}", later, bases=(kind,), frozen=True, gc=False, array_like=True)
    return cast("type[Kind]", wider)


def known_of(message: Message | None) -> Message | None:
    """The message without fields that nobody here knows: what goes to a process that only shows it."""
    if message is None or type(message) is Message:
        return message
    return Message(*(getattr(message, field) for field in Message.__struct_fields__))


pack = msgspec.msgpack.Encoder().encode
unpack_message = reader_of(Message)
unpack_receipt = reader_of(Receipt)
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
