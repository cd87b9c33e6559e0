from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chappe.wire.smpp.times import format_absolute, format_relative, parse

SMPP_CENTURY = (datetime(2000, 1, 2), datetime(2099, 12, 30))  # noqa: DTZ001
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("260116123852300+", datetime(2026, 1, 16, 12, 38, 52, 300_000, tzinfo=UTC)),
        ("260116123852000-", datetime(2026, 1, 16, 12, 38, 52, tzinfo=UTC)),
        # Two hours ahead of UTC: Riga in winter.
        ("260116123852008+", datetime(2026, 1, 16, 10, 38, 52, tzinfo=UTC)),
        # Five hours and a half behind, over midnight.
        ("260131233000022-", datetime(2026, 2, 1, 5, 0, 0, tzinfo=UTC)),
        ("991231235959948+", datetime(2099, 12, 31, 11, 59, 59, 900_000, tzinfo=UTC)),
        ("280229000000000+", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_an_absolute_time_is_brought_to_utc(text: str, moment: datetime) -> None:
    assert parse(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("000000000000000R", NOW),
        ("000007000000000R", NOW + timedelta(days=7)),
        ("000000013000000R", NOW + timedelta(hours=1, minutes=30)),
        ("000000000099000R", NOW + timedelta(seconds=99)),
        # January 31 and a month is the last of February.
        ("000100000000000R", datetime(2026, 2, 28, 12, 0, 0, tzinfo=UTC)),
        ("020100000000000R", datetime(2028, 2, 29, 12, 0, 0, tzinfo=UTC)),
        ("001300000000000R", datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC)),
        ("010000000000000R", datetime(2027, 1, 31, 12, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_relative_time_counts_by_the_calendar(text: str, moment: datetime) -> None:
    assert parse(text, NOW) == moment


def test_a_relative_time_starts_from_the_same_moment_in_any_zone() -> None:
    riga = NOW.astimezone(timezone(timedelta(hours=2)))

    assert parse("000000010000000R", riga) == NOW + timedelta(hours=1)


def test_no_time_is_none() -> None:
    assert parse("", NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "26011612385230+",
        "2601161238523000+",
        "26011612385230x+",
        "26011612385²300+",
        "260116123852300Z",
        "260116123852300r",
        "260116123852349+",
        "261316123852300+",
        "260230123852300+",
        "260116243852300+",
        "260116126052300+",
        "-26011612385230+",
        " 60116123852300+",
    ],
)
def test_what_is_no_time_is_refused_by_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text, NOW)


def test_a_time_beyond_any_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="year 10049"):
        parse("990000000000000R", datetime(9950, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="99 days after 9999-12-31"):
        parse("000099000000000R", datetime(9999, 12, 31, tzinfo=UTC))


@given(text=st.text("0123456789+-R", min_size=16, max_size=16) | st.text(max_size=20))
def test_any_text_is_a_moment_of_utc_or_a_value_error(text: str) -> None:
    try:
        moment = parse(text, NOW)
    except ValueError:
        return

    assert moment is None or moment.utcoffset() == timedelta(0)


@given(moment=st.datetimes(*SMPP_CENTURY, timezones=st.timezones()))
def test_an_absolute_time_comes_back_to_the_tenth(moment: datetime) -> None:
    back = parse(format_absolute(moment), NOW)

    assert back is not None
    assert timedelta(0) <= moment - back < timedelta(seconds=0.1)


@given(span=st.timedeltas(timedelta(0), timedelta(days=99)))
def test_a_relative_time_comes_back_and_is_never_shorter(span: timedelta) -> None:
    back = parse(format_relative(span), NOW)

    assert back is not None
    assert timedelta(0) <= (back - NOW) - span < timedelta(seconds=1)


def test_times_are_written_as_the_specification_says() -> None:
    assert format_absolute(datetime(2026, 1, 16, 12, 38, 52, 364_377, tzinfo=UTC)) == "260116123852300+"
    assert format_relative(timedelta(days=7)) == "000007000000000R"
    assert format_relative(timedelta(hours=36, seconds=1.5)) == "000001120002000R"


def test_what_smpp_cannot_say_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_absolute(datetime(2026, 1, 16))  # noqa: DTZ001
    with pytest.raises(ValueError, match="1999"):
        format_absolute(datetime(1999, 12, 31, tzinfo=UTC))
    with pytest.raises(ValueError, match="99 days"):
        format_relative(timedelta(days=100))
    with pytest.raises(ValueError, match="99 days"):
        format_relative(timedelta(seconds=-1))
