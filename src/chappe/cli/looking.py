"""Which store the settings name, for commands that look into it.

It must never change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from chappe.store.views import Reader


def reader_of(config: Path | None) -> Reader:
    """What reads the store of these settings.  Raises: SettingsError."""
    from chappe.runtime.settings import load

    gateway = load(config).gateway
    if gateway.is_one_process:
        from chappe.store.sqlite.reader import SqliteReader

        return SqliteReader(gateway.data_path)
    from chappe.store.postgres.reader import PostgresReader

    return PostgresReader(gateway.store)
