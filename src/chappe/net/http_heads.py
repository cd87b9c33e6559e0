"""Remembers heads of requests that were read before: machines send the same octets over and over.

What the parser found in a head holds for the same octets wherever they begin a request, so they are read only once.
This file must never read a head by itself.
"""

from collections.abc import Mapping
from typing import Final

from chappe.net.http_message import Request

#: Longest head that is remembered, and how many are: together 8 MiB.
MAX_OCTETS: Final = 2_048
MAX_HEADS: Final = 4_096
#: Their values differ from request to request, or say that the connection is more than a sequence of requests.
_UNLIKELY: Final = frozenset(
    {"connection", "expect", "idempotency-key", "traceparent", "transfer-encoding", "upgrade", "x-request-id"}
)
_END: Final = b"\r\n\r\n"


class KnownHead:
    """What a head says: all that follows it is a body of `length` octets."""

    __slots__ = ("headers", "length", "method", "path", "query")

    def __init__(self, method: str, path: str, query: str, headers: Mapping[str, str], length: int) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.length = length


class KnownHeads:
    """Heads of requests with a body, by their octets."""

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}

    def split(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """Head and body of a request that `data` is the whole of; None where its head is new, or that is not so."""
        end = data.find(_END, 0, MAX_OCTETS)
        if end < 0:
            return None
        end += 4
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.length:
            return None
        return head, data[end:]

    def remember(self, data: bytes, request: Request) -> None:
        """Keep the head of the one whole request that the parser found `data` to be, if it may come again."""
        headers = request.headers
        end = data.find(_END, 0, MAX_OCTETS) + 4
        length = len(data) - end
        if end < 4 or not length or headers.get("content-length") != str(length) or not _UNLIKELY.isdisjoint(headers):
            return
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[data[:end]] = KnownHead(request.method, request.path, request.query, headers, length)
