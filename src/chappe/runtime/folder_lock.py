"""One gateway at a time on one data folder: two would send everything twice.

The lock dies with its process, however that ends.
"""

import fcntl
from pathlib import Path
from typing import IO

from chappe.model.errors import SettingsError


class FolderLock:
    """Held from `take` to `release`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gateway.lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises: SettingsError when another gateway has the folder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a")  # noqa: SIM115 - it stays open as long as the lock is held
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            folder = self._path.parent
            raise SettingsError(
                f"gateway.data_dir: another gateway works on {folder}: stop it, or name another folder"
            ) from error
        self._file = file

    def release(self) -> None:
        """Let go; harmless when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None
