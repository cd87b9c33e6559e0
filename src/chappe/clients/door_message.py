"""A message that came in the words of another gateway: what it says beyond those of our own API.

It must never know whose words they were.
"""

import msgspec

from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.rules.asked import Asked, Outcome
from chappe.rules.match import ALWAYS, INTERMEDIATE
from chappe.wire.http.messages import NewMessage

#: What ends a message, and what it may go through before.
_ENDS = Outcome.DELIVERED | Outcome.FAILED | Outcome.REFUSED
_STEPS = Outcome.SENT | Outcome.BUFFERED
#: esm_class: the handset's answer takes the same way back.  SMPP 3.4 §5.2.12.
_REPLY_PATH = 0x80
_NOTHING = Outcome(0)


class DoorMessage(NewMessage, frozen=True, gc=False, kw_only=True):
    """A message to be judged like one that was posted."""

    #: User data as it is to be sent, in the place of a text.
    octets: bytes | None = None
    #: In whose words and of which outcomes it is told; the URL is `callback_url`.
    asked: Asked = Asked(outcomes=_NOTHING)
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    has_reply_path: bool = False
    tlvs: tuple[tuple[int, bytes], ...] = ()
    #: Values of TLVs by names that are the operator's profile's.
    named_values: tuple[tuple[str, str], ...] = ()


def completed(message: Message, new: DoorMessage) -> Message:
    """The judged message with what JSON has no field for."""
    assert message.direction is Direction.MT
    outcomes = new.asked.outcomes
    is_called_back = message.is_called_back and bool(outcomes)
    return msgspec.structs.replace(
        message,
        esm_class=message.esm_class | (_REPLY_PATH if new.has_reply_path else 0),
        protocol_id=new.protocol_id,
        priority_flag=new.priority_flag,
        service_type=new.service_type,
        tlvs=new.tlvs,
        named_values=new.named_values,
        is_called_back=is_called_back,
        registered_delivery=(ALWAYS if outcomes & _ENDS else 0) | (INTERMEDIATE if outcomes & _STEPS else 0)
        if is_called_back
        else 0,
        callback_url=str(msgspec.structs.replace(new.asked, url=message.callback_url)) if is_called_back else "",
    )
