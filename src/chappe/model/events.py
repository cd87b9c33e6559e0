"""Events: what happened, one line each, in the columns that administrators grep.

A transaction's events are gathered in an `EventBatch` and written with it as one block; every
file, counter and metric is a copy made from the blocks.  Lines are made once, all of a block together.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final

COLUMNS: Final = "time,event,id,client,operator,msisdn,number,client_ref,operator_ref,detail"


class EventName(StrEnum):
    """Every event there is.  docs/events.md tells when each happens."""

    MT_ACCEPTED = "mt_accepted"
    MT_REJECTED = "mt_rejected"
    MT_ROUTED = "mt_routed"
    MT_REPEATED = "mt_repeated"
    MT_SENDING = "mt_sending"
    MT_SENT = "mt_sent"
    MT_DEFERRED = "mt_deferred"
    MT_MOVED = "mt_moved"
    MT_HELD = "mt_held"
    MT_BUFFERED = "mt_buffered"
    MT_DELIVERED = "mt_delivered"
    MT_FAILED = "mt_failed"
    MT_EXPIRED = "mt_expired"
    MT_CANCELLED = "mt_cancelled"
    MT_UNKNOWN = "mt_unknown"
    MT_REPLACED = "mt_replaced"
    LOOKUP_FAILED = "lookup_failed"
    LOOKUP_BACK = "lookup_back"
    MO_RECEIVED = "mo_received"
    MO_SUPPRESSED = "mo_suppressed"
    MO_DELIVERED = "mo_delivered"
    MO_REFUSED = "mo_refused"
    MO_BLOCKED = "mo_blocked"
    MO_UNROUTED = "mo_unrouted"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    ALERT_RECEIVED = "alert_received"
    ALERT_DELIVERED = "alert_delivered"
    MO_JOINED = "mo_joined"
    MO_PART_JOINED = "mo_part_joined"
    MO_PART_RELEASED = "mo_part_released"
    DR_RECEIVED = "dr_received"
    DR_MATCHED = "dr_matched"
    DR_PARKED = "dr_parked"
    DR_REPEATED = "dr_repeated"
    DR_CONTRADICTED = "dr_contradicted"
    DR_DELIVERED = "dr_delivered"
    DR_REFUSED = "dr_refused"
    CALLBACK_SENT = "callback_sent"
    CALLBACK_DEFERRED = "callback_deferred"
    CALLBACK_FAILED = "callback_failed"
    CALLBACKS_OFF = "callbacks_off"
    CALLBACKS_ON = "callbacks_on"
    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    BIND_REFUSED = "bind_refused"
    CLIENT_BOUND = "client_bound"
    CLIENT_GONE = "client_gone"
    CALLER_REFUSED = "caller_refused"
    TLS_FAILED = "tls_failed"
    CERTIFICATE_LOADED = "certificate_loaded"
    CERTIFICATE_REFUSED = "certificate_refused"
    THROTTLED = "throttled"
    PDU_REFUSED = "pdu_refused"
    NOTES_LEFT_OUT = "notes_left_out"
    STORE_SLOW = "store_slow"
    STORE_AWAY = "store_away"
    STORE_BACK = "store_back"
    ITEM_POISONED = "item_poisoned"
    NODE_STARTED = "node_started"
    NODE_STOPPED = "node_stopped"
    CLOCK_SET = "clock_set"
    RECEIPTS_DISAGREE = "receipts_disagree"
    RECEIPTS_AGREE = "receipts_agree"
    HISTORY_MOVED = "history_moved"
    CREDIT_CHANGED = "credit_changed"
    CREDIT_USED_UP = "credit_used_up"
    INSTRUCTION_DONE = "instruction_done"
    CONF_APPLIED = "conf_applied"


_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\",\u2028\u2029\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean(field: str) -> str:
    """Make a peer's text fit for one CSV field: RFC 4180 quotes, control characters as \\xNN."""
    if not field or field.isalnum() or (field.isprintable() and '"' not in field and "," not in field):
        return field
    field = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", field)
    if '"' in field or "," in field:
        return '"' + field.replace('"', '""') + '"'
    return field


def stamp(unix_us: int) -> str:
    """Write a moment as event lines have it: `2026-01-16 12:38:52.364377`, UTC."""
    second, us = divmod(unix_us, 1_000_000)
    return f"{_second(second)}.{us:06d}"


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M:%S}"


Key = tuple[str, str, str]

#: The columns of one event but its time.
Entry = tuple[str, str, str, str, str, str, str, str, str]

_name_client_operator = itemgetter(0, 2, 3)
#: What a field may hold as it is, whatever stands beside it.
_PLAIN: Final = bytes(set(range(0x20, 0x7F)) - set(b',"'))


class EventBatch:
    """The events of one call to the store.  `text_of` makes lines of them, `count` what tallies want.

    All of a batch have one time, that of the judgement that made them.
    """

    __slots__ = ("_entries", "_foreign", "at_us", "ids")

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us
        self._entries: list[Entry] = []
        #: Whatever of them a peer may have written.
        self._foreign: list[str] = []
        #: The messages they are about, 0 for none; once for a series.
        self.ids: list[int] = []

    def add(
        self,
        event: EventName,
        message_id: int = 0,
        client: str = "",
        operator: str = "",
        msisdn: str = "",
        number: str = "",
        client_ref: str = "",
        operator_ref: str = "",
        detail: str = "",
    ) -> None:
        """Note one event.  `message_id` 0 means that it is about no message."""
        # A member's bare string: what is made of the member itself would cost more than all the rest.
        name, about = event._value_, str(message_id or "")
        self._entries.append((name, about, client, operator, msisdn, number, client_ref, operator_ref, detail))
        self._foreign += (msisdn, number, client_ref, operator_ref, detail)
        self.ids.append(message_id)

    def add_series(
        self,
        events: Sequence[EventName],
        message_id: int,
        client: str,
        operator: str,
        msisdn: str,
        number: str,
        client_ref: str,
        operator_ref: str,
        detail: str,
    ) -> None:
        """Note several events of one message that differ in nothing but their name."""
        about = str(message_id or "")
        for event in events:
            name = event._value_
            self._entries.append((name, about, client, operator, msisdn, number, client_ref, operator_ref, detail))
        self.ids.append(message_id)
        self._foreign += (msisdn, number, client_ref, operator_ref, detail)

    def only(self, is_wanted: Callable[[int], bool]) -> "EventBatch":
        """The events about the messages that `is_wanted` names, as a batch of their own."""
        batch = EventBatch(self.at_us)
        batch._foreign = self._foreign
        batch.ids = [message_id for message_id in self.ids if is_wanted(message_id)]
        batch._entries = [entry for entry in self._entries if is_wanted(int(entry[1] or 0))]
        return batch

    @property
    def text(self) -> str:
        """CSV lines, each ending with a newline."""
        if not self._entries:
            return ""
        # One look at all fields is cheaper than one at each, and joining them all at once than one by one.
        is_plain = not "".join(self._foreign).encode("utf-8", "surrogatepass").translate(None, _PLAIN)
        entries = self._entries if is_plain else [(*entry[:4], *map(clean, entry[4:])) for entry in self._entries]
        moment = stamp(self.at_us)
        between = f"\n{moment},"
        return f"{moment},{between.join(map(','.join, entries))}\n"

    def __len__(self) -> int:
        return len(self._entries)


def text_of(batches: Sequence[EventBatch]) -> bytes:
    """The lines of several batches."""
    return "".join([batch.text for batch in batches]).encode("utf-8", "backslashreplace")


def count(batches: Iterable[EventBatch]) -> dict[Key, int]:
    """Count the events of several batches by (event, client, operator)."""
    return dict(Counter(map(_name_client_operator, chain.from_iterable([batch._entries for batch in batches]))))
