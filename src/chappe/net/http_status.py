"""The HTTP server for those who watch: `/metrics`, `/status.json`, `/healthz`, `/readyz`.

It must never know how a value comes about: it is given functions and serves what they return.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec

from chappe.model.errors import SettingsError
from chappe.net.http_message import JSON, NO_STORE, Reply, Request
from chappe.net.http_routes import Route, get_and_head
from chappe.net.http_server import HttpServer
from chappe.observe.health import Health
from chappe.observe.status import BoxStatus

Told = TypeVar("Told")

#: What Prometheus expects of its text form.
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


def health_routes(health: Health) -> list[Route]:
    """`/healthz` and `/readyz` for any server."""

    def live(request: Request) -> Reply:
        return Reply(200, b"ok\n", _TEXT, headers=NO_STORE)

    def ready(request: Request) -> Reply:
        why = health.why_not_ready
        return Reply(503 if why else 200, f"{why or 'ready'}\n".encode(), _TEXT, headers=NO_STORE)

    return [*get_and_head("/healthz", live), *get_and_head("/readyz", ready)]


class StatusServer:
    """Serves one box's metrics, status and health."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._metrics: Callable[[], bytes | Awaitable[bytes]] | None = None
        self._status: Callable[[], BoxStatus | Awaitable[BoxStatus]] | None = None
        self._server: HttpServer | None = None
        self.port = 0

    def show(
        self,
        *,
        metrics: Callable[[], bytes | Awaitable[bytes]],
        status: Callable[[], BoxStatus | Awaitable[BoxStatus]],
    ) -> None:
        """From now on there is something to tell; before, both paths answer 503."""
        self._metrics, self._status = metrics, status

    async def listen(self, host: str, port: int) -> int:
        """Open the door; returns the real port, which differs when `port` is 0.

        Raises: SettingsError when the address cannot be had.
        """
        self._server = HttpServer(
            [
                *health_routes(self._health),
                *get_and_head("/metrics", self._answer_metrics),
                *get_and_head("/status.json", self._answer_status),
            ]
        )
        try:
            self.port = await self._server.listen(host, port)
        except OSError as error:
            raise SettingsError(f"listen.metrics {host}:{port}: {error.strerror}; choose another address") from error
        return self.port

    async def close(self) -> None:
        """Close the door."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def _answer_metrics(self, request: Request) -> Reply:
        if self._metrics is None:
            return Reply(503, b"starting\n", _TEXT)
        return Reply(200, await _told(self._metrics()), METRICS_TYPE)

    async def _answer_status(self, request: Request) -> Reply:
        if self._status is None:
            return Reply(503, b"starting\n", _TEXT)
        return Reply(200, msgspec.json.encode(await _told(self._status())), JSON, headers=NO_STORE)


async def _told(told: Told | Awaitable[Told]) -> Told:
    """A value that is there, or one that others are asked for."""
    return await told if inspect.isawaitable(told) else told
