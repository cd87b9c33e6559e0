"""Seals what bears secrets before it goes to disk, where the administrator has given this process a key.

    CHAPPE_SECRET_KEY       the key itself; several, parted by commas: the first one seals, all of them open
    CHAPPE_SECRET_KEY_FILE  or a file that has it

Without a key octets stay as they are; what was written so is read for ever.  It must never know what it seals.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from chappe.model.errors import SettingsError

VARIABLE: Final = "CHAPPE_SECRET_KEY"
FILE_VARIABLE: Final = "CHAPPE_SECRET_KEY_FILE"
#: What begins so is sealed: neither TOML nor JSON does.
MARK: Final = b"sealed:1:"
#: Shorter keys could be guessed by whoever has what they seal.
LEAST_CHARACTERS: Final = 32


class Seal:
    """The keys of one gateway; without any it leaves all as it is."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        """Raises: SettingsError for a key that is too short."""
        if any(len(each) < LEAST_CHARACTERS for each in keys):
            raise SettingsError(
                f"{VARIABLE}: expected {LEAST_CHARACTERS} characters or more, as of: openssl rand -hex 32"
            )
        self._keys = [hashlib.sha256(each.encode()).digest() for each in keys]
        self._fernet = MultiFernet([Fernet(urlsafe_b64encode(each)) for each in self._keys]) if keys else None

    def close(self, octets: bytes) -> bytes:
        """Sealed, where there is a key."""
        return octets if self._fernet is None else MARK + self._fernet.encrypt(octets)

    def open(self, octets: bytes, what: str) -> bytes:
        """What was sealed, or was never.  Raises: SettingsError naming `what` when no key of ours opens it."""
        if not octets.startswith(MARK):
            return octets
        if self._fernet is None:
            raise SettingsError(f"{what} is sealed: set {VARIABLE} or {FILE_VARIABLE} for this command as well")
        try:
            return self._fernet.decrypt(octets.removeprefix(MARK))
        except InvalidToken as error:
            raise SettingsError(f"{what} is sealed with another key than {VARIABLE} has") from error

    def derived(self, key: bytes) -> bytes:
        """A key that nobody makes who has only `key`; the same one where there is no key of ours."""
        return hmac.digest(self._keys[0], key, hashlib.sha256) if self._keys else key


def keys_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that an environment gives.  Raises: SettingsError for a file that cannot be read."""
    text, path = environment.get(VARIABLE, ""), environment.get(FILE_VARIABLE, "")
    if path and not text:
        try:
            text = Path(path).read_text("utf-8")
        except UnicodeDecodeError as error:
            raise SettingsError(f"{FILE_VARIABLE}: {path} is no text") from error
        except OSError as error:
            raise SettingsError(f"{FILE_VARIABLE}: {path} cannot be read: {error.strerror}") from error
        if not text.strip():
            raise SettingsError(f"{FILE_VARIABLE}: {path} is empty")
    return tuple(each.strip() for each in text.split(",") if each.strip())


@cache
def seal() -> Seal:
    """That of this process.  Raises: SettingsError."""
    return Seal(keys_in(os.environ))
