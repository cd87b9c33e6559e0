"""When operators say that something became of a message: how they write it, and when they are believed.

Dates come in the operator's own time, often without a zone and cut to the minute.  Moments are Unix milliseconds, and
the time zone comes in; no clock is read here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

#: Clocks of others differ from ours by so much at most: no time zone lies so near to another.
SLACK_MS: Final = 600_000
_LONGEST: Final = 40
#: Nearly all dates of one minute are the same text.
_REMEMBERED: Final = 2_048
#: Digits alone: of appendix B of SMPP, with seconds, and with all digits of the year.
_FORMS: Final = {10: ("%y%m%d%H%M",), 12: ("%y%m%d%H%M%S", "%Y%m%d%H%M"), 14: ("%Y%m%d%H%M%S",)}
#: What programs count: seconds and milliseconds since 1970.
_UNIX_MS: Final = {10: 1_000, 13: 1}
#: YYMMDDhhmmss, a tenth, the distance from UTC in quarters of an hour, and its sign.  SMPP 3.4 §7.1.1.
_ABSOLUTE: Final = 16


def read_done(text: str | None, zone: tzinfo, now_ms: int) -> int:
    """The moment that a date names, in milliseconds; 0 when it cannot be read or is still to come.

    What can be read in several ways, as an hour that comes twice in autumn, is the moment nearest to `now_ms`.
    """
    if not text:
        return 0
    past = [each for each in _moments(text[:_LONGEST], zone) if each <= now_ms + SLACK_MS]
    return max(past, default=0)


def believed(told_ms: int, sent_ms: int, heard_ms: int) -> int:
    """When it happened, by an operator's word: never before the sending nor after we heard of it.

    0 when its word lies so far outside that its clock or its time zone must be wrong.
    """
    first_ms = min(sent_ms, heard_ms)
    if not first_ms - SLACK_MS <= told_ms <= heard_ms + SLACK_MS:
        return 0
    return min(max(told_ms, first_ms), heard_ms)


def shown(moment_ms: int) -> str:
    """A moment for events: UTC, to the second."""
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


@lru_cache(_REMEMBERED)
def _moments(text: str, zone: tzinfo) -> tuple[int, ...]:
    """All that a date may name."""
    if text.isascii() and text.isdecimal():
        read = _of_digits(text, zone)
    elif len(text) == _ABSOLUTE and text[:-1].isdecimal() and text[-1] in "+-":
        read = _absolute(text)
    else:
        read = _of_words(text, zone)
    return tuple(sorted({int(each.timestamp() * 1000) for each in read if each.year > 1970}))


def _of_digits(text: str, zone: tzinfo) -> Iterator[datetime]:
    for form in _FORMS.get(len(text), ()):
        try:
            local = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        yield local
        yield local.replace(fold=1)
    if len(text) in _UNIX_MS:
        yield datetime.fromtimestamp(int(text) * _UNIX_MS[len(text)] / 1000, UTC)


def _absolute(text: str) -> Iterator[datetime]:
    try:
        local = datetime.strptime(text[:12], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return
    distance = timedelta(minutes=15 * int(text[13:15]))
    yield local - distance if text[-1] == "+" else local + distance


def _of_words(text: str, zone: tzinfo) -> Iterator[datetime]:
    """As ISO 8601 has it, with or without a zone of its own."""
    head, _, offset = text.strip().rpartition(" ")
    try:
        local = datetime.fromisoformat(head + offset if offset[:1] in ("+", "-") and head else text.strip())
    except ValueError:
        return
    if local.tzinfo is not None:
        yield local
        return
    yield local.replace(tzinfo=zone)
    yield local.replace(tzinfo=zone, fold=1)
