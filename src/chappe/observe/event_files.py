"""The CSV files of events: exact copies of the event blocks, so that a kill neither doubles nor loses a line.

Everything here works on files and may wait for the disk: it belongs in a thread, never in the loop.  It must never
know the store; it is told where to go on, and tells how far it has come.
"""

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chappe.model.events import COLUMNS
from chappe.observe.event_paths import PACKED, PACKING, PLAIN, Position, path_at, paths_of
from chappe.store.port import Block

HEADER: Final = f"{COLUMNS}\n".encode()
#: Octets compressed between two looks at whether the gateway stops.
PIECE_OCTETS: Final = 1 << 20
#: Level 1 is several times faster than the default, and CSV shrinks to a tenth with either.
GZIP_LEVEL: Final = 1

Change = Callable[[bytes], bytes]


class EventFiles:
    """Writes one node's event files, from one thread at a time.

    A block belongs to the file of its hour, but never to an older one than the last: the clock may step back, and
    closed files stay closed.
    """

    def __init__(self, folder: Path, node: str, position: Position, redact: Change | None = None) -> None:
        """Go on at `position`; `redact` changes the lines of each block on their way, None leaves them whole."""
        self._folder = folder
        self._node = node
        self._redact = redact
        self._file: int | None = None
        #: How far the files have come.  It is safe only once `sync` has returned it.
        self.position = position

    # -- after a start ------------------------------------------------------------------------------

    def recover(self) -> None:
        """Take away what lies beyond the position: it is copied again.  Raises: OSError."""
        last = self.position
        for path in paths_of(self._folder, self._node, PACKING):
            (self._folder / path).unlink(missing_ok=True)
        packed = {each.removesuffix(".gz") for each in paths_of(self._folder, self._node, PACKED)}
        for path in paths_of(self._folder, self._node, PLAIN):
            if path > last.path or (path < last.path and path in packed):
                (self._folder / path).unlink(missing_ok=True)
        if last.path:
            self._cut(last)

    def _cut(self, last: Position) -> None:
        file = self._folder / last.path
        octets = file.stat().st_size if file.exists() else 0
        if octets > last.octets:
            os.truncate(file, last.octets)
        else:
            # Somebody else shortened or took the file; what was in it is not ours to invent.
            self.position = Position(last.seq, last.path, octets)

    # -- copying ------------------------------------------------------------------------------------

    def append(self, blocks: Sequence[Block]) -> None:
        """Write the lines of these blocks, those of one file at once.

        Raises: OSError; `position` tells up to which block they are written, and to write the rest again is harmless.
        """
        blocks_by_path: dict[str, list[Block]] = {}
        path = self.position.path
        for block in blocks:
            path = max(path, path_at(block.at_us, self._node))
            blocks_by_path.setdefault(path, []).append(block)
        for path, group in blocks_by_path.items():
            self._append_to(path, group)

    def _append_to(self, path: str, blocks: Sequence[Block]) -> None:
        if path != self.position.path:
            self.sync()
            self.close()
            self.position = Position(self.position.seq, path, 0)
        file = self._open(path)
        lines = b"".join([block.lines for block in blocks])
        if self._redact is not None:
            lines = self._redact(lines)
        octets = lines if self.position.octets else HEADER + lines
        _write_at(file, octets, self.position.octets)
        self.position = Position(blocks[-1].seq, path, self.position.octets + len(octets))

    def _open(self, path: str) -> int:
        if self._file is None:
            whole = self._folder / path
            is_new = not whole.exists()
            whole.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(whole, os.O_WRONLY | os.O_CREAT, 0o640)
            if is_new:
                for folder in (whole.parent, self._folder, self._folder.parent):
                    _sync_folder(folder)
        return self._file

    def sync(self) -> Position:
        """Make safe what was written; returns how far that is.  Raises: OSError."""
        if self._file is not None:
            os.fsync(self._file)
        return self.position

    def close(self) -> None:
        """Close the file that is open."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def closed_files(folder: Path, node: str, safe: Position) -> Iterator[Path]:
    """The files before the one that the store knows to be written: nothing will be added to them, or cut off."""
    for path in paths_of(folder, node, PLAIN):
        if path < safe.path:
            yield folder / path


def compress(file: Path, stopping: threading.Event) -> bool:
    """Put the file's compressed form in its place; False when stopped before the end.  Raises: OSError.

    At each instant either form is whole; where both are, `EventFiles.recover` drops the plain one.
    """
    with suppress(OSError, AttributeError):
        # This thread alone steps back behind everybody else (Linux counts niceness by thread).
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
    packing = file.with_name(file.name.removesuffix(PLAIN) + PACKING)
    with file.open("rb") as plain, packing.open("wb") as packed:
        with gzip.GzipFile(filename=file.name, mode="wb", compresslevel=GZIP_LEVEL, fileobj=packed) as pack:
            while piece := plain.read(PIECE_OCTETS):
                if stopping.is_set():
                    break
                pack.write(piece)
        packed.flush()
        os.fsync(packed.fileno())
    if stopping.is_set():
        packing.unlink()
        return False
    shutil.copystat(file, packing)
    packing.rename(file.with_name(file.name.removesuffix(PLAIN) + PACKED))
    _sync_folder(file.parent)
    file.unlink()
    return True


def _write_at(file: int, octets: bytes, offset: int) -> None:
    """Write all of it at that place, so that a second try overwrites what a full disk cut short."""
    view = memoryview(octets)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder safe."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
