"""Which store the settings name, for commands that look into it, and the folder where they leave instructions.

It must never change anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chappe.model.errors import ResourceError

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


def folder_of(config: Path | None) -> Path:
    """The folder in which a gateway of these settings looks for instructions.

    Raises: ResourceError when there was none yet.
    """
    from chappe.runtime.settings import load
    from chappe.store.sqlite.reader import require_store

    gateway = load(config).gateway
    if gateway.is_one_process:
        require_store(gateway.data_path)
    elif not gateway.data_path.is_dir():
        raise ResourceError(
            f"no box keeps its data in {gateway.data_path}: call this on a box of the gateway, with its settings file"
        )
    return gateway.data_path
