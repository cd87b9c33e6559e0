"""What the doors tell of clients to whoever watches.  It changes nothing."""

from collections.abc import Callable, Sequence

from chappe.clients.account import Account
from chappe.observe.status import ClientStatus


def client_statuses(
    accounts: Sequence[Account], open_messages: Callable[[str], int], callbacks: Callable[[str], str]
) -> list[ClientStatus]:
    """Every client of this box.

    `open_messages(client)` says how many of its messages are not final, `callbacks(client)` what is wrong with its URL.
    """
    return [
        ClientStatus(each.name, len(each.peers), open_messages(each.name), callbacks(each.name)) for each in accounts
    ]
