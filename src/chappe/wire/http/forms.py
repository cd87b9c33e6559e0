"""Parameters of a query or of a posted form: names to octets, as other gateways' clients write them.

This file must never know what a parameter means.
"""

from typing import Final
from urllib.parse import unquote_to_bytes

#: The type of a body that is a form.
FORM: Final = "application/x-www-form-urlencoded"

Fields = dict[str, bytes]


def fields_of(query: str) -> Fields:
    """Read `a=1&b=2`; a name that comes twice keeps its first value.  `query` has one character per octet."""
    fields: Fields = {}
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        if name or equals:
            fields.setdefault(_unquoted(name).decode("utf-8", "replace"), _unquoted(value))
    return fields


def _unquoted(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1", "replace"))
