"""What a handset is to get: the user data that a posted message asks for, and in how many parts it leaves.

It must never know who posted the message, nor where it goes but by the alphabets of its operators.
"""

import re
from typing import Final

import msgspec

from chappe.clients.door_message import DoorMessage
from chappe.clients.http_path import Path
from chappe.text import gsm7, ucs2, udh
from chappe.text.encoding import Encoding, data_coding_of, encode_default, encode_text, encoding_of
from chappe.text.segments import MAX_PARTS, SplitMethod, count_parts, room_of_one
from chappe.text.transliteration import transliterate
from chappe.text.writing import write
from chappe.wire.http.messages import Change, NewMessage
from chappe.wire.http.problems import FieldError

_HEX: Final = re.compile(r"([0-9A-Fa-f]{2})+")
#: More user data than 255 parts of 153 septets hold is refused unread.
MAX_USER_DATA: Final = MAX_PARTS * 153

_GSM7: Final = Encoding.GSM7
_UCS2_DATA_CODING: Final = data_coding_of(Encoding.UCS2)
_ENCODING_BY_WORD: Final = {each.value: each for each in Encoding}
_NO_HEADER: Final = udh.Udh()
_encode: Final = gsm7.encode


class UserData(msgspec.Struct, frozen=True, gc=False):
    """What a handset is to get: octets, the header in front of them, and how they are to be read."""

    octets: bytes
    header: bytes
    data_coding: int
    encoding: Encoding
    is_text: bool = True


def user_data_of(new: NewMessage, errors: list[FieldError]) -> UserData | None:
    """What the handset is to get; None, and why in `errors`, where that cannot be made out."""
    text = new.text
    is_text_alone = new.binary is new.udh is None and new.data_coding is None and new.encoding == "auto"
    if text and is_text_alone and len(text) <= MAX_USER_DATA:
        try:
            return UserData(_encode(text), b"", 0, _GSM7)
        except gsm7.NotInAlphabet:
            return UserData(ucs2.encode(text), b"", _UCS2_DATA_CODING, Encoding.UCS2)
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
        return shortest(text, header)
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


def shortest(text: str, header: bytes) -> UserData:
    """A text in the encoding that takes the fewest parts."""
    try:
        return UserData(gsm7.encode(text), header, 0, _GSM7)
    except gsm7.NotInAlphabet:
        return UserData(ucs2.encode(text), header, _UCS2_DATA_CODING, Encoding.UCS2)


def transliterated(new: NewMessage, text: str) -> tuple[NewMessage, tuple[Change, ...]]:
    """The message in letters of the GSM alphabet, and what had to be changed for it."""
    written = transliterate(text)
    changes = tuple(Change(each.character, each.written, each.count) for each in written.changes)
    return (msgspec.structs.replace(new, text=written.text) if changes else new), changes


def nationally(data: UserData, text: str, path: Path) -> UserData:
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


def for_operators(data: UserData, new: NewMessage, path: Path, errors: list[FieldError]) -> UserData:
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


def parts_of(data: UserData, split: SplitMethod, errors: list[FieldError]) -> int:
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
