"""The HTTP server for those who watch: `/metrics`, `/status.json`, `/healthz`, `/readyz`.

It must never know how a value comes about: it is given functions and serves what they return.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from chappe.model.errors import SettingsError
from chappe.observe.health import Health
from chappe.observe.status import BoxStatus

#: What Prometheus expects of its text form.
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
#: Nobody sends a body here.
MAX_BODY_OCTETS: Final = 1024


def health_answer(health: Health, path: str) -> tuple[int, str] | None:
    """Status and body of `/healthz` and `/readyz`; None for any other path."""
    if path == "/healthz":
        return 200, "ok\n"
    if path == "/readyz":
        why = health.why_not_ready
        return (503, f"{why}\n") if why else (200, "ready\n")
    return None


def health_routes(health: Health) -> list[web.RouteDef]:
    """`/healthz` and `/readyz` for any aiohttp application."""

    async def answer(request: web.Request) -> web.Response:
        status, text = health_answer(health, request.path) or (404, "")
        return web.Response(status=status, text=text, headers={"Cache-Control": "no-store"})

    return [web.get("/healthz", answer), web.get("/readyz", answer)]


class StatusServer:
    """Serves one box's metrics, status and health."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._metrics: Callable[[], bytes] | None = None
        self._status: Callable[[], BoxStatus] | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0

    def show(self, *, metrics: Callable[[], bytes], status: Callable[[], BoxStatus]) -> None:
        """From now on there is something to tell; before, both paths answer 503."""
        self._metrics, self._status = metrics, status

    async def listen(self, host: str, port: int) -> int:
        """Open the door; returns the real port, which differs when `port` is 0.

        Raises: SettingsError when the address cannot be had.
        """
        application = web.Application(client_max_size=MAX_BODY_OCTETS)
        application.add_routes(
            [
                *health_routes(self._health),
                web.get("/metrics", self._answer_metrics),
                web.get("/status.json", self._answer_status),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, keepalive_timeout=30.0, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.close()
            raise SettingsError(f"listen.metrics {host}:{port}: {error.strerror}; choose another address") from error
        self.port = int(self._runner.addresses[0][1])
        return self.port

    async def close(self) -> None:
        """Close the door."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        if self._metrics is None:
            return web.Response(status=503, text="starting\n")
        return web.Response(body=self._metrics(), headers={"Content-Type": METRICS_TYPE})

    async def _answer_status(self, request: web.Request) -> web.Response:
        if self._status is None:
            return web.Response(status=503, text="starting\n")
        body = msgspec.json.encode(self._status())
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})
