"""What the door shows to anybody: the OpenAPI document of the client API, and the page that is made of it.

Both are made once, when the door opens.
"""

from collections.abc import Callable
from typing import Final

import chappe
from chappe.clients.http_page import POLICY, page_of
from chappe.clients.http_replies import encode
from chappe.net.http_message import Reply, Request
from chappe.net.http_routes import Route, get_and_head
from chappe.wire.http.openapi import document

OPENAPI: Final = "/openapi.json"
DOCS: Final = "/docs"

#: Neither names a secret; programs of other sites may read the document.
_OPENAPI_HEADERS: Final = b"Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\n"
_PAGE_HEADERS: Final = (
    f"Content-Security-Policy: {POLICY}\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
).encode("ascii")
_CACHED: Final = b"Cache-Control: max-age=300\r\n"


def page_routes() -> list[Route]:
    """The document and the page."""
    found = document(chappe.__version__)
    openapi = Reply(200, encode(found), headers=_OPENAPI_HEADERS + _CACHED)
    page = Reply(200, page_of(found), "text/html; charset=utf-8", headers=_PAGE_HEADERS + _CACHED)
    return [*get_and_head(OPENAPI, _always(openapi)), *get_and_head(DOCS, _always(page))]


def _always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda request: reply
