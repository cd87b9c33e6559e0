"""The start of a box: its settings file against the versions in the store.

The file makes the first version.  Later the versions count; a file that was changed meanwhile makes a new one, unless
somebody has changed the configuration by other ways since: then nothing is guessed.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

from chappe.configuration.differences import differences
from chappe.configuration.document import (
    Document,
    canonical,
    digest_of,
    document_of_file,
    document_of_settings,
    settings_with,
    tables_of,
    toml_of,
)
from chappe.model.errors import SettingsError
from chappe.runtime.settings import Settings
from chappe.store.versions import Version, Versions

#: Differences that a refusal names.
SHOWN: Final = 5


class Take(StrEnum):
    """What counts where the file and the versions have gone different ways."""

    NEITHER = ""
    FILE = "file"
    STORED = "stored"


async def begin(
    versions: Versions, settings: Settings, file: Path | None, now_us: int, take: Take = Take.NEITHER
) -> tuple[Settings, Version, str]:
    """The settings that count for this box, the version that they are, and what a person should know of it.

    Raises: SettingsError when the file and the versions have gone different ways; StoreAway.
    """
    document = document_of_file(file) if file is not None else document_of_settings(settings)
    digest, box = digest_of(document), settings.gateway.box
    where = str(file) if file is not None else "the settings"
    newest = await versions.newest()
    if newest is not None and not await _is_news(versions, newest, digest, box):
        return settings_with(tables_of(newest), settings, f"version {newest.number} of the configuration"), newest, ""
    if newest is not None and newest.instruction and take is Take.STORED:
        await versions.note_file(box, digest)
        return await begin(versions, settings, file, now_us)
    if newest is not None and newest.instruction and take is Take.NEITHER:
        raise SettingsError(_parted(where, newest, document))
    version = _version(newest, document, digest, where, now_us)
    if not await versions.add(version, box):
        # Another box of the same start was quicker.
        return await begin(versions, settings, file, now_us, take)
    said = "" if newest is None else f"{where} has changed: it is version {version.number} of the configuration now"
    return settings_with(document, settings, where), version, said


async def current(versions: Versions, settings: Settings) -> tuple[Settings, Version | None]:
    """The settings that count for a process that brings no file: those of the newest version, if there is one.

    Raises: SettingsError, StoreAway.
    """
    newest = await versions.newest()
    if newest is None:
        return settings, None
    return settings_with(tables_of(newest), settings, f"version {newest.number} of the configuration"), newest


async def _is_news(versions: Versions, newest: Version, digest: str, box: str) -> bool:
    """The file of this box says something that no version said when it was read last."""
    brought = await versions.file_of(box)
    if brought == digest:
        return False
    if newest.digest == digest or (not brought and await versions.knows(digest)):
        await versions.note_file(box, digest)
        return False
    return True


def _version(newest: Version | None, document: Document, digest: str, where: str, now_us: int) -> Version:
    number, before = (newest.number + 1, newest.digest) if newest is not None else (1, "")
    return Version(
        number, now_us, where, "", 0, f"read from {where}", digest, before, toml_of(document), canonical(document)
    )


def _parted(where: str, newest: Version, document: Document) -> str:
    found = differences(tables_of(newest), document)
    told = "; ".join(map(str, found[:SHOWN])) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
    return (
        f"{where} was changed, and so was the configuration meanwhile (version {newest.number}, {newest.what} by "
        f"{newest.author}): {told}. Keep what is stored with: chappe up --take stored (then write it into the file "
        "with: chappe conf export FILE); or take the file's with: chappe up --take file"
    )
