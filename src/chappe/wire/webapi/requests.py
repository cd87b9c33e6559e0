"""A request as a profile describes it: method, path, query, headers and body, each made of templates.

It must never know a socket, nor whose message travels in it.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from chappe.wire.webapi.template import (
    Text,
    Tree,
    Values,
    json_octets,
    names_in,
    urlencoded,
    write_header,
    write_json,
    write_pairs,
    write_path,
    write_xml,
)

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
XML: Final = "application/xml; charset=utf-8"


class Auth(Enum):
    """How a request says who we are."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class Written(msgspec.Struct, frozen=True, gc=False):
    """One request without its host."""

    method: str
    #: Path and query.
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def octets(self, authority: str, agent: str) -> bytes:
        """As HTTP/1.1 has it.  `authority` is what the Host header says."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {authority}", f"User-Agent: {agent}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.body or self.method not in ("GET", "HEAD", "DELETE"):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class RequestForm(msgspec.Struct, frozen=True):
    """One kind of request."""

    method: str
    path: Text
    query: Mapping[str, Text]
    headers: Mapping[str, Text]
    auth: Auth = Auth.NONE
    form: Mapping[str, Text] | None = None
    json: Tree = None
    xml: Tree = None
    #: What each message of a JSON body is, the list that it lies in, and how many fit.
    each: Tree = None
    each_at: str = ""
    batch: int = 1

    @property
    def names(self) -> frozenset[str]:
        """All that its templates ask for."""
        return frozenset(self._names())

    def _names(self) -> Iterator[str]:
        yield from self.path.names
        for table in (self.query, self.headers, self.form, self.json, self.xml, self.each):
            yield from names_in(table)

    def write(self, values: Values, messages: Sequence[Any] = ()) -> Written:
        """The request with its values; `messages` are those of a batch, written before.  Raises: CannotWrite."""
        query = urlencoded(write_pairs(self.query, values))
        target = write_path(self.path, values) + (f"?{query}" if query else "")
        headers = [(name, write_header(text, values)) for name, text in self.headers.items()]
        headers += self._authorization(values)
        body, kind = self._body(values, messages)
        if kind and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", kind))
        return Written(self.method, target, tuple(headers), body)

    def write_each(self, values: Values) -> Any:
        """One message of a batch.  Raises: CannotWrite."""
        return write_json(self.each, values)

    def _body(self, values: Values, messages: Sequence[Any]) -> tuple[bytes, str]:
        if self.json is not None or self.each is not None:
            plain = write_json(self.json if self.json is not None else {}, values)
            if self.each is not None:
                plain[self.each_at] = list(messages)
            return json_octets(plain), JSON
        if self.xml is not None:
            return write_xml(self.xml, values), XML
        if self.form is not None:
            return urlencoded(write_pairs(self.form, values)).encode("ascii"), FORM
        return b"", ""

    def _authorization(self, values: Values) -> list[tuple[str, str]]:
        username, password = str(values.get("username", "")), str(values.get("password", ""))
        if self.auth is Auth.BASIC:
            return [("Authorization", f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}")]
        return [("Authorization", f"Bearer {password}")] if self.auth is Auth.BEARER else []
