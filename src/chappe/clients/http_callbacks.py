"""Callbacks that were given up, as their client sees them: a list of them, and another try.

It must never know how a callback is posted.
"""

from datetime import UTC, datetime
from typing import Final

from chappe.clients.account import Account
from chappe.clients.http_intake import STORE_AWAY
from chappe.clients.http_replies import encode, found, refuse
from chappe.model.message import Receipt
from chappe.net.http_message import NO_STORE, Reply, Request
from chappe.store.port import MAX_ID, FailedCallback, Store, StoreAway
from chappe.wire.http.callbacks import FailedList, FailedView, Replayed
from chappe.wire.http.problems import Code, Refusal
from chappe.wire.http.queries import CallbacksQuery, cursor_of, read_cursor, read_query

_PREFIX: Final = "msg_"
#: Ids have 63 bits.
_MAX_ID_DIGITS: Final = 19


class FailedCallbacks:
    """Answers what clients ask about callbacks that they did not take."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, request: Request, account: Account) -> Reply:
        """A page of the client's failed callbacks, newest first."""
        query = read_query(request.query, CallbacksQuery)
        if isinstance(query, Refusal):
            return refuse(query)
        scope = f"callbacks {account.name}"
        before_id = read_cursor(query.cursor, scope)
        if isinstance(before_id, Refusal):
            return refuse(before_id)
        try:
            rows = await self._store.failed_callbacks(
                account.name, before_id=before_id or MAX_ID, limit=query.limit + 1
            )
        except StoreAway:
            return refuse(STORE_AWAY)
        page = rows[: query.limit]
        following = cursor_of(page[-1].id, scope) if len(rows) > query.limit else None
        return found(FailedList([_view(each) for each in page], following))

    async def replay(self, request: Request, account: Account) -> Reply:
        """Post one of them again, from its first try on."""
        digits = request.args["id"].removeprefix(_PREFIX)
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_ID_DIGITS else 0
        try:
            replayed = await self._store.replay_callbacks([number], client=account.name) if number <= MAX_ID else []
        except StoreAway:
            return refuse(STORE_AWAY)
        if not replayed:
            what = f"{account.name} has no failed callback {request.args['id'][:40]}."
            return refuse(Refusal(Code.NO_SUCH_CALLBACK, what))
        return Reply(202, encode(Replayed(f"{_PREFIX}{number}", "waiting")), headers=NO_STORE)


def _view(failed: FailedCallback) -> FailedView:
    content = failed.content
    is_status = isinstance(content, Receipt)
    return FailedView(
        id=f"{_PREFIX}{failed.id}",
        type="message.status" if is_status else "message.inbound",
        state="failed",
        message_id=str(content.message_id if isinstance(content, Receipt) else content.id),
        status=content.status.word if isinstance(content, Receipt) else None,
        reference=content.reference or None,
        attempts=failed.attempts,
        reason=failed.reason,
        failed_at=datetime.fromtimestamp(failed.at_us / 1e6, UTC),
    )
