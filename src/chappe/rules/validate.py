"""What a configuration says that its author can hardly mean: rules that no message ever reaches, keywords twice.

These are doubts and no faults: a gateway starts with them.  Pure, and quick enough for ten thousand rules.  It must
never know where the rules stand in a file; places are counted from 0.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from chappe.rules.conditions import Conditions
from chappe.rules.index import Index

#: What is tried first by whoever guesses.
COMMON: Final = frozenset(
    {"password", "passwort", "secret", "geheim", "letmein", "changeme", "admin", "administrator", "root", "test"}
    | {"guest", "welcome", "default", "qwerty", "12345678", "123456", "1234", "chappe", "smpp", "smppclient", "sms"}
)
#: A password of SMPP has 8 octets at most; a token has as many as one likes.
SHORTEST_PASSWORD: Final = 6
SHORTEST_TOKEN: Final = 10


def weakness(secret: str, shortest: int, *names: str) -> str:
    """Why a secret is easily guessed; empty when it is not.  `names` are those that whoever guesses knows."""
    bare = secret.casefold()
    if len(secret) < shortest:
        return f"has {len(secret)} characters: {shortest} or more are not guessed so soon"
    if bare in COMMON:
        return "is among the first that are tried"
    if bare in {name.casefold() for name in names}:
        return "is the name that it belongs to"
    return "repeats one character" if len(set(secret)) == 1 else ""


class Doubt(msgspec.Struct, frozen=True):
    """A rule that never decides, and the earlier one that takes what it would."""

    place: int
    by: int
    is_same: bool


def unreachable(index: Index) -> Iterator[Doubt]:
    """Rules for which an earlier one always decides."""
    for place, rule in enumerate(index.rules):
        by = next((each for each in index.covering(place) if covers(index.rules[each], rule)), None)
        if by is not None:
            yield Doubt(place, by, index.rules[by] == rule)


def covers(one: Conditions, other: Conditions) -> bool:
    """Whether whatever fits `other` surely fits `one`.  A no may be wrong where patterns are many-starred."""
    return (
        one.client in ("", other.client)
        and one.operator in ("", other.operator)
        and one.keyword.casefold() in ("", other.keyword.casefold())
        and _pattern_covers(one.to, other.to)
        and _pattern_covers(one.source, other.source)
        and one.text in ("", other.text)
        and (one.hours is None or one.hours == other.hours)
        and (not one.kinds or (bool(other.kinds) and {*other.kinds} <= {*one.kinds}))
        and (not one.tags or (bool(other.tags) and {*other.tags} <= {*one.tags}))
        and _networks_cover(one.networks, other.networks)
        and (not one.until_ms or 0 < other.until_ms <= one.until_ms)
    )


def _pattern_covers(one: str, other: str) -> bool:
    """A prefix covers what begins with it; every other pattern at least itself."""
    one, other = one.lstrip("+").casefold(), other.lstrip("+").casefold()
    if one in ("*", other):
        return True
    head = one[:-1]
    return one.endswith("*") and "*" not in head and other.partition("*")[0].startswith(head) and "-" not in other


def _networks_cover(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one:
        return True
    return bool(other) and all(each.startswith(one) for each in other)
