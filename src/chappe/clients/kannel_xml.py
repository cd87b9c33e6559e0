"""A message that is posted to `/cgi-bin/sendsms` as XML becomes the parameters that it stands for.

It must never know what a parameter means, nor read anything but the octets that it gets: no entity is resolved.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from chappe.wire.http.forms import Fields

#: Where an element stands below `/message/submit` → the parameter that it is.
_FIELD_BY_PATH: Final[Mapping[str, str]] = {
    "from/user": "username",
    "from/username": "username",
    "from/pass": "password",
    "from/password": "password",
    "from/account": "account",
    "from/binfo": "binfo",
    "oa/number": "from",
    "da/number": "to",
    "udh": "udh",
    "ud": "text",
    "smsc": "smsc",
    "pid": "pid",
    "rpi": "rpi",
    "dcs/mclass": "mclass",
    "dcs/mwi": "mwi",
    "dcs/coding": "coding",
    "dcs/compress": "compress",
    "dcs/alt-dcs": "alt-dcs",
    "statusrequest/dlr-mask": "dlr-mask",
    "statusrequest/dlr-url": "dlr-url",
    "vp/delay": "validity",
    "timing/delay": "deferred",
    "priority": "priority",
    "meta-data": "meta-data",
}
_ROOT: Final = ("message", "submit")
#: Octets of a document: reading its elements takes a while, and nobody knows yet who sent it.
MAX_XML: Final = 64 * 1024
#: No parameter lies deeper.
_MAX_DEPTH: Final = 32
_HEX: Final = re.compile(rb"([0-9A-Fa-f]{2})+")


def fields_of_xml(body: bytes) -> Fields | None:
    """The parameters of a posted message; None where it is no XML."""
    return _Reading().read(body)


class _Reading:
    """One document: the path to where it stands, and the texts of the elements that are parameters."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._texts: dict[str, list[str]] = {}
        #: What is being read of a parameter.
        self._pieces: list[str] = []

    def read(self, body: bytes) -> Fields | None:
        parser = expat.ParserCreate()
        parser.EntityDeclHandler = self._on_entity
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.CharacterDataHandler = self._pieces.append
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, ValueError):
            return None
        return self._fields()

    def _on_entity(self, *_: object) -> None:
        # A few of them, each made of the one before, would be gigabytes.
        raise ValueError("entities are not read")

    def _on_start(self, name: str, _: Mapping[str, str]) -> None:
        self._path.append(name)
        self._pieces.clear()
        if len(self._path) > _MAX_DEPTH:
            raise ValueError("elements lie too deep")

    def _on_end(self, _: str) -> None:
        if tuple(self._path[:2]) == _ROOT:
            field = _FIELD_BY_PATH.get("/".join(self._path[2:]))
            if field is not None:
                self._texts.setdefault(field, []).append("".join(self._pieces).strip())
        self._path.pop()
        self._pieces.clear()

    def _fields(self) -> Fields:
        """Of a parameter that stands there several times the first counts; there may be many receivers."""
        # Without a coding it is the GSM alphabet, also behind a header.
        fields = {"coding": b"0"} | {field: found[0].encode() for field, found in self._texts.items()}
        receivers = [each for each in self._texts.get("to", ()) if each]
        if receivers:
            fields["to"] = " ".join(receivers).encode()
        else:
            fields.pop("to", None)
        if "udh" in fields:
            fields["udh"] = header_of(fields["udh"])
        if "text" in fields:
            fields["text"] = unquote_to_bytes(fields["text"].replace(b"+", b" "))
        # Whatever it was written in: texts are read by now.
        return fields | {"charset": b"UTF-8"}


def header_of(value: bytes) -> bytes:
    """A user data header in hexadecimal digits, or spelt by %."""
    return bytes.fromhex(value.decode("ascii")) if _HEX.fullmatch(value) else unquote_to_bytes(value)
