"""What a client is told that it may still spend."""

from chappe.clients.account import Account
from chappe.model.money import Price
from chappe.store.port import Store
from chappe.wire.http.money import BalanceView, money_of


async def balance_of(store: Store, account: Account) -> BalanceView:
    """The whole balance, what processes have in hand included.  Raises: StoreAway."""
    credit = account.credit
    if credit is None:
        return BalanceView()
    key = (credit.client, credit.currency)
    units = next((each.units for each in await store.balances() if (each.client, each.currency) == key), 0)
    return BalanceView(money_of(Price(units, credit.currency)), None if credit.currency else units)
