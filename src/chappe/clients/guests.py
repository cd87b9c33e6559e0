"""Clients that come with a name and a password, as they came to another gateway before.

It must never know in whose words they speak.
"""

import os
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from chappe.clients.account import Account
from chappe.clients.passwords import Passwords, TooManyAttempts
from chappe.rules.certificates import Shown, stands_for

#: Right pairs of names and passwords that are remembered.
MAX_REMEMBERED = 10_000


class Guest(msgspec.Struct, frozen=True):
    """One of them."""

    account: Account
    username: str
    password: str | None = None
    password_hash: str | None = None
    password_is_md5: bool = False
    #: Sender of messages that name none; empty for none.
    sender: str = ""


class Guests:
    """All of them.  Right passwords are remembered as keyed digests."""

    def __init__(self, guests: Iterable[Guest]) -> None:
        self._passwords = Passwords()
        self._key = os.urandom(32)
        self.take(guests)

    def take(self, guests: Iterable[Guest]) -> None:
        """From now on these are all."""
        self._guest_by_name = {guest.username: guest for guest in guests}
        self._guest_by_digest: dict[bytes, Guest] = {}

    def __bool__(self) -> bool:
        return bool(self._guest_by_name)

    def known(self, name: bytes, password: bytes) -> Guest | None:
        """Whose name and password these are, if they were seen to be right before."""
        return self._guest_by_digest.get(self._digest(name, password))

    async def check(self, name: bytes, password: bytes, peer: str, now: float) -> Guest | None:
        """Whose name and password these are; who fails too often is not even looked at for a while."""
        username, given = name.decode("utf-8", "replace"), password.decode("utf-8", "replace")
        guest = self._guest_by_name.get(username)
        # A name that nobody has costs the same time as a wrong password.
        plain, hashed = (guest.password, guest.password_hash) if guest is not None else (self._key.hex(), None)
        try:
            is_right = await self._passwords.is_right(
                given,
                plain=plain,
                hashed=hashed,
                who=(username[:64], peer),
                now=now,
                is_md5=guest is not None and guest.password_is_md5,
            )
        except TooManyAttempts:
            return None
        if guest is None or not is_right or not guest.account.is_enabled:
            return None
        if len(self._guest_by_digest) >= MAX_REMEMBERED:
            self._guest_by_digest.clear()
        self._guest_by_digest[self._digest(name, password)] = guest
        return guest

    def close(self) -> None:
        """End what checks passwords."""
        self._passwords.close()

    def _digest(self, name: bytes, password: bytes) -> bytes:
        # The length keeps one pair from being read as another.
        return blake2b(len(name).to_bytes(4, "big") + name + password, key=self._key, digest_size=16).digest()


def may_enter(guest: Guest, shown: Shown | None) -> bool:
    """Whether the client has shown the certificate that its settings ask for."""
    certificates = guest.account.http_certificates
    return not certificates or stands_for(certificates, shown)
