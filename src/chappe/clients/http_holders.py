"""Whose request it is: the client whose token an Authorization line shows, or whose certificate the connection has.

It must never know what is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from chappe.clients.account import Account
from chappe.net.http_message import Request
from chappe.rules.certificates import Shown, stands_for
from chappe.wire.http.problems import Code, Refusal

_BEARER: Final = "bearer "
#: Authorization lines, and certificates, that were right before; when there are more all are forgotten.
MAX_REMEMBERED: Final = 10_000


class Holders:
    """The clients of an HTTP door."""

    def __init__(
        self,
        account_by_token: Mapping[str, Account],
        by_certificate: Sequence[Account] = (),
        until_us_by_token: Mapping[str, int] | None = None,
        utc_us: Callable[[], int] = lambda: 0,
    ) -> None:
        """`account_by_token` knows tokens by their SHA-256 in hexadecimal digits.

        Those `by_certificate` have nothing to show but one of their certificates.  Tokens that have been replaced are
        good until a moment by `utc_us`, in Unix µs.
        """
        self._utc_us = utc_us
        self.take(account_by_token, by_certificate, until_us_by_token or {})

    def take(
        self,
        account_by_token: Mapping[str, Account],
        by_certificate: Sequence[Account],
        until_us_by_token: Mapping[str, int],
    ) -> None:
        """From now on these are the clients of the door."""
        self._account_by_token = account_by_token
        self._until_us_by_token = until_us_by_token
        self._certified = [account for account in by_certificate if account.http_certificates]
        #: A digest for each request would cost more than its reading.
        self._account_by_header: dict[str, Account] = {}
        self._account_by_shown: dict[Shown, Account] = {}

    def account_of(self, request: Request) -> Account | Refusal:
        """Who asks, or why nobody is believed to."""
        given = request.headers.get("authorization", "")
        account = self._account_by_header.get(given) or self._holder_of(given, request)
        if not isinstance(account, Account):
            return account
        if account.http_certificates and not stands_for(account.http_certificates, request.certificate):
            return Refusal(Code.NO_CERTIFICATE, f"Client {account.name} must show its certificate.")
        return account

    def _holder_of(self, given: str, request: Request) -> Account | Refusal:
        """Whose Authorization line it is; without one, whose certificate."""
        if given[:7].lower() != _BEARER:
            account = None if given else self._certified_by(request.certificate)
            return _enabled(account) if account is not None else NO_TOKEN
        digest = sha256(given[7:].strip().encode("utf-8", "surrogateescape")).hexdigest()
        account = self._account_by_token.get(digest)
        until_us = self._until_us_by_token.get(digest, 0)
        if account is None or 0 < until_us <= self._utc_us():
            return WRONG_TOKEN
        if account.is_enabled and not until_us:
            if len(self._account_by_header) >= MAX_REMEMBERED:
                self._account_by_header.clear()
            self._account_by_header[given] = account
        return _enabled(account)

    def _certified_by(self, shown: Shown | None) -> Account | None:
        """The client that a certificate alone stands for."""
        if shown is None or not self._certified:
            return None
        account = self._account_by_shown.get(shown)
        if account is None:
            account = next((each for each in self._certified if stands_for(each.http_certificates, shown)), None)
            if account is not None:
                if len(self._account_by_shown) >= MAX_REMEMBERED:
                    self._account_by_shown.clear()
                self._account_by_shown[shown] = account
        return account


NO_TOKEN: Final = Refusal(Code.NO_TOKEN, "Send the header Authorization: Bearer TOKEN.")
WRONG_TOKEN: Final = Refusal(Code.WRONG_TOKEN, "No client has this token.")


def _enabled(account: Account) -> Account | Refusal:
    if account.is_enabled:
        return account
    return Refusal(Code.CLIENT_DISABLED, f"Client {account.name} is disabled.")
