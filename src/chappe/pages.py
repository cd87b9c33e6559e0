"""Puts the web pages together: which store they read, which gateway they watch, whose settings they show.

It must never write anything: pages ask the gateway by instructions.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from chappe.clients.http_path import Path as HttpPath
from chappe.clients.http_path import path_over
from chappe.clients.http_preview import preview_of
from chappe.configuration.document import settings_with, tables_of
from chappe.frontend.terms import Explained, Terms
from chappe.frontend.wishes import Reply, Wish
from chappe.instructions.asking import asking_of
from chappe.instructions.kinds import Instruction
from chappe.instructions.outcome import Asked as AskedFor
from chappe.instructions.outcome import Outcome
from chappe.model.errors import SettingsError
from chappe.model.lifecycle import Direction
from chappe.model.message import Message
from chappe.node_terms import http_path_of
from chappe.routing_terms import policy_of
from chappe.rules.admit import Asked, Refused
from chappe.rules.explain import explain_mo, explain_mt
from chappe.runtime.settings import Settings
from chappe.runtime.settings_gateway import Gateway
from chappe.store.sqlite.reader import SqliteReader
from chappe.store.views import Reader
from chappe.wire.http.messages import NewMessage, Preview
from chappe.wire.http.problems import Code, Refusal


def run_pages(settings: Settings, config: Path | None, *, ends_with_parent: bool = False) -> int:
    """Serve the pages until told to stop; returns the exit code.  Raises: ResourceError, SettingsError."""
    from chappe.frontend import server

    if ends_with_parent:
        server.end_with_parent()
    return server.run(terms_of(settings, config))


def terms_of(settings: Settings, config: Path | None) -> Terms:
    """What the pages need to know of a gateway of these settings."""
    settings = _as_role(settings)
    gateway, listen, frontend = settings.gateway, settings.listen, settings.frontend
    reader = _reader_of(gateway)
    return Terms(
        address=listen.frontend,
        data_dir=gateway.data_path,
        reader=reader,
        settings=Counting(reader, settings),
        explain=explain,
        preview=preview,
        hands=QueueHands(settings),
        watch_url=f"http://{_reachable(listen.metrics)}",
        hosts=frontend.hosts,
        proxy=frontend.proxy,
        is_demo=config is None,
    )


def _as_role(settings: Settings) -> Settings:
    """The settings by which the pages reach the store: as a role of their own, where there is one."""
    gateway, dsn = settings.gateway, settings.frontend.dsn
    if not dsn or gateway.is_one_process:
        return settings
    return msgspec.structs.replace(settings, gateway=msgspec.structs.replace(gateway, store=dsn))


def _reader_of(gateway: Gateway) -> Reader:
    if gateway.is_one_process:
        return SqliteReader(gateway.data_path, is_lasting=True)
    from chappe.store.postgres.reader import PostgresReader

    return PostgresReader(gateway.store)


class QueueHands:
    """The queue of instructions, wherever it lies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def ask(self, kind: str, values: Mapping[str, Any], asked_by: str) -> int:
        """Lay an instruction in.  Raises: ResourceError, SettingsError."""
        try:
            instruction = msgspec.convert({"type": kind, **values}, Instruction, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{kind}: {error}") from error
        with closing(asking_of(self._settings)) as asking:
            return asking.ask(instruction, asked_by)

    def wait(self, number: int, patience_s: float) -> Reply | None:
        """Look until something came of it, or patience ends.  Raises: ResourceError."""
        with closing(asking_of(self._settings)) as asking:
            outcome = asking.wait(number, patience_s)
        return None if outcome is None else _reply(outcome.state.value, outcome)

    def recent(self, limit: int) -> list[Wish]:
        """The youngest, youngest first.  Raises: ResourceError."""
        with closing(asking_of(self._settings)) as asking:
            return [_wish(each) for each in asking.recent(limit)]


def _wish(asked: AskedFor) -> Wish:
    # A secret that was made is for who asked, and for the page that comes next alone.
    reply = Reply(asked.state.value) if asked.outcome is None else _reply(asked.state.value, asked.outcome, secret="")
    return Wish(asked.id, asked.kind, asked.asked_by, asked.asked_at, reply)


def _reply(state: str, outcome: Outcome, secret: str | None = None) -> Reply:
    return Reply(
        state,
        outcome.fault,
        outcome.count,
        outcome.left,
        outcome.version,
        outcome.told,
        outcome.doubts,
        outcome.unmoved,
        outcome.secret if secret is None else secret,
        outcome.changed,
        outcome.remaining,
    )


class Counting:
    """The settings that count: the newest version of the configuration, or the file before the first."""

    def __init__(self, reader: Reader, own: Settings) -> None:
        self._reader = reader
        self._own = own
        self._read: tuple[int, Settings] = (0, own)

    def __call__(self) -> Settings:
        """Look which version counts, and read it if it is another one.  Raises: SettingsError, ResourceError."""
        versions = self._reader.versions(1)
        if not versions:
            return self._own
        newest = versions[0]
        if newest.number != self._read[0]:
            self._read = (newest.number, settings_with(tables_of(newest), self._own, f"version {newest.number}"))
        return self._read[1]


def _reachable(address: str) -> str:
    """Where what listens at every address of this box can be asked from here."""
    host, _, port = address.rpartition(":")
    here = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return f"{here}:{port}"


def preview(settings: Settings, *, to: str, source: str, client: str, text: str) -> Preview | str:
    """What a message would be, judged as the client API judges it; a line where it would be refused."""
    policy, _ = policy_of(settings)
    paths = {each.name: http_path_of(each, settings.profile_of(each)) for each in settings.operators}
    now_ms = int(time.time() * 1000)

    def find_path(number: str, sender: str) -> HttpPath | Refusal | None:
        judged = policy.admit(Asked(number, sender, client, text), now_ms)
        if isinstance(judged, Refused):
            return Refusal(Code.NO_ROUTE, judged.detail)
        return path_over([paths[each] for each in judged.operators])

    # Until a number is typed, the text alone is looked at.
    told = preview_of(NewMessage(to=to or "+10000000", source=source or None, text=text), client, now_ms, find_path)
    return _refused(told) if isinstance(told, Refusal) else told


def _refused(refusal: Refusal) -> str:
    return "; ".join([refusal.detail, *(f"{each.pointer.lstrip('/')}: {each.detail}" for each in refusal.errors)])


def explain(
    settings: Settings, *, to: str, source: str, client: str, text: str, direction: str, operator: str
) -> Explained:
    """Which rule decides about a message, by the rules of the door."""
    policy, mo_routes = policy_of(settings)
    now_ms = int(time.time() * 1000)
    if direction == "mo":
        message = Message(0, Direction.MO, "", operator, 0, 0, source, 0, 0, to, b"")
        told = explain_mo(mo_routes, message, text, now_ms)
    else:
        told = explain_mt(policy, Asked(to, source, client, text), now_ms)
    return Explained([(each.rule, each.verdict, each.why) for each in told.steps], told.outcome, told.is_taken)
