"""The versions of the configuration as a store keeps them: numbered without gaps, never changed, each made once.

It must never know what a document says.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from chappe.store.sealing import seal

#: Columns, in the order of `Version`.
COLUMNS: Final = "number, at_us, author, approved_by, instruction, what, digest, before, toml, document"


class Version(msgspec.Struct, frozen=True):
    """One version.  `instruction` is 0 where a settings file made it; digests are of documents."""

    number: int
    at_us: int
    author: str
    approved_by: str
    instruction: int
    #: What made it, for people.
    what: str
    digest: str
    #: The digest of the version before; empty for the first.
    before: str
    #: As people wrote it, or as it was written for them.
    toml: str
    #: The same as canonical JSON.
    document: bytes


class Versions(Protocol):
    """Every method raises StoreAway."""

    async def newest(self) -> Version | None:
        """The version that counts; None before the first."""
        ...

    async def newest_number(self) -> int:
        """Its number, at little cost; 0 before the first."""
        ...

    async def version(self, number: int) -> Version | None:
        """The version of a number."""
        ...

    async def versions(self, limit: int) -> Sequence[Version]:
        """The youngest ones, youngest first."""
        ...

    async def made_by(self, instruction: int) -> Version | None:
        """The version that an instruction made."""
        ...

    async def add(self, version: Version, box: str = "") -> bool:
        """Add a version, and with it the digest of the file that `box` brought, if one is named.

        False when the number or the instruction has a version already: nothing is written then.
        """
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...

    async def file_of(self, box: str) -> str:
        """The digest of the settings file that a box brought last; empty for none."""
        ...

    async def note_file(self, box: str, digest: str) -> None:
        """A box brought a file that says what is known already."""
        ...

    async def knows(self, digest: str) -> bool:
        """Some version says the same as a document of this digest."""
        ...


def row_of(version: Version) -> tuple[object, ...]:
    """A version as a row; text that people wrote travels as octets, sealed where it bears secrets.

    Raises: SettingsError.
    """
    return (
        version.number,
        version.at_us,
        version.author.encode(),
        version.approved_by.encode(),
        version.instruction or None,
        version.what.encode(),
        version.digest,
        version.before,
        seal().close(version.toml.encode()),
        seal().close(version.document),
    )


def version_of(row: Sequence[Any]) -> Version:
    """A row as a version.  Raises: SettingsError where it is sealed and our key does not open it."""
    number, at_us, author, approved_by, instruction, what, digest, before, toml, document = row
    toml, document = (seal().open(bytes(each), f"version {number} of the configuration") for each in (toml, document))
    people = (author.decode(), approved_by.decode(), instruction or 0, what.decode())
    return Version(number, at_us, *people, digest, before, toml.decode(), document)
