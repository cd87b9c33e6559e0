"""Where a client's JSON meets the model: a posted message becomes the item that is stored.

It reads no clock and no store; what a client is told of its messages is written elsewhere.
"""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from chappe.clients.account import NO_CALLBACKS, PRIORITY_BY_NAME, CallbackRights
from chappe.clients.changed_item import ChangedItem
from chappe.clients.door_message import DoorMessage, completed
from chappe.clients.http_addresses import destination_of, source_of
from chappe.clients.http_path import FindPath, Path
from chappe.clients.http_user_data import (
    UserData,
    for_operators,
    nationally,
    parts_of,
    transliterated,
    user_data_of,
)
from chappe.model.address import Address
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.net.addresses import is_public, literal
from chappe.net.http_call import endpoint_of
from chappe.text.encoding import Encoding
from chappe.wire.http.messages import MAX_AHEAD_S, Change, NewMessage
from chappe.wire.http.problems import Code, FieldError, Refusal

#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40
#: What `report` asks for, as registered_delivery has it: SMPP 3.4 §5.2.17.
_REGISTERED_DELIVERY: Final = {"final": 0x01, "all": 0x11, "none": 0x00}
#: Longest URL of a message, in characters.
MAX_URL: Final = 2_000
#: User data of so many octets fits into one part, whatever its encoding.  3GPP TS 23.040 §9.2.3.24.
_ALWAYS_ONE_PART: Final = 140
_MT: Final = Direction.MT


def item_of(
    new: NewMessage,
    message_id: int,
    client: str,
    priority: int,
    now_ms: int,
    find_path: FindPath,
    callbacks: CallbackRights = NO_CALLBACKS,
) -> Item | Refusal:
    """Judge a posted message: the item to store, or everything that is wrong with it.

    `priority` is the client's own; `find_path(to, source)` says where the message goes, or why nowhere: None where no
    route takes it.
    """
    errors: list[FieldError] = []
    changes: tuple[Change, ...] = ()
    if new.transliterate and new.text is not None:
        new, changes = transliterated(new, new.text)
    dest = destination_of(new.to, errors)
    source = source_of(new.source, errors)
    data = user_data_of(new, errors)
    due_at_ms = 0 if new.send_at is None else _due_at_ms(new.send_at, now_ms, errors)
    callback_url = "" if new.callback_url is None else _callback_url(new.callback_url, callbacks, errors)
    if errors or data is None:
        return _invalid(errors)
    path = find_path(dest.digits, source.digits)
    if not isinstance(path, Path):
        return path or no_route(new.to)
    if path.source is not None:
        source = path.source
    if path.alphabets or data.data_coding:
        data = _as_operators_read(data, new, path, errors)
    parts = 1 if not data.header and len(data.octets) <= _ALWAYS_ONE_PART else parts_of(data, path.split, errors)
    if errors:
        return _invalid(errors)
    is_called_back = bool(callback_url) or callbacks.has_url
    message = _message_of(new, message_id, client, source, dest, data, parts, due_at_ms, now_ms, is_called_back)
    if callback_url or new.__class__ is not NewMessage:
        message = _with_rarities(message, new, callback_url)
    if new.priority is not None:
        priority = PRIORITY_BY_NAME[new.priority]
    if changes or path.told:
        where = (path.queue, priority, client, due_at_ms, message_id)
        return ChangedItem(*where, message, changes=changes, told=path.told)
    return Item(path.queue, priority, client, due_at_ms, message_id, message)


def _message_of(
    new: NewMessage,
    message_id: int,
    client: str,
    source: Address,
    dest: Address,
    data: UserData,
    parts: int,
    due_at_ms: int,
    now_ms: int,
    is_called_back: bool,
) -> Message:
    header = data.header
    return Message(
        message_id,
        _MT,
        client,
        "",
        source.ton,
        source.npi,
        source.digits,
        dest.ton,
        dest.npi,
        dest.digits,
        header + data.octets if header else data.octets,
        data.data_coding,
        _UDHI if header else 0,
        0,
        0,
        _REGISTERED_DELIVERY[new.report] if is_called_back else 0,
        "",
        new.reference or "",
        (),
        (due_at_ms or now_ms) + new.validity_seconds * 1000 if new.validity_seconds else 0,
        parts,
        False,
        new.tags or (),
        due_at_ms,
        is_called_back,
    )


def _with_rarities(message: Message, new: NewMessage, callback_url: str) -> Message:
    """The message with what hardly any has."""
    message = replace(message, callback_url=callback_url)
    return completed(message, new) if isinstance(new, DoorMessage) else message


def _as_operators_read(data: UserData, new: NewMessage, path: Path, errors: list[FieldError]) -> UserData:
    """The user data as all operators of the route read it."""
    if path.alphabets and data.is_text and not data.data_coding:
        return for_operators(data, new, path, errors)
    if path.languages and data.encoding is Encoding.UCS2 and new.encoding == "auto" and new.data_coding is None:
        return nationally(data, new.text or "", path)
    return data


def _callback_url(url: str, rights: CallbackRights, errors: list[FieldError]) -> str:
    """The URL that a message names, if its client may name one."""
    if not rights.may_name_url:
        errors.append(FieldError("/callback_url", "this client is not called back: its settings have no callback"))
        return url
    try:
        host = endpoint_of(url).host if len(url) <= MAX_URL else ""
    except ValueError as error:
        errors.append(FieldError("/callback_url", str(error)))
        return url
    address = literal(host)
    if not host:
        errors.append(FieldError("/callback_url", f"has more than {MAX_URL} characters"))
    elif address is not None and not rights.allow_private and not is_public(address):
        errors.append(FieldError("/callback_url", f"{host} is no public address"))
    return url


def no_route(to: str) -> Refusal:
    """Nobody takes a message to this number."""
    return Refusal(Code.NO_ROUTE, f"No route takes a message to {to}.", (FieldError("/to", "no route takes it"),))


def _invalid(errors: list[FieldError]) -> Refusal:
    told = "; ".join(f"{error.pointer} {error.detail}" for error in errors)
    return Refusal(Code.INVALID_MESSAGE, told, tuple(errors))


def _due_at_ms(send_at: datetime, now_ms: int, errors: list[FieldError]) -> int:
    """When a message is to leave; 0 is at once, and so is a moment that has passed."""
    due = int(send_at.timestamp() * 1000)
    if due - now_ms > MAX_AHEAD_S * 1000:
        errors.append(FieldError("/send_at", f"is more than {MAX_AHEAD_S} seconds ahead"))
    return due if due > now_ms else 0
