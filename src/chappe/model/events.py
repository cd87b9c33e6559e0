"""Events: what happened, one line each, in the columns that administrators grep.

A transaction's events are gathered in an `EventBatch` and written with it as one block; every
file, counter and metric is a copy made from the blocks.  A line is made once and never again.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from typing import Final

COLUMNS: Final = "time,event,id,client,operator,msisdn,number,client_ref,operator_ref,detail"


class EventName(StrEnum):
    """Every event there is.  docs/events.md tells when each happens."""

    MT_ACCEPTED = "mt_accepted"
    MT_REJECTED = "mt_rejected"
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
    MO_RECEIVED = "mo_received"
    MO_SUPPRESSED = "mo_suppressed"
    MO_DELIVERED = "mo_delivered"
    MO_REFUSED = "mo_refused"
    MO_UNROUTED = "mo_unrouted"
    DR_RECEIVED = "dr_received"
    DR_MATCHED = "dr_matched"
    DR_PARKED = "dr_parked"
    DR_REPEATED = "dr_repeated"
    DR_CONTRADICTED = "dr_contradicted"
    DR_DELIVERED = "dr_delivered"
    DR_REFUSED = "dr_refused"
    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    BIND_REFUSED = "bind_refused"
    CLIENT_BOUND = "client_bound"
    CLIENT_GONE = "client_gone"
    THROTTLED = "throttled"
    PDU_REFUSED = "pdu_refused"
    NOTES_LEFT_OUT = "notes_left_out"
    STORE_SLOW = "store_slow"
    STORE_AWAY = "store_away"
    STORE_BACK = "store_back"
    ITEM_POISONED = "item_poisoned"
    NODE_STARTED = "node_started"
    NODE_STOPPED = "node_stopped"
    HISTORY_MOVED = "history_moved"
    INSTRUCTION_DONE = "instruction_done"


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


class EventBatch:
    """The events of one call to the store: lines, the ids in them, and what tallies count.

    All of a batch have one time, that of the judgement that made them.
    """

    __slots__ = ("_stamp", "at_us", "ids", "keys", "lines")

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us
        self._stamp = stamp(at_us)
        #: CSV lines, each with its newline.
        self.lines: list[str] = []
        #: The messages they are about, once for each entry.
        self.ids: list[int] = []
        #: (event, client, operator) of every event.
        self.keys: list[Key] = []

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
        if not msisdn.isalnum():
            msisdn = clean(msisdn)
        if not number.isalnum():
            number = clean(number)
        if client_ref:
            client_ref = clean(client_ref)
        if operator_ref:
            operator_ref = clean(operator_ref)
        if detail:
            detail = clean(detail)
        rest = f",{message_id or ''},{client},{operator},{msisdn},{number},{client_ref},{operator_ref},{detail}"
        # A member's bare string: formatting and hashing the member itself would cost more than all the rest.
        name = event._value_
        self.lines.append(f"{self._stamp},{name}{rest}\n")
        self.ids.append(message_id)
        self.keys.append((name, client, operator))

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
        rest = (
            f",{message_id or ''},{client},{operator},{clean(msisdn)},{clean(number)},"
            f"{clean(client_ref)},{clean(operator_ref)},{clean(detail)}"
        )
        stamp = self._stamp
        for event in events:
            name = event._value_
            self.lines.append(f"{stamp},{name}{rest}\n")
            self.keys.append((name, client, operator))
        self.ids.append(message_id)

    def only(self, is_wanted: Callable[[int], bool]) -> "EventBatch":
        """The events about the messages that `is_wanted` names, as a batch of their own."""
        batch = EventBatch(self.at_us)
        for line, key in zip(self.lines, self.keys, strict=True):
            message_id = int(line.split(",", 3)[2] or 0)
            if is_wanted(message_id):
                batch.lines.append(line)
                batch.ids.append(message_id)
                batch.keys.append(key)
        return batch

    def __len__(self) -> int:
        return len(self.keys)


def count(batches: Iterable[EventBatch]) -> dict[Key, int]:
    """Count the events of several batches by (event, client, operator)."""
    return dict(Counter(chain.from_iterable([batch.keys for batch in batches])))
