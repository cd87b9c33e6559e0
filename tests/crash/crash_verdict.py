"""The reckoning after a campaign: ledgers of both peers against the store, and the event files against its blocks.

It must never ask the gateway: it reads files that a stopped gateway left behind.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crash_gateway import LINKS, WINDOW_PDUS
from crash_store import Stored

from chappe.model.lifecycle import FINAL, Direction, Status
from chappe.sim.account import IN_FLIGHT_S, Account, account
from chappe.sim.books import Books, keep_books
from chappe.sim.ledger import Entry, read

#: How many of each fault a message shows.
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sums of one campaign, and everything that ought not to be."""

    kills: int
    account: Account
    #: Tags that reached an SMSC more often than the store holds messages of that tag.
    doubled: Sequence[str]
    held: int
    #: Messages that the store holds although no client heard yes: their answers died with a gateway.
    unheard: int
    faults: Sequence[str] = field(default_factory=tuple)
    #: Of the kills, those of processes with links to an operator.
    link_deaths: int = 0

    @property
    def sums(self) -> tuple[int, ...]:
        """Kills, accepted, receipts seen, MO acknowledged, doubled, held, accepted unheard, lost."""
        told = self.account
        lost = told.lost + told.receipts_lost + told.mo_lost - self.held
        seen, acked = told.receipts_seen, told.mo_acked
        return (self.kills, told.accepted, seen, acked, len(self.doubled), self.held, self.unheard, max(0, lost))

    def check(self, *, may_double: bool = True) -> None:
        """Nothing is lost; doubles are in flight at a kill, or, with `may_double=False`, there are none."""
        assert not self.faults, "\n".join(self.faults) + "\n" + self.account.as_text()
        most = self.link_deaths * WINDOW_PDUS * LINKS if may_double else 0
        assert len(self.doubled) <= most, f"{len(self.doubled)} doubled, {most} may be: {self.doubled[:_SHOWN]}"


def verdict_of(
    ledgers: Sequence[Path], stored: Stored, *, kills: int, link_deaths: int, in_flight_s: float = IN_FLIGHT_S
) -> Verdict:
    """Reckon; the gateway is stopped and its traffic had come to rest.

    What was answered so short a time before its link ended may not have been written when the gateway died.
    """
    told = account((read(path) for path in ledgers), in_flight_s=in_flight_s)
    books = keep_books(read(path) for path in ledgers)
    heard = {stored.id_of(each) for sending in books.sendings.values() for each in sending.message_ids}
    held = heard & stored.held
    faults = [*_of_messages(books, stored, heard), *_of_account(told, len(held)), *_of_mo(books, stored)]
    faults += [*_of_receipts(ledgers, books, stored, kills), *stored.faults]
    doubled = sorted(_doubled(books, stored))
    unheard = sum(life.direction is Direction.MT for life in stored.lives.values()) - len(heard & set(stored.lives))
    return Verdict(kills, told, doubled, len(held), unheard, faults, link_deaths)


def _of_messages(books: Books, stored: Stored, heard: set[int]) -> Iterator[str]:
    """Whatever a client heard yes to is in the store, and final or held; whatever is there has come to its end."""
    missing = sorted(heard - set(stored.lives))
    if missing:
        yield f"{len(missing)} accepted messages are not in the store: {missing[:_SHOWN]}"
    still_open = [
        each for each, life in stored.lives.items() if life.direction is Direction.MT and _is_open(life.status)
    ]
    if still_open:
        yield f"{len(still_open)} messages are neither final nor held after all came to rest: {still_open[:_SHOWN]}"
    if stored.queued:
        yield f"{len(stored.queued)} items wait though nothing is under way: {stored.queued[:_SHOWN]}"


def _is_open(status: Status) -> bool:
    return status not in FINAL and status is not Status.HELD


def _of_account(told: Account, held: int) -> Iterator[str]:
    """What the peers' ledgers say; a held message was perhaps never taken."""
    if told.lost > held:
        yield f"{told.lost} accepted messages never reached an SMSC, and only {held} are held"
    for what, count in (
        ("receipts lost after their yes", max(0, told.receipts_lost - held)),
        ("MO lost after their yes", told.mo_lost),
        ("messages changed on their way", told.differing + told.mo_differing),
        ("messages doubled without a link's end", told.extra.doubled),
        ("receipts doubled without a link's end", told.receipts_extra.doubled),
        ("MO doubled without a link's end", told.mo_extra.doubled),
    ):
        if count:
            yield f"{count} {what}: {dict(told.examples)}"


def _of_mo(books: Books, stored: Stored) -> Iterator[str]:
    """Each MO that the gateway said yes to lies in the store once: a repeat after a lost answer is suppressed."""
    times = Counter(life.tag for life in stored.lives.values() if life.direction is Direction.MO)
    missing = sorted(books.mo_acked - times.keys())
    if missing:
        yield f"{len(missing)} acknowledged MO are not in the store: {missing[:_SHOWN]}"
    twice = sorted(tag for tag, count in times.items() if count > 1)
    if twice:
        yield f"{len(twice)} MO were stored more than once: {twice[:_SHOWN]}"


def _of_receipts(ledgers: Sequence[Path], books: Books, stored: Stored, kills: int) -> Iterator[str]:
    """A client sees a receipt twice only when its answer was in flight at a kill: so many fit into a window."""
    copies = sum(len(seen) - 1 for seen in books.seen.values())
    binds = sum(1 for path in ledgers for entry in read(path) if _is_client_link(entry))
    most = binds * WINDOW_CLIENT_PDUS
    if copies > most or (copies and not kills):
        yield f"{copies} receipts came again, and {most} fit into the windows of {binds} links that ended"
    strange = [each for each in books.seen if stored.id_of(each) not in stored.lives]
    if strange:
        yield f"{len(strange)} receipts tell of messages that the store does not know: {strange[:_SHOWN]}"


def _is_client_link(entry: Entry) -> bool:
    return entry.kind.value == "link_down" and "system_id=acme" in entry.detail


def _doubled(books: Books, stored: Stored) -> Iterator[str]:
    """Tags that were taken more often than they were accepted: the client's own repeats are messages of their own."""
    accepted = Counter(life.tag for life in stored.lives.values() if life.direction is Direction.MT)
    for tag, copies in books.taken.items():
        by_part = Counter(copy.part for copy in copies)
        if max(by_part.values()) > accepted[tag]:
            yield tag


#: deliver_sm in flight to one client link: `window` of [clients.smpp] at its default.
WINDOW_CLIENT_PDUS: Final = 1_000
