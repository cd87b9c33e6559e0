"""Settings as plain values and as TOML text, for people to read.  `as_plain` masks secrets.

It must never read a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from chappe.runtime.settings_table import MASK, Table, fields_of

#: Tables of requests over HTTP whose keys are the peer's own names.
FREE_TABLES: Final = frozenset({"headers", "query", "form", "json", "xml", "each", "values"})
_SECRET_NAMES: Final = frozenset({"auth", "key", "pwd"})
_SECRET_WORDS: Final = ("authorization", "password", "secret", "token", "apikey", "accesskey", "cookie")


def is_hidden(name: str, value: object) -> bool:
    """A value in such a table whose name says that it is a secret; a template like `{password}` tells none."""
    if not isinstance(value, str) or not value or "{" in value:
        return False
    bare = "".join(each for each in name.lower() if each.isalnum())
    return bare in _SECRET_NAMES or any(word in bare for word in _SECRET_WORDS)


def as_plain(table: Table) -> dict[str, Any]:
    """A table as the file would write it: keys of the file, plain values, nothing that is unset, secrets masked."""
    plain = {}
    for key, field in fields_of(type(table)).items():
        value = getattr(table, field.attribute)
        if value is not None:
            plain[key] = _masked(value) if field.is_secret and value else _plain(value, is_free=key in FREE_TABLES)
    return plain


def _masked(value: object) -> Any:
    return [MASK] if isinstance(value, tuple) else MASK


def _plain(value: object, *, is_free: bool = False) -> Any:
    if isinstance(value, Table):
        return as_plain(value)
    if isinstance(value, dict):
        return {
            key: MASK if is_free and is_hidden(key, inner) else _plain(inner, is_free=is_free)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(inner, is_free=is_free) for inner in value]
    return value.value if isinstance(value, Enum) else value


def as_toml(plain: Mapping[str, Any]) -> str:
    """TOML text that reads back as the same values."""
    return "\n".join(_lines(plain, "")).strip()


def _lines(plain: Mapping[str, Any], at: str) -> Iterator[str]:
    """A table's own keys first; TOML would give them to a table that stands before them."""
    tables = {key: value for key, value in plain.items() if _holds_tables(value)}
    yield from (f"{_key(key)} = {literal(value)}" for key, value in plain.items() if key not in tables)
    for key, value in tables.items():
        path = f"{at}.{_key(key)}" if at else _key(key)
        if isinstance(value, list):
            for item in value:
                yield from ("", f"[[{path}]]", *_lines(item, path))
        else:
            yield from ("", f"[{path}]", *_lines(value, path))


def _holds_tables(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() and key.isascii() else literal(key)


def literal(value: object) -> str:
    """A plain value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"
    # JSON writes strings, numbers, true and false as TOML does, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Tables as `as_toml` wants them: a key that is null is unset."""
    return {key: _written(value) for key, value in plain.items() if value is not None}


def _written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return written(value)
    return [_written(each) for each in value] if isinstance(value, list | tuple) else value
