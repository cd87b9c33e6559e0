"""How long messages took, from ledgers: answer, way to the SMSC, way of the receipt, whole life.

It must never know files or processes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chappe.sim.ledger import Entry, Kind, Role
from chappe.sim.receipts import FINAL_STATS

_NS_PER_MS: Final = 1e6


class Spread(msgspec.Struct, frozen=True):
    """Percentiles of durations in milliseconds; all 0 when there were none."""

    count: int = 0
    p50_ms: float = 0.0
    p90_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0

    @classmethod
    def of(cls, durations_ns: Sequence[int]) -> "Spread":
        """The percentiles of these nanoseconds."""
        if not durations_ns:
            return cls()
        ordered = sorted(durations_ns)
        p50, p90, p99 = (ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 90, 99))
        return cls(len(ordered), *(round(each / _NS_PER_MS, 3) for each in (p50, p90, p99, ordered[-1])))

    def as_text(self) -> str:
        """One line for people."""
        return f"p50 {self.p50_ms:g} · p90 {self.p90_ms:g} · p99 {self.p99_ms:g} · max {self.max_ms:g} ms"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """The ways of the messages that went them; `began_ns` and `ended_ns` are the first send and the last arrival."""

    response: Spread = Spread()  # client: sent until answered
    to_smsc: Spread = Spread()  # sent until taken by the SMSC
    receipt: Spread = Spread()  # sent by the SMSC until seen by the client
    life: Spread = Spread()  # sent until the final receipt was seen
    began_ns: int = 0
    ended_ns: int = 0
    accepted_ns: int = 0  # the last yes that a client heard
    taken_ns: int = 0  # the last message that an SMSC took


def latency(ledgers: Iterable[Iterable[Entry]]) -> Latency:
    """Measure the first passage of each message in the ledgers of SMSCs and clients on one machine."""
    times = _Times()
    for ledger in ledgers:
        times.read(ledger)
    sent, seen = times.first[Kind.SENT], times.seen_by_tag()
    return Latency(
        response=_spread(sent, times.first[Kind.ACCEPTED]),
        to_smsc=_spread(sent, times.first[Kind.SUBMIT]),
        receipt=_spread(times.first[Kind.RECEIPT], seen),
        life=_spread(sent, seen),
        began_ns=min(sent.values(), default=0),
        ended_ns=max((*seen.values(), *times.first[Kind.SUBMIT].values()), default=0),
        accepted_ns=max(times.first[Kind.ACCEPTED].values(), default=0),
        taken_ns=max(times.first[Kind.SUBMIT].values(), default=0),
    )


class _Times:
    """When each message was first told of, by kind of entry and tag."""

    def __init__(self) -> None:
        kinds = (Kind.SENT, Kind.ACCEPTED, Kind.SUBMIT, Kind.RECEIPT)
        self.first: Mapping[Kind, dict[str, int]] = {kind: {} for kind in kinds}
        self._tag_by_message_id: dict[str, str] = {}
        self._seen_by_message_id: dict[str, int] = {}

    def read(self, ledger: Iterable[Entry]) -> None:
        """Enter one ledger."""
        is_smsc = False
        for entry in ledger:
            if entry.kind is Kind.OPENED:
                is_smsc = entry.facts.get("role") == Role.SMSC
            elif entry.kind is Kind.RECEIPT and not is_smsc:
                if entry.facts.get("stat") in FINAL_STATS:
                    self._seen_by_message_id.setdefault(entry.message_id, entry.time_ns)
            elif entry.kind in self.first:
                self.first[entry.kind].setdefault(entry.tag, entry.time_ns)
                if entry.kind is Kind.ACCEPTED:
                    self._tag_by_message_id[entry.message_id] = entry.tag

    def seen_by_tag(self) -> dict[str, int]:
        """When the client saw the final receipt of each message."""
        tags = self._tag_by_message_id
        return {tags[each]: time_ns for each, time_ns in self._seen_by_message_id.items() if each in tags}


def _spread(begins: Mapping[str, int], ends: Mapping[str, int]) -> Spread:
    return Spread.of([end - begins[tag] for tag, end in ends.items() if tag in begins])
