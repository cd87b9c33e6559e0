"""Where a client's JSON meets the model: a posted message becomes the item that is stored.

It reads no clock and no store; what a client is told of its messages is written elsewhere.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from chappe.clients.account import NO_CALLBACKS, PRIORITY_BY_NAME, CallbackRights
from chappe.clients.door_message import DoorMessage, completed
from chappe.model.address import Address
from chappe.model.lifecycle import Direction
from chappe.model.message import Item, Message
from chappe.net.addresses import is_public, literal
from chappe.net.http_call import endpoint_of
from chappe.text import gsm7, ucs2, udh
from chappe.text.encoding import DefaultAlphabet, Encoding, data_coding_of, encode_default, encode_text, encoding_of
from chappe.text.national_tables import Language
from chappe.text.segments import MAX_PARTS, SplitMethod, count_parts, room_of_one
from chappe.text.transliteration import transliterate
from chappe.text.writing import write
from chappe.wire.http.messages import (
    MAX_AHEAD_S,
    Change,
    NewMessage,
)
from chappe.wire.http.problems import Code, FieldError, Refusal

#: SMPP 3.4 §5.2.5 and §5.2.6: the kinds of address that HTTP clients write.
_INTERNATIONAL: Final = (1, 1)
_UNKNOWN: Final = (0, 0)
_ALPHANUMERIC: Final = (5, 0)

_NO_SOURCE: Final = Address(*_UNKNOWN, "")

#: E.164 numbers have at most 15 digits; shorter ones than this are short codes.
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS: Final = re.compile(r"[0-9]{3,15}")
_SHORT_CODE_DIGITS: Final = 6
#: `+` and 15 digits: longer than any name.
_LONGEST_SOURCE: Final = 16
#: 3GPP TS 23.040 §9.1.2.5: an alphanumeric address holds 11 septets.
_NAME_SEPTETS: Final = 11
_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")

#: esm_class: user data begins with a header.  SMPP 3.4 §5.2.12.
_UDHI: Final = 0x40
#: What `report` asks for, as registered_delivery has it: SMPP 3.4 §5.2.17.
_REGISTERED_DELIVERY: Final = {"final": 0x01, "all": 0x11, "none": 0x00}
#: Longest URL of a message, in characters.
MAX_URL: Final = 2_000
#: More user data than 255 parts of 153 septets hold is refused unread.
MAX_USER_DATA: Final = MAX_PARTS * 153

#: User data of so many octets fits into one part, whatever its encoding.  3GPP TS 23.040 §9.2.3.24.
_ALWAYS_ONE_PART: Final = 140

_GSM7: Final = Encoding.GSM7
_UCS2_DATA_CODING: Final = data_coding_of(Encoding.UCS2)
_ENCODING_BY_WORD: Final = {each.value: each for each in Encoding}


class Path(msgspec.Struct, frozen=True):
    """What the door must know of a route's operators: the queue and the cut of the first, the alphabets of all.

    A message may move to any of them, so what bears data_coding 0 must read the same to each.
    """

    queue: str
    split: SplitMethod = SplitMethod.UDH8
    #: No alphabets: all of them are GSM 7 bit.
    alphabets: tuple[DefaultAlphabet, ...] = ()
    #: Whose national tables all of them pass on to handsets that know them.
    languages: frozenset[Language] = frozenset()


def path_over(paths: Sequence[Path]) -> Path:
    """What must be known of a route whose operators have these paths, the first one first."""
    alphabets = dict.fromkeys(alphabet for path in paths for alphabet in path.alphabets or _GSM_ALONE)
    if tuple(alphabets) != _GSM_ALONE:
        return Path(paths[0].queue, paths[0].split, tuple(alphabets))
    return Path(paths[0].queue, paths[0].split, (), frozenset.intersection(*(path.languages for path in paths)))


class ChangedItem(Item, frozen=True, gc=False):
    """A message whose text was transliterated: stored like any other, and its answer says what was changed."""

    changes: tuple[Change, ...] = ()


class UserData(msgspec.Struct, frozen=True, gc=False):
    """What a handset is to get: octets, the header in front of them, and how they are to be read."""

    octets: bytes
    header: bytes
    data_coding: int
    encoding: Encoding
    is_text: bool = True


_NO_HEADER: Final = udh.Udh()

_GSM_ALONE: Final = (DefaultAlphabet.GSM7,)

FindPath = Callable[[str, str], Path | Refusal | None]


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
        new, changes = _transliterated(new, new.text)
    dest = _destination(new.to, errors)
    source = _source(new.source, errors)
    data = _user_data(new, errors)
    due_at_ms = 0 if new.send_at is None else _due_at_ms(new.send_at, now_ms, errors)
    callback_url = "" if new.callback_url is None else _callback_url(new.callback_url, callbacks, errors)
    is_called_back = bool(callback_url) or callbacks.has_url
    if errors or data is None:
        return _invalid(errors)
    path = find_path(dest.digits, source.digits)
    if not isinstance(path, Path):
        return path or no_route(new.to)
    if path.alphabets and data.is_text and not data.data_coding:
        data = _for_operators(data, new, path, errors)
    elif path.languages and data.encoding is Encoding.UCS2 and new.encoding == "auto" and new.data_coding is None:
        data = _nationally(data, new.text or "", path)
    parts = 1 if not data.header and len(data.octets) <= _ALWAYS_ONE_PART else _parts(data, path.split, errors)
    if errors:
        return _invalid(errors)
    expires_at_ms = (due_at_ms or now_ms) + new.validity_seconds * 1000 if new.validity_seconds else 0
    message = Message(
        message_id,
        Direction.MT,
        client,
        "",
        source.ton,
        source.npi,
        source.digits,
        dest.ton,
        dest.npi,
        dest.digits,
        data.header + data.octets if data.header else data.octets,
        data.data_coding,
        _UDHI if data.header else 0,
        0,
        0,
        _REGISTERED_DELIVERY[new.report] if is_called_back else 0,
        "",
        new.reference or "",
        (),
        expires_at_ms,
        parts,
        False,
        new.tags or (),
        due_at_ms,
        is_called_back,
        callback_url,
    )
    if new.__class__ is not NewMessage:
        assert isinstance(new, DoorMessage)
        message = completed(message, new)
    if new.priority is not None:
        priority = PRIORITY_BY_NAME[new.priority]
    if changes:
        return ChangedItem(path.queue, priority, client, due_at_ms, message_id, message, changes=changes)
    return Item(path.queue, priority, client, due_at_ms, message_id, message)


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


# -- addresses and times ------------------------------------------------------------------------------------------


def _destination(text: str, errors: list[FieldError]) -> Address:
    if _E164.fullmatch(text):
        return Address(1, 1, text[1:])
    if _DIGITS.fullmatch(text):
        return _number(text)
    errors.append(
        FieldError("/to", "expected a number as in +37120000001 (E.164), or a short code of 3 digits or more")
    )
    return Address(*_UNKNOWN, "")


def _number(digits: str) -> Address:
    """Digits alone: a number of a country unless they are few, or begin with a zero."""
    is_short = len(digits) <= _SHORT_CODE_DIGITS or digits[0] == "0"
    return Address(*(_UNKNOWN if is_short else _INTERNATIONAL), digits)


def _source(text: str | None, errors: list[FieldError]) -> Address:
    """A sender: a number, a short code, a name; without one the operator puts its own."""
    if text is None:
        return _NO_SOURCE
    address = _read_source(text) if len(text) <= _LONGEST_SOURCE else None
    if address is None:
        errors.append(
            FieldError("/from", "expected a number, a short code (3 digits or more), or a name: 11 GSM characters")
        )
        return _NO_SOURCE
    return address


# A client's senders are few, and each comes with thousands of messages.
@lru_cache(maxsize=4096)
def _read_source(text: str) -> Address | None:
    if _DIGITS.fullmatch(text):
        return _number(text)
    if _E164.fullmatch(text):
        return Address(*_INTERNATIONAL, text[1:])
    return Address(*_ALPHANUMERIC, text) if _is_name(text) else None


def _is_name(text: str) -> bool:
    """A name that every SMSC can write: printable, of the GSM alphabet and of Latin-1, and no lone number."""
    if not text.isprintable() or not text.strip() or text.lstrip("+").isdecimal() or max(text) > "\xff":
        return False
    return gsm7.fits(text) and gsm7.septets(text) <= _NAME_SEPTETS


def _due_at_ms(send_at: datetime, now_ms: int, errors: list[FieldError]) -> int:
    """When a message is to leave; 0 is at once, and so is a moment that has passed."""
    due = int(send_at.timestamp() * 1000)
    if due - now_ms > MAX_AHEAD_S * 1000:
        errors.append(FieldError("/send_at", f"is more than {MAX_AHEAD_S} seconds ahead"))
    return due if due > now_ms else 0


# -- user data ----------------------------------------------------------------------------------------------------


def _user_data(new: NewMessage, errors: list[FieldError]) -> UserData | None:
    """What the handset is to get; None, and why in `errors`, where that cannot be made out."""
    text = new.text
    is_text_alone = new.binary is None and new.udh is None and new.data_coding is None and new.encoding == "auto"
    if text and is_text_alone and len(text) <= MAX_USER_DATA:
        return _shortest(text, b"")
    if isinstance(new, DoorMessage) and new.octets is not None:
        return _as_it_is(new, new.octets, errors)
    if (new.text is None) == (new.binary is None):
        errors.append(FieldError("", "expected either text or binary"))
        return None
    header = b"" if new.udh is None else _header(new.udh, errors)
    if new.text is None:
        return _binary(new, header, errors)
    if not new.text:
        errors.append(FieldError("/text", "is empty"))
        return None
    if len(new.text) > MAX_USER_DATA:
        errors.append(FieldError("/text", f"has {len(new.text)} characters, more than {MAX_PARTS} parts hold"))
        return None
    return _text(new.text, new, header, errors)


def _as_it_is(new: DoorMessage, octets: bytes, errors: list[FieldError]) -> UserData:
    """User data that the client itself has written; it may be empty."""
    header = b"" if new.udh is None else _header(new.udh, errors)
    if len(octets) > MAX_USER_DATA:
        errors.append(FieldError("/binary", f"has {len(octets)} octets, more than {MAX_PARTS} parts hold"))
    data_coding = new.data_coding or 0
    return UserData(octets, header, data_coding, encoding_of(data_coding), False)


def _text(text: str, new: NewMessage, header: bytes, errors: list[FieldError]) -> UserData | None:
    word, data_coding = new.encoding, new.data_coding
    if word == "auto" and data_coding is None:
        return _shortest(text, header)
    encoding = _ENCODING_BY_WORD[word] if word != "auto" else encoding_of(data_coding or 0)
    if data_coding is None:
        data_coding = data_coding_of(encoding)
    elif encoding_of(data_coding) is not encoding or encoding is Encoding.BINARY:
        errors.append(
            FieldError("/data_coding", f"{data_coding} does not name an alphabet that this text is written in")
        )
        return None
    try:
        return UserData(encode_text(text, encoding), header, data_coding, encoding)
    except gsm7.NotInAlphabet as error:
        what = f"U+{ord(error.character):04X} at index {error.index} is not in {encoding.value}"
        errors.append(FieldError("/text", what))
        return None


def _shortest(text: str, header: bytes) -> UserData:
    """A text in the encoding that takes the fewest parts."""
    try:
        return UserData(gsm7.encode(text), header, 0, _GSM7)
    except gsm7.NotInAlphabet:
        return UserData(ucs2.encode(text), header, _UCS2_DATA_CODING, Encoding.UCS2)


def _transliterated(new: NewMessage, text: str) -> tuple[NewMessage, tuple[Change, ...]]:
    """The message in letters of the GSM alphabet, and what had to be changed for it."""
    written = transliterate(text)
    changes = tuple(Change(each.character, each.written, each.count) for each in written.changes)
    return (msgspec.structs.replace(new, text=written.text) if changes else new), changes


def _nationally(data: UserData, text: str, path: Path) -> UserData:
    """A text in national tables where they save a part against UCS-2; every part's header then names them."""
    if path.split is SplitMethod.NONE:
        # The SMSC cuts it, and not every one repeats in each part what the header says.
        return data
    elements = udh.parse(data.header).elements if data.header else ()
    try:
        written = write(text, languages=path.languages, method=path.split, elements=elements)
    except ValueError:
        # The client's own header leaves no room for text: that is told where parts are counted.
        return data
    if written.encoding is not Encoding.GSM7:
        return data
    header = udh.build((*elements, *written.shift.elements))
    return UserData(written.octets, header, 0, Encoding.GSM7)


def _for_operators(data: UserData, new: NewMessage, path: Path, errors: list[FieldError]) -> UserData:
    """A text of data_coding 0 in the octets that all operators of its route read so; else in UCS-2, where it may be."""
    text = new.text or ""
    try:
        octets = encode_default(text, path.alphabets)
    except gsm7.NotInAlphabet as error:
        what = (
            f"U+{ord(error.character):04X} at index {error.index} has no octet that every operator of its route knows"
        )
    else:
        # The SMSC turns these octets into septets: two for some characters, and parts are cut by octets.
        septets = len(data.octets)
        if len(octets) == septets or septets + (len(data.header) * 8 + 6) // 7 <= room_of_one(Encoding.GSM7):
            return UserData(octets, data.header, 0, Encoding.GSM7)
        what = "has characters of two septets, and is too long to be counted by the operators of its route"
    if new.encoding != "auto" or new.data_coding is not None:
        errors.append(FieldError("/text", what))
        return data
    return UserData(encode_text(text, Encoding.UCS2), data.header, data_coding_of(Encoding.UCS2), Encoding.UCS2)


def _binary(new: NewMessage, header: bytes, errors: list[FieldError]) -> UserData | None:
    if new.encoding != "auto":
        errors.append(FieldError("/encoding", "is for text: say what binary octets are by data_coding"))
    octets = _octets(new.binary or "", "/binary", errors)
    if len(octets) > MAX_USER_DATA:
        errors.append(FieldError("/binary", f"has {len(octets)} octets, more than {MAX_PARTS} parts hold"))
    data_coding = data_coding_of(Encoding.BINARY) if new.data_coding is None else new.data_coding
    return UserData(octets, header, data_coding, encoding_of(data_coding), False)


def _octets(digits: str, pointer: str, errors: list[FieldError]) -> bytes:
    if _HEX.fullmatch(digits):
        return bytes.fromhex(digits)
    errors.append(FieldError(pointer, "expected pairs of hexadecimal digits"))
    return b""


def _header(digits: str, errors: list[FieldError]) -> bytes:
    """A header that is whole.  3GPP TS 23.040 §9.2.3.24."""
    octets = _octets(digits, "/udh", errors)
    if octets and (octets[0] + 1 != len(octets) or udh.parse(octets).is_malformed):
        errors.append(FieldError("/udh", "its lengths do not fit: the first octet counts those that follow"))
    return octets


def _parts(data: UserData, split: SplitMethod, errors: list[FieldError]) -> int:
    """In how many parts it leaves."""
    header = udh.parse(data.header) if data.header else _NO_HEADER
    try:
        parts = count_parts(data.octets, data.encoding, method=split, elements=header.elements)
        # What an SMSC takes whole it still cuts for the radio.
        cut = parts
        if split is SplitMethod.NONE:
            cut = count_parts(data.octets, data.encoding, elements=header.elements)
    except ValueError:
        errors.append(FieldError("/udh", "leaves no room for text in a part"))
        return 1
    if cut > 1 and header.concatenation is not None:
        errors.append(FieldError("/udh", "names a part of a message, and the user data does not fit into one"))
    if cut > MAX_PARTS:
        pointer = "/text" if data.is_text else "/binary"
        errors.append(FieldError(pointer, f"needs {cut} parts; at most {MAX_PARTS} can be numbered"))
    return parts
