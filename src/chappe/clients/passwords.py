"""Checks passwords without stopping the gateway: argon2 in a small pool, what was verified remembered, attempts counted.

It must never keep a password: what it remembers are keyed digests that die with the process.
"""

import asyncio
import hmac
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: argon2 takes 64 MiB and 0.1 s of a core each: more at once would starve the loop.
POOL_THREADS: Final = 1
#: Checks that may wait; beyond, a bind is refused at once.
POOL_QUEUE: Final = 200
REMEMBERED: Final = 10_000
#: Wrong passwords of one client from one address before further attempts are refused unseen.
ATTEMPTS: Final = 10
ATTEMPTS_WITHIN_S: Final = 60.0
_TRACKED: Final = 10_000


class TooManyAttempts(Exception):
    """The password was not even looked at."""


class Passwords:
    """Says whether a password is right."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._hasher = PasswordHasher()
        self._key = os.urandom(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    async def is_right(
        self, given: str, *, plain: str | None, hashed: str | None, who: tuple[str, str], now: float
    ) -> bool:
        """Compare `given` with a plain or argon2-hashed password; `who` is (system_id, address).

        Raises: TooManyAttempts when `who` failed too often lately or too many checks wait.
        """
        count, since = self._failures.get(who, (0, now))
        if count >= ATTEMPTS and now - since < ATTEMPTS_WITHIN_S:
            raise TooManyAttempts(f"{count} wrong passwords within {ATTEMPTS_WITHIN_S:.0f} s")
        if plain is not None:
            is_right = hmac.compare_digest(given.encode("utf-8"), plain.encode("utf-8"))
        else:
            is_right = hashed is not None and await self._verify(given, hashed)
        if is_right:
            self._failures.pop(who, None)
        else:
            self._note_failure(who, now)
        return is_right

    async def _verify(self, given: str, hashed: str) -> bool:
        digest = blake2b(f"{hashed}\0{given}".encode("utf-8", "surrogatepass"), key=self._key).digest()
        if digest in self._verified:
            self._verified.move_to_end(digest)
            return True
        if self._waiting >= POOL_QUEUE:
            raise TooManyAttempts(f"{self._waiting} password checks are waiting")
        self._waiting += 1
        try:
            is_right = await asyncio.get_running_loop().run_in_executor(self._pool, self._argon2, given, hashed)
        finally:
            self._waiting -= 1
        if is_right:
            self._verified[digest] = None
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return is_right

    def _argon2(self, given: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, given)
        except (VerificationError, InvalidHashError):
            return False

    def _note_failure(self, who: tuple[str, str], now: float) -> None:
        count, since = self._failures.pop(who, (0, now))
        if now - since >= ATTEMPTS_WITHIN_S:
            count, since = 0, now
        self._failures[who] = (count + 1, since)
        if len(self._failures) > _TRACKED:
            self._failures.popitem(last=False)

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)
