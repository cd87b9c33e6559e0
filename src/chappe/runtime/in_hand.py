"""What a process has in hand, noted so that the next one can read it: an item may end its whole process.

Only after an unclean end anything is noted: then readers take items one by one for a while, and name each before they
touch it.  A death while the same item is in hand three times is evidence; a kill at any other instant blames nobody.
The note is never synced: it must outlive this process, not the machine.  It knows no store.
"""

import faulthandler
import os
from pathlib import Path
from typing import IO, Final

import msgspec

from chappe.model.message import Item, Message
from chappe.runtime.clock import Clock

#: An item is held when its process has ended so often while it was in hand.
DEATHS: Final = 3
#: After an unclean end each queue is read one by one for so many items at least, more than were leased at once, and
#: for so long: what the last run held may come back to the queue only after the ten seconds of its lease.
CAREFUL_ITEMS: Final = 2_000
CAREFUL_S: Final = 15.0
#: Suspects that are remembered, the newest ones.
REMEMBERED: Final = 100
#: How much of the interpreter's last words is kept.
MAX_WORDS: Final = 8_000
#: The first line of the note is overwritten in place, and has this length.
_LINE: Final = 400


class Suspect(msgspec.Struct, frozen=True, array_like=True):
    """An item that was in hand when its process ended."""

    queue: str
    id: int
    message_id: int
    client: str
    deaths: int = 1

    @property
    def is_proved(self) -> bool:
        """It was so often enough."""
        return self.deaths >= DEATHS


class InHand:
    """The note of one process."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is noted before `begin`."""
        self._clock = clock
        self._folder: Path | None = None
        self._name = ""
        self._file = -1
        self._fatal: IO[str] | None = None
        self._suspects: dict[tuple[str, int], Suspect] = {}
        self._left_by_queue: dict[str, int] = {}
        self._careful_until = 0.0
        self._is_careful = False
        #: Queues that are read as ever.
        self._trusted: set[str] = set()
        #: What was in hand when the last process ended, if something was.
        self.suspect: Suspect | None = None
        #: What the interpreter said when it was ended by its own fault.
        self.last_words = ""

    def begin(self, folder: Path, name: str) -> None:
        """Read what the last process of this `name` left, and begin a note of our own.

        Both in one step: a death here counts nothing twice.  Where nothing can be written nothing is noted.
        """
        self._folder, self._name = folder, name
        is_unclean = self._read()
        self._is_careful = is_unclean or any(each.is_proved for each in self._suspects.values())
        self._careful_until = self._clock.monotonic() + CAREFUL_S
        try:
            self._write_whole("running")
        except OSError:
            self._file = -1

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"in-hand.{self._name}"

    @property
    def _fatal_path(self) -> Path:
        assert self._folder is not None
        return self._folder / f"last-words.{self._name}"

    def _read(self) -> bool:
        """True when the last process did not end in order."""
        try:
            first, _, rest = self._path.read_bytes().partition(b"\n")
            known = msgspec.json.decode(rest, type=list[Suspect])
        except (OSError, msgspec.MsgspecError):
            # What cannot be read is no evidence; there is none at the first start.
            return self._path.exists()
        self._suspects = {(each.queue, each.id): each for each in known}
        state, _, held = first.partition(b" ")
        if state == b"running" and held.strip():
            self._count(held)
        return state != b"stopped"

    def _count(self, held: bytes) -> None:
        try:
            found = msgspec.json.decode(held, type=Suspect)
        except msgspec.MsgspecError:
            return
        known = self._suspects.pop((found.queue, found.id), None)
        deaths = known.deaths + 1 if known is not None else 1
        self.suspect = msgspec.structs.replace(found, deaths=deaths)
        self._suspects[found.queue, found.id] = self.suspect
        while len(self._suspects) > REMEMBERED:
            del self._suspects[next(iter(self._suspects))]
        try:
            with open(self._fatal_path, errors="replace") as words:
                self.last_words = words.read(MAX_WORDS)
        except OSError:
            self.last_words = ""

    def _write_whole(self, state: str) -> None:
        """Replace the whole note.  Raises: OSError."""
        draft = self._path.with_suffix(self._path.suffix + ".new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rest = msgspec.json.encode(list(self._suspects.values()))
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(file, state.encode().ljust(_LINE) + b"\n" + rest)
            os.fsync(file)
            os.rename(draft, self._path)
        except OSError:
            os.close(file)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file

    # -- reading with care ----------------------------------------------------------------------------

    def share(self, queue: str, limit: int) -> int:
        """How many items its reader may lease at once: `limit`, or one while care is taken."""
        return limit if self.of(queue) is None else 1

    def of(self, queue: str) -> "InHand | None":
        """Who must be told of each item of the queue that is taken in hand; None when nobody wants to know."""
        if not self._is_careful or queue in self._trusted:
            return None
        if self._left_by_queue.get(queue, CAREFUL_ITEMS) <= 0 and self._clock.monotonic() >= self._careful_until:
            self._trusted.add(queue)
            return None
        return self

    def take(self, item: Item) -> None:
        """The item is in hand from now on: nothing may be awaited until it is dropped."""
        self._left_by_queue[item.queue] = self._left_by_queue.get(item.queue, CAREFUL_ITEMS) - 1
        content = item.content
        message_id = content.id if isinstance(content, Message) else content.message_id
        self._note(b"running " + msgspec.json.encode([item.queue, item.id, message_id, content.client]))

    def drop(self) -> None:
        """Nothing is in hand any more."""
        self._note(b"running")

    def _note(self, line: bytes) -> None:
        if self._file >= 0 and len(line) <= _LINE:
            try:
                os.pwrite(self._file, line.ljust(_LINE), 0)
            except OSError:
                # A disk that fails is told of by the store; without the note nobody is blamed.
                os.close(self._file)
                self._file = -1

    # -- evidence -------------------------------------------------------------------------------------

    def why_held(self, item: Item) -> str:
        """In one line why this item must not be taken in hand again; empty when it may be."""
        suspect = self._suspects.get((item.queue, item.id))
        return self.told(suspect) if suspect is not None and suspect.is_proved else ""

    def told(self, suspect: Suspect) -> str:
        """What is known of the deaths, in one line."""
        times = {1: "once", 2: "twice", 3: "three times"}.get(suspect.deaths, f"{suspect.deaths} times")
        return f"ended its process {times} while {suspect.queue} had it alone in hand: {self._cause}"

    @property
    def _cause(self) -> str:
        first = self.last_words.partition("\n")[0]
        return first.removeprefix("Fatal Python error: ") or "killed without a word (out of memory, or stuck)"

    def forget(self, item: Item) -> None:
        """It is held: whoever lets it go on wants it tried anew."""
        if self._suspects.pop((item.queue, item.id), None) is not None and self._folder is not None:
            try:
                self._write_whole("running")
            except OSError:
                return

    # -- the end --------------------------------------------------------------------------------------

    def listen_for_last_words(self) -> None:
        """Have the interpreter write a traceback when a fault of its own ends it."""
        try:
            self._fatal = open(self._fatal_path, "w")  # noqa: SIM115 - open until the end
        except OSError:
            return
        faulthandler.enable(self._fatal)

    def end(self) -> None:
        """This process ends in order."""
        if self._fatal is not None:
            faulthandler.disable()
            self._fatal.close()
            self._fatal_path.unlink(missing_ok=True)
        if self._file >= 0:
            self._note(b"stopped")
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
