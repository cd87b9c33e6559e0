"""Reads what other people's APIs say: `json:messages.0.id`, `form:From`, `header:X-Id`, `body`, and so on.

Whatever cannot be read is empty, and never an error: who asks decides what that means.
"""

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.parsers import expat

import msgspec

#: How deep a document may be nested, and how much of a value is read.
MAX_DEPTH: Final = 32
MAX_VALUE: Final = 65_536
_WORDS: Final = "body, status, json:PATH, xml:PATH, form:NAME, query:NAME or header:NAME, perhaps with ` ~ PATTERN`"


class Source(Enum):
    """Where a value is read from."""

    BODY = "body"
    STATUS = "status"
    JSON = "json"
    XML = "xml"
    FORM = "form"
    QUERY = "query"
    HEADER = "header"


_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WITHOUT_PATH: Final = frozenset({Source.BODY, Source.STATUS})
_IN_ITEM: Final = frozenset({Source.JSON, Source.XML})


class Reader(msgspec.Struct, frozen=True):
    """Where one value is: a source, a path in it, and perhaps a pattern whose first group counts."""

    source: Source
    path: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None


def reader_of(told: str) -> Reader:
    """Read what a profile says.  Raises: ValueError."""
    where, tilde, pattern = told.partition(" ~ ")
    word, colon, path = where.strip().partition(":")
    try:
        source = Source(word)
    except ValueError:
        raise ValueError(f"{told!r}: expected {_WORDS}") from None
    if (source in _WITHOUT_PATH) == bool(path) or (colon and not path):
        raise ValueError(f"{told!r}: expected {_WORDS}")
    compiled = None
    if tilde:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{told!r}: {pattern!r} is no regular expression: {error}") from error
        if compiled.groups < 1:
            raise ValueError(f"{told!r}: the pattern has no group, as in `id=([0-9]+)`")
    if source is Source.HEADER:
        return Reader(source, (path.lower(),), compiled)
    steps = tuple(path.split(".")) if source in _IN_ITEM else (path,) if path else ()
    return Reader(source, steps, compiled)


class Said:
    """One answer or one call of a peer; its parts are read when they are asked for."""

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        charset: str = "",
    ) -> None:
        """Names of `headers` are in lower case."""
        self.body = body
        self.status = status
        self.headers = headers or {}
        self._query_text = query
        self._charset = charset or "utf-8"
        self._parts: dict[Source, Any] = {}

    def is_readable(self, source: Source) -> bool:
        """Whether the body is what a reader takes it for."""
        return source not in _IN_ITEM or self._part(source) is not None

    def items(self, reader: Reader | None) -> list[Any]:
        """The places of a list, one for each message; without a reader, or where no list is, the whole is one."""
        if reader is None:
            return [None]
        found = _walk(self._part(reader.source), reader.path)
        return found if isinstance(found, list) else [] if found is None else [found]

    def read(self, reader: Reader | None, item: Any = None) -> str:
        """One value; of an item, where the reader reads documents.  Empty where there is none."""
        if reader is None:
            return ""
        value = self._value(reader, item)
        if reader.pattern is None:
            return value
        found = reader.pattern.search(value)
        return (found[1] or "") if found else ""

    def _value(self, reader: Reader, item: Any) -> str:
        source = reader.source
        if source is Source.STATUS:
            return str(self.status)
        if source is Source.BODY:
            return self._decoded(self.body[:MAX_VALUE]).strip()
        if source is Source.HEADER:
            return self.headers.get(reader.path[0], "")
        part = self._part(source)
        if source in _IN_ITEM:
            return _plain(_walk(part if item is None else item, reader.path))
        return str(part.get(reader.path[0], ""))

    def pairs(self, source: Source) -> list[tuple[str, str]]:
        """The fields of a form or a query, in their order."""
        text = self._query_text if source is Source.QUERY else self.body.decode("latin-1")
        try:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=1_000, errors="replace")
        except ValueError:
            return []

    def _part(self, source: Source) -> Any:
        if source not in self._parts:
            if source is Source.JSON:
                self._parts[source] = _json(self.body)
            elif source is Source.XML:
                self._parts[source] = _xml(self.body)
            else:
                self._parts[source] = dict(self.pairs(source))
        return self._parts[source]

    def _decoded(self, octets: bytes) -> str:
        """A text in the charset that the peer names; in UTF-8 where that is none in which texts are written."""
        try:
            return octets.decode(self._charset, "replace")
        except (LookupError, ValueError):
            return octets.decode("utf-8", "replace")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _walk(found: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _plain(value: Any) -> str:
    """A value as text; of an element with attributes, its text."""
    if isinstance(value, Mapping):
        value = value.get("#text")
    if value is None or isinstance(value, list | Mapping):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON can spell half of a pair, which no text of ours may hold.
    return _LONE_SURROGATE.sub("\ufffd", str(value)[:MAX_VALUE])


# -- XML --------------------------------------------------------------------------------------------------------------


class _TooMuch(Exception):
    """A document that nobody writes in earnest."""


class _Tree:
    """Gathers a document as tables, in which `@name` is an attribute; elements of one name make a list."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise _TooMuch
        self._open.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def end(self, name: str) -> None:
        _, table, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = table if table else text
        if table and text:
            table["#text"] = text
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def text(self, text: str) -> None:
        self._open[-1][2].append(text)


def _xml(body: bytes) -> Any:
    """A document as tables, the outermost element in front; None where it is none or declares anything."""
    tree = _Tree()
    parser = expat.ParserCreate()
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _TooMuch, LookupError, ValueError):
        # The last two are of encodings that the document names and nobody knows.
        return None
    return tree.root


def _refuse(*_: object) -> None:
    """Whoever declares entities means no good."""
    raise _TooMuch
