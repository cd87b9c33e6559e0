"""Who may come in at which door, by what they show.

It must never know a door.
"""

from chappe.building.configured import Configured
from chappe.clients.account import Account
from chappe.clients.guests import Guest
from chappe.node_terms import guest_of, trial_account_of, until_us_of
from chappe.runtime.clock import Clock
from chappe.runtime.settings_checks import previous_token_digest, token_digest, trial_token_digest


class Holders:
    """The accounts of clients, as each door asks for them."""

    def __init__(self, configured: Configured, clock: Clock) -> None:
        self._configured = configured
        self._clock = clock
        self._trials: dict[str, Account] = {}

    def smpp_accounts(self) -> list[Account]:
        """Clients that bind."""
        return [account for account in self._configured.accounts if account.system_id and not account.is_ucp]

    def ucp_accounts(self) -> list[Account]:
        """Clients that sign on over UCP."""
        return [account for account in self._configured.accounts if account.is_ucp]

    def guests(self) -> list[Guest]:
        """Clients that have a name and a password over HTTP."""
        accounts = {account.name: account for account in self._configured.accounts}
        return [
            guest_of(each.http, accounts[each.name])
            for each in self._configured.settings.clients
            if each.http and each.http.username
        ]

    def by_certificate(self) -> list[Account]:
        """Clients that have no token."""
        accounts = {account.name: account for account in self._configured.accounts}
        return [
            accounts[each.name]
            for each in self._configured.settings.clients
            if each.http and not token_digest(each.http)
        ]

    def account_by_token(self) -> dict[str, Account]:
        """Clients by the digests of their tokens, those of trials beside the real ones."""
        now, accounts = self._clock.monotonic(), {account.name: account for account in self._configured.accounts}
        found: dict[str, Account] = {}
        for client in self._configured.settings.clients:
            if client.http and (digest := token_digest(client.http)):
                found[digest] = accounts[client.name]
            if client.http and (digest := previous_token_digest(client.http)):
                found.setdefault(digest, accounts[client.name])
            if client.http and (digest := trial_token_digest(client.http)):
                fresh, account = trial_account_of(client, now), self._trials.get(client.name)
                if account is None:
                    account = self._trials[client.name] = fresh
                account.adopt(fresh, now)
                found[digest] = account
        return found

    def until_us_by_token(self) -> dict[str, int]:
        """Tokens that have been replaced, and until when they are good."""
        return {
            digest: until_us_of(client.http.previous_token_until)
            for client in self._configured.settings.clients
            if client.http and (digest := previous_token_digest(client.http))
        }
