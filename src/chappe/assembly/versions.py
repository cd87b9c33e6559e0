"""Which version of the configuration this process goes by, and how it follows another one.

It must never know how a node follows: that is `swapping`.
"""

import asyncio
from contextlib import suppress

from chappe.assembly.parts import Parts
from chappe.configuration.document import settings_with, tables_of
from chappe.configuration.seeding import begin, current
from chappe.model.errors import SettingsError
from chappe.model.events import EventBatch, EventName
from chappe.runtime.fleet_watch import unmoved_from
from chappe.runtime.settings import Settings
from chappe.store.port import StoreAway
from chappe.store.versions import Version

#: How long the nodes of all boxes may take to follow the configuration before they are told to lag behind, how often
#: they are asked, and for how long who is asked may have been silent.
EVERYWHERE_S = 8.0
EVERYWHERE_LOOK_S = 0.25
#: How often nodes that could not follow the configuration are asked to again.
AGAIN_S = 60.0
SILENT_S = 4.0


class Versioned(Parts):
    """One version at a time is taken over."""

    async def _settle(self) -> Settings:
        """The settings that count: those of the newest version.  Raises: StoreAway, SettingsError."""
        if self.process is None:
            settings, version, self.said = await begin(
                self.versions, self.settings, self._config, self._clock.utc_us(), self._take
            )
            self.version = version.number
            return settings
        settings, newest = await current(self.versions, self.settings)
        kind, _, name = self.process.node.partition(":")
        if kind == "operator" and name and all(each.name != name for each in settings.operators):
            raise SettingsError(f"no operator {name!r} is in the configuration")
        self.version = newest.number if newest is not None else 0
        return settings

    async def _announce(self, version: Version, settings: Settings) -> dict[str, str]:
        """Have everything that runs here take a version over; returns who did not, and why."""
        async with self._taking:
            if version.number > self.version:
                await self._take_over(version, settings)
            return self._unmoved if self.following is None else {}

    async def _follow(self, version: Version) -> None:
        """Some other process has made a version."""
        async with self._taking:
            if version.number > self.version:
                try:
                    settings = settings_with(tables_of(version), self.settings, f"version {version.number}")
                except SettingsError as error:
                    self._refuse(version.number, str(error))
                else:
                    await self._take_over(version, settings)

    def _refuse(self, number: int, why: str) -> None:
        """Stay as we are: nothing of that version can be taken over here."""
        self.version, self._unmoved = number, {self._name: why}

    async def _take_over(self, version: Version, settings: Settings) -> None:
        unmoved = await self._swap(settings)
        self.version = version.number
        await self._tell_unmoved(unmoved, f"version {version.number} {version.digest}")

    async def _everywhere(self, number: int) -> dict[str, str]:
        """Wait for the nodes of all boxes, for a while; returns who does not go by a version, and why."""
        until = self._clock.monotonic() + EVERYWHERE_S
        while True:
            unmoved, has_all = await unmoved_from(self.fleet, number, SILENT_S)
            # Whose links are bound anew with the change waits for that no longer in a moment.
            waits = any(who.endswith(f"/operator:{each}") for who in unmoved for each in self._resetting)
            if (has_all and not waits) or self._clock.monotonic() >= until:
                self._resetting.clear()
                return unmoved
            await asyncio.sleep(EVERYWHERE_LOOK_S)

    async def _swap(self, settings: Settings) -> dict[str, str]:
        """Returns who did not follow, and why; this process by its name, where nothing of it did."""
        try:
            unmoved = await self.swapping.take(settings)
            self.settings = settings
        except SettingsError as error:
            return {self._name: str(error)}
        return unmoved

    async def _tell_unmoved(self, unmoved: dict[str, str], told: str = "") -> None:
        """Note who stayed behind, for everybody to see."""
        self._unmoved = unmoved
        told = told or f"version {self.version} once more"
        events = EventBatch(self._clock.utc_us())
        events.add(EventName.CONF_APPLIED, detail="; ".join([told, *(f"{who}: {why}" for who, why in unmoved.items())]))
        await self.store.record(events)
        if self.following is not None:
            await self.fleet_watch.look()

    async def _try_again(self) -> None:
        """Who could not follow is asked to again, until cancelled: a port is free by now, a file is there."""
        while True:
            await asyncio.sleep(AGAIN_S)
            with suppress(StoreAway):
                await self.follow_again()

    async def follow_again(self) -> None:
        """Have those follow who could not, once.  Raises: StoreAway."""
        async with self._taking:
            if not self._unmoved:
                return
            unmoved = {self._name: "the newest version cannot be read here"}
            try:
                newest = await self.versions.newest()
                if newest is not None and newest.number == self.version:
                    unmoved = await self._swap(
                        settings_with(tables_of(newest), self.settings, f"version {newest.number}")
                    )
                elif newest is not None:
                    # Whoever made it has it taken over as well.
                    return
            except SettingsError as error:
                unmoved = {self._name: str(error)}
            if unmoved != self._unmoved:
                await self._tell_unmoved(unmoved)
