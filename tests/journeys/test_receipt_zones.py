"""Operators that date their receipts in a time of their own: what clients and event files are told is UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from chappe.runtime.settings_operators import Protocol
from chappe.runtime.settings_profiles import Profile
from chappe.sim.options import SmscOptions
from house import House, bound, journey, small_house
from web_operator import profile_named, web_house

ZONE = "Pacific/Auckland"


def dates(house: House) -> list[datetime]:
    """The moments that operators named, as the event files have them."""
    found = [each[-1].partition("; done ")[2] for each in house.events("mt_delivered")]
    return [datetime.strptime(each, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) for each in found if each]


@pytest.mark.parametrize("protocol", [Protocol.SMPP, Protocol.UCP])
@journey
async def test_receipts_are_read_in_the_zone_of_their_smsc(tmp_path: Path, protocol: Protocol) -> None:
    options = SmscOptions(protocol=protocol.value, time_zone=ZONE)
    async with (
        small_house(tmp_path, smsc=options, of_operator={"protocol": protocol}, profile=Profile(time_zone=ZONE)) as (
            house,
            _,
        ),
        bound(house, count=5) as sender,
    ):
        began = datetime.now(UTC)
        assert await sender.run()
        await house.until(lambda: len(dates(house)) == 5)

        assert all(abs((each - began).total_seconds()) < 180 for each in dates(house))


@journey
async def test_without_a_zone_dates_count_for_nothing(tmp_path: Path) -> None:
    async with (
        small_house(tmp_path, smsc=SmscOptions(time_zone=ZONE)) as (house, _),
        bound(house, count=5) as sender,
    ):
        assert await sender.run()
        await house.until(lambda: len(house.events("mt_delivered")) == 5)

        assert dates(house) == []


@pytest.mark.parametrize("shape", ["jasmin", "vonage", "infobip"])
@journey
async def test_receipts_over_http_are_dated_too(tmp_path: Path, shape: str) -> None:
    profile = profile_named(shape)
    if profile.time_zone is None:
        # It hands on what its SMSC says; the others always write UTC.
        profile = msgspec.structs.replace(profile, time_zone=ZONE)
    async with (
        web_house(tmp_path, shape, smsc={"time_zone": ZONE}, profile=profile) as (house, _),
        bound(house, count=5) as sender,
    ):
        began = datetime.now(UTC)
        assert await sender.run()
        await house.until(lambda: len(dates(house)) == 5)

        assert all(abs((each - began).total_seconds()) < 180 for each in dates(house))
