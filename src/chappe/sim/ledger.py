"""The ledger of a simulator: what it took, sent, answered and saw, one CSV line each, only ever appended.

It must never know a clock or a socket: entries bring their time.  Times are the machine's monotonic nanoseconds, so
the ledgers of several processes on one machine compare.  The owner flushes once per batch, and before the octets that
tell a peer about the batch are written: whatever a peer was told is in the file, however the process ends.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from chappe.model.errors import SettingsError


class Role(StrEnum):
    """Whose ledger it is."""

    SMSC = "smsc"
    CLIENT = "client"


class Kind(StrEnum):
    """What an entry tells."""

    OPENED = "opened"  # a simulator began to write; the detail has `role=smsc` or `role=client`; its links count anew
    # of an SMSC
    SUBMIT = "submit"  # a message was taken
    RESPONSE = "response"  # a submit was answered; `status` in the detail says how, absent is ESME_ROK
    RECEIPT_ACKED = "receipt_acked"
    MO_ACKED = "mo_acked"
    # of a client
    SENT = "sent"
    RESENT = "resent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    # of both: the SMSC sends them, the client sees them
    RECEIPT = "receipt"
    MO = "mo"
    LINK_UP = "link_up"
    LINK_DOWN = "link_down"


class Entry(NamedTuple):
    """One line: `time_ns` monotonic, `tag` names the message, `detail` is `key=value` words parted by blanks."""

    time_ns: int
    kind: Kind
    tag: str = ""
    message_id: str = ""
    source: str = ""
    destination: str = ""
    detail: str = ""

    @property
    def facts(self) -> Mapping[str, str]:
        """The detail as a mapping from key to value."""
        return dict(word.split("=", 1) for word in self.detail.split(" ") if "=" in word)


HEADER: Final = Entry._fields


class Ledger:
    """Appends entries to a CSV file; without a path it keeps them all in `entries`.

    Raises:
        SettingsError: the file cannot be opened.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        #: Keep one entry; it reaches the file with the next flush.  A bound method, for it is called for each message.
        self.append: Callable[[Entry], None] = self.entries.append
        self._file: TextIO | None = None
        if path is not None:
            self._open(path)

    @classmethod
    def of(cls, path: str, *, keeps: bool) -> "Ledger":
        """The ledger in the file `path`; without one in memory, or nowhere if nobody is going to look."""
        ledger = cls(Path(path) if path else None)
        if not path and not keeps:
            ledger.append = lambda entry: None
        return ledger

    def _open(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8", newline="")
        except OSError as fault:
            raise SettingsError(f"ledger {path}: {fault.strerror}; expected a file that can be written") from fault
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        if self._file.tell() == 0:
            self._writer.writerow(HEADER)
            self._file.flush()

    def flush(self) -> None:
        """Hand all that was appended to the operating system; it is safe then from this process' end."""
        if self.entries and self._file is not None:
            self._writer.writerows(self.entries)
            self.entries.clear()
            self._file.flush()

    def close(self) -> None:
        """Flush and close; closing twice is harmless."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path) -> Iterator[Entry]:
    """Every whole entry of a ledger file, in its order; a last line that a kill cut short is left out.

    Raises:
        SettingsError: the file is not there, or is no ledger.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from _entries(file, path)
    except OSError as fault:
        raise SettingsError(f"ledger {path}: {fault.strerror}; expected a file written by a simulator") from fault


def _entries(file: TextIO, path: Path) -> Iterator[Entry]:
    # A tag may hold a carriage return, so a line can end in one inside of quotes.
    rows = csv.reader(line for line in file if line.endswith(("\n", "\r")))
    if next(rows, None) != list(HEADER):
        raise SettingsError(f"ledger {path}: expected the header {','.join(HEADER)}")
    for row in rows:
        try:
            time_ns, kind, tag, message_id, source, destination, detail = row
            yield Entry(int(time_ns), Kind(kind), tag, message_id, source, destination, detail)
        except ValueError as fault:
            raise SettingsError(f"ledger {path}, line {rows.line_num}: {fault}; expected {','.join(HEADER)}") from fault
