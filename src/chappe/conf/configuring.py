"""Changes of the configuration: judged as a whole, written as a new version, announced to who runs by it.

Reads and writes versions.  It must never know what a node does with one.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from chappe.conf.steering import Reset
from chappe.configuration.changes import changed
from chappe.configuration.differences import Difference, differences, sections_of
from chappe.configuration.document import (
    Document,
    canonical,
    digest_of,
    settings_with,
    shared_text,
    tables_of,
    toml_of,
)
from chappe.configuration.secrets import give_secret, secret_for
from chappe.crash import CrashPoint, reach
from chappe.instructions.kinds import (
    ApplyConfiguration,
    Change,
    ChangeOperator,
    ResetLink,
    Rollback,
    RotateClientSecret,
    kind_of,
)
from chappe.instructions.outcome import Asked, Outcome
from chappe.model.errors import SettingsError
from chappe.runtime.clock import Clock
from chappe.runtime.settings import Settings
from chappe.store.versions import Version, Versions

#: Differences that an outcome tells.
TOLD: Final = 100
#: Other boxes that were quicker with a version of their own, before we give up.
TRIES: Final = 5

#: Keys of an operator that count when its links are dialled.
DIALLED: Final = ("protocol", "bind", "address", "system_id", "password", "system_type", "tls", "http")

#: Has everything that runs take a version over; returns who stayed on the old one, and why.
Announce = Callable[[Version, Settings], Awaitable[dict[str, str]]]


class Configuring:
    """Carries out what changes the configuration.  Every method raises StoreAway."""

    def __init__(
        self,
        versions: Versions,
        own: Settings,
        clock: Clock,
        key: bytes,
        announce: Announce,
        reset: Reset,
        doubts: Callable[[Settings], Sequence[str]],
    ) -> None:
        """`own` has what is this box's own; secrets are made of `key`; `doubts` raises SettingsError."""
        self._versions = versions
        self._own = own
        self._clock = clock
        self._key = key
        self._announce = announce
        self._reset = reset
        self._doubts = doubts
        #: What was judged last, by its digest: each version is asked about several times.
        self._judged: tuple[str, Settings, tuple[str, ...]] | None = None

    async def carry_out(self, instruction: Change, asked: Asked, approved_by: str = "") -> Outcome:
        """Make a version of it, or say why not; asked again after a death it makes none twice."""
        try:
            for _ in range(TRIES):
                made = await self._versions.made_by(asked.id)
                if made is not None:
                    return await self._announced(instruction, made)
                newest = await self._versions.newest()
                outcome = await self._made(instruction, asked, approved_by, newest)
                if outcome is not None:
                    return outcome
        except SettingsError as error:
            return Outcome(fault=str(error))
        return Outcome(fault="the configuration changes too fast: try again")

    async def _made(
        self, instruction: Change, asked: Asked, approved_by: str, newest: Version | None
    ) -> Outcome | None:
        """The outcome where no version is made, or some other one was quicker: then it is None."""
        before: Document = tables_of(newest) if newest is not None else {}
        number = newest.number if newest is not None else 0
        if instruction.base and instruction.base != number:
            raise SettingsError(f"version {number} came meanwhile, this change is for {instruction.base}: look again")
        document, toml = await self._changed(instruction, before, asked)
        _, doubts = self._judge(document)
        found = differences(before, document)
        if not found:
            return Outcome(version=number, before=digest_of(before), after=digest_of(before), told=("nothing changes",))
        needed = _needing_approval(before, found)
        if needed and not approved_by:
            return Outcome(needs_approval=needed, before=digest_of(before), told=_told(found), doubts=doubts)
        version = Version(
            number=number + 1,
            at_us=self._clock.utc_us(),
            author=asked.asked_by,
            approved_by=approved_by,
            instruction=asked.id,
            what=_what(instruction),
            digest=digest_of(document),
            before=digest_of(before),
            toml=toml,
            document=canonical(document),
        )
        reach(CrashPoint.BEFORE_VERSION)
        await self._versions.add(version)
        reach(CrashPoint.AFTER_VERSION)
        return None

    def _judge(self, document: Document) -> tuple[Settings, tuple[str, ...]]:
        """The settings of a document and what is doubtful about them; the last one is known.  Raises: SettingsError."""
        digest = digest_of(document)
        if self._judged is None or self._judged[0] != digest:
            settings = settings_with(document, self._own, "the configuration")
            self._judged = digest, settings, tuple(self._doubts(settings))
        return self._judged[1], self._judged[2]

    async def _changed(self, instruction: Change, before: Document, asked: Asked) -> tuple[Document, str]:
        """The new document, as tables and as text.  Raises: SettingsError."""
        if isinstance(instruction, Rollback):
            earlier = await self._versions.version(instruction.version)
            if earlier is None:
                raise SettingsError(f"there is no version {instruction.version}: look with: chappe conf versions")
            return tables_of(earlier), earlier.toml
        if isinstance(instruction, RotateClientSecret):
            until_us = self._clock.utc_us() + int(instruction.overlap_s * 1_000_000)
            made = secret_for(self._key, asked.id, instruction.secret)
            document = give_secret(before, instruction.client, instruction.secret, made, until_us)
            return document, toml_of(document)
        document = changed(before, instruction)
        if isinstance(instruction, ApplyConfiguration):
            return document, shared_text(instruction.toml, document)
        return document, toml_of(document)

    async def _announced(self, instruction: Change, made: Version) -> Outcome:
        """Have the version taken over by who runs, and tell what it changed."""
        newest, earlier = await self._versions.newest(), await self._versions.version(made.number - 1)
        before: Document = tables_of(earlier) if earlier is not None else {}
        unmoved: dict[str, str] = {}
        if newest is None or newest.number == made.number:
            try:
                settings, _ = self._judge(tables_of(made))
            except SettingsError as error:
                unmoved = {"conf": str(error)}
            else:
                unmoved = await self._announce(made, settings)
                if resets := _resets(instruction, before, tables_of(made)):
                    await self._reset(resets, made.instruction)
                    unmoved = await self._announce(made, settings)
        reach(CrashPoint.AFTER_SWAP)
        found = differences(before, tables_of(made))
        is_rotated = isinstance(instruction, RotateClientSecret)
        return Outcome(
            version=made.number,
            before=made.before,
            after=made.digest,
            told=_told(found),
            doubts=self._doubts_or_none(made),
            unmoved=unmoved,
            approved_by=made.approved_by,
            secret=secret_for(self._key, made.instruction, instruction.secret) if is_rotated else "",  # type: ignore[union-attr]
        )

    def _doubts_or_none(self, made: Version) -> tuple[str, ...]:
        try:
            return self._judge(tables_of(made))[1]
        except SettingsError:
            return ()


def _resets(instruction: Change, before: Document, after: Document) -> list[ResetLink]:
    """The operators whose links are to be bound anew with a change."""
    if isinstance(instruction, ChangeOperator):
        return [ResetLink(instruction.name)] if instruction.resets_links else []
    if not isinstance(instruction, ApplyConfiguration | Rollback) or not instruction.resets_links:
        return []
    had = {each["name"]: each for each in before.get("operators", [])}
    return [
        ResetLink(each["name"])
        for each in after.get("operators", [])
        if each["name"] in had and any(each.get(key) != had[each["name"]].get(key) for key in DIALLED)
    ]


def _needing_approval(before: Document, found: Sequence[Difference]) -> tuple[str, ...]:
    """The sections of a change that somebody else must approve, by the rules that count now."""
    wanted = before.get("conf", {}).get("approvals", [])
    return tuple(each for each in sections_of(found) if each in wanted or (each == "conf" and wanted))


def _told(found: Sequence[Difference]) -> tuple[str, ...]:
    more = (f"and {len(found) - TOLD} more",) if len(found) > TOLD else ()
    return tuple(map(str, found[:TOLD])) + more


def _what(instruction: Change) -> str:
    """One line for people: the kind, and whom it concerns."""
    plain = msgspec.to_builtins(instruction)
    whom = plain.get("name") or plain.get("client") or plain.get("operator") or plain.get("section") or ""
    if isinstance(whom, dict):
        whom = whom.get("name", "")
    place = plain.get("version", plain.get("place", ""))
    return " ".join(str(each) for each in (kind_of(instruction), whom, place) if each not in ("", None))
