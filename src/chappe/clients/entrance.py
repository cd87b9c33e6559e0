"""Who may come in at a door: by name, address, certificate and password, and how often at the same time.

It must never know how a peer is told, nor which protocol asks.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from chappe.clients.account import Account
from chappe.clients.passwords import Passwords, TooManyAttempts
from chappe.rules.certificates import stands_for
from chappe.runtime.clock import Clock


class Entry(Enum):
    """What somebody who wants to come in is told."""

    WELCOME = "welcome"
    DRAINING = "the gateway stops"
    UNKNOWN = "nobody has this name"
    ELSEWHERE = "the address is not allowed"
    CERTIFICATE = "no certificate of the client's"
    ATTEMPTS = "too many attempts"
    PASSWORD = "the password is wrong"
    FULL = "as many as may be are signed on"


class Entrance:
    """Judges who wants to sign on, at one door."""

    def __init__(
        self, account_by_system_id: Mapping[str, Account], clock: Clock, *, is_draining: Callable[[], bool]
    ) -> None:
        self._account_by_system_id = account_by_system_id
        self._clock = clock
        self._is_draining = is_draining
        self._passwords = Passwords()

    def close(self) -> None:
        """Check no more passwords."""
        self._passwords.close()

    async def judge(self, peer: Any, system_id: str, password: str) -> tuple[Account | None, Entry]:
        """Whose name it is, and what its bearer is told.  SMPP 3.4 §5.1.3, EMI-UCP 4.x §5.1."""
        account = self._account_by_system_id.get(system_id)
        return account, await self._judge(peer, account, system_id, password)

    async def _judge(self, peer: Any, account: Account | None, system_id: str, password: str) -> Entry:
        if self._is_draining():
            return Entry.DRAINING
        if account is None or not account.is_enabled:
            return Entry.UNKNOWN
        if not account.may_come_from(peer.address):
            return Entry.ELSEWHERE
        if account.certificates and not stands_for(account.certificates, peer.certificate):
            return Entry.CERTIFICATE
        if account.certificates and account.password is None and account.password_hash is None:
            # Its certificate is all that it has to show.
            return _unless_full(account)
        try:
            is_right = await self._passwords.is_right(
                password,
                plain=account.password,
                hashed=account.password_hash,
                is_md5=account.password_is_md5,
                who=(system_id, peer.address),
                now=self._clock.monotonic(),
            )
            if not is_right and self._clock.utc_us() < account.previous_until_us:
                is_right = await self._passwords.is_right(
                    password,
                    plain=account.previous_password,
                    hashed=account.previous_password_hash,
                    who=(system_id, peer.address),
                    now=self._clock.monotonic(),
                )
        except TooManyAttempts:
            return Entry.ATTEMPTS
        return _unless_full(account) if is_right else Entry.PASSWORD


def _unless_full(account: Account) -> Entry:
    return Entry.FULL if account.is_full else Entry.WELCOME
