"""A gateway with web pages in a folder of its own, and a browser that looks at them: for the journey and the pictures.

It must never know what is clicked.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ports import free_port

PASSWORD = "correct horse battery"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
PATIENCE_S = 60.0


def why_no_browser() -> str:
    """Why no browser can be driven here; empty when one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: make check installs it"
    return "" if CHROMIUM else "there is no chromium: apt-get install chromium"


class Place:
    """A running gateway and where it listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("smpp", "http", "metrics", "frontend")}
        self.url = f"http://127.0.0.1:{self.ports['frontend']}"
        self.smsc_port = free_port()
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, settings: str = "") -> None:
        listen = "".join(f'{name} = "127.0.0.1:{port}"\n' for name, port in self.ports.items())
        (self.folder / "chappe.toml").write_text(f'[gateway]\ndata_dir = "data"\n[listen]\n{listen}{settings}')
        self.run("up", "--config", "chappe.toml")
        until(lambda: answers(self.url + "/sign-in"))

    def run(self, *words: str) -> subprocess.Popen[bytes]:
        """A command of ours that goes on until the end."""
        log = (self.folder / f"{words[0]}-{len(self.children)}.log").open("wb")
        command = [sys.executable, "-m", "chappe.cli", *words]
        child = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def smsc(self, *options: str, port: int = 0) -> subprocess.Popen[bytes]:
        """A simulated operator."""
        listen = f"127.0.0.1:{port or self.smsc_port}"
        return self.run(
            "sim", "smsc", "--quiet", "--listen", listen, "--system-id", "chappe", "--password", "secret", *options
        )

    def post(self, token: str, to: str, text: str = "Hello") -> int:
        """One message over the client API; the status of the answer."""
        body = json.dumps({"to": to, "from": "SHOP", "text": text}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}/v1/messages", body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def stop(self) -> None:
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(25)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    @property
    def first_url(self) -> str:
        """Where the first administrator is made."""
        return f"{self.url}/first?token={(self.folder / 'data' / 'frontend.first').read_text().strip()}"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.1)


@contextmanager
def place_in(folder: Path) -> Iterator[Place]:
    """A place whose processes end with the block."""
    place = Place(folder)
    try:
        yield place
    finally:
        place.stop()


@contextmanager
def browser() -> Iterator[Any]:
    """A page of a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        driven = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = driven.new_context(viewport={"width": 1280, "height": 860}).new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("dialog", lambda dialog: dialog.accept())
        try:
            yield page
        finally:
            driven.close()


def make_first(page: Any, place: Place) -> None:
    """Become the administrator."""
    page.goto(place.first_url)
    page.fill("#name", "ada")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("text=Begin")
    page.wait_for_url("**/welcome")


def change(page: Any, url: str, fields: dict[str, str], *, resets_links: bool = False) -> None:
    """Fill a form of the configuration, review the draft, and apply it."""
    page.goto(url)
    for name, value in fields.items():
        if name == "more":
            page.click("text=More keys")
        page.fill(f"#{name}", value)
    if resets_links:
        page.check("[name=resets_links]")
    page.click("text=Review")
    page.click("button:has-text('Apply')")
    page.wait_for_selector("text=counts now")


def add_operator(page: Any, place: Place, name: str, **fields: str) -> None:
    told = {"name": name, "address": f"127.0.0.1:{place.smsc_port}", "system_id": "chappe", "password": "secret"}
    change(page, f"{place.url}/configure/operators/add", told | fields)


def add_client(page: Any, place: Place, name: str, token: str, **fields: str) -> None:
    told = {"name": name, "http-token": token}
    change(
        page, f"{place.url}/configure/clients/add", told | {key.replace("_", "-"): each for key, each in fields.items()}
    )


def add_route(page: Any, place: Place, to: str, operator: str) -> None:
    change(page, f"{place.url}/configure/routes", {"to": to, "operators": operator})
