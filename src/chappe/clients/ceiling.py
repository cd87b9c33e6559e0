"""The highest second that names of this box have, noted durably before any of them is given.

A run reads what the run before it noted, and begins beyond: however quickly runs follow each other, none gives
a name that another gave.  It must never know what is named.
"""

import os
from pathlib import Path
from typing import Final

#: How far the note is ahead of what was asked for: it is written once in so many seconds.
STEP_S: Final = 15


class Ceiling:
    """A second that no name is above; without a path it is kept by this run alone."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what the last run noted; what cannot be read is none.  Raises: OSError."""
        self._path = path
        self.noted = 0
        if path is not None and path.exists():
            text = path.read_text("ascii", "replace").strip()
            self.noted = int(text) if text.isdigit() else 0

    def reach(self, second: int) -> None:
        """Names up to this second may be given, also after a power cut.  Raises: OSError; then none may."""
        if second > self.noted:
            self._write(second + STEP_S)
            self.noted = second + STEP_S

    def _write(self, second: int) -> None:
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".new")
        with draft.open("w", encoding="ascii") as file:
            file.write(f"{second}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
