"""Where event files lie: `YYYY-MM-DD/HH-NODE.csv` in UTC, `.gz` behind it once the hour is over.

Paths are told relative to the folder of event files and sort by time.  It must never know what is in a file.
"""

import glob
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

PLAIN: Final = ".csv"
PACKED: Final = ".csv.gz"
#: A file that is being compressed; one that a crash left behind is worth nothing.
PACKING: Final = ".csv.gz.tmp"

_HOUR: Final = re.compile(r"(\d{4}-\d\d-\d\d)/(\d\d)-")


class Position(msgspec.Struct, frozen=True):
    """How far the files have come: all blocks up to `seq`, the last of them ending at `octets` of `path`.

    `path` is empty before the first file.
    """

    seq: int = 0
    path: str = ""
    octets: int = 0

    @property
    def text(self) -> str:
        """The place as the store keeps it: `path:octets`."""
        return f"{self.path}:{self.octets}"


def position_of(seq: int, text: str) -> Position:
    """Read what `Position.text` wrote."""
    path, _, octets = text.rpartition(":")
    return Position(seq, path, int(octets))


def path_at(at_us: int, node: str) -> str:
    """The file of events of that moment (Unix microseconds)."""
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d/%H}-{node}{PLAIN}"


def path_after(path: str, node: str) -> str:
    """The file of the hour after that of `path`."""
    found = _HOUR.match(path)
    assert found is not None
    hour = datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H").replace(tzinfo=UTC) + timedelta(hours=1)
    return f"{hour:%Y-%m-%d/%H}-{node}{PLAIN}"


def paths_of(folder: Path, node: str, suffix: str) -> list[str]:
    """All files of a node with this suffix, oldest first."""
    pattern = f"*/[0-9][0-9]-{glob.escape(node)}{suffix}"
    found = (each.relative_to(folder).as_posix() for each in folder.glob(pattern))
    return sorted(each for each in found if _HOUR.match(each))


def first_position(folder: Path, node: str) -> Position:
    """Where a store that has copied nothing yet begins: behind whatever files lie there already.

    They tell of another store's messages, so they are neither cut nor written into if they are compressed.
    """
    plain, packed = paths_of(folder, node, PLAIN), paths_of(folder, node, PACKED)
    newest = plain[-1] if plain else ""
    if packed and packed[-1].removesuffix(".gz") >= newest:
        return Position(0, path_after(packed[-1], node), 0)
    return Position(0, newest, (folder / newest).stat().st_size if newest else 0)
