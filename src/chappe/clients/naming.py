"""The id by which a client knows a message: written in its form, short where it must be, one for several messages.

It must never know a PDU.
"""

import msgspec

from chappe.clients.account import Account
from chappe.clients.translate import wire_id
from chappe.model.errors import PeerError
from chappe.model.message import Item
from chappe.wire.smpp.statuses import CommandStatus


def told_id(item: Item, account: Account) -> str:
    """The id that a client is told of a message."""
    return item.content.known_as or wire_id(item.id, account.id_form)


def with_short_id(item: Item, account: Account) -> Item:
    """A message that its client knows by a short id.  Raises: PeerError when there are too many in this second."""
    short = account.short_ids.next(item.id)
    if short is None:
        raise PeerError("no more short ids in this second", status=CommandStatus.ESME_RTHROTTLED)
    return named(item, short)


def named(item: Item, text: str) -> Item:
    """A message that its client knows as `text`."""
    return msgspec.structs.replace(item, content=msgspec.structs.replace(item.content, known_as=text))
