"""One version of the configuration as a value: the tables that all boxes share, as a settings file would write them.

What belongs to one box, `[gateway]`, `[listen]` and `[frontend]`, is never in it.  It must never touch a store or a
file but those of a box's own profiles.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from chappe.model.errors import SettingsError
from chappe.runtime.profile_files import Profiles, merged
from chappe.runtime.settings import PROFILES_FOLDER, Settings, read_tables, settings_of
from chappe.runtime.settings_table import Table, fields_of
from chappe.runtime.settings_text import as_toml, written
from chappe.store.versions import Version

#: Sections that stay in the file of each box.
OWN_SECTIONS: Final = ("gateway", "listen", "frontend")

_HEADER: Final = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_-]+)[^\]]*\]\]?\s*(?:#.*)?")

Document = dict[str, Any]


def tables_of(version: Version) -> Document:
    """The document of a version."""
    tables: Document = msgspec.json.decode(version.document)
    return tables


def canonical(document: Document) -> bytes:
    """The same octets for the same tables, however they were written."""
    return msgspec.json.encode(document, order="sorted")


def digest_of(document: Document) -> str:
    """What two documents have in common when they say the same."""
    return hashlib.sha256(canonical(document)).hexdigest()[:16]


def toml_of(document: Document) -> str:
    """A document as TOML text that reads back as the same."""
    return as_toml(written(document)) + "\n" if document else ""


def shared_tables(raw: Mapping[str, Any]) -> Document:
    """Without what is a box's own."""
    return {key: value for key, value in raw.items() if key not in OWN_SECTIONS}


def document_of(text: str, where: str) -> Document:
    """The document of a TOML text.  Raises: SettingsError."""
    try:
        return shared_tables(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: is not TOML: {error}") from error


def document_of_file(path: Path) -> Document:
    """What a settings file and the box's own profiles beside it say together.  Raises: SettingsError."""
    document = shared_tables(read_tables(path))
    return with_own_profiles(document, path.parent / PROFILES_FOLDER)


def with_own_profiles(document: Document, folder: Path) -> Document:
    """Profiles of a folder as tables of the document: other boxes have no such folder.  Raises: SettingsError."""
    own = sorted(each.stem for each in folder.glob("*.toml"))
    if not own:
        return document
    tables: Document = dict(document.get("profiles", {}))
    shelves = Profiles({}, folder)
    for name in own:
        layer = shelves.layers(name)[-1]
        said = tables.get(name, {})
        stands_alone = isinstance(said, dict) and said.get("base", name) != name
        if isinstance(said, dict) and not stands_alone:
            tables[name] = merged([layer, layer._replace(table=said)])
    return {**document, "profiles": tables}


def document_of_settings(settings: Settings) -> Document:
    """What settings say that came from no file."""
    return shared_tables(_said(settings))


def _said(table: Table) -> Document:
    """Only what differs from what is so anyway."""
    found: Document = {}
    for key, field in fields_of(type(table)).items():
        value = getattr(table, field.attribute)
        if value is not None and (field.is_required or value != field.default):
            found[key] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return _said(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else msgspec.to_builtins(value)


def settings_with(document: Document, own: Settings, where: str) -> Settings:
    """The settings of a box by this document, judged as a whole.  Raises: SettingsError."""
    return settings_of(document, where, own=own)


def shared_text(text: str, document: Document) -> str:
    """A TOML text as people wrote it, without what is a box's own; written anew where that cannot be cut out."""
    lines, is_own = [], False
    for line in text.splitlines():
        header = _HEADER.fullmatch(line)
        if header is not None:
            is_own = header[1] in OWN_SECTIONS
        if not is_own:
            lines.append(line)
    bare = "\n".join(lines).strip() + "\n"
    try:
        return bare if tomllib.loads(bare) == document else toml_of(document)
    except tomllib.TOMLDecodeError:
        return toml_of(document)
