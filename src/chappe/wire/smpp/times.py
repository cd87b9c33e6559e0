"""The time of SMPP: `YYMMDDhhmmsstnnp`, absolute or relative, or nothing.  SMPP 3.4 §7.1.1.

It must never know a clock: what is relative is relative to the `now` that the caller gives.
"""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Final

_CHARACTERS: Final = 16

#: SMPP writes two digits of the year; these systems are younger than 2000.
_CENTURY: Final = 2000

#: The offset from UTC is counted in quarters of an hour, up to 12 hours.  SMPP 3.4 §7.1.1.1.
_MAX_QUARTERS: Final = 48

_MAX_RELATIVE_DAYS: Final = 99


def parse(text: str, now: datetime) -> datetime | None:
    """The moment that `text` names, in UTC to the tenth of a second; None if it is empty.

    A relative time counts years and months by the calendar: a month after January 31 is the last of February.

    Raises:
        ValueError: `text` is no time; the message says why.
    """
    if not text:
        return None
    if len(text) != _CHARACTERS:
        raise ValueError(f"a time has {_CHARACTERS} characters, not {len(text)}")
    digits, sign = text[:-1], text[-1]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is no time: all but its last character must be digits")
    pairs = [int(digits[at : at + 2]) for at in range(0, 12, 2)]
    tenths, quarters = int(digits[12]), int(digits[13:])
    if sign == "R":
        return _later(now.astimezone(UTC), pairs)
    if sign not in "+-":
        raise ValueError(f"{text!r} is no time: it must end in +, - or R")
    if quarters > _MAX_QUARTERS:
        raise ValueError(f"{text!r} is {quarters} quarters of an hour away from UTC, more than {_MAX_QUARTERS}")
    return _absolute(pairs, tenths, quarters if sign == "+" else -quarters)


def format_absolute(moment: datetime) -> str:
    """`moment` as an absolute time of UTC, tenths cut off.

    Raises:
        ValueError: the moment has no time zone or lies outside of 2000 to 2099.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone names no moment")
    moment = moment.astimezone(UTC)
    if not _CENTURY <= moment.year < _CENTURY + 100:
        raise ValueError(f"SMPP has no year {moment.year}")
    return f"{moment:%y%m%d%H%M%S}{moment.microsecond // 100_000}00+"


def format_relative(span: timedelta) -> str:
    """`span` as a relative time in days, hours, minutes and seconds; a part of a second counts as a whole one.

    Raises:
        ValueError: the span is negative or longer than 99 days (an absolute time can say that).
    """
    seconds = -(-span // timedelta(seconds=1))
    days, seconds = divmod(seconds, 86_400)
    if not 0 <= days <= _MAX_RELATIVE_DAYS:
        raise ValueError(f"{span} is not within 0 to {_MAX_RELATIVE_DAYS} days")
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


def _absolute(pairs: list[int], tenths: int, quarters: int) -> datetime:
    year, month, day, hour, minute, second = pairs
    local = datetime(_CENTURY + year, month, day, hour, minute, second, tenths * 100_000, tzinfo=UTC)
    try:
        return local - timedelta(minutes=15 * quarters)
    except OverflowError as error:
        raise ValueError(f"year {local.year} cannot be moved by {quarters} quarters of an hour") from error


def _later(now: datetime, pairs: list[int]) -> datetime:
    years, months, days, hours, minutes, seconds = pairs
    years_on, month_before = divmod(now.month - 1 + months, 12)
    year, month = now.year + years + years_on, month_before + 1
    day = min(now.day, calendar.monthrange(year, month)[1])
    moved = now.replace(year=year, month=month, day=day)
    try:
        return moved + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise ValueError(f"{days} days after {moved:%Y-%m-%d} is beyond any calendar") from error
