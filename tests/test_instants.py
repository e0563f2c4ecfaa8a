"""Points in time as numbers and texts: what is written is read again, and whatever else comes in an address is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.instants import EPOCH, from_microseconds, read_microseconds, to_iso, to_microseconds
from tests.lines import every_line

LAST = datetime.max.replace(tzinfo=UTC)


@given(st.datetimes(EPOCH.replace(tzinfo=None), timezones=st.just(UTC)))
def test_a_moment_is_read_as_it_was_written(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment
    assert read_microseconds(str(to_microseconds(moment))) == moment


@every_line(
    "text",
    [
        "",
        "-1",
        "1.5",
        "1 000",
        "٣",
        "²",
        "1e3",
        "0x1",
        "nan",
        str(to_microseconds(LAST) + 1),
        "9" * 18,
        "1" + "0" * 5000,
    ],
)
def test_no_moment_is_read_from_any_other_text(text: str) -> None:
    assert read_microseconds(text) is None


def test_the_last_moment_there_is_can_be_written_and_none_after_it() -> None:
    assert read_microseconds(str(to_microseconds(LAST))) == LAST
    with pytest.raises(OverflowError):
        from_microseconds(to_microseconds(LAST) + 1)


def test_iso_is_in_utc_whatever_the_zone_of_the_moment() -> None:
    moment = datetime(2026, 5, 4, 12, 0, 0, 250, tzinfo=timezone(timedelta(hours=2)))
    assert to_iso(moment) == "2026-05-04T10:00:00.000250Z"
    assert to_iso(moment, "seconds") == "2026-05-04T10:00:00Z"
