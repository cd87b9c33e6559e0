"""A client's rate and binds where several processes are its door: they are divided among those that it uses.

Every process tells all others what each client does with it (the fleet's heartbeat carries that), and takes its part
of what is left.  What it knows of the others is two or three seconds old: for so long a client that goes to a further
process may have more than its due, and never longer.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from chappe.clients.account import Account

#: A client that sent nothing for so long has no part of its rate here.
IDLE_S: Final = 6.0

#: Client → (it sends here, binds) of one process; those that do neither are left out.
Used = Mapping[str, tuple[bool, int]]


class Divided:
    """The accounts of one process that is a door."""

    def __init__(
        self, accounts: Sequence[Account], rate_by_client: Mapping[str, float], elsewhere: Callable[[], Sequence[Used]]
    ) -> None:
        """`rate_by_client` are the rates of the settings, for all doors together; `elsewhere` is what others tell."""
        self._accounts = accounts
        self._rate_by_client = rate_by_client
        self._elsewhere = elsewhere
        #: Monotonic seconds until which a client counts as one that sends here.
        self._sends_until: dict[str, float] = {}

    def used(self, now: float) -> dict[str, tuple[bool, int]]:
        """What is told to the others."""
        told: dict[str, tuple[bool, int]] = {}
        for account in self._accounts:
            if account.throttle.is_in_use(now):
                self._sends_until[account.name] = now + IDLE_S
            sends = self._sends_until.get(account.name, 0.0) > now
            if sends or account.peers:
                told[account.name] = (sends, len(account.peers))
        return told

    def divide(self, now: float) -> None:
        """Take our part of what the others leave."""
        doors = self._elsewhere()
        for account in self._accounts:
            uses = [used for door in doors if (used := door.get(account.name)) is not None]
            account.binds_elsewhere = sum(binds for _, binds in uses)
            rate = self._rate_by_client.get(account.name, 0.0)
            if rate:
                account.throttle.change(rate / (1 + sum(sends for sends, _ in uses)), now)
