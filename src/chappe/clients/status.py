"""What the doors tell of clients to whoever watches.  It changes nothing."""

from collections.abc import Callable, Sequence

from chappe.clients.account import Account
from chappe.observe.status import ClientStatus


def client_statuses(accounts: Sequence[Account], open_messages: Callable[[str], int]) -> list[ClientStatus]:
    """Every client of this box; `open_messages(client)` says how many of its messages are not final."""
    return [ClientStatus(account.name, len(account.peers), open_messages(account.name)) for account in accounts]
