"""Which store the settings name, for commands that look into it.

It must never change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from chappe.runtime.settings import Settings
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


def counting(config: Path | None) -> Settings:
    """The settings that count: the stored configuration with this box's own, or the file where none is stored yet.

    Raises: SettingsError.
    """
    from chappe.configuration.document import settings_with, tables_of
    from chappe.model.errors import ResourceError
    from chappe.runtime.settings import load

    own = load(config)
    try:
        found = reader_of(config).versions(1)
    except ResourceError:
        # No gateway has run with these settings: the first one will go by them.
        return own
    return settings_with(tables_of(found[0]), own, "the configuration") if found else own
