"""The small pieces of HTML that the API's page is made of: words, badges, coloured JSON.

It must never know what they tell of.
"""

import json
import re
from html import escape
from typing import Any, Final

_CODE: Final = re.compile(r"`([^`]+)`")
_JSON: Final = re.compile(r"(&quot;(?:[^&]|&(?!quot;))*&quot;)(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?)")


def badge(method: str) -> str:
    """A method, in its colour."""
    return f'<span class="badge {method.lower()}">{method}</span>'


def path_of(path: str) -> str:
    """A path, what varies in it apart."""
    return re.sub(r"\{[^}]+\}", lambda found: f"<var>{found[0]}</var>", escape(path))


def words(text: str) -> str:
    """Plain words in which only `code` is marked."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def coloured(value: Any) -> str:
    """JSON, its keys and values coloured."""
    text = escape(json.dumps(value, indent=2, ensure_ascii=False))
    return _JSON.sub(_in_colour, text)


def _in_colour(found: re.Match[str]) -> str:
    string, colon, word, number = found.groups()
    if string is None:
        return f'<span class="n">{word or number}</span>'
    return f'<span class="k">{string}</span>{colon}' if colon else f'<span class="v">{string}</span>'
