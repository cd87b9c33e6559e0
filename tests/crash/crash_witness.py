"""Goes through the deeds of a gateway and bears witness: what was on disk at the instant of each yes?

It keeps the disk as it would be after a power cut at any instant, with nothing of what was not yet synced.  It must
never ask the gateway, nor use its codec: requests and answers are told apart by the headers of SMPP 3.4 §3.2.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crash_strace import Deed, What

SUBMIT_SM: Final = 0x4
DELIVER_SM: Final = 0x5
_RESPONSE: Final = 0x8000_0000
#: The tags of the campaign's messages where they stand in their texts, on the wire as on the pages of the store.
_TAG: Final = re.compile(rb"(mt\d+) Your code|VOTE \d+ #(mo\d+)|(web\d+) is the first")
_RECEIPT: Final = re.compile(rb"id:(\S+) .*?stat:DELIVRD", re.DOTALL)
_IDS: Final = re.compile(rb'"id":"(\d+)"')


@dataclass(slots=True)
class Promises:
    """Everything to which a yes was said so far."""

    message_ids: set[int] = field(default_factory=set)
    mo_tags: set[str] = field(default_factory=set)
    #: References of receipts.
    references: set[str] = field(default_factory=set)


class ForgetfulDisk:
    """The files of the store as a power cut would leave them: what is not synced is forgotten."""

    def __init__(self) -> None:
        self._safe: dict[str, bytearray] = defaultdict(bytearray)
        self._pending: dict[str, list[tuple[int, Deed]]] = defaultdict(list)

    def change(self, number: int, deed: Deed) -> None:
        """A file is written or cut, not safely yet."""
        self._pending[deed.name].append((number, deed))

    def sync(self, name: str) -> list[tuple[int, Deed]]:
        """What was written to the file is safe now; the changes that became so."""
        changes = self._pending.pop(name, [])
        file = self._safe[name]
        for _, deed in changes:
            if deed.what is What.CUT:
                del file[deed.offset :]
            else:
                file.extend(bytes(max(0, deed.offset - len(file))))
                file[deed.offset : deed.offset + len(deed.octets)] = deed.octets
        return changes

    def restore(self, folder: Path) -> Path:
        """Write the files as they would be found; the folder of the store."""
        folder.mkdir(parents=True)
        for name, octets in self._safe.items():
            if name.endswith((".db", ".db-wal")):
                (folder / Path(name).name).write_bytes(octets)
        return folder


@dataclass(slots=True)
class _Stream:
    """One direction of a connection, cut into PDUs."""

    octets: bytearray = field(default_factory=bytearray)

    def pdus(self, more: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """command_id, command_status, sequence_number and body of each PDU that is whole now.  SMPP 3.4 §3.2."""
        self.octets += more
        while len(self.octets) >= 16:
            length = int.from_bytes(self.octets[:4], "big")
            if len(self.octets) < length:
                return
            pdu = bytes(self.octets[:length])
            del self.octets[:length]
            command, status, number = (int.from_bytes(pdu[at : at + 4], "big") for at in (4, 8, 12))
            yield command, status, number, pdu[16:]


class Witness:
    """Reads deeds once; `faults` are answers that came before the sync of what they answer."""

    def __init__(self, wal: Path, *, smpp_port: int, http_port: int, operator_port: int) -> None:
        self.disk = ForgetfulDisk()
        self.promises = Promises()
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self._wal = str(wal)
        self._doors = {
            f":{smpp_port}->": self._smpp,
            f":{http_port}->": self._http,
            f":{operator_port}]": self._smpp,
        }
        self._streams: dict[tuple[str, What], _Stream] = defaultdict(_Stream)
        #: Requests without answer: where they were read, and what they said.
        self._asked: dict[tuple[str, int, int], tuple[int, bytes]] = {}
        self._posted: dict[str, tuple[int, bytes]] = {}
        #: The last write to the log that a sync has made safe, and the tags that are safe with it.
        self._safe_until = 0
        self._safe_tags: set[bytes] = set()

    def watch(self, done: Iterable[Deed], before_answers: Callable[[], None] = lambda: None) -> None:
        """Go through all; `before_answers` is called before octets that answer leave for a peer."""
        for number, deed in enumerate(done, 1):
            if deed.what is What.SYNC:
                self._sync(deed.name)
            elif not deed.name.startswith("TCP:"):
                if deed.what is not What.READ:
                    self.disk.change(number, deed)
            else:
                for mark, door in self._doors.items():
                    if mark in deed.name:
                        door(number, deed, before_answers)

    def _sync(self, name: str) -> None:
        changes = self.disk.sync(name)
        if name == self._wal and changes:
            self._safe_until = changes[-1][0]
            self._safe_tags.update(_tags(b"".join(deed.octets for _, deed in changes)))

    def _smpp(self, number: int, deed: Deed, before_answers: Callable[[], None]) -> None:
        pdus = list(self._streams[deed.name, deed.what].pdus(deed.octets))
        if deed.what is What.READ:
            for command, _, sequence_number, body in pdus:
                if command in (SUBMIT_SM, DELIVER_SM):
                    self._asked[deed.name, command, sequence_number] = (number, body)
            return
        answers = [pdu for pdu in pdus if pdu[0] & _RESPONSE and (deed.name, pdu[0] ^ _RESPONSE, pdu[2]) in self._asked]
        if answers:
            before_answers()
        for command, status, sequence_number, body in answers:
            asked_at, asked = self._asked.pop((deed.name, command ^ _RESPONSE, sequence_number))
            if status == 0:
                self._judge_smpp(command ^ _RESPONSE, asked_at, asked, body)

    def _judge_smpp(self, command: int, asked_at: int, asked: bytes, answer: bytes) -> None:
        receipt = _RECEIPT.search(asked) if command == DELIVER_SM else None
        if command == SUBMIT_SM:
            self._judge("submit_sm_resp", asked_at, asked)
            self.promises.message_ids.add(int(answer.rstrip(b"\0")))
        elif receipt is not None:
            self._judge("deliver_sm_resp to a receipt", asked_at, asked)
            self.promises.references.add(receipt[1].decode())
        else:
            self._judge("deliver_sm_resp to an MO", asked_at, asked)
            self.promises.mo_tags.update(tag.decode() for tag in _tags(asked))

    def _http(self, number: int, deed: Deed, before_answers: Callable[[], None]) -> None:
        if deed.what is What.READ:
            _, octets = self._posted.get(deed.name, (0, b""))
            self._posted[deed.name] = (number, octets + deed.octets)
            return
        if deed.name not in self._posted:
            return
        asked_at, asked = self._posted.pop(deed.name)
        if deed.octets.startswith(b"HTTP/1.1 202"):
            before_answers()
            self._judge("HTTP 202", asked_at, asked)
            self.promises.message_ids.update(int(each) for each in _IDS.findall(deed.octets))

    def _judge(self, what: str, asked_at: int, asked: bytes) -> None:
        """A yes leaves now: a sync must have covered writes that came after the question, and hold its content."""
        self.answers[what] += 1
        if self._safe_until <= asked_at:
            self.faults.append(f"{what} left before any sync of what was written after its request")
        unsafe = _tags(asked) - self._safe_tags
        if unsafe:
            self.faults.append(f"{what} left while {unsafe} was on no synced page")


def _tags(octets: bytes) -> set[bytes]:
    return {found[found.lastindex or 0] for found in _TAG.finditer(octets)}
