"""One gateway at a time on one data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from chappe.model.errors import SettingsError
from chappe.runtime.folder_lock import FolderLock


def test_a_second_gateway_on_a_folder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "data"), FolderLock(tmp_path / "data")
    first.take()

    with pytest.raises(SettingsError, match="another gateway works on"):
        second.take()

    first.release()
    second.take()
    second.release()
