"""Checks passwords without stopping the gateway: argon2 in a small pool, verified ones remembered, attempts counted.

It must never keep a password: what it remembers are keyed digests that die with the process.
"""

import asyncio
import hmac
import os
import sys
import threading
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b, md5
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: argon2 takes 64 MiB and 0.1 s of a core each: more at once would starve the loop.
POOL_THREADS: Final = 1
#: Checks that may wait; beyond, a bind is refused at once.
POOL_QUEUE: Final = 200
REMEMBERED: Final = 10_000
#: Passwords of one client from one address, wrong ones and those being checked; further ones are refused unseen.
ATTEMPTS: Final = 10
ATTEMPTS_WITHIN_S: Final = 60.0
_TRACKED: Final = 10_000

#: (system_id, address)
Who = tuple[str, str]


class TooManyAttempts(Exception):
    """The password was not even looked at."""


class Passwords:
    """Says whether a password is right."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="argon2", initializer=_step_back)
        self._checks: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting: Counter[Who] = Counter()
        self._hasher = PasswordHasher()
        self._key = os.urandom(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._failures: OrderedDict[Who, tuple[int, float]] = OrderedDict()

    async def is_right(
        self, given: str, *, plain: str | None, hashed: str | None, who: Who, now: float, is_md5: bool = False
    ) -> bool:
        """Compare `given` with a plain or argon2-hashed password; `who` is (system_id, address).

        `is_md5`: what is hashed is the password's MD5 in hexadecimal digits; another gateway kept no more of it.

        Raises: TooManyAttempts when `who` failed too often lately or too many checks wait.
        """
        count, since = self._failures.get(who, (0, now))
        if now - since >= ATTEMPTS_WITHIN_S:
            self._failures.pop(who, None)
        elif count >= ATTEMPTS:
            raise TooManyAttempts(f"{count} wrong passwords within {ATTEMPTS_WITHIN_S:.0f} s")
        if plain is not None:
            is_right = hmac.compare_digest(given.encode("utf-8"), plain.encode("utf-8"))
        else:
            shown = md5(given.encode("utf-8"), usedforsecurity=False).hexdigest() if is_md5 else given
            is_right = hashed is not None and await self._verify(shown, hashed, who)
        if is_right:
            self._failures.pop(who, None)
        else:
            self._note_failure(who, now)
        return is_right

    async def _verify(self, given: str, hashed: str, who: Who) -> bool:
        digest = blake2b(f"{hashed}\0{given}".encode("utf-8", "surrogatepass"), key=self._key).digest()
        if digest in self._verified:
            self._verified.move_to_end(digest)
            return True
        # Many binds at once with one password are one check.
        is_right = await asyncio.shield(self._checks.get(digest) or self._start(digest, given, hashed, who))
        if is_right:
            self._verified[digest] = None
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return is_right

    def _start(self, digest: bytes, given: str, hashed: str, who: Who) -> asyncio.Future[bool]:
        """Have the pool look at a password.  Raises: TooManyAttempts."""
        if len(self._checks) >= POOL_QUEUE:
            raise TooManyAttempts(f"{len(self._checks)} password checks are waiting")
        if self._failures.get(who, (0, 0.0))[0] + self._waiting[who] >= ATTEMPTS:
            raise TooManyAttempts(f"{self._waiting[who]} passwords of one client from one address are waiting")
        check = asyncio.get_running_loop().run_in_executor(self._pool, self._argon2, given, hashed)
        self._checks[digest] = check
        self._waiting[who] += 1
        check.add_done_callback(lambda _: self._checked(digest, who))
        return check

    def _checked(self, digest: bytes, who: Who) -> None:
        del self._checks[digest]
        self._waiting[who] -= 1
        if not self._waiting[who]:
            del self._waiting[who]

    def _argon2(self, given: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, given)
        except (VerificationError, InvalidHashError):
            return False

    def _note_failure(self, who: Who, now: float) -> None:
        count, since = self._failures.pop(who, (0, now))
        if now - since >= ATTEMPTS_WITHIN_S:
            count, since = 0, now
        self._failures[who] = (count + 1, since)
        if len(self._failures) > _TRACKED:
            self._failures.popitem(last=False)

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    """Let the loop go first: on Linux a thread, and those that argon2 starts from it, have a niceness of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 15)
