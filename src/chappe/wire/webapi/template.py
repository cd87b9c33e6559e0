"""Templates of requests to other people's APIs: texts with `{names}` in them, and bodies made of such texts.

A value is put into its place after the place has been parsed, never before: JSON, XML, forms and URLs are written from
structures, so that no value can end its field.  There is nothing in a template that could be run.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

#: What stands for a name.
Values = Mapping[str, str | bytes]

_SLOT: Final = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)(?::(number|boolean))?\}|[{}]")
_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_NAME: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?$")
_IN_HEADER: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_HEADER_NAME: Final = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")


class CannotWrite(ValueError):
    """A value has no place in this kind of field."""


class Kind(Enum):
    """What a field of JSON is."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


class Text(msgspec.Struct, frozen=True):
    """One text: pieces, every second one a name."""

    pieces: tuple[str, ...]
    kind: Kind = Kind.TEXT

    @property
    def names(self) -> tuple[str, ...]:
        """What it asks for."""
        return self.pieces[1::2]

    def is_absent(self, values: Values) -> bool:
        """All that it asks for is empty: the field is left out."""
        return len(self.pieces) > 1 and not any(values.get(name) for name in self.names)

    def write(self, values: Values) -> str:
        """The text with its values.  Raises: CannotWrite, for octets that are no text."""
        return "".join(piece if not at % 2 else _text(values, piece) for at, piece in enumerate(self.pieces))

    def write_octets(self, values: Values) -> bytes:
        """The same where octets have a place."""
        return b"".join(
            piece.encode() if not at % 2 else _octets(values, piece) for at, piece in enumerate(self.pieces)
        )


def _text(values: Values, name: str) -> str:
    value = values.get(name, "")
    if isinstance(value, bytes):
        raise CannotWrite(f"{{{name}}} is octets, which only a query or a form can carry")
    return value


def _octets(values: Values, name: str) -> bytes:
    value = values.get(name, "")
    return value if isinstance(value, bytes) else value.encode()


def text_of(template: str) -> Text:
    """Read a template.  Raises: ValueError, saying what is wrong with it."""
    pieces = [""]
    kind, at = Kind.TEXT, 0
    for found in _SLOT.finditer(template):
        pieces[-1] += template[at : found.start()]
        at = found.end()
        if found[1]:
            pieces += [found[1], ""]
            kind = Kind(found[2]) if found[2] else kind
        elif len(found[0]) == 2:
            pieces[-1] += found[0][0]
        else:
            raise ValueError(f"{template!r}: a brace stands alone; expected {{name}}, or {{{{ and }}}} for braces")
    pieces[-1] += template[at:]
    if kind is not Kind.TEXT and (len(pieces) != 3 or pieces[0] or pieces[2]):
        raise ValueError(f"{template!r}: a number or a boolean is a whole field")
    return Text(tuple(pieces), kind)


#: A compiled body: texts where the template has strings, in the same tables and lists.
Tree = Any


def tree_of(template: Any) -> Tree:
    """Read all strings in tables and lists.  Raises: ValueError."""
    if isinstance(template, str):
        return text_of(template)
    if isinstance(template, Mapping):
        return {str(key): tree_of(value) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [tree_of(each) for each in template]
    if template is None or isinstance(template, bool | int | float):
        return template
    raise ValueError(f"{template!r} has no place in a template; expected strings, numbers, true, false, lists, tables")


def names_in(tree: Tree) -> Iterator[str]:
    """All that a body asks for."""
    if isinstance(tree, Text):
        yield from tree.names
    elif isinstance(tree, Mapping):
        for each in tree.values():
            yield from names_in(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from names_in(each)


_ABSENT: Final = object()


def filled(tree: Tree, values: Values, leaf: Callable[[Text, Values], Any]) -> Any:
    """The structure with its values; what is absent is left out, and tables that are empty thereby are, too."""
    if isinstance(tree, Text):
        return _ABSENT if tree.is_absent(values) else leaf(tree, values)
    if isinstance(tree, Mapping):
        inner = {key: filled(each, values, leaf) for key, each in tree.items()}
        kept = {key: each for key, each in inner.items() if each is not _ABSENT}
        return kept if kept or not tree else _ABSENT
    if isinstance(tree, list):
        kept_items = [each for each in (filled(each, values, leaf) for each in tree) if each is not _ABSENT]
        return kept_items if kept_items or not tree else _ABSENT
    return tree


def _json_leaf(text: Text, values: Values) -> Any:
    written = text.write(values)
    if text.kind is Kind.NUMBER:
        try:
            return int(written)
        except ValueError:
            try:
                return float(written)
            except ValueError:
                raise CannotWrite(f"{written!r} is no number") from None
    return written.lower() in ("1", "true", "yes") if text.kind is Kind.BOOLEAN else written


def write_json(tree: Tree, values: Values) -> Any:
    """The values of a JSON body, ready for `json.dumps`.  Raises: CannotWrite."""
    found = filled(tree, values, _json_leaf)
    return {} if found is _ABSENT else found


def json_octets(plain: Any) -> bytes:
    """JSON as octets."""
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def write_pairs(fields: Mapping[str, Text], values: Values) -> list[tuple[str, str | bytes]]:
    """The fields of a query or a form that are there."""
    return [(key, each.write_octets(values)) for key, each in fields.items() if not each.is_absent(values)]


def urlencoded(pairs: list[tuple[str, str | bytes]]) -> str:
    """A query or a form."""
    return urlencode(pairs)


def write_path(path: Text, values: Values) -> str:
    """A path: values are one segment each, whatever is in them.  Raises: CannotWrite."""
    return "".join(
        piece if not at % 2 else quote(_text(values, piece), safe="") for at, piece in enumerate(path.pieces)
    )


def write_header(text: Text, values: Values) -> str:
    """The value of a header.  Raises: CannotWrite."""
    written = text.write(values)
    if not _IN_HEADER.fullmatch(written):
        raise CannotWrite(f"{written!r} has characters that no header may have")
    return written


def is_header_name(name: str) -> bool:
    """Say whether a header may be called so.  RFC 9110 §5.1."""
    return _HEADER_NAME.match(name) is not None


# -- XML --------------------------------------------------------------------------------------------------------------


def write_xml(tree: Tree, values: Values) -> bytes:
    """A document of one element: `{"a" = {"@b" = "…", "c" = "…", "#text" = "…"}}`.  Raises: CannotWrite."""
    found = filled(tree, values, lambda text, known: text.write(known))
    if not isinstance(found, Mapping) or len(found) != 1:
        raise CannotWrite("an XML document has one outermost element")
    pieces: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
    for name, content in found.items():
        _element(name, content, pieces)
    return "".join(pieces).encode("utf-8")


def xml_faults(tree: Tree) -> Iterator[str]:
    """Names that are none in XML."""
    if isinstance(tree, Mapping):
        for key, each in tree.items():
            if key != "#text" and not _XML_NAME.match(key.removeprefix("@")):
                yield f"{key!r} is no name of XML"
            yield from xml_faults(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from xml_faults(each)


def _element(name: str, content: Any, pieces: list[str]) -> None:
    if isinstance(content, list):
        for each in content:
            _element(name, each, pieces)
        return
    pieces.append(f"<{name}")
    inner: Mapping[str, Any] = content if isinstance(content, Mapping) else {"#text": content}
    for key, each in inner.items():
        if key.startswith("@"):
            pieces.append(f' {key[1:]}="{_escaped(each)}"')
    pieces.append(">")
    for key, each in inner.items():
        if key == "#text":
            pieces.append(_escaped(each))
        elif not key.startswith("@"):
            _element(key, each, pieces)
    pieces.append(f"</{name}>")


def _escaped(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    found = _NOT_IN_XML.search(text)
    if found is not None:
        raise CannotWrite(f"XML cannot carry the character U+{ord(found[0]):04X}")
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        text = text.replace(character, entity)
    # In an attribute these would be read as blanks.
    return text.replace("\n", "&#10;").replace("\t", "&#9;")
