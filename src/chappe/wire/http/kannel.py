"""Kannel's words over HTTP: the parameters that it puts into URLs, and what a report says in them.

This file must never know how a message came in, nor who is called.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, quote_plus, unquote_to_bytes

import msgspec

#: Beside letters, digits and `_.-~` these stand in a URL as they are.
_SAFE: Final = "!*'()"
_PARAMETER: Final = re.compile(r"%(.)", re.DOTALL)
_NOT_IN_URLS: Final = re.compile(r"[^!-~]")
#: Names of refusals, as an operator's `NACK/…` bears them.
_REFUSALS: Final[Mapping[int, str]] = {
    0x00: "OK",
    0x01: "Message Length is invalid",
    0x02: "Command Length is invalid",
    0x03: "Invalid Command ID",
    0x08: "System Error",
    0x0A: "Invalid Source Address",
    0x0B: "Invalid Destination Address",
    0x0C: "Message ID is invalid",
    0x14: "Message Queue Full",
    0x45: "submit_sm or submit_multi failed",
    0x58: "Throttling error (ESME has exceeded allowed message limits)",
    0x61: "Invalid Scheduled Delivery Time",
    0x62: "Invalid message validity period (Expiry time)",
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the parameters of a URL stand for.  Text is octets: what it says is said by `charset`."""

    #: For a message from a handset its text, for a report the words of the operator.
    text: bytes
    #: A report: the handset and our number; a message: the same.
    handset: str
    number: str
    at_s: int
    operator: str
    #: Under which name the operator knows us.
    account: str
    #: A UUID.
    id: str
    service: str
    #: Its name at the operator.
    operator_id: str = ""
    #: A report's outcome: 1 delivered, 2 failed, 4 buffered, 8 sent, 16 refused; -1: it is none.
    outcome: int = -1
    coding: int = -1
    charset: str = "UTF-8"
    message_class: int = -1
    waiting: int = -1
    data_coding: int = 0
    header: bytes = b""
    billing: str = ""
    meta_data: str = ""
    #: The URL before its parameters were filled in.
    url: str = ""


def expand(pattern: str, told: Told) -> str:
    """Fill in the parameters of a URL; what is none of them stays as it is."""
    words = told.text.split()
    values = _values(told, words)
    left = iter(words[1:])
    taken = 1

    def value(found: re.Match[str]) -> str:
        nonlocal taken
        name = found[1]
        if name in "sS":
            word = next(left, b"")
            taken += bool(word)
            return _encoded(word) if name == "s" else word.replace(b"*", b"~").decode("latin-1")
        if name == "r":
            return "+".join(map(_encoded, words[taken:]))
        write = values.get(name)
        return found[0] if write is None else write()

    # What went into the URL as it is could end its line.
    return _NOT_IN_URLS.sub(lambda found: quote(found[0], encoding="latin-1"), _PARAMETER.sub(value, pattern))


def _values(told: Told, words: Sequence[bytes]) -> dict[str, Callable[[], str]]:
    """Parameter → what writes its value; most URLs have few of them."""
    return {
        "a": lambda: "+".join(map(_encoded, words)),
        "A": lambda: _encoded(told.text),
        "b": lambda: _encoded(told.text),
        "B": lambda: _encoded(told.billing),
        "c": lambda: str(told.coding),
        "C": lambda: told.charset,
        "d": lambda: str(told.outcome),
        "D": lambda: _encoded(told.meta_data),
        "f": lambda: "",
        "F": lambda: _encoded(told.operator_id),
        "i": lambda: _encoded(told.operator),
        "I": lambda: told.id,
        "k": lambda: _encoded(words[0]) if words else "",
        "m": lambda: str(told.message_class),
        "M": lambda: str(told.waiting),
        "n": lambda: _encoded(told.service),
        "o": lambda: _encoded(told.account),
        "O": lambda: f"{told.data_coding:02d}",
        "p": lambda: _encoded(told.handset),
        "P": lambda: _encoded(told.number),
        "q": lambda: _international(told.handset),
        "Q": lambda: _international(told.number),
        "R": lambda: _encoded(told.url),
        "t": lambda: f"{datetime.fromtimestamp(told.at_s, UTC):%Y-%m-%d+%H:%M:%S}",
        "T": lambda: str(told.at_s),
        "u": lambda: _encoded(told.header),
        "v": lambda: "",
        "V": lambda: "",
        "%": lambda: "%",
    }


def _encoded(value: str | bytes) -> str:
    return quote_plus(value, _SAFE)


def _international(number: str) -> str:
    return f"%2B{_encoded(number[2:])}" if number[:2] == "00" else _encoded(number)


def words_of_refusal(error: str) -> bytes:
    """What a report of a refusal says; `error` is the operator's status, hexadecimal, or a code of ours."""
    try:
        status = int(error, 16)
    except ValueError:
        return f"NACK/{error}".encode("latin-1", "replace")
    name = _REFUSALS.get(status, "Reserved")
    return f"NACK/0x{status:08x}/{name}".encode()


def group_of(meta_data: bytes, name: str) -> dict[str, str]:
    """The values of one group of meta-data, by their names; a character is an octet.  What is no group is nothing."""
    fields = meta_data.decode("latin-1").split("?")
    groups = zip(fields[1::2], fields[2::2], strict=False)
    values = next((values for group, values in groups if group.lower() == name), "")
    pairs = (pair.partition("=") for pair in values.split("&"))
    return {_unquoted(key): _unquoted(value) for key, equals, value in pairs if key and equals}


def _unquoted(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode("latin-1")


def meta_data_of(*groups: tuple[str, Mapping[str, str | bytes]]) -> str:
    """Groups of names and values, as `?smpp?dlr_err=…&`."""
    return "".join(f"?{name}?{values_of(values)}" for name, values in groups)


def values_of(values: Mapping[str, str | bytes]) -> str:
    """The values of one group, as `tariff=5&`."""
    return "".join(f"{_encoded(key)}={_encoded(value)}&" for key, value in values.items())
