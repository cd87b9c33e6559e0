"""What handsets' words do: STOP silences, START lets speak again, and an answer tells that it was heard.

Reads texts of MO; makes what is stored beside them in their transaction.  It must never know a protocol, nor a link.
"""

from collections.abc import Sequence

import msgspec

from chappe.model.events import EventBatch, EventName
from chappe.model.ids import IdMaker, made_at_ms
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.operators.shape import Wire
from chappe.rules.opt_outs import OptOut, OptOuts, Said, opt_out_of
from chappe.text import gsm7
from chappe.text.encoding import Encoding, data_coding_of, encode_text
from chappe.text.segments import count_parts


class Heard(msgspec.Struct, frozen=True):
    """What one MO says: what is stored of it, and the answer to it."""

    opt_out: OptOut
    reply: Item | None = None


class Hearing:
    """Listens to the MO of one operator."""

    def __init__(self, operator: str, wire: Wire, opt_outs: OptOuts, ids: IdMaker) -> None:
        self._operator = operator
        self._wire = wire
        self._opt_outs = opt_outs
        self._ids = ids

    def change(self, wire: Wire) -> None:
        """Another way to write for this operator."""
        self._wire = wire

    def said(self, message: Message, text: str) -> Said | None:
        """A word for one of the lists; None for everything else."""
        return self._opt_outs.heard(message.dest, text)

    def hear(self, message: Message, said: Said, events: EventBatch) -> Heard:
        """A word that came for the first time; the answer goes back by the operator that brought it."""
        reply = self._reply_to(message, said.reply) if said.reply and message.client else None
        opt_out = opt_out_of(said, message.source, message.id, reply.id if reply is not None else 0)
        event = EventName.OPTED_OUT if said.is_out else EventName.OPTED_IN
        about = (message.client, self._operator, message.source, message.dest)
        events.add(event, message.id, *about, detail=f"list {said.list.name}: {said.word}")
        if reply is not None:
            events.add(EventName.MT_ACCEPTED, reply.id, *about, detail=f"answer to {said.word}")
        return Heard(opt_out, reply)

    def hear_again(self, message: Message, said: Said, first_id: int) -> Heard:
        """A word that came before: what is stored may be missing if its first transaction was cut short."""
        return Heard(opt_out_of(said, message.source, first_id or message.id))

    def storing(self, heard: Sequence[Heard]) -> None:
        """It is about to be stored: STOP counts at once, and answers may leave whatever was said before."""
        self._opt_outs.learn([each.opt_out for each in heard if each.opt_out.is_out])
        self._opt_outs.let_answer([each.reply.id for each in heard if each.reply is not None])

    def stored(self, heard: Sequence[Heard]) -> None:
        """It is on disk: START counts too."""
        self._opt_outs.learn([each.opt_out for each in heard])

    def _reply_to(self, message: Message, text: str) -> Item:
        octets, encoding = self._written(text)
        message_id = self._ids.next(made_at_ms(message.id))
        reply = Message(
            message_id,
            Direction.MT,
            message.client,
            "",
            message.dest_ton,
            message.dest_npi,
            message.dest,
            message.source_ton,
            message.source_npi,
            message.source,
            octets,
            data_coding_of(encoding) if encoding is Encoding.UCS2 else 0,
            parts=count_parts(octets, encoding, method=self._wire.split),
        )
        return Item(f"operator:{self._operator}", 1, message.client, 0, message_id, reply)

    def _written(self, text: str) -> tuple[bytes, Encoding]:
        """A text in what data_coding 0 means to the operator, or in UCS-2."""
        try:
            return encode_text(text, self._wire.default_encoding), self._wire.default_encoding
        except (gsm7.NotInAlphabet, UnicodeEncodeError):
            return encode_text(text, Encoding.UCS2), Encoding.UCS2
