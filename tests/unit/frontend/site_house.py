"""The pages under test: who is there, what the store says, what was asked of the gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from chappe.frontend.terms import Explained, Terms
from chappe.frontend.wishes import Reply, Wish
from chappe.model.errors import ResourceError
from chappe.model.lifecycle import Direction, Status
from chappe.model.message import Message
from chappe.runtime.settings import Settings
from chappe.store.lives import Life
from chappe.store.views import FailedView, HeldView, LifeView, Look, Looked, ParkedView

PASSWORD = "correct horse battery"


def message(number: int, client: str = "acme", text: bytes = b"Your code is 1", **keys: Any) -> Message:
    told = {"dest": "37120000001", "source": "SHOP", **keys}
    return Message(number, Direction.MT, client, "", 5, 0, told["source"], 1, 1, told["dest"], text)


class StoreOfTests:
    """A reader whose answers a test writes."""

    hot = "the hot file"

    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}
        self.events: list[dict[str, str]] = []
        self.parked: list[ParkedView] = []
        self.held: list[HeldView] = []
        self.failed: list[FailedView] = []

    def add(self, told: Message, status: Status = Status.DELIVERED) -> None:
        self.lives[told.id] = Life(told.id, status, told, "three", "REF1", 1, 2)

    def life(self, message_id: int) -> Life | None:
        return self.lives.get(message_id)

    def look(self, look: Look) -> Looked:
        views = [
            LifeView(
                each.id, "mt", each.message.client, "three", each.status.word, each.message.dest, each.message.source,
                each.message.reference, "REF1", 1, "", 1, 1, 2,
            )
            for each in self.lives.values()
            if each.message
        ]  # fmt: skip
        return Looked([each for each in views if look.fits(each, Status.DELIVERED)])

    def life_events(self, message_id: int) -> list[dict[str, str]]:
        return []

    def recent_events(self, names: Collection[str]) -> list[dict[str, str]]:
        return [each for each in self.events if each["event"] in names]

    def parked_reports(self, limit: int = 1_000) -> list[ParkedView]:
        return self.parked

    def held_items(self, limit: int = 1_000) -> list[HeldView]:
        return self.held

    def failed_callbacks(self, client: str, limit: int) -> list[FailedView]:
        return [each for each in self.failed if client in ("", each.client)]

    def callbacks_off(self) -> list[Any]:
        return []

    def versions(self, limit: int) -> list[Any]:
        return []

    def version(self, number: int) -> None:
        return None


class HandsOfTests:
    """Notes what was asked, and says that it was done."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []
        self.reply = Reply("done", count=1)

    def ask(self, kind: str, values: Mapping[str, Any], asked_by: str) -> int:
        self.asked.append((kind, values, asked_by))
        return len(self.asked)

    def wait(self, number: int, patience_s: float) -> Reply | None:
        return self.reply

    def recent(self, limit: int) -> list[Wish]:
        return []


def explain(settings: Settings, **asked: str) -> Explained:
    return Explained([("routes[0]", "decides", "everything that it asks for fits")], "goes to sim", True)


def preview(settings: Settings, **asked: str) -> str:
    return "no route takes it"


class Site:
    """The pages, and who uses them."""

    def __init__(self, folder: Path) -> None:
        from chappe.frontend import django_settings

        self.folder = folder
        self.store = StoreOfTests()
        self.hands = HandsOfTests()
        self.terms = Terms(
            "127.0.0.1:8000", folder, self.store, lambda: Settings.default(folder), explain, preview, self.hands,
            "http://127.0.0.1:9", is_sampling=False,
        )  # fmt: skip
        django_settings.configure(self.terms)
        from django.conf import settings

        # Argon2 is slow on purpose; what hashes is not what these tests are about.
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

    def clear(self) -> None:
        from django.contrib.sessions.models import Session

        from chappe.frontend import here, models
        from chappe.frontend.reading import Reading

        self.store.__init__()  # type: ignore[misc]
        self.hands.__init__()  # type: ignore[misc]
        here.show(Reading(self.terms))
        for kind in (models.AuditEntry, models.Failure, models.SignIn, models.Person, Session):
            kind.objects.all().delete()

    def person(self, role: str, name: str = "", client: str = "") -> Any:
        from chappe.frontend.models import Person

        return Person.objects.make(name or role, PASSWORD, role, client)

    def browser(self, **keys: Any) -> Any:
        from django.test import Client

        return Client(raise_request_exception=True, HTTP_HOST="127.0.0.1:8000", **keys)

    def signed_in(self, role: str, name: str = "", client: str = "") -> Any:
        """A browser in which somebody of that role has signed in."""
        from chappe.frontend.models import Person

        if not Person.objects.filter(name=name or role).exists():
            self.person(role, name, client)
        browser = self.browser()
        answer = browser.post("/sign-in", {"name": name or role, "password": PASSWORD})
        assert answer.status_code == 302, answer.content
        return browser


def site_in(folder: Path) -> Site:
    try:
        return Site(folder)
    except ResourceError as error:
        raise AssertionError(str(error)) from error
