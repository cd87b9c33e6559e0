"""Compares the ledgers around a gateway: accepted = final + open, and what was lost, doubled or changed.

It must never know files or peers: entries come in, an `Account` goes out.

A message counts as **lost** when the client heard yes and no SMSC ever took it whole.  A copy too many is excused, and
counted apart, when the client itself sent the message again, or when the copy before it was **in flight**: it had no
answer, or its link ended within `in_flight_s` after the answer, so that nobody can prove that the answer was read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from chappe.sim.books import Books, Copy, Sending, keep_books
from chappe.sim.ledger import Entry

#: A gateway that commits in batches is far quicker than this between reading an answer and having it on disk.
IN_FLIGHT_S: Final = 1.0

_EXAMPLES: Final = 10


class Extra(msgspec.Struct, frozen=True):
    """Copies too many: all of them, and how many are excused by what."""

    copies: int = 0
    sent_again: int = 0
    in_flight: int = 0

    @property
    def doubled(self) -> int:
        """Copies that nothing excuses."""
        return self.copies - self.sent_again - self.in_flight

    def __add__(self, other: "Extra") -> "Extra":
        return Extra(self.copies + other.copies, self.sent_again + other.sent_again, self.in_flight + other.in_flight)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one comparison.  All are messages, but `parts_taken`."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unanswered: int = 0
    final: int = 0
    open: int = 0
    lost: int = 0
    taken_unaccepted: int = 0  # an SMSC took it though the client never heard yes: in doubt, no loss
    parts_taken: int = 0
    extra: Extra = Extra()
    differing: int = 0  # octets, data_coding or an address changed on the way
    receipts_due: int = 0  # the gateway said yes to the SMSC's receipts, and the client wanted one
    receipts_seen: int = 0
    receipts_lost: int = 0
    receipts_extra: Extra = Extra()
    receipts_unknown: int = 0  # for ids that no client was ever told
    mo_sent: int = 0
    mo_acked: int = 0
    mo_seen: int = 0
    mo_lost: int = 0
    mo_extra: Extra = Extra()
    mo_differing: int = 0
    examples: Mapping[str, Sequence[str]] = {}

    @property
    def is_lossless(self) -> bool:
        """Nothing was lost on any way."""
        return not (self.lost or self.receipts_lost or self.mo_lost)

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, nothing changed, nothing doubled without excuse."""
        doubled = self.extra.doubled or self.receipts_extra.doubled or self.mo_extra.doubled
        return self.is_lossless and not (doubled or self.differing or self.mo_differing)

    def as_text(self) -> str:
        """The account for people, one line for each way."""
        accepted = f"{self.accepted} = final {self.final} + open {self.open}"
        messages = f"sent {self.sent} · accepted {accepted} · refused {self.refused} · unanswered {self.unanswered}"
        taken = f"lost {self.lost} · differing {self.differing} · taken, never accepted {self.taken_unaccepted}"
        receipts = f"due {self.receipts_due} · seen {self.receipts_seen} · lost {self.receipts_lost}"
        mo = f"sent {self.mo_sent} · acknowledged {self.mo_acked} · seen {self.mo_seen} · lost {self.mo_lost}"
        lines = [
            f"messages  {messages}",
            f"          {taken} · {_extra_text(self.extra)}",
            f"receipts  {receipts} · for unknown ids {self.receipts_unknown} · {_extra_text(self.receipts_extra)}",
            f"MO        {mo} · differing {self.mo_differing} · {_extra_text(self.mo_extra)}",
        ]
        lines += [f"{what}: {', '.join(tags)}" for what, tags in self.examples.items()]
        lines.append("clean" if self.is_clean else "NOT CLEAN")
        return "\n".join(lines)

    def as_json(self) -> str:
        """The account for programs: the sums, and `is_clean`."""
        sums = msgspec.to_builtins(self)
        doubled = {"doubled": self.extra.doubled, "receipts_doubled": self.receipts_extra.doubled}
        return msgspec.json.encode(
            {**sums, **doubled, "mo_doubled": self.mo_extra.doubled, "is_clean": self.is_clean}
        ).decode()


def account(ledgers: Iterable[Iterable[Entry]], *, in_flight_s: float = IN_FLIGHT_S) -> Account:
    """Compare any number of ledgers of SMSCs and clients of one gateway; their order does not matter."""
    return _Auditor(keep_books(ledgers), in_flight_s).audit()


def _extra_text(extra: Extra) -> str:
    return f"doubled {extra.doubled} (and {extra.sent_again} sent again, {extra.in_flight} in flight)"


class _Auditor:
    """Goes through the books once and counts."""

    def __init__(self, books: Books, in_flight_s: float) -> None:
        self._books = books
        self._in_flight_ns = int(in_flight_s * 1e9)
        self._sums: Counter[str] = Counter()
        self._extras: dict[str, Extra] = defaultdict(Extra)
        self._examples: dict[str, list[str]] = defaultdict(list)

    def audit(self) -> Account:
        """Count everything."""
        for tag, sending in self._books.sendings.items():
            self._audit_sending(tag, sending)
        for tag, copies in self._books.taken.items():
            self._audit_taken(tag, copies)
        self._audit_receipts_seen()
        for tag in self._books.mo_sent:
            self._audit_mo(tag)
        self._sums["receipts_seen"] = sum(map(len, self._books.seen.values()))
        self._sums["mo_seen"] = sum(map(len, self._books.mo_seen.values()))
        return msgspec.structs.replace(Account(), **self._sums, **self._extras, examples=dict(self._examples))

    def _audit_sending(self, tag: str, sending: Sending) -> None:
        self._sums["sent"] += 1
        if not sending.message_ids:
            self._sums["refused" if sending.is_refused else "unanswered"] += 1
            return
        self._sums["accepted"] += 1
        is_taken = _is_whole(self._books.taken.get(tag, []))
        has_receipt = any(self._books.seen.get(message_id) for message_id in sending.message_ids)
        is_final = has_receipt or (not sending.wants_receipt and is_taken)
        self._sums["final" if is_final else "open"] += 1
        if not is_taken:
            self._note("lost", tag)
        if self._is_receipt_due(tag, sending):
            self._sums["receipts_due"] += 1
            if not has_receipt:
                self._note("receipts_lost", tag)

    def _is_receipt_due(self, tag: str, sending: Sending) -> bool:
        stats = self._books.acked_stats.get(tag, [])
        copies = self._books.taken.get(tag, [])
        if not copies or len(stats) < copies[0].parts:
            return False
        is_success = set(stats) == {"DELIVRD"}
        return sending.wants_receipt == 1 or sending.wants_receipt == (3 if is_success else 2)

    def _audit_taken(self, tag: str, copies: list[Copy]) -> None:
        self._sums["parts_taken"] += len(copies)
        sending = self._books.sendings.get(tag)
        if sending is None or not sending.message_ids:
            self._sums["taken_unaccepted"] += 1
        self._count_extra("extra", tag, copies, sending.times - 1 if sending else 0)
        if sending is not None and _is_whole(copies) and _differs(sending.content, _joined(copies)):
            self._note("differing", tag)

    def _audit_receipts_seen(self) -> None:
        tag_by_message_id = {
            message_id: tag for tag, sending in self._books.sendings.items() for message_id in sending.message_ids
        }
        for message_id, copies in self._books.seen.items():
            if message_id not in tag_by_message_id:
                self._note("receipts_unknown", message_id)
            self._count_extra("receipts_extra", tag_by_message_id.get(message_id, message_id), copies, 0)

    def _audit_mo(self, tag: str) -> None:
        sent, seen = self._books.mo_sent[tag], self._books.mo_seen.get(tag, [])
        self._sums["mo_sent"] += 1
        if tag in self._books.mo_acked:
            self._sums["mo_acked"] += 1
            if not seen:
                self._note("mo_lost", tag)
        self._count_extra("mo_extra", tag, seen, len(sent) - 1)
        if _is_whole(seen) and _differs(_joined(sent), _joined(seen)):
            self._note("mo_differing", tag)

    def _count_extra(self, what: str, tag: str, copies: list[Copy], sent_again: int) -> None:
        if len(copies) < 2:
            return
        by_part = defaultdict(list)
        for copy in copies:
            by_part[copy.part].append(copy)
        most = max(by_part.values(), key=len)
        extra = len(most) - 1
        excused = min(extra, max(0, sent_again))
        in_doubt = sum(self._is_in_flight(copy) for copy in sorted(most, key=lambda copy: copy.at_ns)[:-1])
        found = Extra(extra, excused, min(extra - excused, in_doubt))
        self._extras[what] += found
        if found.doubled:
            self._example(f"{what.removesuffix('extra')}doubled", tag)

    def _is_in_flight(self, copy: Copy) -> bool:
        ended_ns = self._books.ended_ns.get(copy.link)
        if copy.answered_ns is None:
            return True
        return ended_ns is not None and ended_ns - copy.answered_ns <= self._in_flight_ns

    def _note(self, what: str, tag: str) -> None:
        self._sums[what] += 1
        self._example(what, tag)

    def _example(self, what: str, tag: str) -> None:
        if len(self._examples[what]) < _EXAMPLES:
            self._examples[what].append(tag)


def _is_whole(copies: list[Copy]) -> bool:
    return bool(copies) and len({copy.part for copy in copies}) >= copies[0].parts


def _joined(copies: list[Copy]) -> tuple[str, ...]:
    """The content of a message from the first copy of each of its parts."""
    first_by_part: dict[int, Copy] = {}
    for copy in copies:
        first_by_part.setdefault(copy.part, copy)
    data_coding, _, source, destination = copies[0].content
    octets = "".join(first_by_part[part].content[1] for part in sorted(first_by_part))
    return (data_coding, octets, source, destination)


def _differs(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two contents disagree; what one side does not say is not compared."""
    return any(mine and yours and mine != yours for mine, yours in zip(one, other, strict=True))
