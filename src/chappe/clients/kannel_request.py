"""A request to `/cgi-bin/sendsms` becomes messages, or the answer that Kannel gives to what it cannot take.

Parameters are looked at in Kannel's order, so that a request with two faults hears of the same one.
It must never know who asks, nor judge addresses and texts: that is done as for our own API.
"""

import codecs
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from chappe.clients import kannel_answers as answers
from chappe.clients.door_message import DoorMessage
from chappe.clients.kannel_answers import Answer, misformed
from chappe.clients.kannel_xml import MAX_XML, fields_of_xml, header_of
from chappe.rules.asked import ALL_OUTCOMES, Asked, Outcome, Words
from chappe.text import gsm7
from chappe.wire.http.forms import Fields
from chappe.wire.http.kannel import group_of, values_of
from chappe.wire.http.messages import MAX_AHEAD_S

_NUMBER: Final = re.compile(rb"\s*([+-]?[0-9]{1,9})")
_RECEIVER: Final = re.compile(r"[0-9 +-]*")
#: Names of charsets that are no more than tables.
_CHARSET: Final = re.compile(
    r"(iso|utf|ucs|us|windows|cp|koi8|mac|latin|ascii|gb|big5|shift|euc|tis)[-_a-z0-9:]*", re.IGNORECASE
)
_URL: Final = re.compile(r"https?://.", re.IGNORECASE)
_NOT_IN_URLS: Final = re.compile(rb"[^!-~]")
MAX_ACCOUNT: Final = 64
#: Routes ask for the SMSC that a request names by this tag; tags have 64 characters.
SMSC_TAG: Final = "smsc:"
MAX_SMSC: Final = 64 - len(SMSC_TAG)
#: service_type, SMPP 3.4 §5.2.11.
_SERVICE_TYPE: Final = re.compile(r"[!-~]{1,5}")
#: Values of meta-data that one message may bear, and octets that they and their names have together.
MAX_VALUES: Final = 32
MAX_META_DATA: Final = 1_024
_UNSET: Final = -1
#: Codings: the GSM alphabet, octets, UCS-2.
_GSM, _OCTETS, _UCS2 = 0, 1, 2
_HIGHEST_PRIORITY: Final = 3
_MINUTE_S: Final = 60


class Refused(Exception):
    """The request is answered so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Numbers(msgspec.Struct, frozen=True):
    """The parameters that are numbers; -1 is unset."""

    mclass: int
    mwi: int
    coding: int
    validity: int
    deferred: int
    priority: int
    dlr_mask: int
    pid: int
    rpi: int
    alt_dcs: int


def messages_of(fields: Fields, sender: str, now_ms: int) -> list[DoorMessage]:
    """The messages that a request asks for, one for each receiver.

    `fields` are named as in a query; `sender` is that of the client's settings.  Raises: Refused.
    """
    header = fields.get("udh") or b""
    if header and len(header) != header[0] + 1:
        raise Refused(misformed("UDH"))
    receivers = [each for each in _text(fields.get("to", b"")).split() if _RECEIVER.fullmatch(each)]
    if not receivers:
        raise Refused(answers.DENIED)
    source = _text(fields.get("from") or b"").strip() or sender
    if not source:
        raise Refused(answers.MISSING_SENDER)
    account = _text(fields.get("account") or b"")
    if len(account) > MAX_ACCOUNT or any(each in account for each in "[]\n\r"):
        raise Refused(answers.BAD_ACCOUNT)
    url = _callback_url(fields)
    numbers = _numbers(fields)
    message = _message(fields, numbers, header, now_ms)
    binfo = _text(fields.get("binfo") or b"")
    plus_of_source = 2 if source.startswith("+") else 0
    outcomes = Outcome(max(numbers.dlr_mask, 0)) & ALL_OUTCOMES
    words = Words.KANNEL if url else Words.OWN
    named_values = _named_values(fields.get("meta-data") or b"")
    told_again = values_of({name: value.encode("latin-1") for name, value in named_values})
    return [
        msgspec.structs.replace(
            message,
            to=_dialled(to),
            source=source,
            callback_url=url or None,
            asked=Asked("", words, outcomes, "GET", plus_of_source + to.startswith("+"), told_again),
            tags=_tags(account, _text(fields.get("smsc") or b"").strip()),
            service_type=binfo if _SERVICE_TYPE.fullmatch(binfo) else "",
            named_values=named_values,
        )
        for to in receivers
    ]


def _tags(account: str, smsc: str) -> tuple[str, ...] | None:
    """What routes can ask for; a name that nobody could have configured asks for nothing."""
    tags = [account] if account and account.isprintable() else []
    if smsc and smsc.isprintable() and len(smsc) <= MAX_SMSC:
        tags.append(SMSC_TAG + smsc)
    return tuple(tags) or None


def _named_values(meta_data: bytes) -> tuple[tuple[str, str], ...]:
    """What the group for SMPP says; other groups are Kannel's own.  Raises: Refused."""
    if not meta_data:
        return ()
    values = tuple(group_of(meta_data, "smpp").items())
    if len(values) > MAX_VALUES or sum(len(name) + len(value) for name, value in values) > MAX_META_DATA:
        raise Refused(misformed("Meta-Data"))
    return values


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _dialled(number: str) -> str:
    """A number without what people write between digits; two zeros are a plus."""
    digits = number.replace("-", "")
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _callback_url(fields: Fields) -> str:
    octets = fields.get("dlr-url") or fields.get("dlrurl") or b""
    if not octets:
        return ""
    url = _NOT_IN_URLS.sub(lambda found: b"%%%02X" % found[0][0], octets).decode("ascii")
    if not _URL.match(url):
        raise Refused(misformed("DLR-URL"))
    return url


def _numbers(fields: Fields) -> Numbers:
    """Read and check numbers, in Kannel's order.  What does not begin with one is unset."""

    def number(name: str, low: int, high: int, field: str, *others: str) -> int:
        found = next((_NUMBER.match(fields[each]) for each in (name, *others) if each in fields), None)
        value = int(found[1]) if found else _UNSET
        if not low <= value <= high:
            raise Refused(misformed(field))
        return value

    # Kannel takes masks above 63 too, and asks for failures alone.
    dlr_mask = number("dlr-mask", -1, 0x7FFF_FFFF, "DLR-Mask", "dlrmask")
    mclass = number("mclass", -1, 3, "MClass")
    pid = number("pid", -1, 255, "PID")
    rpi = number("rpi", -1, 2, "RPI")
    alt_dcs = number("alt-dcs", -1, 1, "Alt-DCS")
    mwi = number("mwi", -1, 7, "MWI")
    coding = number("coding", -1, 2, "Coding")
    # A handset could not read it: the text of a compressed message is never compressed.
    number("compress", -1, 0, "Compress")
    validity = number("validity", -1, 999_999_999, "Validity")
    deferred = number("deferred", -1, MAX_AHEAD_S // _MINUTE_S, "Deferred")
    priority = number("priority", -1, 3, "Priority")
    return Numbers(mclass, mwi, coding, validity, deferred, priority, dlr_mask, pid, rpi, alt_dcs)


def _message(fields: Fields, numbers: Numbers, header: bytes, now_ms: int) -> DoorMessage:
    """What all receivers get."""
    text, octets, coding = _content(fields, numbers, header)
    data_coding = _data_coding(numbers, coding, has_text=bool(text or octets))
    if not text and octets is None:
        text, octets = None, b""
    deferred_s = max(numbers.deferred, 0) * _MINUTE_S
    validity_s = None
    if numbers.validity != _UNSET:
        validity_s = min(max(numbers.validity * _MINUTE_S - deferred_s, 1), MAX_AHEAD_S)
    return DoorMessage(
        to="",
        text=text,
        octets=octets,
        udh=header.hex() or None,
        data_coding=data_coding if data_coding or octets is not None else None,
        validity_seconds=validity_s,
        send_at=datetime.fromtimestamp(now_ms / 1000 + deferred_s, UTC) if deferred_s else None,
        priority="high" if numbers.priority == _HIGHEST_PRIORITY else None,
        protocol_id=max(numbers.pid, 0),
        priority_flag=max(numbers.priority, 0),
        has_reply_path=numbers.rpi > 0,
    )


def _content(fields: Fields, numbers: Numbers, header: bytes) -> tuple[str | None, bytes | None, int]:
    """A text for the GSM alphabet or octets, and the coding that it is."""
    octets, coding = fields.get("text") or b"", numbers.coding
    charset = _text(fields.get("charset") or b"")
    if coding == _OCTETS or (coding == _UNSET and header):
        return None, octets, _OCTETS
    if coding == _UCS2:
        return None, _decoded(octets, charset).encode("utf-16-be", "replace") if charset else octets, _UCS2
    text = _decoded(octets, charset)
    if gsm7.fits(text):
        return text, None, _GSM
    if coding == _UNSET:
        # Nobody asked for the GSM alphabet: nothing of the text is lost.
        is_plain = numbers.mclass == numbers.mwi == _UNSET and numbers.alt_dcs != 1
        return (text, None, _GSM) if is_plain else (None, text.encode("utf-16-be", "replace"), _UCS2)
    return "".join([each if gsm7.fits(each) else "?" for each in text]), None, _GSM


def _decoded(octets: bytes, charset: str) -> str:
    """The text that octets are in a charset; without one in UTF-8, or in Latin-1 where it is none.  Raises: Refused."""
    if not charset:
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("latin-1")
    try:
        if not _CHARSET.fullmatch(charset):
            raise LookupError(charset)
        return octets.decode(codecs.lookup(charset).name)
    except (LookupError, UnicodeDecodeError):
        raise Refused(answers.BAD_BODY) from None


def _data_coding(numbers: Numbers, coding: int, *, has_text: bool) -> int:
    """The data coding scheme: message waiting, or a class, or the alphabet alone.  3GPP TS 23.038 §4."""
    mwi, mclass = numbers.mwi, numbers.mclass
    if mwi != _UNSET:
        if mwi & 4:
            return 0xC0 | mwi & 3
        group = 0xC0 if not has_text else 0xD0 if coding == _GSM else 0xE0
        return group | 0x08 | mwi & 3
    if coding != _UCS2 and (mclass != _UNSET or numbers.alt_dcs == 1):
        return 0xF0 | coding << 2 | (1 if mclass == _UNSET else mclass)
    return (0x10 | mclass if mclass != _UNSET else 0) | coding << 2


#: A header of a POST → the parameter that it is.
_FIELD_BY_HEADER: Final[Mapping[str, str]] = {
    f"x-kannel-{name}": name
    for name in (
        "from",
        "to",
        "username",
        "password",
        "smsc",
        "dlr-url",
        "account",
        "binfo",
        "meta-data",
        "coding",
        "pid",
        "mwi",
        "mclass",
        "alt-dcs",
        "compress",
        "validity",
        "deferred",
        "dlr-mask",
        "rpi",
        "priority",
        "udh",
    )
}
_PAGES: Final = ("text/html", "text/vnd.wap.wml")
_XML: Final = "text/xml"
_OCTET_STREAM: Final = "application/octet-stream"


def fields_of_post(headers: Mapping[str, str], body: bytes) -> Fields:
    """The parameters of a POST: its headers, and the body as text.  Raises: Refused."""
    kind, _, rest = headers.get("content-type", _OCTET_STREAM).partition(";")
    kind = kind.strip().lower()
    if kind == _XML:
        if len(body) > MAX_XML:
            raise Refused(answers.TOO_LARGE)
        return fields_of_xml(body) or {}
    if kind not in ("text/plain", *_PAGES, _OCTET_STREAM):
        raise Refused(answers.BAD_TYPE)
    fields = {
        field: headers[name].strip().encode("utf-8", "surrogateescape")
        for name, field in _FIELD_BY_HEADER.items()
        if name in headers
    }
    if "udh" in fields:
        fields["udh"] = header_of(fields["udh"])
    charset = rest.partition("charset=")[2].partition(";")[0].strip().strip('"')
    is_octets = kind == _OCTET_STREAM
    # HTTP/1.1 had ISO-8859-1 for a text that names none; RFC 2616 §3.7.1.
    fields |= {"text": body, "charset": b"" if is_octets else (charset or "iso-8859-1").encode("ascii", "replace")}
    if _NUMBER.match(fields.get("coding", b"")) is None:
        fields["coding"] = b"%d" % (_OCTETS if is_octets else _GSM)
    return fields


def is_page(headers: Mapping[str, str]) -> bool:
    """The body is a page of tags, which Kannel takes notice of and does not send."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() in _PAGES
