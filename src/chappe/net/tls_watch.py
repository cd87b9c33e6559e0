"""Looks after the credentials of a box's TLS doors and links: loads them anew when their files change, and tells of it.

It must never close a door or a connection: what cannot be loaded leaves the old certificate where it is.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

from cryptography import x509

from chappe.model.errors import SettingsError
from chappe.model.events import EventName
from chappe.net.tls import seconds_left, subject_of
from chappe.observe.status import CertificateStatus
from chappe.runtime.clock import Clock
from chappe.runtime.node import Notes
from chappe.store.port import Store

#: How often the files are looked at.
LOOK_EVERY_S: Final = 5.0


class Watched(Protocol):
    """The credentials of a door or of an operator's links."""

    def renew(self, *, is_asked: bool = False) -> bool:
        """Load the files again if they have changed.  Raises: SettingsError."""
        ...

    def shown(self) -> Mapping[str, x509.Certificate]:
        """Certificates whose end matters, by what to add to the name."""
        ...


class TlsWatch:
    """The doors and operators of this process that speak TLS, by name."""

    def __init__(self, credentials_by_door: Mapping[str, Watched], store: Store, clock: Clock) -> None:
        self._credentials_by_door = credentials_by_door
        self._clock = clock
        self._notes = Notes(store, clock)
        self._asked = asyncio.Event()
        #: Door → why its files could not be loaded when they were looked at last.
        self._faults: dict[str, str] = {}

    def watch(self, name: str, credentials: Watched | None) -> bool:
        """Look after these under a name from now on, or after none; returns whether there are any at all."""
        kept = {door: each for door, each in self._credentials_by_door.items() if door != name}
        self._credentials_by_door = kept | ({name: credentials} if credentials is not None else {})
        self._faults.pop(name, None)
        return bool(self._credentials_by_door)

    async def run(self) -> None:
        """Look at the files until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._asked.wait()
            is_asked = self._asked.is_set()
            self._asked.clear()
            self.look(is_asked=is_asked)
            await self._notes.write()

    def ask(self) -> None:
        """Load the files now, changed or not (SIGHUP)."""
        self._asked.set()

    def look(self, *, is_asked: bool = False) -> None:
        """Load what has changed."""
        for door, credentials in self._credentials_by_door.items():
            try:
                if not credentials.renew(is_asked=is_asked):
                    continue
            except SettingsError as error:
                self._faults[door] = str(error)
                self._notes.add(EventName.CERTIFICATE_REFUSED, detail=str(error))
                continue
            self._faults.pop(door, None)
            for suffix, shown in credentials.shown().items():
                until = f"{shown.not_valid_after_utc:%Y-%m-%d}"
                detail = f"{door}{suffix} {subject_of(shown)} until {until}"
                self._notes.add(EventName.CERTIFICATE_LOADED, detail=detail)

    def statuses(self) -> list[CertificateStatus]:
        """What each door shows, and what operators show us."""
        now_us = self._clock.utc_us()
        return [
            CertificateStatus(
                door + suffix,
                subject_of(shown),
                f"{shown.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
                round(seconds_left(shown, now_us)),
                "" if suffix else self._faults.get(door, ""),
            )
            for door, credentials in self._credentials_by_door.items()
            for suffix, shown in credentials.shown().items()
        ]
