"""Sorts the entries of many ledgers by message: how often each was sent, taken, answered, receipted and seen.

It must never know files, and judges nothing: what is lost or doubled is said by `account`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from chappe.sim.ledger import Entry, Kind, Role
from chappe.sim.receipts import FINAL_STATS

#: Ledger, opening of that ledger, link: link numbers start anew in every ledger and with every opening.
LinkKey: TypeAlias = tuple[int, int, str]


@dataclass(slots=True)
class Copy:
    """One passage of one message (or one part of it) over one link."""

    link: LinkKey
    at_ns: int
    content: tuple[str, ...] = ()  # data_coding, octets in hexadecimal, source, destination
    part: int = 1
    parts: int = 1
    answered_ns: int | None = None
    stat: str = ""


@dataclass(slots=True)
class Sending:
    """What a client sent under one tag."""

    content: tuple[str, ...]
    wants_receipt: int  # the two low bits of registered_delivery: 0 none, 1 every final one, 2 failures, 3 successes
    times: int = 0  # that may each have left a copy: a refused sending did not
    message_ids: list[str] = field(default_factory=list)
    is_refused: bool = False


@dataclass(slots=True)
class Books:
    """What the ledgers say, by tag; `seen` is by message id."""

    sendings: dict[str, Sending] = field(default_factory=dict)
    taken: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    acked_stats: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    mo_sent: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    mo_acked: set[str] = field(default_factory=set)
    mo_seen: dict[str, list[Copy]] = field(default_factory=lambda: defaultdict(list))
    ended_ns: dict[LinkKey, int] = field(default_factory=dict)


def keep_books(ledgers: Iterable[Iterable[Entry]]) -> Books:
    """Read all ledgers, each in the order of its entries."""
    books = Books()
    for number, ledger in enumerate(ledgers):
        _Bookkeeper(books, number).read(ledger)
    return books


class _Bookkeeper:
    """Enters one ledger into the books; knows whose it is and how often it was opened."""

    def __init__(self, books: Books, number: int) -> None:
        self._books = books
        self._number = number
        self._openings = 0
        self._is_smsc = False

    def read(self, ledger: Iterable[Entry]) -> None:
        """Enter every entry."""
        for entry in ledger:
            if entry.kind is Kind.OPENED:
                self._openings += 1
                self._is_smsc = entry.facts.get("role") == Role.SMSC
            else:
                ENTER[entry.kind](self, entry, entry.facts)

    def take(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """The SMSC took a message or a part."""
        self._books.taken[entry.tag].append(self._copy(entry, facts))

    def answer(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """The SMSC answered a submit; a refused one was never taken."""
        if "status" in facts:
            return
        link = self._link(facts)
        for copy in self._books.taken.get(entry.tag, ()):
            if copy.answered_ns is None and copy.link == link:
                copy.answered_ns = entry.time_ns
                return

    def ack_receipt(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """The gateway said yes to a receipt; only final ones are followed up."""
        stat = facts.get("stat", "")
        if "status" not in facts and stat in FINAL_STATS:
            self._books.acked_stats[entry.tag].append(stat)

    def ack_mo(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """The gateway said yes to an MO."""
        if "status" not in facts:
            self._books.mo_acked.add(entry.tag)

    def send(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """A client sent a message, for the first time or again."""
        sending = self._books.sendings.get(entry.tag)
        if sending is None:
            wanted = int(facts.get("rd", "0")) & 3
            sending = self._books.sendings[entry.tag] = Sending(_content(entry, facts), wanted)
        sending.times += 1

    def accept(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """A client heard yes."""
        if entry.tag in self._books.sendings:
            self._books.sendings[entry.tag].message_ids.append(entry.message_id)

    def refuse(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """A client heard no."""
        if entry.tag in self._books.sendings:
            self._books.sendings[entry.tag].is_refused = True
            self._books.sendings[entry.tag].times -= 1

    def pass_receipt(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """A receipt was sent by the SMSC, which says nothing yet, or seen by a client."""
        if not self._is_smsc and facts.get("stat", "") in FINAL_STATS:
            self._books.seen[entry.message_id].append(self._seen_copy(entry, facts))

    def pass_mo(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """An MO was sent by the SMSC or seen by a client."""
        if self._is_smsc:
            self._books.mo_sent[entry.tag].append(self._copy(entry, facts))
        else:
            self._books.mo_seen[entry.tag].append(self._seen_copy(entry, facts))

    def end_link(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """A link ended."""
        self._books.ended_ns[self._link(facts)] = entry.time_ns

    def pass_over(self, entry: Entry, facts: Mapping[str, str]) -> None:
        """Nothing to enter."""

    def _seen_copy(self, entry: Entry, facts: Mapping[str, str]) -> Copy:
        copy = self._copy(entry, facts)
        # A client answers in the same moment unless a fault kept it from answering.
        copy.answered_ns = None if "unanswered" in facts else entry.time_ns
        return copy

    def _copy(self, entry: Entry, facts: Mapping[str, str]) -> Copy:
        part, _, parts = facts.get("part", "1/1").partition("/")
        stat, content = facts.get("stat", ""), _content(entry, facts)
        return Copy(self._link(facts), entry.time_ns, content, int(part), int(parts), stat=stat)

    def _link(self, facts: Mapping[str, str]) -> LinkKey:
        return (self._number, self._openings, facts.get("link", ""))


def _content(entry: Entry, facts: Mapping[str, str]) -> tuple[str, ...]:
    return (facts.get("dcs", ""), facts.get("octets", ""), entry.source.lstrip("+"), entry.destination.lstrip("+"))


#: What each kind of entry does to the books.
ENTER: Final[Mapping[Kind, Callable[[_Bookkeeper, Entry, Mapping[str, str]], None]]] = {
    Kind.SUBMIT: _Bookkeeper.take,
    Kind.RESPONSE: _Bookkeeper.answer,
    Kind.RECEIPT: _Bookkeeper.pass_receipt,
    Kind.RECEIPT_ACKED: _Bookkeeper.ack_receipt,
    Kind.MO: _Bookkeeper.pass_mo,
    Kind.MO_ACKED: _Bookkeeper.ack_mo,
    Kind.SENT: _Bookkeeper.send,
    Kind.RESENT: _Bookkeeper.send,
    Kind.ACCEPTED: _Bookkeeper.accept,
    Kind.REFUSED: _Bookkeeper.refuse,
    Kind.LINK_UP: _Bookkeeper.pass_over,
    Kind.LINK_DOWN: _Bookkeeper.end_link,
}
