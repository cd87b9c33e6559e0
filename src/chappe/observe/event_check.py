"""Whether the event files say what the event blocks say, line by line where both exist.

Files or blocks past retention may be gone: then the newest lines of both are compared.  Knows no store: blocks come in.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from chappe.observe.event_files import HEADER, Change
from chappe.observe.event_paths import PACKED, PLAIN, Position, paths_of


def disagreement(
    folder: Path, node: str, position: Position, blocks: Callable[[], Iterable[bytes]], redact: Change | None
) -> str:
    """The first line in which the files differ from the blocks up to `position`; empty when there is none.

    `blocks()` gives the lines of each block, oldest first; `redact` changes them as it changed those in the files.
    Raises: OSError.
    """
    in_files = sum(1 for _ in _file_lines(folder, node, position))
    in_blocks = sum(lines.count(b"\n") for lines in blocks())
    of_files = islice(_file_lines(folder, node, position), max(0, in_files - in_blocks), None)
    of_blocks = islice(_block_lines(blocks(), redact), max(0, in_blocks - in_files), None)
    for number, (in_file, in_block) in enumerate(zip(of_files, of_blocks, strict=True), 1):
        if in_file != in_block:
            told = in_file.decode("utf-8", "replace").rstrip()
            return f"event files: line {number} of {min(in_files, in_blocks)} is not what the store has: {told}"
    return ""


def _file_lines(folder: Path, node: str, position: Position) -> Iterator[bytes]:
    plain = set(paths_of(folder, node, PLAIN))
    packed = {path.removesuffix(".gz") for path in paths_of(folder, node, PACKED)}
    for path in sorted(plain | packed):
        if path > position.path:
            continue
        octets = (
            (folder / path).read_bytes() if path in plain else gzip.decompress((folder / f"{path}.gz").read_bytes())
        )
        if path == position.path:
            octets = octets[: position.octets]
        yield from (line for line in octets.splitlines(keepends=True) if line != HEADER)


def _block_lines(blocks: Iterable[bytes], redact: Change | None) -> Iterator[bytes]:
    for lines in blocks:
        yield from (lines if redact is None else redact(lines)).splitlines(keepends=True)
