"""Looking up and cancelling: `GET` and `DELETE` of one message, lists of them, and what came from handsets.

A client meets its own messages and no others.  It must never know who may ask: that was seen at the door.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from chappe.clients.account import Account
from chappe.clients.balance import balance_of
from chappe.clients.finding import find_known
from chappe.clients.http_intake import STORE_AWAY
from chappe.clients.http_replies import found, refuse
from chappe.clients.http_view import summary_of, view_of
from chappe.model.ids import first_id_at
from chappe.model.lifecycle import FINAL, Direction
from chappe.model.message import Message
from chappe.net.http_message import Reply, Request
from chappe.runtime.clock import Clock
from chappe.store.port import Cancel, Granted, Happening, Life, Overloaded, Search, Store, StoreAway
from chappe.text.encoding import Encoding
from chappe.wire.http.handsets import inbound_of
from chappe.wire.http.messages import InboundList, MessageList
from chappe.wire.http.problems import Code, Refusal
from chappe.wire.http.queries import (
    InboundQuery,
    MessagesQuery,
    cursor_of,
    read_cursor,
    read_query,
    statuses_in,
)

BUSY_RETRY_S: Final = 1.0
#: Ids have 63 bits.
_MAX_ID_DIGITS: Final = 20


class Lookup:
    """Answers what clients ask about their messages."""

    def __init__(self, store: Store, encodings: Mapping[str, Encoding], clock: Clock) -> None:
        """`encodings` says what data_coding 0 means to each operator."""
        self._store = store
        self._encodings = encodings
        self._clock = clock

    # -- one message --------------------------------------------------------------------------------

    async def get(self, request: Request, account: Account) -> Reply:
        """One message of this client, by its id as HTTP or SMPP gave it; those of others are not there."""
        try:
            life = await self._find(request.args["id"], account)
            if life is None:
                return refuse(_no_such_message(request, account))
            story = await self._story(life)
            now = life if life.status in FINAL else await self._store.find(life.id) or life
            if now.status is not life.status:
                # It moved while its story was looked for.
                life, story = now, await self._story(now)
        except StoreAway:
            return refuse(STORE_AWAY)
        assert life.message is not None
        return found(view_of(life, life.message, story))

    async def delete(self, request: Request, account: Account) -> Reply:
        """Cancel one message, if nobody holds it and nothing of it was sent."""
        try:
            life = await self._find(request.args["id"], account)
            if life is None:
                return refuse(_no_such_message(request, account))
            (granted,) = await self._store.grant([Cancel(life.id, account.name)])
            if granted is Granted.TOO_LATE:
                return refuse(Refusal(Code.TOO_LATE, "The message is on its way, or has come to its end."))
            if granted is Granted.UNKNOWN:
                return refuse(_no_such_message(request, account))
            story = await self._story(life)
            life = await self._store.find(life.id) or life
        except StoreAway:
            return refuse(STORE_AWAY)
        assert life.message is not None
        return found(view_of(life, life.message, story))

    async def _find(self, digits: str, account: Account) -> Life | None:
        if len(digits) > _MAX_ID_DIGITS:
            return None
        now_ms = self._clock.utc_us() // 1000
        lives = await find_known(self._store, account.name, digits, account.id_form, now_ms)
        return next((life for life in lives if life.message is not None), None)

    async def _story(self, life: Life) -> list[Happening]:
        """Its events; none while too much is looked up: the message itself knows the moments that matter."""
        try:
            return await self._store.story(life.id, life.final_at_us)
        except (Overloaded, StoreAway):
            return []

    async def balance(self, request: Request, account: Account) -> Reply:
        """What the client may still spend, wherever it lies; trials have no limit."""
        try:
            return found(await balance_of(self._store, account))
        except StoreAway:
            return refuse(STORE_AWAY)

    # -- lists --------------------------------------------------------------------------------------

    async def messages(self, request: Request, account: Account) -> Reply:
        """A page of the client's messages, newest first."""
        query = read_query(request.query, MessagesQuery)
        search = query if isinstance(query, Refusal) else _search(account, Direction.MT, query)
        listed = await self._list(search)
        if isinstance(listed, Refusal):
            return refuse(listed)
        messages, following = listed
        return found(MessageList([summary_of(life, each) for life, each in messages], following))

    async def inbound(self, request: Request, account: Account) -> Reply:
        """A page of what handsets sent to the client, newest first."""
        query = read_query(request.query, InboundQuery)
        search = query if isinstance(query, Refusal) else _search(account, Direction.MO, query)
        listed = await self._list(search)
        if isinstance(listed, Refusal):
            return refuse(listed)
        messages, following = listed
        shown = [
            inbound_of(each, self._encodings.get(each.operator, Encoding.GSM7))
            for _, each in messages
            if not each.is_alert
        ]
        return found(InboundList(shown, following))

    async def _list(self, search: Search | Refusal) -> tuple[list[tuple[Life, Message]], str | None] | Refusal:
        """What a page holds, and the cursor of the next one."""
        if isinstance(search, Refusal):
            return search
        try:
            page = await self._store.search(search)
        except StoreAway:
            return STORE_AWAY
        except Overloaded:
            return Refusal(Code.BUSY, "Other searches of this client are under way; ask again.", (), BUSY_RETRY_S)
        following = cursor_of(page.next_before_id, _scope(search)) if page.next_before_id else None
        return [(life, life.message) for life in page.lives if life.message is not None], following


def _search(account: Account, direction: Direction, query: InboundQuery) -> Search | Refusal:
    statuses = statuses_in(query.status) if isinstance(query, MessagesQuery) else ()
    if isinstance(statuses, Refusal):
        return statuses
    after = query.created_after
    search = Search(
        account.name,
        direction,
        to=_digits(query.to),
        source=_digits(query.source),
        reference=(query.reference or "") if isinstance(query, MessagesQuery) else "",
        statuses=statuses,
        from_id=0 if after is None else first_id_at(math.floor(after.timestamp() * 1000) + 1),
        limit=query.limit,
    )
    before_id = read_cursor(query.cursor, _scope(search))
    return before_id if isinstance(before_id, Refusal) else msgspec.structs.replace(search, before_id=before_id)


def _scope(search: Search) -> str:
    """All that must stay the same from page to page."""
    asked = (search.client, search.direction.name, search.to, search.source, search.reference)
    return "\0".join([*asked, str(sorted(search.statuses)), str(search.from_id)])


def _digits(address: str | None) -> str:
    """An address as messages have it: numbers without their plus."""
    return (address or "").removeprefix("+")


def _no_such_message(request: Request, account: Account) -> Refusal:
    return Refusal(Code.NO_SUCH_MESSAGE, f"{account.name} has no message {request.args['id'][:40]}.")
