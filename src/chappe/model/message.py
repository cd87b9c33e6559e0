"""What the gateway carries: a message, and the receipt that tells a client of its end.

The user data stays octets, exactly as the peer sent them; what they say is read only where
somebody asks.
"""

import msgspec

from chappe.model.lifecycle import Direction, Status
from chappe.model.money import Price


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """One MT or MO, as it was accepted.  It never changes; its life is told by status and events.

    Addresses and `reference` are text with one character per octet (latin-1) when they came over SMPP.
    """

    id: int
    direction: Direction
    #: Who sent it (MT) or will get it (MO).
    client: str
    #: MO: the operator that brought it.  MT: empty, the queue names the operator.
    operator: str
    source_ton: int
    source_npi: int
    source: str
    dest_ton: int
    dest_npi: int
    dest: str
    #: User data, with its UDH where `esm_class` says so.  Unpacked septets for GSM 7 bit.
    octets: bytes
    data_coding: int = 0
    #: SMPP 3.4 §5.2.12: mode, acknowledgements between handset and client, UDHI, reply path; never a receipt's type.
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    #: What the sender asked to hear about, SMPP 3.4 §5.2.17.
    registered_delivery: int = 0
    service_type: str = ""
    #: The client's own name for it.
    reference: str = ""
    #: Optional parameters that travel with it, in the order in which they came.
    tlvs: tuple[tuple[int, bytes], ...] = ()
    #: Unix ms after which it is worthless; 0 when the client named no moment.
    expires_at_ms: int = 0
    #: In how many parts it leaves.
    parts: int = 1
    #: The evidence against a repeat could not be had: it may be one (MO).
    possible_duplicate: bool = False
    #: What its client marked it with; shown again to it, and to nobody else.
    tags: tuple[str, ...] = ()
    #: Unix ms before which it must not leave, and from which its validity counts; 0 for at once.
    send_at_ms: int = 0
    #: What becomes of it is told by callbacks and not over SMPP.
    is_called_back: bool = False
    #: Where: empty for its client's own URL.  In front of it may stand how, as `rules.asked` writes it.
    callback_url: str = ""
    #: The id by which its client knows it, where that is not its own: one of several that were handed in at once,
    #: or of a client that has no room for long ids.
    known_as: str = ""
    #: It has no text: its operator says that the handset can be reached again (SMPP's alert_notification).
    is_alert: bool = False
    #: What its client was charged when it was accepted; None of a client without credit.
    price: Price | None = None
    #: Values of TLVs by the names that its operator's profile has for them; names that it has not mean nothing to it.
    named_values: tuple[tuple[str, str], ...] = ()

    @property
    def handset(self) -> str:
        """The handset's number, whichever way the message goes."""
        return self.dest if self.direction is Direction.MT else self.source

    @property
    def number(self) -> str:
        """The number or name on our side: sender of an MT, short code of an MO."""
        return self.source if self.direction is Direction.MT else self.dest


class Receipt(msgspec.Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """What a client is told about one of its messages.  It needs nothing else to be delivered."""

    message_id: int
    client: str
    status: Status
    #: The operator's own error code, at most three characters; "000" for none.
    error: str
    submitted_at_ms: int
    done_at_ms: int
    source_ton: int
    source_npi: int
    source: str
    dest_ton: int
    dest_npi: int
    dest: str
    #: The first twenty octets of the text, SMPP 3.4 appendix B.
    text: bytes
    service_type: str = ""
    reference: str = ""
    operator: str = ""
    #: SMPP network_error_code (0x0423), three octets, where the operator gave one.
    network_error: bytes = b""
    data_coding: int = 0
    user_message_reference: bytes = b""
    #: In how many parts the message left.
    parts: int = 1
    #: Where a callback goes, as its message has it.
    callback_url: str = ""
    #: As the message has it.
    known_as: str = ""
    #: An operator had taken it.
    was_sent: bool = True
    #: The operator's own name for it, where one is known.
    operator_reference: str = ""
    #: When the operator says that it happened; 0 where it does not say so, or is not believed.
    happened_at_ms: int = 0

    @property
    def told_at_ms(self) -> int:
        """The moment that clients are told: the operator's, else when we heard of it."""
        return self.happened_at_ms or self.done_at_ms


Content = Message | Receipt


class Item(msgspec.Struct, frozen=True, gc=False):
    """One row of a queue: where it lies, and what lies there.

    `due_at_ms` is 0 for "at once", else the Unix ms before which nobody may take it.
    """

    queue: str
    priority: int
    lane: str
    due_at_ms: int
    id: int
    content: Content
    attempts: int = 0
    #: It lies in the store's queue table.  A new message that memory holds from commit to lease needs no
    #: row there: its own row says where it is queued, and a start finds it by that.
    has_row: bool = False
    #: Where the store finds the row again; it means nothing to anyone else.
    place: int = 0
