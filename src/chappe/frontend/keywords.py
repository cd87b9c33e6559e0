"""Who gets what handsets send: the claims of routes on numbers and keywords, and where two of them meet.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chappe.runtime.settings_routing import Direction, Route


@dataclass(frozen=True, slots=True)
class Claim:
    """A route's claim on a keyword of a number; `conflict` says which earlier one takes it."""

    place: int
    number: str
    keyword: str
    client: str
    conflict: str = ""


def claims_of(routes: Sequence[Route]) -> list[Claim]:
    """Every claim, by number and keyword; the first route that fits has it."""
    found: list[Claim] = []
    for place, route in enumerate(routes):
        if route.direction is Direction.MO:
            keyword = (route.keyword or "").casefold()
            earlier = next((each for each in found if _takes(each, route.to, keyword)), None)
            told = "" if earlier is None else f"route {earlier.place} gives it to {earlier.client} already"
            found.append(Claim(place, route.to, route.keyword or "", route.client or "", told))
    return sorted(found, key=lambda each: (each.number, each.keyword.casefold(), each.place))


def _takes(earlier: Claim, number: str, keyword: str) -> bool:
    is_number = earlier.number in ("*", number)
    return is_number and earlier.keyword.casefold() in ("", keyword)
