"""A client of a whole gateway's HTTP door: what journeys call it by.

It must never know what a test is about.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from chappe.runtime.settings_client_doors import ClientHttp
from chappe.runtime.settings_clients import Client
from chappe.sim.smsc import SmscSimulator
from house import House, client, small_house

MESSAGE = {"to": "+37120000001", "from": "SHOP", "text": "Hello"}


def web_client(name: str = "demo", **keys: Any) -> Client:
    return client(name, http=ClientHttp(token=f"{name}-token"), **keys)


class Answer:
    """Status, headers and the body, read as JSON where it is JSON."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers = response.status, response.headers
        self.body: Any = json.loads(body) if "json" in response.headers["Content-Type"] else body.decode()

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.body["status"] == self.status
        assert {"type", "title", "status", "detail", "code", "request_id", "errors"} <= set(self.body)
        return str(self.body["code"])

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.body["errors"]]


class Caller:
    """Calls the door as one client."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def call(self, method: str, path: str, **keys: Any) -> Answer:
        async with self.session.request(method, path, **keys) as response:
            return Answer(response, await response.read())

    async def post(self, body: Any, key: str | None = None) -> Answer:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.call("POST", "/v1/messages", data=json.dumps(body), headers=headers)

    async def get(self, message_id: str) -> Answer:
        return await self.call("GET", f"/v1/messages/{message_id}")

    async def until(self, message_id: str, status: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = (await self.get(message_id)).body
            if found["status"] == status:
                return found
            assert not found["final"], found
            await asyncio.sleep(0.01)


@asynccontextmanager
async def calling(house: House, name: str = "demo", token: str | None = None) -> AsyncIterator[Caller]:
    headers = {"Authorization": f"Bearer {token or f'{name}-token'}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{house.gateway.http_port}", headers=headers) as session:
        yield Caller(session)


@asynccontextmanager
async def web_house(folder: Path, **keys: Any) -> AsyncIterator[tuple[House, SmscSimulator, Caller]]:
    keys.setdefault("clients", [web_client()])
    async with small_house(folder, **keys) as (house, smsc), calling(house) as caller:
        yield house, smsc, caller
