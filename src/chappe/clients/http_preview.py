"""What a message would be: its alphabet, its parts, and the one character that decided, before anything is sent.

It is judged exactly as a posted message is, and shown.  It reads no clock and no store.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from chappe.clients.changed_item import ChangedItem
from chappe.clients.http_path import FindPath, Path
from chappe.clients.http_translate import item_of
from chappe.model.message import Item, Message
from chappe.model.money import Price
from chappe.text import gsm7, udh
from chappe.text.encoding import Encoding, encoding_of
from chappe.text.reading import read
from chappe.text.segments import SplitMethod, room, split
from chappe.wire.http.messages import NewMessage, Preview
from chappe.wire.http.money import money_of
from chappe.wire.http.problems import Refusal

#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40


def preview_of(
    new: NewMessage,
    client: str,
    now_ms: int,
    find_path: FindPath,
    price_of: Callable[[str, int], Price] | None = None,
) -> Preview | Refusal:
    """Judge a message, and say what would become of it; `price_of(to, parts)` where its client pays."""
    path: Path | Refusal | None = None

    def remember(to: str, source: str) -> Path | Refusal | None:
        nonlocal path
        path = find_path(to, source)
        return path

    item = item_of(new, 0, client, 0, now_ms, remember)
    if isinstance(item, Refusal):
        return item
    assert isinstance(path, Path)
    assert isinstance(item.content, Message)
    shown, message = _shown(item, item.content, new, path), item.content
    if price_of is None:
        return shown
    return msgspec.structs.replace(shown, price=money_of(price_of(message.dest, message.parts)))


def _shown(item: Item, message: Message, new: NewMessage, path: Path) -> Preview:
    header, octets = b"", message.octets
    if message.esm_class & _UDHI:
        octets = udh.strip(message.octets)[1]
        header = message.octets[: len(message.octets) - len(octets)]
    elements = udh.parse(header).elements if header else ()
    encoding = encoding_of(message.data_coding)
    # What an SMSC takes whole it still cuts for the radio.
    method = SplitMethod.UDH8 if path.split is SplitMethod.NONE else path.split
    segments = split(octets, encoding, method=method, elements=elements)
    octets_of_unit = 2 if encoding is Encoding.UCS2 else 1
    is_text = new.text is not None
    default = path.alphabets[0].encoding if path.alphabets else Encoding.GSM7
    texts = [read(each.octets, message.data_coding, has_udh=each.has_udh, default=default) for each in segments]
    return Preview(
        encoding=encoding.value,
        characters=len(new.text) if new.text is not None else len(octets),
        units=len(octets) // octets_of_unit,
        parts=message.parts,
        per_part=room(encoding, len(segments), method=method, elements=elements) // octets_of_unit,
        forced_by=_forced_by(new, encoding),
        route=item.queue.partition(":")[2] or item.queue,
        part_texts=texts if is_text else None,
        transliterated=item.changes or None if isinstance(item, ChangedItem) else None,
    )


def _forced_by(new: NewMessage, encoding: Encoding) -> str | None:
    """The first character that is not in the GSM alphabet, where the gateway chose the encoding."""
    if new.text is None or encoding is not Encoding.UCS2 or new.encoding != "auto" or new.data_coding is not None:
        return None
    return next((each for each in new.text if not gsm7.fits(each)), None)
